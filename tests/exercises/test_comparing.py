"""比较：怎样算相同，错法按次序认，认不出的说应得到什么、现在得到什么"""
import numpy
import pytest
import torch

from helpers.exercises.comparing import Case, Form, Slip, Unanswered, Wrong, brief, check_case, same_values

THREE = Case((3,), 6, "x 是 3")


def square(x):
    return x * x


def breaks(x):
    return x / 0


def is_text(got):
    return isinstance(got, str)


def message(function, mistakes=(), **keywords) -> str:
    with pytest.raises(Wrong) as caught:
        check_case(function, THREE, mistakes, **keywords)
    return str(caught.value)


@pytest.mark.parametrize("got", [[1, 2], (1, 2), torch.tensor([1, 2]), numpy.array([1, 2]), (1, torch.tensor(2))])
def test_lists_tuples_and_tensors_are_the_same(got):
    assert same_values(got, [1, 2])


@pytest.mark.parametrize("got", [[2, 1], [1], "12", None, {1: 2}])
def test_other_values_are_not(got):
    assert not same_values(got, [1, 2])


def test_which_input_what_was_expected_and_what_came():
    assert message(lambda x: 7) == "x 是 3：应得到 6，现在得到 7；再想想"


def test_the_first_mistake_that_fits_is_told():
    mistakes = [Form("是文字", is_text), Slip("出错的", breaks), Slip("平方", square), Slip("也是平方", square)]
    assert message(square, mistakes=mistakes) == "x 是 3：平方"
    assert message(str, mistakes=mistakes) == "x 是 3：是文字"
    assert message(lambda x: 7, mistakes=mistakes) == "x 是 3：应得到 6，现在得到 7；再想想"


def test_a_slip_that_happens_to_be_right_is_not_told():
    within_one = [Slip("多了 1", lambda x: 2 * x + 1)]
    assert "再想想" in message(lambda x: 8, mistakes=within_one, same=lambda got, want: abs(got - want) <= 1)
    assert "多了 1" in message(lambda x: 7, mistakes=within_one)


def test_a_comparison_that_breaks_means_different():
    assert "再想想" in message(lambda x: "六", same=lambda got, want: abs(got - want) < 1)


def test_three_dots_mean_unanswered():
    with pytest.raises(Unanswered):
        check_case(lambda x: ..., THREE)


def test_brief():
    assert brief("好" * 100, 10) == "'好好好好好好好好…"
    assert brief([1, 2]) == "[1, 2]"
