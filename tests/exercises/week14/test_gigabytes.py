"""练习“要多少内存”：什么样的数都收；单位、字节弄错的，各有自己的话"""
from decimal import Decimal
from fractions import Fraction

from helpers.exercises.week14 import gigabytes

import numpy as np
import pytest
import torch
from answers import accepted, refused
from shapes import QWEN2, on_meta
from transformers import Qwen2ForCausalLM

BYTES = 494_032_768 * 2


@pytest.mark.parametrize("answer", [0.99, 0.988, BYTES / 1e9, round(BYTES / 1e9, 2), np.float64(0.99),
                                    np.float32(0.99), np.array(0.988), torch.tensor(0.99), torch.tensor(BYTES / 1e9),
                                    Decimal("0.99"), Fraction(99, 100)])
def test_right(sheet, answer):
    accepted(sheet[9], answer)


@pytest.mark.parametrize("answer, says", [
    (1.98, "float32"), (0.49, "忘了乘"), (0.494032768, "忘了乘"), (988, "MB"), (0.92, "1024"),
    (988_065_536, "字节为单位"),
    (np.int64(988_065_536), "字节为单位"), (7.9, "8 位是 1 个字节"), (1, "四舍五入到两位小数"),
    (1.0, "四舍五入到两位小数"),
    (0.98, "去掉了，应四舍五入"), (np.float32(0.98), "去掉了，应四舍五入"), (0.9, "只留了一位"), (0.992, "参数个数乘"),
    (1.976, "float32"), (BYTES * 2 / 1e9, "float32"), (1.84, "又除以了 1024³"), (0.46, "又除以了 1024³"),
    (0.25, "4 位"),
    (3.95, "float64"), (0.94, "两次 1024"), (0.965, "一次 1024"), (BYTES // 2, "参数的个数"), (0.491, "int8"),
    (-0.99, "参数个数乘"),
    (float("nan"), "不对"), (float("inf"), "不对"), (0.9901, "参数个数乘"),
    ("0.99", "应是一个数"), ("0.99 GB", "应是一个数"),
    (True, "应是一个数"), ([0.99], "应是一个数"), (torch.tensor([0.99, 0.99]), "应是一个数"),
    (lambda: 0.99, "应是一个数")])
def test_wrong(sheet, answer, says):
    refused(sheet[9], answer, says)


def test_parameters_of_the_real_shape():
    model = on_meta(Qwen2ForCausalLM, QWEN2)
    assert model.num_parameters() == gigabytes.PARAMETERS
