"""模型里面的两个视图：和 helpers.inside 算的一样，静态图固定，坏输入是一句话；画面的动作在 tests/browser 里测"""
from helpers.inside import attention, lens, strongest, token_name
from helpers.widgets.attention import Attention, AttentionSource
from helpers.widgets.lens import SPREAD, Lens, LensSource
from helpers.widgets.source import MOST_POSITIONS, TextSource

import pytest
import torch

MODELS = pytest.mark.parametrize("kind", ["eager", "standin"])
VIEWS = pytest.mark.parametrize("view_of", [Attention, Lens])
BAD = {"": "空的", " \n　": "空的", "词" * 10_000: f"1 到 {MOST_POSITIONS} 个词元", "你\ud800好": "半个字符"}


@MODELS
def test_the_weights_are_the_models(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    source = AttentionSource(tokenizer, model)
    weights = attention(model, input_ids)
    ids = input_ids[0].tolist()
    for query in (len(ids) - 1, 5, 0):
        rows = source.looks(ids, query)
        assert len(rows) == model.config.num_hidden_layers
        for layer, heads in enumerate(rows):
            average, *each = torch.tensor(heads)
            torch.testing.assert_close(torch.stack(each), weights[layer, :, query, :query + 1], atol=1e-4, rtol=0)
            torch.testing.assert_close(average, weights[layer, :, query, :query + 1].mean(0), atol=1e-4, rtol=0)
    whole = torch.tensor(source.attention_map(ids, 1, 3))
    torch.testing.assert_close(whole, weights[1, 2], atol=1e-4, rtol=0)
    whole = torch.tensor(source.attention_map(ids, 0, 0))
    torch.testing.assert_close(whole, weights[0].mean(0), atol=1e-4, rtol=0)


def test_one_forward_serves_every_head_and_position(tokenizer, eager, input_ids):
    times = []
    hook = eager.register_forward_hook(lambda *_: times.append(1))
    source = AttentionSource(tokenizer, eager)
    ids = input_ids[0].tolist()
    for query in range(len(ids)):
        source.looks(ids, query)
    source.attention_map(ids, 2, 1)
    hook.remove()
    assert len(times) == 1


@MODELS
def test_the_lens_comes_row_by_row(kind, request, tokenizer, input_ids):
    model = request.getfixturevalue(kind)
    rows = list(LensSource(tokenizer, model).lens(input_ids[0].tolist()))
    found = lens(model, input_ids)
    assert len(rows) == model.config.num_hidden_layers + 1
    assert [[cell["id"] for cell in row] for row in rows] == found.ids[:, :, 0].tolist()
    for row, shares in zip(rows, found.probabilities[:, :, 0], strict=True):
        assert [cell["share"] for cell in row] == pytest.approx(shares.tolist())
    assert rows[-1][-1]["label"] == token_name(tokenizer, found.ids[-1, -1, 0].item())


def test_the_picture_of_attention_is_its_last_row(tokenizer, eager, input_ids):
    title, *lines = Attention(tokenizer, eager).still().text.splitlines()
    row = attention(eager, input_ids)[0].mean(dim=0)[-1]
    assert title == "第 1 层，4 个头平均：第 25 个词元 ↵ 看它自己和前面的"
    assert [line.split()[2] for line in lines] == [f"{weight:.2f}" for weight in row]
    for mark, place in zip("①②③", strongest(row), strict=True):
        assert lines[place].endswith(mark)


def test_the_picture_of_the_lens_is_its_last_position(tokenizer, eager, input_ids):
    said, heads, *rows, note = Lens(tokenizer, eager).still().text.splitlines()
    found = lens(eager, input_ids)
    assert said == "第 25 个词元 ↵ 后面，模型最后答 不会 0.48"
    table = [row.split(" │ ") for row in rows]
    assert [cells[2] for cells in table] == [f"{share:.2f}" for share in found.probabilities[:, -1, 0]]
    assert [cells[3] == "✓" for cells in table[:-1]] == found.agree[:-1, -1].tolist()
    assert table[-1][3] == ""
    assert table[0][1] == "分散"
    assert table[-1][1] == "不会"
    assert "第 6 行就是模型的输出" in note
    assert SPREAD == 0.005


@VIEWS
@pytest.mark.parametrize("text, said", BAD.items())
def test_bad_text_is_a_sentence(view_of, tokenizer, eager, text, said):
    with pytest.raises(ValueError, match=said):
        view_of(tokenizer, eager, text=text)


@VIEWS
def test_odd_text_is_shown_safely(view_of, tokenizer, eager):
    still = view_of(tokenizer, eager, text="😀\x00\u202e<b>x</b>").still()
    for shown in (still.html, still.text):
        assert "\x00" not in shown
        assert "\u202e" not in shown
    assert "<b>x" not in still.html


def test_the_template_can_be_left_out(tokenizer):
    source = TextSource(tokenizer)
    assert [piece["id"] for piece in source.positions("什么是词元", False)] == tokenizer("什么是词元").input_ids
    assert len(source.positions("什么是词元", True)) > 10


def test_only_attention_needs_eager(tokenizer, model):
    with pytest.raises(ValueError, match="attn_implementation"):
        Attention(tokenizer, model)
    assert "最后答" in Lens(tokenizer, model).still().text
