"""运行学生的函数：死循环停得下来，输入是复制品"""
import contextlib
import threading

from helpers.exercises.running import Failed, attempt

import pytest
import torch


def forever(x):
    while True:
        with contextlib.suppress(Exception):
            x += 1


def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr("helpers.exercises.running.SECONDS", 0.3)
    with pytest.raises(Failed, match="应在 0.3 秒内算完"):
        attempt(forever, (1,), "x 是 1")


def test_the_students_function_gets_copies():
    inputs = ([1, 2], torch.tensor([1.0]))

    def spoil(numbers, tensor):
        numbers.append(9)
        tensor += 1
        return 1

    tried = attempt(spoil, inputs, "")
    assert inputs[0] == [1, 2]
    assert inputs[1].tolist() == [1.0]
    assert tried.given[0] == [1, 2, 9]
    assert tried.given[1].tolist() == [2.0]


def divides(x):
    y = x - 1
    return x / y


def test_an_error_names_its_line():
    with pytest.raises(Failed) as caught:
        attempt(divides, (1,), "x 是 1")
    assert str(caught.value) == ("应有结果，现在你的函数报了 ZeroDivisionError: division by zero\n"
                                 "在这一行：return x / y\n这次的输入：x 是 1")


def test_the_limit_can_be_another():
    with pytest.raises(Failed, match="应在 0.2 秒内算完，现在没有：太慢，或者停不下来"):
        attempt(forever, (1,), "x 是 1", 0.2)


def test_the_stop_button_stops_the_students_function(monkeypatch):
    went_on = []

    def pressed(attempt, seconds):
        if seconds != 1.0:  # 等学生的函数时按了停止键；收尾的等待照常
            raise KeyboardInterrupt
        threading.Thread.join(attempt, seconds)
        went_on.append(attempt.is_alive())

    monkeypatch.setattr("helpers.exercises.running.Attempt.join", pressed, raising=False)
    with pytest.raises(KeyboardInterrupt):
        attempt(forever, (1,), "x 是 1")
    assert went_on == [False]
