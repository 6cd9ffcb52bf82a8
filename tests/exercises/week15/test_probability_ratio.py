"""练习“温度和概率之比”：大小写、全角都认；选错了说为什么"""
import math

import pytest
import torch
from week15_solutions import solved

RIGHT = [solved(3), " d ", "Ｄ", "D　约 10 倍"]
WRONG = [
    ("A", "温度会让分布变尖"),
    ("b", "温度是除"),
    ("C", "不是概率之比"),
    (10, "一个字母"),
    ("E", "一个字母"),
    ("DABC", "一个字母"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    note = sheet[3].check(answer)
    assert note.mark == "✓", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[3].check(answer)
    assert note.mark == "✗"
    assert says in note.text


@pytest.mark.parametrize("temperature, ratio", [(1.0, 2.0), (0.3, 10.1)])
def test_the_ratio_comes_out(temperature, ratio):
    p = solved(2)(torch.tensor([math.log(2), 0.0]), temperature)
    assert round(float(p.max() / p.min()), 1) == ratio
