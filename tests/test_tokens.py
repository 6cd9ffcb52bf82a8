"""tokens：词元的字节连起来就是原文，显示不出错，坏输入说清楚"""
import unicodedata

import pytest
import torch

from helpers import tokens

TEXTS = ["你好啊", "犇骉麤", "Hello, world!\n\t 123", "😀🤖", "e\u0301 与 é", "<|im_start|>user\n你好<|im_end|>\n",
         "﷽  ", "<b>&"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_bytes_join_to_the_text(tokenizer, text):
    found = tokens.pieces(tokenizer, text)
    assert b"".join(p.bytes for p in found).decode("utf-8") == unicodedata.normalize("NFC", text)
    assert [p.id for p in found] == tokenizer(text).input_ids


def test_labels_by_hand(tokenizer):
    assert [p.label for p in tokens.pieces(tokenizer, "麤")] == ["‹e9 ba›", "‹a4›"]
    assert [p.text for p in tokens.pieces(tokenizer, "麤")] == ["�", "�"]
    assert tokens.piece(tokenizer, 1879).label == "␣world"
    assert tokens.piece(tokenizer, 198).label == "↵"
    assert tokens.piece(tokenizer, torch.tensor(108386)) == tokens.Piece(108386, "你好".encode())
    assert tokens.piece(tokenizer, 151644).label == "<|im_start|>"


def test_shown_as_text_and_as_html(tokenizer):
    shown = tokens.colored(tokenizer, "你好啊")
    assert repr(shown) == "你好│啊\n108386│103924"
    assert shown._repr_html_().count("<span") == 2
    assert "<b>" not in tokens.colored(tokenizer, "<b>你")._repr_html_()
    assert repr(tokens.table(tokenizer, "你好")) == "词元 │ 编号 │ 字节\n你好 │ 108386 │ e4 bd a0 e5 a5 bd"


@pytest.mark.parametrize("call, error, says", [
    (lambda t: tokens.pieces(t, ""), ValueError, "空的"), (lambda t: tokens.pieces(t, 5), TypeError, "str"),
    (lambda t: tokens.pieces(t, None), TypeError, "str"), (lambda t: tokens.piece(t, -1), ValueError, "0 到 151664"),
    (lambda t: tokens.piece(t, 151665), ValueError, "0 到 151664"),
    (lambda t: tokens.piece(t, "好"), TypeError, "整数"),
    (lambda t: tokens.piece(t, True), TypeError, "整数"), (lambda t: tokens.piece(t, [1]), TypeError, "整数")])
def test_bad_input(tokenizer, call, error, says):
    with pytest.raises(error, match=says) as caught:
        call(tokenizer)
    assert "应" in str(caught.value) and "现在" in str(caught.value)
