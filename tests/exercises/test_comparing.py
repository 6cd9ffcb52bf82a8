"""比较：怎样算相同，错法按次序认，认不出的说应得到什么、现在得到什么"""
from helpers.exercises.comparing import (
    Case,
    Unanswered,
    Wrong,
    as_lists,
    brief,
    check_function,
    close_numbers,
    is_nested,
    same_values,
)

import numpy
import pytest
import torch

TWO = Case((2,), 4, "x 是 2")
THREE = Case((3,), 6, "x 是 3")


def square(x):
    return x * x


def square_again(x):
    return x ** 2


def breaks(x):
    return x / 0


def one_too_many(x):
    return 2 * x + 1


def is_text(got, case):
    return isinstance(got, str)


def is_input(got, case):
    return got == case.inputs[0]


def within_one(got, want):
    return abs(got - want) <= 1


FORMS = {is_text: "是文字", is_input: "原样返回了"}
SLIPS = {breaks: "出错的", square: "平方", square_again: "也是平方"}


def message(function, forms=FORMS, slips=SLIPS, same=same_values) -> str:
    with pytest.raises(Wrong) as caught:
        check_function(function, [TWO, THREE], forms, slips, same)
    return str(caught.value)


@pytest.mark.parametrize("got", [[1, 2], (1, 2), torch.tensor([1, 2]), numpy.array([1, 2]), (1, torch.tensor(2))])
def test_lists_tuples_and_tensors_are_the_same(got):
    assert as_lists(got) == [1, 2]
    assert same_values(got, [1, 2])


@pytest.mark.parametrize("got", [[2, 1], [1], "12", None, {1: 2}])
def test_other_values_are_not(got):
    assert not same_values(got, [1, 2])


def test_close_numbers():
    assert close_numbers(torch.tensor([0.5001, 2.0]), [0.5, 2.0])
    assert not close_numbers([0.51, 2.0], [0.5, 2.0])
    assert not close_numbers([[0.5, 2.0]], [0.5, 2.0])


def test_a_list_in_a_list():
    assert is_nested(torch.ones(1, 2), TWO)
    assert not is_nested([1, 2], TWO)


def test_a_right_answer_passes():
    check_function(lambda x: x + x, [TWO, THREE], FORMS, SLIPS)


def test_which_input_what_was_expected_and_what_came():
    assert message(lambda x: 7) == "x 是 2：应得到 4，现在得到 7；再想想"
    assert message(lambda x: 4) == "x 是 3：应得到 6，现在得到 4；再想想"


def test_the_first_mistake_that_fits_is_told():
    assert message(square_again) == "x 是 3：平方"
    assert message(str) == "x 是 2：是文字"
    assert message(abs) == "x 是 2：原样返回了"


def test_a_slip_that_happens_to_be_right_is_not_told():
    slips = {one_too_many: "多了 1"}
    assert message(one_too_many, slips=slips) == "x 是 2：多了 1"
    assert "再想想" in message(lambda x: 2 * x + 2, slips=slips, same=within_one)


def test_a_comparison_that_breaks_means_different():
    assert "现在得到 '六'；再想想" in message(lambda x: "六", forms={}, same=within_one)


def test_three_dots_mean_unanswered():
    with pytest.raises(Unanswered):
        check_function(lambda x: ..., [TWO], FORMS, SLIPS)


def test_brief():
    assert brief("好" * 100, 10) == "'好好好好好好好好…"
    assert brief([1, 2]) == "[1, 2]"
