"""模型里面：注意力权重和 logit lens 与模型自己的计算相同"""
from helpers.inside import LensTable, attention, layer_logits, lens, rank_correlation, ranking, strongest, token_name

import pytest
import torch
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb


def forward(model, input_ids):
    with torch.inference_mode():
        return model(input_ids=input_ids, output_hidden_states=True)


@pytest.mark.parametrize("kind, error", [("eager", 1e-5), ("standin", 0.02)])
def test_attention_rows_are_shares_of_the_past(kind, error, request, input_ids):
    model = request.getfixturevalue(kind)
    n = input_ids.shape[1]
    weights = attention(model, input_ids)
    assert weights.shape == (model.config.num_hidden_layers, model.config.num_attention_heads, n, n)
    assert weights.dtype == torch.float32
    assert weights.min() >= 0
    assert (weights.sum(dim=-1) - 1).abs().max() < error
    assert weights.triu(1).abs().max() == 0
    assert (weights[:, :, 0, 0] == 1).all()


def test_attention_agrees_with_sdpa(model, eager, input_ids):
    """独立的参照：按权重把 value 加起来，等于不留下权重的 sdpa 算出的"""
    assert model.config._attn_implementation == "sdpa"
    weights = attention(eager, input_ids)
    taken = []
    values = []
    for layer in model.model.layers:
        taken.append(layer.self_attn.o_proj.register_forward_pre_hook(lambda _, x: values.append(x[0][0])))
        taken.append(layer.self_attn.v_proj.register_forward_hook(lambda _, x, v: values.append(v[0])))
    forward(model, input_ids)
    for hook in taken:
        hook.remove()
    heads = model.config.num_attention_heads
    groups = model.config.num_key_value_heads
    for i, (v, mixed) in enumerate(zip(values[::2], values[1::2], strict=True)):
        v = v.unflatten(1, (groups, -1)).transpose(0, 1).repeat_interleave(heads // groups, dim=0)
        assert torch.allclose((weights[i] @ v).transpose(0, 1).flatten(1), mixed, atol=1e-4)


def test_three_heads_of_the_last_position_look_at_one_token(tokenizer, eager, input_ids):
    names = [token_name(tokenizer, token_id) for token_id in input_ids[0].tolist()]
    found = []
    for i, heads in enumerate(attention(eager, input_ids)[:, :, -1]):
        for j, seen in enumerate(heads):
            if seen.max() >= 0.8:
                found.append((i + 1, j + 1, names[seen.argmax()], round(seen.max().item(), 2)))
    assert found == [(3, 1, "人类", 0.94), (5, 3, "吗", 0.87), (6, 4, "人工智能", 0.81)]


def test_attention_says_what_to_write_when_the_weights_are_not_kept(model, input_ids):
    with pytest.raises(ValueError, match="sdpa.*from_pretrained.*attn_implementation=\"eager\""):
        attention(model, input_ids)


@pytest.mark.parametrize("kind", ["eager", "standin"])
def test_the_last_layer_is_the_model_output(kind, request, input_ids):
    model = request.getfixturevalue(kind)
    out = forward(model, input_ids)
    with torch.inference_mode():
        rows = list(layer_logits(model, out.hidden_states, out.logits))
    assert len(rows) == model.config.num_hidden_layers + 1
    assert torch.equal(rows[-1], out.logits)
    assert not torch.equal(rows[0], out.logits)
    found = lens(model, input_ids, k=4)
    shares, ids = torch.softmax(out.logits[0].float(), dim=-1).topk(4)
    assert torch.allclose(found.probabilities[-1], shares, atol=1e-5)
    assert torch.equal(out.logits[0].gather(1, found.ids[-1]), out.logits[0].gather(1, ids))


def test_the_last_hidden_state_may_come_without_the_norm(eager, input_ids):
    out = forward(eager, input_ids)
    raw = []
    hook = eager.model.norm.register_forward_pre_hook(lambda _, x: raw.append(x[0]))
    forward(eager, input_ids)
    hook.remove()
    assert not torch.allclose(raw[0], out.hidden_states[-1], atol=0.1)
    with torch.inference_mode():
        *_, last = layer_logits(eager, (*out.hidden_states[:-1], raw[0]), out.logits)
    assert torch.allclose(last, out.logits, atol=1e-3)


def test_another_forward_is_noticed(eager, input_ids):
    out = forward(eager, input_ids)
    with torch.inference_mode(), pytest.raises(ValueError, match="同一次前向"):
        list(layer_logits(eager, out.hidden_states, forward(eager, input_ids.flip(1)).logits))


@pytest.mark.parametrize("kind", ["eager", "standin"])
def test_each_row_is_a_model_with_fewer_layers(kind, request, input_ids, monkeypatch):
    """独立的参照：只留前 i 层的模型，输出就是第 i 行"""
    model = request.getfixturevalue(kind)
    layers = model.config.num_hidden_layers
    found = lens(model, input_ids)
    for i in range(layers):
        monkeypatch.setattr(model.config, "num_hidden_layers", i)
        with torch.inference_mode():
            logits = model(input_ids=input_ids, use_cache=False).logits[0].float()
        monkeypatch.setattr(model.config, "num_hidden_layers", layers)
        assert torch.allclose(found.probabilities[i, :, 0], torch.softmax(logits, dim=-1).amax(dim=-1), atol=1e-5)
        assert torch.equal(logits.gather(1, found.ids[i])[:, 0], logits.amax(dim=-1))


def test_lens_has_a_row_for_every_layer_and_checks_its_input(eager, input_ids):
    found = lens(eager, input_ids, k=3)
    total = eager.config.num_hidden_layers + 1
    assert found.ids.shape == found.probabilities.shape == (total, input_ids.shape[1], 3)
    for k in (0, 151_937):
        with pytest.raises(ValueError, match=f"现在是 {k}"):
            lens(eager, input_ids, k)
    for look in (lens, attention):
        with pytest.raises(ValueError, match="编号应在"):
            look(eager, torch.tensor([[200_000]]))


def test_settled_by_hand():
    tops = torch.tensor([[1, 5, 7], [2, 6, 7], [1, 5, 7], [1, 5, 7]])  # 4 行、3 个位置
    table = LensTable(tops[..., None], torch.ones(4, 3, 1))
    assert table.agree.tolist() == [[True, True, True], [False, False, True], [True] * 3, [True] * 3]
    assert [table.settled(i) for i in (0, 1, -1)] == [2, 2, 0]
    assert LensTable(torch.tensor([[[1]], [[2]]]), torch.ones(2, 1, 1)).settled(0) == 1


def test_strongest_and_token_name(tokenizer):
    assert strongest(torch.tensor([0.2, 0.0, 0.8])) == [2, 0]
    assert strongest(torch.tensor([0.1, 0.4, 0.3, 0.2]), 2) == [1, 2]
    assert [token_name(tokenizer, i) for i in (108_386, 198, 0, 151_700)] == ["你好", "↵", "!", "#151700"]


def test_ranking_by_hand():
    assert ranking(torch.tensor([5.0, 9.0, 2.0])).tolist() == [1, 2, 0]
    assert ranking(torch.tensor([7, 7, 1])).tolist() == [1, 2, 0]


def test_rank_correlation_is_spearmans():
    """独立的参照：没有一样大的数时，1 - 6 Σd² / (n (n² - 1))"""
    a = torch.tensor([0.1, 5.0, 3.0, 4.0, -2.0])
    assert rank_correlation(a, a.exp()) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    b = torch.tensor([2.0, 1.0, 9.0, 8.0, 7.0])
    squares = (ranking(a) - ranking(b)).square().sum().item()
    assert rank_correlation(a, b) == pytest.approx(1 - 6 * squares / (5 * 24))


def test_turned_vectors_know_only_their_distance(eager):
    """RoPE：同一个 query、同一个 key，内积只看相隔多远"""
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 32).expand(-1, -1, -1, 20, -1)
    cos, sin = eager.model.rotary_emb(q, torch.arange(20)[None])
    turned_q, turned_k = apply_rotary_pos_emb(q, k, cos, sin)
    products = turned_q[0, 0] @ turned_k[0, 0].T
    for distance in (0, 1, 7):
        same = products.diagonal(-distance)
        assert torch.allclose(same, same[0].expand_as(same), atol=1e-4)
    assert (products[5, 5] - products[5, 4]).abs() > 0.1


