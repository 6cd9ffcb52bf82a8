"""模型里面：注意力权重和 logit lens 与模型自己的计算相同，两个视图的每个控件都做该做的事"""
import pytest
import torch
from transformers import AutoModelForCausalLM

from helpers.inside import Lens as Table
from helpers.inside import attention, layer_logits, lens, name, strongest
from helpers.standin import SMALL, make
from helpers.tiny.files import CHECKPOINT
from helpers.widgets.inside import MOST_TOKENS, QUESTION, Attention, Lens


def load(folder, dtype="auto", kind="eager"):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=kind)


@pytest.fixture(scope="module")
def eager():
    return load(CHECKPOINT, "float32")


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    return load(make(tmp_path_factory.mktemp("替身"), SMALL))


@pytest.fixture(scope="module")
def input_ids(tokenizer):
    messages = [{"role": "user", "content": QUESTION}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                         return_dict=True).input_ids


def forward(model, input_ids):
    with torch.inference_mode():
        return model(input_ids=input_ids, output_hidden_states=True)


@pytest.mark.parametrize("kind, error", [("eager", 1e-5), ("standin", 0.02)])
def test_attention_rows_are_shares_of_the_past(kind, error, request, input_ids):
    model = request.getfixturevalue(kind)
    n, weights = input_ids.shape[1], attention(model, input_ids)
    assert weights.shape == (model.config.num_hidden_layers, model.config.num_attention_heads, n, n)
    assert weights.dtype == torch.float32 and weights.min() >= 0
    assert (weights.sum(dim=-1) - 1).abs().max() < error
    assert weights.triu(1).abs().max() == 0 and (weights[:, :, 0, 0] == 1).all()


def test_attention_agrees_with_sdpa(model, eager, input_ids):
    """独立的参照：按权重把 value 加起来，等于不留下权重的 sdpa 算出的"""
    assert model.config._attn_implementation == "sdpa"
    weights, taken, values = attention(eager, input_ids), [], []
    for layer in model.model.layers:
        taken.append(layer.self_attn.o_proj.register_forward_pre_hook(lambda _, x: values.append(x[0][0])))
        taken.append(layer.self_attn.v_proj.register_forward_hook(lambda _, x, v: values.append(v[0])))
    forward(model, input_ids)
    for hook in taken:
        hook.remove()
    heads, groups = model.config.num_attention_heads, model.config.num_key_value_heads
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
    assert torch.equal(rows[-1], out.logits) and not torch.equal(rows[0], out.logits)
    found = lens(model, input_ids, k=4)
    shares, ids = torch.softmax(out.logits[0].float(), dim=-1).topk(4)
    assert torch.allclose(found.probabilities[-1], shares, atol=1e-5)
    assert torch.equal(out.logits[0].gather(1, found.ids[-1]), out.logits[0].gather(1, ids))


def test_the_last_hidden_state_may_come_without_the_norm(eager, input_ids):
    out, raw = forward(eager, input_ids), []
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
    layers, found = model.config.num_hidden_layers, lens(model, input_ids)
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
    table = Table(tops[..., None], torch.ones(4, 3, 1))
    assert table.agree.tolist() == [[True, True, True], [False, False, True], [True] * 3, [True] * 3]
    assert [table.settled(i) for i in (0, 1, -1)] == [2, 2, 0]
    assert Table(torch.tensor([[[1]], [[2]]]), torch.ones(2, 1, 1)).settled(0) == 1


def test_strongest_and_name(tokenizer):
    assert strongest(torch.tensor([0.2, 0.0, 0.8])) == [2, 0]
    assert strongest(torch.tensor([0.1, 0.4, 0.3, 0.2]), 2) == [1, 2]
    assert [name(tokenizer, i) for i in (108_386, 198, 0, 151_700)] == ["你好", "↵", "!", "#151700"]


class Count:
    """数模型算了几次前向"""

    def __init__(self, model) -> None:
        self.times = 0
        self.hook = model.register_forward_hook(self.add)

    def add(self, *_) -> None:
        self.times += 1


