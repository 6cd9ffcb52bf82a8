"""练习“切得很意外的三段文字”：样子对就收（✎），不合适的地方是建议，不是 ✗"""
from helpers.exercises.week14 import surprises

import pytest
from answers import refused
from week14_solutions import solved

REASONS = ["数字一位一个词元，合并不会跨过规则切出的小段", "这个字不常见，合并表里没有把它的字节合到底的一条",
           "空格归后面一段，先和字的头一个字节合并了"]
TEXTS = ["110 和 120", "龘龘", "你 好吗"]


def report(texts=TEXTS, reasons=REASONS):
    return dict(zip(texts, reasons, strict=True))


@pytest.mark.parametrize("answer", [
    solved(10), report(), report(["20261126", "靐", "cafe\u0301"]), report(["加油 😀", "欢迎来到人工智能", "吃 饭"]),
    report() | {"refrigerators": "这个词不够常见，没有一条合并把它整个拼起来"}])
def test_right(sheet, answer):
    note = sheet[10].check(answer)
    assert note.mark == "✎"
    assert note.text == "已经交了，由老师评"


@pytest.mark.parametrize("answer, advice", [
    (report(["你好", "龘龘", "你 好吗"]), "没有看出题目列的五种意外"),
    (report(["犇骉麤", "龘龘", "你 好吗"]), "是课文里的例子"),
    (report(reasons=["好" * 20, *REASONS[1:]]), "反复出现"),
    (report(reasons=[REASONS[0]] * 3), "一模一样"),
    (report(["   ", "龘龘", "你 好吗"]), "没有看出题目列的五种意外")])
def test_what_could_be_better_is_advice(sheet, answer, advice):
    note = sheet[10].check(answer)
    assert note.mark == "✎", note
    assert advice in note.text


@pytest.mark.parametrize("answer, says", [
    (["110 和 120"], "应是一个字典"), ("110", "应是一个字典"), (report, "应是一个字典"), ({}, "至少有三段"),
    ({"110 和 120": "短"}, "至少 15 个字"), ({"110 和 120": " ".join("太短了太短了")}, "现在有 6 个"),
    ({"110 和 120": REASONS[0]}, "现在有 1 段"), ({2026: REASONS[0]}, "字符串"), ({"": REASONS[0]}, "不空的字符串"),
    ({"110 和 120": 3}, "字符串"), ({"110 和 120": None}, "字符串"),
    ({"110 和 120": REASONS[0], "龘龘": REASONS[1]}, "现在有 2 段")])
def test_wrong(sheet, answer, says):
    refused(sheet[10], answer, says)


@pytest.mark.parametrize("text, says", [
    ("2026", "三块以上"), ("strawberry", "三块以上"), ("🫠", "切在内部"), ("吃 饭", "粘在一起"),
    ("加油 😀", "粘在一起"), ("欢迎来到人工智能", "四个以上"), ("cafe\u0301", "解码回来")])
def test_surprises(tokenizer, text, says):
    assert any(says in one for one in surprises.surprises(tokenizer, text))


@pytest.mark.parametrize("text", ["你好", "hello world", "12"])
def test_no_surprise(tokenizer, text):
    assert surprises.surprises(tokenizer, text) == []
