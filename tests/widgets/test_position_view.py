"""注意力和 logit lens 两个视图：与模型自己的计算相同，每个控件都做该做的事，坏输入说清楚"""
from helpers.inside import attention, lens, strongest, token_name
from helpers.widgets.attention import Attention
from helpers.widgets.lens import Lens
from helpers.widgets.position_view import MOST_POSITIONS

import pytest

MODELS = pytest.mark.parametrize("kind", ["eager", "standin"])
VIEWS = pytest.mark.parametrize("view_of", [Attention, Lens])
BAD = {"": "空的", " \n　": "空的", "词" * 10_000: f"1 到 {MOST_POSITIONS} 个词元", "你\ud800好": "半个字符"}


class Count:
    """数模型算了几次前向"""

    def __init__(self, model) -> None:
        self.times = 0
        self.hook = model.register_forward_hook(self.add)

    def add(self, *_) -> None:
        self.times += 1


def place(lines: list[str], mark: str) -> int | None:
    """哪一行的末尾是 mark，从 0 数"""
    return next((i for i, line in enumerate(lines) if line.endswith(mark)), None)


@MODELS
def test_attention_controls_show_the_chosen_row_without_another_forward(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    view = Attention(tokenizer, model)
    weights = attention(model, input_ids)
    count = Count(model)
    n = input_ids.shape[1]
    names = [token_name(tokenizer, token_id) for token_id in input_ids[0].tolist()]
    assert view.position.value == n
    assert view.position.max == n
    for layer, head, position in ((1, 0, n), (2, 3, n), (2, 4, 5), (model.config.num_hidden_layers, 1, 1)):
        before = view.shown.value
        view.layer.value, view.head.index, view.position.value = layer, head, position
        row = (weights[layer - 1, head - 1] if head else weights[layer - 1].mean(dim=0))[position - 1, :position]
        title, *lines = view.picture().text.splitlines()
        assert f"第 {layer} 层" in title
        assert (f"第 {head} 个头" if head else "平均") in title
        assert [line.split()[:3] for line in lines] == [
            [str(i + 1), names[i], f"{row[i]:.2f}"] for i in range(position)]
        marked = [place(lines, mark) for mark in "①②③"]
        assert marked[:min(3, position)] == strongest(row)
        assert marked[position:] == [None] * max(0, 3 - position)
        assert view.shown.value == view.picture().html
        assert head == 0 or view.shown.value != before
    assert count.times == 0
    assert "⚠" not in view.message.value
    count.hook.remove()


@MODELS
def test_lens_table_shows_the_lens_without_another_forward(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    view = Lens(tokenizer, model)
    found = lens(model, input_ids)
    count = Count(model)
    for position in (input_ids.shape[1], 16, 1):
        view.position.value = position
        said, heads, *rows, _ = view.picture().text.splitlines()
        at = position - 1
        answer = token_name(tokenizer, found.ids[-1, at, 0].item())
        assert f"最后答 {answer} {found.probabilities[-1, at, 0]:.2f}" in said
        assert f"有 {int(found.agree[:-1, at].sum())} 行" in said
        assert f"过了 {found.settled(at)} 层" in said
        column = next(i for i, head in enumerate(heads.split(" │ ")) if head.startswith("▼"))
        cells = [row.split(" │ ")[column] for row in rows]
        assert len(rows) == model.config.num_hidden_layers + 1
        assert len({len(row.split(" │ ")) for row in rows}) == 1
        assert [cell.endswith("✓") for cell in cells[:-1]] == found.agree[:-1, at].tolist()
        assert not cells[-1].endswith("✓")
        assert [cell.split()[1] for cell in cells] == [f"{p:.2f}" for p in found.probabilities[:, at, 0]]
        assert f"▼{position}<br>" in view.shown.value
    assert count.times == 0
    count.hook.remove()


def test_names_without_meaning_are_not_shown(tokenizer, eager):
    """没有学过的编号共用一行，打分相同，谁是第一名要看运气：概率很小时只写分散"""
    view = Lens(tokenizer, eager)
    texts = [text for row in view.picture().text.splitlines()[2:-1] for text in row.split(" │ ")[1:]]
    small = [text for text in texts if text.split()[1] == "0.00" and "✓" not in text]
    assert small
    assert all(text.startswith("分散") for text in small)


@VIEWS
def test_text_and_template_run_the_model_once(view_of, tokenizer, eager):
    view = view_of(tokenizer, eager, text="什么是词元")
    count = Count(eager)
    assert view.position.max > 3
    view.template.value = False
    assert count.times == 1
    assert view.position.max == len(tokenizer("什么是词元").input_ids) == 3
    view.text.value = "你"
    assert count.times == 2
    assert (view.position.max, view.position.value) == (1, 1)
    assert "你" in view.picture().text
    assert view.shown.value == view.picture().html
    count.hook.remove()


@VIEWS
def test_bad_text_is_explained_and_the_view_goes_on(view_of, tokenizer, eager):
    view = view_of(tokenizer, eager)
    for position, (text, problem) in enumerate(BAD.items(), start=1):
        before = view.shown.value
        view.text.value = text
        assert "⚠" in view.message.value
        assert problem in view.message.value
        assert view.shown.value == before
        view.position.value = position
        assert "⚠" not in view.message.value
        assert view.shown.value != before
    view.text.value = "什么是词元"
    assert "⚠" not in view.message.value
    assert "什么是" in view.picture().text


@VIEWS
def test_odd_text_is_shown_safely(view_of, tokenizer, eager):
    view = view_of(tokenizer, eager)
    view.template.value = False
    view.text.value = "😀\x00\u202e<b>x</b>"
    assert "⚠" not in view.message.value
    for shown in (view.shown.value, view.picture().html, view.picture().text):
        assert "\x00" not in shown
        assert "\u202e" not in shown
    assert "<b>x" not in view.shown.value
    assert "&lt;" in view.shown.value
    for value in (view.position.min, view.position.max):
        view.position.value = value
        assert "⚠" not in view.message.value
        assert f"第 {value} 个词元" in view.picture().text


@VIEWS
def test_picture_is_the_same_every_time(view_of, tokenizer, eager):
    first = view_of(tokenizer, eager)
    second = view_of(tokenizer, eager)
    assert first.picture() == second.picture()
    assert first._repr_mimebundle_()["text/html"] == second.picture().html


def test_only_attention_needs_eager(tokenizer, model):
    with pytest.raises(ValueError, match="attn_implementation"):
        Attention(tokenizer, model)
    assert "最后答" in Lens(tokenizer, model).picture().text