@pytest.mark.parametrize("kind", ["eager", "standin"])
def test_attention_controls_show_the_chosen_row_without_another_forward(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    view, weights, count = Attention(tokenizer, model), attention(model, input_ids), Count(model)
    n = input_ids.shape[1]
    assert (view.position.value, view.position.max) == (n, n)
    for layer, head, position in ((1, 0, n), (2, 3, n), (2, 4, 5), (model.config.num_hidden_layers, 1, 1)):
        before = view.shown.value
        view.layer.value, view.head.value, view.position.value = layer, head, position
        row = (weights[layer - 1, head - 1] if head else weights[layer - 1].mean(dim=0))[position - 1, :position]
        title, *lines = view.picture().text.splitlines()
        assert f"第 {layer} 层" in title and (f"第 {head} 个头" if head else "平均") in title
        assert [line.split()[:3] for line in lines] == [
            [str(i + 1), name(tokenizer, input_ids[0, i].item()), f"{row[i]:.2f}"] for i in range(position)]
        marked = [next((i for i, line in enumerate(lines) if line.endswith(mark)), None) for mark in "①②③"]
        assert marked[:min(3, position)] == strongest(row) and marked[position:] == [None] * max(0, 3 - position)
        assert view.shown.value == view.picture().html and (head == 0 or view.shown.value != before)
    assert count.times == 0 and view.message.value.count("⚠") == 0
    count.hook.remove()


@pytest.mark.parametrize("kind", ["eager", "standin"])
def test_lens_table_shows_the_lens_without_another_forward(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    view, found, count = Lens(tokenizer, model), lens(model, input_ids), Count(model)
    for position in (input_ids.shape[1], 16, 1):
        view.position.value = position
        said, heads, *rows, _ = view.picture().text.splitlines()
        at = position - 1
        answer = name(tokenizer, found.ids[-1, at, 0].item())
        assert f"最后答 {answer} {found.probabilities[-1, at, 0]:.2f}" in said
        assert f"有 {int(found.agree[:-1, at].sum())} 行" in said and f"过了 {found.settled(at)} 层" in said
        column = next(i for i, head in enumerate(heads.split(" │ ")) if head.startswith("▼"))
        cells = [row.split(" │ ")[column] for row in rows]
        assert len(rows) == model.config.num_hidden_layers + 1 and len({len(row.split(" │ ")) for row in rows}) == 1
        assert [cell.endswith("✓") for cell in cells[:-1]] == found.agree[:-1, at].tolist()
        assert [cell.split()[1] for cell in cells] == [f"{p:.2f}" for p in found.probabilities[:, at, 0]]
        assert f"▼{position}<br>" in view.shown.value
    assert count.times == 0
    count.hook.remove()


def test_names_without_meaning_are_not_shown(tokenizer, eager):
    """没有学过的编号共用一行，打分相同，谁是第一名要看运气：概率很小时只写分散"""
    view = Lens(tokenizer, eager)
    texts = [text for row in view.picture().text.splitlines()[2:-1] for text in row.split(" │ ")[1:]]
    small = [text for text in texts if text.split()[1] == "0.00" and "✓" not in text]
    assert small and all(text.startswith("分散") for text in small)


@pytest.mark.parametrize("kind", [Attention, Lens])
def test_text_and_template_run_the_model_once(kind, tokenizer, eager):
    view, count = kind(tokenizer, eager, text="什么是词元"), Count(eager)
    assert view.position.max > 3
    view.template.value = False
    assert (count.times, view.position.max) == (1, 3) and len(tokenizer("什么是词元").input_ids) == 3
    view.text.value = "你"
    assert (count.times, view.position.max, view.position.value) == (2, 1, 1)
    assert "你" in view.picture().text and view.shown.value == view.picture().html
    count.hook.remove()


BAD = {"": "空的", " \n　": "空的", "词" * 10_000: f"1 到 {MOST_TOKENS} 个词元", "你\ud800好": "半个字符"}


@pytest.mark.parametrize("kind", [Attention, Lens])
def test_bad_text_is_explained_and_the_view_goes_on(kind, tokenizer, eager):
    view = kind(tokenizer, eager)
    for position, (text, problem) in enumerate(BAD.items(), start=1):
        before = view.shown.value
        view.text.value = text
        assert "⚠" in view.message.value and problem in view.message.value and view.shown.value == before
        view.position.value = position
        assert "⚠" not in view.message.value and view.shown.value != before
    view.text.value = "什么是词元"
    assert "⚠" not in view.message.value and "什么是" in view.picture().text


@pytest.mark.parametrize("kind", [Attention, Lens])
def test_odd_text_is_shown_safely(kind, tokenizer, eager):
    view = kind(tokenizer, eager)
    view.template.value = False
    view.text.value = "😀\x00\u202e<b>x</b>"
    assert "⚠" not in view.message.value
    for shown in (view.shown.value, view.picture().html, view.picture().text):
        assert "\x00" not in shown and "\u202e" not in shown
    assert "<b>x" not in view.shown.value and "&lt;" in view.shown.value
    for value in (view.position.min, view.position.max):
        view.position.value = value
        assert "⚠" not in view.message.value and f"第 {value} 个词元" in view.picture().text


@pytest.mark.parametrize("kind", [Attention, Lens])
def test_picture_is_the_same_every_time(kind, tokenizer, eager):
    first, second = kind(tokenizer, eager), kind(tokenizer, eager)
    assert first.picture() == second.picture()
    assert first._repr_mimebundle_()["text/html"] == second.picture().html


def test_views_need_eager(tokenizer, model):
    with pytest.raises(ValueError, match="attn_implementation"):
        Attention(tokenizer, model)
    assert "最后答" in Lens(tokenizer, model).picture().text