@pytest.fixture
def first_layer(eager, input_ids):
    """第 1 层走到一半：加完注意力的隐藏状态 middle，和走完的 after"""
    out = forward(eager, input_ids)
    layer = eager.model.layers[0]
    h = out.hidden_states[0]
    n = input_ids.shape[1]
    mask = torch.full((n, n), -torch.inf).triu(1)
    with torch.inference_mode():
        turn = eager.model.rotary_emb(h, torch.arange(n)[None])
        added, _ = layer.self_attn(layer.input_layernorm(h), position_embeddings=turn, attention_mask=mask)
    return layer, h + added, out.hidden_states[1]


@torch.inference_mode()
def test_a_layer_adds_twice(first_layer):
    layer, middle, after = first_layer
    x = layer.post_attention_layernorm(middle)
    cells = torch.nn.functional.silu(layer.mlp.gate_proj(x)) * layer.mlp.up_proj(x)
    assert torch.allclose(middle + layer.mlp.down_proj(cells), after, atol=1e-4)


@torch.inference_mode()
def test_feed_forward_sees_one_position_and_opens_other_gates_for_another(first_layer):
    layer, middle, after = first_layer
    x = layer.post_attention_layernorm(middle)
    alone = middle[0, -1] + layer.mlp(x[0, -1])
    assert torch.allclose(alone, after[0, -1], atol=1e-4)
    open_gates = layer.mlp.gate_proj(x)[0] > 0
    same = (open_gates[13] == open_gates[-1]).float().mean()  # 人工智能和最后的 ↵
    assert same < 0.75


@pytest.mark.parametrize("part, alike", [("self_attn.o_proj", True), ("mlp.down_proj", False)])
def test_without_attention_the_last_position_knows_no_question(part, alike, tokenizer, eager):
    """关掉注意力，最后一个位置只剩它自己的词元；关掉前馈，问题还是搬得过来"""
    hooks = []
    for layer in eager.model.layers:
        hooks.append(layer.get_submodule(part).register_forward_hook(lambda module, inputs, output: output * 0))
    logits = []
    for question in ("什么是词元", "人工智能未来会取代人类吗？"):
        messages = [{"role": "user", "content": question}]
        inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                               return_dict=True)
        logits.append(forward(eager, inputs.input_ids).logits[0, -1])
    for hook in hooks:
        hook.remove()
    assert torch.allclose(*logits, atol=1e-4) == alike
