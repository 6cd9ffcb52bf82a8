"""比较：怎样算相同，错法按次序认，认不出的说应得到什么、现在得到什么"""
from helpers.exercises.comparing import (
    Case,
    Unanswered,
    Wrong,
    as_letter,
    as_letters,
    as_lists,
    as_number,
    brief,
    check_function,
    close_numbers,
    difference,
    is_nested,
    same_integers,
    same_values,
    shorter,
)
from helpers.exercises.running import Failed

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


@pytest.mark.parametrize("got", [[1, 0], (True, False), torch.tensor([1, 0]), torch.tensor([True, False])])
def test_integers_and_truths_are_integers(got):
    assert same_integers(got, [1, 0])


@pytest.mark.parametrize("got", [[1.0, 0.0], torch.tensor([1.0, 0.0]), numpy.ones(2), [1, 1]])
def test_floats_are_no_integers(got):
    assert not same_integers(got, [1, 0])


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
    assert message(lambda x: 7) == "应得到 4，现在得到 7；再想想\n这次的输入：x 是 2"
    assert message(lambda x: 4) == "应得到 6，现在得到 4；再想想\n这次的输入：x 是 3"


def test_the_first_mistake_that_fits_is_told():
    assert message(square_again) == "平方\n这次的输入：x 是 3"
    assert message(str) == "是文字\n这次的输入：x 是 2"
    assert message(abs) == "原样返回了\n这次的输入：x 是 2"


def test_a_slip_that_happens_to_be_right_is_not_told():
    slips = {one_too_many: "多了 1"}
    assert message(one_too_many, slips=slips) == "多了 1\n这次的输入：x 是 2"
    assert "再想想" in message(lambda x: 2 * x + 2, slips=slips, same=within_one)


def test_a_comparison_that_breaks_means_different():
    assert "现在得到 '六'；再想想" in message(lambda x: "六", forms={}, same=within_one)


def test_three_dots_mean_unanswered():
    with pytest.raises(Unanswered):
        check_function(lambda x: ..., [TWO], FORMS, SLIPS)


class Equal:
    """说自己等于任何东西"""
    __hash__ = None

    def __eq__(self, other):
        return True


class EqualList(list):
    __hash__ = None

    def __eq__(self, other):
        return True


@pytest.mark.parametrize("cheat", [Equal(), [Equal(), 2], EqualList([7]), [EqualList([7])]])
def test_what_says_it_equals_everything_does_not_pass(cheat):
    assert not same_values(cheat, [1, 2])
    assert not close_numbers(cheat, [1.0, 2.0])


def test_what_was_given_must_not_be_changed():
    def spoil(numbers):
        numbers.sort()
        return numbers

    said = message_of(spoil, Case(([2, 1],), [1, 2], "numbers 是 [2, 1]"))
    assert said.startswith("结果对了，可是传入的东西应保持原样，现在从 [2, 1] 变成了 [1, 2]")
    many = Case(({151_935, 43_959, 151_645},), 3, "")  # 集合复制一份，次序会变，没有改动
    check_function(len, [many], {}, {})
    assert "结果对了" in message_of(lambda ids: len(ids) + len(ids.clear() or ids), many)
    nan = torch.tensor([float("nan"), 1.0])
    check_function(lambda x: 1, [Case((nan,), 1, "")], {}, {})
    assert "结果对了" in message_of(lambda x: x.mul_(2).sum(), Case((torch.ones(2),), 4.0, ""))


def message_of(function, case) -> str:
    with pytest.raises(Wrong) as caught:
        check_function(function, [case], {}, {})
    return str(caught.value)


def test_decimals_are_shown_short_as_long_as_they_differ():
    assert shorter([1.2345678, 2], [1.5, 2]) == ([1.2346, 2], [1.5, 2])
    assert shorter(0.1 + 0.2, 0.3) == (0.1 + 0.2, 0.3)


def test_a_generator_is_no_list():
    with pytest.raises(Wrong, match="外面加 list"):
        check_function(lambda x: (i for i in x), [Case(([1, 2],), [1, 2], "x 是 [1, 2]")], {}, {})


def test_a_generator_inside_is_no_list_either():
    case = Case((), [[1, 2], [[3]]], "")
    assert "外面加 list" in message_of(lambda: (iter([1, 2]), [[3]]), case)
    assert "外面加 list" in message_of(lambda: ([1, 2], [map(int, "3")]), case)
    assert "外面加 list" not in message_of(lambda: ([1, 2], [[4]]), case)


def test_an_error_that_is_known_gets_its_cause():
    def divides(error, case):
        return isinstance(error, ZeroDivisionError) and case.inputs == (2,)

    errors = {divides: "分母不应是 0"}
    with pytest.raises(Failed, match="ZeroDivisionError(?s:.*)x 是 2\n想一想：分母不应是 0"):
        check_function(breaks, [TWO], {}, {}, errors=errors)
    with pytest.raises(Failed) as caught:
        check_function(breaks, [THREE], {}, {}, errors=errors)
    assert "想一想" not in str(caught.value)


