"""运行学生的函数：死循环停得下来，输入是复制品"""
import contextlib

from helpers.exercises.running import Failed, call

import pytest
import torch


def forever(x):
    while True:
        with contextlib.suppress(Exception):
            x += 1


def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr("helpers.exercises.running.SECONDS", 0.3)
    with pytest.raises(Failed, match="应在 0.3 秒内算完"):
        call(forever, (1,), "x 是 1")


def test_the_students_function_gets_copies():
    inputs = ([1, 2], torch.tensor([1.0]))

    def spoil(numbers, tensor):
        numbers.append(9)
        tensor += 1
        return 1

    call(spoil, inputs, "")
    assert inputs[0] == [1, 2]
    assert inputs[1].tolist() == [1.0]
