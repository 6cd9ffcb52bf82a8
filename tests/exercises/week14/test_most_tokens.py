"""练习“哪一段的词元最多”：选错的各有理由；做对以后看得到全部的个数"""
from helpers.exercises.week14 import TEXTS
from helpers.exercises.week14.most_tokens import WHY
from helpers.tokens import pieces

import pytest
from answers import accepted, refused


@pytest.mark.parametrize("answer", ["C", "c", " C ", "Ｃ", " Ｃ "])
def test_right(sheet, answer):
    accepted(sheet[3], answer)


@pytest.mark.parametrize("answer, says", [
    ("A", "常用的词"), ("b", "字符最多"), ("D", "只有三个字"), ("犇骉麤", "写它前面的字母"),
    ("13800138000", "写它前面的字母"), ("E", "A、B、C、D"),
    ("CD", "A、B、C、D"), ("", "A、B、C、D"), (3, "应是一个字母"), (["C"], "应是一个字母"), (len, "应是一个字母")])
def test_wrong(sheet, answer, says):
    refused(sheet[3], answer, says)


def test_the_whole_picture_is_true(tokenizer):
    for letter, text in TEXTS.items():
        assert f"{letter} {len(pieces(tokenizer, text))} 个（" in WHY
    for letter in "AB":
        assert "│".join(piece.text for piece in pieces(tokenizer, TEXTS[letter])) in WHY