def test_long_results_show_the_first_place_that_differs():
    want = list(range(100))
    got = [*range(50), 7, *range(51, 100)]
    assert difference(got, want) == (
        f"前 50 项都对（末尾是 {want[45:50]}），从下标 50 起不同：从这里起应是 {want[50:60]}，现在是 {got[50:60]}")
    assert difference(want[1:], want) == f"第一项就不同：应从 {want[:10]} 开始，现在从 {want[1:11]} 开始"
    assert difference("好" * 60 + "坏", "好" * 60) == "应有 60 个字符，现在有 61 个字符，多出来的从 '坏' 开始"
    assert difference("好" * 50, "好" * 50 + "坏") == "应有 51 个字符，现在有 50 个字符，少了 '坏' 和后面的"
    assert difference("坏" * 50, "好" * 50).startswith("第一个字符就不同")
    assert difference(bytes(60), bytes(50)).startswith("应有 50 个字节，现在有 60 个字节")
    rounded = [0.50001] * 50 + [3.0]
    assert difference(rounded, [0.5] * 50 + [2.0]).startswith("前 50 项都对")
    assert difference([1], [2]) == "应得到 [2]，现在得到 [1]"
    assert difference("好" * 60, want) == f"应得到 {brief(want)}，现在得到 {brief('好' * 60)}"


def test_what_is_long_inside_shows_the_place_that_differs():
    want = [[[1] * 900, [0] * 900], [[1] * 900]]
    got = [[[1] * 900, [0] * 500 + [7] * 400], [[1] * 900]]
    zeros = [0] * 5
    assert difference(got, want) == (
        f"在 [0][1] 里，前 500 项都对（末尾是 {zeros}），从下标 500 起不同："
        f"从这里起应是 {zeros * 2}，现在是 {[7] * 10}")
    assert difference(["好" * 99 + "坏"], ["好" * 99]).startswith("在 [0] 里，应有 99 个字符，现在有 100 个字符")
    assert "从下标 99 起不同" in difference(["好" * 99 + "坏"], ["好" * 99 + "吗"])


@pytest.mark.parametrize("before, after, says", [
    (list(range(900)), [*range(899), 7], "从下标 899 起，[899] 变成了 [7]"),
    (list(range(900)), list(range(901)), "从下标 900 起，[] 变成了 [900]"),
    ([[7], list(range(900))], [[7], [*range(898), 3, 4]], " [1] 里，从下标 898 起，[898, 899] 变成了 [3, 4]"),
    ([{"role": "user", "content": "好" * 99 + " "}], [{"role": "user", "content": "好" * 99}],
     " [0]['content'] 里，从下标 99 起，' ' 变成了 ''"),
    (dict.fromkeys(range(99), 0), dict.fromkeys(range(98), 0), "少了 1 项，多了 0 项"),
    (set(range(99)), set(range(2, 100)), "少了 2 项，多了 1 项"),
    ({key: "好" * 9 for key in range(99)}, {key: "坏" if key == 98 else "好" * 9 for key in range(99)},
     " [98] 里，从 '好好好好好好好好好' 变成了 '坏'"),
    ({2: 0}, {}, "从 {2: 0} 变成了 {}"),
])
def test_what_changed_past_the_excerpt_is_shown(before, after, says):
    def spoil(given):
        if isinstance(given, list):
            given[:] = after
        else:
            given.clear()
            given.update(after)
        return 1

    assert f"现在{says}；先复制一份" in message_of(spoil, Case((before,), 1, ""))


@pytest.mark.parametrize("answer, number", [(2, 2), (2.5, 2.5), (numpy.float32(2), 2), (torch.tensor(2), 2)])
def test_a_number_in_any_of_its_forms(answer, number):
    assert as_number(answer, "7") == number


@pytest.mark.parametrize("answer", ["2", True, [2], torch.ones(2), Equal()])
def test_what_is_no_number(answer):
    with pytest.raises(Wrong, match="答案应是一个数，例如 7"):
        as_number(answer, "7")


def test_a_letter():
    assert as_letter(" b ", "ABC") == "B"
    assert as_letter("选 D", "ABCD") == "D"
    assert as_letter("ｃ", "ABC") == "C"
    assert as_letter("（C）。", "ABC") == "C"
    for answer in ("D", "AB", ""):
        with pytest.raises(Wrong, match="应是 A、B、C 里的一个字母"):
            as_letter(answer, "ABC")
    with pytest.raises(Wrong, match="两边加引号"):
        as_letter(1, "ABC")


@pytest.mark.parametrize("answer", ["AC", "c a", "A、C", "ａ，ｃ", "A和C", ["a", "C"], {"A", "C"}, ("CA",), "AAC"])
def test_some_letters(answer):
    assert as_letters(answer, "ABCD", "BD") == {"A", "C"}


@pytest.mark.parametrize("answer, says", [
    ("", "至少有一个"), ([], "至少有一个"), ("AX", "A 到 D 里的"), ("A1", "A 到 D 里的"), ([1], "A 到 D 里的"),
    (3, "应是几个字母"), ({"A": 1}, "应是几个字母"), (Equal(), "应是几个字母"),
])
def test_what_is_not_letters(answer, says):
    with pytest.raises(Wrong, match=says):
        as_letters(answer, "ABCD", "BD")


def test_brief():
    assert brief("好" * 100, 10) == "'好好好好好好好好…"
    assert brief([1, 2]) == "[1, 2]"
