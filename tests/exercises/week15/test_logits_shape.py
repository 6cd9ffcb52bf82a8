"""练习“logits 的形状”：列表也行；少了、反了、弄混了各有自己的话"""
import numpy
import pytest
import torch
from answers import accepted, refused
from week15_solutions import solved


class Equal:
    """说自己和什么都相等"""
    def __eq__(self, other):
        return True


RIGHT = [solved(1), [2, 25, 151_936], torch.Size([2, 25, 151_936]), torch.tensor([2, 25, 151_936]),
         numpy.array([2, 25, 151_936]), (torch.tensor(2), numpy.int64(25), 151_936)]
WRONG = [
    ((25, 151_936), "少了一个数"),
    ((25, 2, 151_936), "次序反了"),
    ((2, 25, 151_665), "vocab_size"),
    ((1, 25, 151_936), "一批有 2 句"),
    ((2, 151_936), "不只是最后一个位置"),
    ((2, 25), "input_ids 的形状"),
    ("(2, 25, 151936)", "应是一个元组"),
    (7_596_800, "应是一个元组"),
    ((1, 2, 3), "第 1 个数不对"),
    ((2, 24, 151_936), "每句有几个位置"),
    ((2, 25, 151, 936), "数里不写逗号"),
    ((2, 25, 1, 151_936), "应有三个数"),
    ((151_936, 25, 2), "次序反了"),
    ((2, 25, 151_935), "每个位置有几个打分"),
    (("2", "25", "151936"), "不写引号"),
    ({2, 25, 151_936}, "应是一个元组"),
    (torch.zeros(2, 25, 3), "应有三个数"),
    (Equal(), "应是一个元组"),
    ((Equal(), Equal(), Equal()), "应是一个元组"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[1], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[1], answer, says)


def test_the_model_gives_this_shape(model):
    batch = torch.zeros(2, 25, dtype=torch.long)
    assert tuple(model(batch).logits.shape) == solved(1)
