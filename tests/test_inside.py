"""模型里面：注意力权重和 logit lens 与模型自己的计算相同"""
from helpers.inside import LensTable, attention, layer_logits, lens, strongest, token_name

import pytest
import torch


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


def test_lens_reports_every_row_and_checks_its_input(eager, input_ids):
    seen = []
    found = lens(eager, input_ids, k=3, each=lambda *at: seen.append(at))
    total = eager.config.num_hidden_layers + 1
    assert seen == [(i, total) for i in range(1, total + 1)]
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
