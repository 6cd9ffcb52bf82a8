"""练习“一秒最多写几个词元”：单位、倒数、取整的错各有自己的话"""
import numpy
import pytest
import torch
from answers import accepted, refused
from week15_solutions import solved

RIGHT = [solved(9), 40.0, numpy.int64(40), numpy.float32(40.0), numpy.array(40), torch.tensor(40),
         int(40e9 / 988_097_824), 40e9 // 988_097_824]
WRONG = [
    (20, "float32"),
    (20.24, "float32"),
    (0.04, "不是 40 MB"),
    (0.0247, "倒过来"),
    (24.7, "倒过来"),
    (40.48, "取整"),
    (41, "向下取整"),
    (81, "就是字节数"),
    (43, "不是 2 的 30 次方"),
    ("40", "不写引号"),
    (True, "一个数"),
    (10_000, "不对"),
    ([40], "一个数"),
    ("40 个", "一个数"),
    (numpy.int64(81), "就是字节数"),
    (numpy.float64(40.48), "取整"),
    (torch.tensor(41), "向下取整"),
    (torch.tensor([40, 40]), "一个数"),
    (float("inf"), "不对"),
    (40 + 0j, "一个数"),
    (float("nan"), "不对"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[9], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[9], answer, says)


def test_the_division_comes_out():
    assert solved(9) == 40e9 // 988_097_824
