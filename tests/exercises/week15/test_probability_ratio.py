"""练习“温度和概率之比”：大小写、全角都认；选错了说为什么"""
import math

import numpy
import pytest
import torch
from answers import accepted, refused
from week15_solutions import solved

RIGHT = [solved(3), " d ", "Ｄ", "D　约 10 倍", "D.", "d) 10 倍左右", numpy.str_("D"), "（D）"]
WRONG = [
    ("A", "温度会让分布变尖"),
    ("b", "温度是除"),
    ("C", "不是概率之比"),
    (10, "一个字母"),
    ("E", "一个字母，两边加引号，例如"),
    ("DABC", "一个字母"),
    ("D、A", "只有一个字母"),
    ("D 或 C", "只有一个字母"),
    ("A B C D", "只有一个字母"),
    ("", "一个字母"),
    ("大约 10 倍", "一个字母"),
    (["D"], "一个字母"),
    (b"D", "一个字母"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[3], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[3], answer, says)


RATIOS = [(2.0, 1.4), (1.0, 2.0), (0.7, 2.7), (0.5, 4.0), (0.3, 10.1), (0.1, 1024.0)]


@pytest.mark.parametrize("temperature, ratio", RATIOS)
def test_the_ratio_comes_out(temperature, ratio):
    p = torch.softmax(torch.tensor([math.log(2), 0.0]) / temperature, -1)
    assert float(p.max() / p.min()) == pytest.approx(ratio, abs=0.06)
