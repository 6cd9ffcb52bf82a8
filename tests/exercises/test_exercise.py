"""练习的核心：没作答、不对、出错各有自己的话，check 从不报错"""
from helpers.exercises.comparing import Case, Wrong, check_function
from helpers.exercises.exercise import Exercise, Note, Sheet

import pytest
import torch


def square(x):
    return x * x


def double(**keywords) -> Exercise:
    def test(answer):
        check_function(answer, [Case((3,), 6, "x 是 3")], {}, {square: "这是平方，题目要的是两倍"})

    return Exercise("两倍", "00 第 1 节", 10, test, ("想想乘法", "x * 2"), "x * 2", **keywords)


def three() -> Sheet:
    return Sheet([double(), double(), double()])


def stub(x):
    """返回两倍"""
    return ...


@pytest.mark.parametrize("answer, says", [(..., "三个点"), (stub, "写完函数里的代码")])
def test_unanswered_is_not_wrong(answer, says):
    note = double().check(answer)
    assert note.mark == "○"
    assert says in note.text


def test_check_without_an_answer():
    assert double().check().mark == "○"


def test_none_is_a_value_that_print_returned():
    note = double().check(print())
    assert note.mark == "✗"
    assert "print(…) 只显示" in note.text


def test_after_the_right_answer_something_is_learned():
    exercise = double(why="乘 2 就是左移一位。", harder="乘 3 呢？")
    assert exercise.check(lambda x: x + x) == Note(
        "✓", "对了！\n\n乘 2 就是左移一位。\n\n和你的比一比，这是一种写法：\nx * 2\n\n再难一点：乘 3 呢？")
    assert double().check(lambda x: x + x).text == "对了！\n\n和你的比一比，这是一种写法：\nx * 2"


def test_wrong():
    assert "应得到 6，现在得到 7" in double().check(lambda x: 7).text
    assert "这是平方" in double().check(lambda x: x ** 2).text


@pytest.mark.parametrize("answer, says", [
    (5, "应是一个函数"), ("x * 2", "应是一个函数"), (lambda x: 1 / 0, "ZeroDivisionError"),
    (lambda: 1, "TypeError"), (lambda x: None, "忘了 return"), (lambda x: exit(), "SystemExit"),
    (lambda x: torch.ones(2), "应得到 6")])
def test_every_bad_answer_gets_a_sentence(answer, says):
    note = double().check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_a_check_that_breaks_does_not_raise():
    broken = Exercise("", "", 1, lambda answer: answer.nothing, ("", ""), "")
    assert broken.check(3).mark == "✗"
    assert "AttributeError" in broken.check(3).text


def test_hints_come_one_at_a_time():
    exercise = double()
    assert exercise.hint().text == "提示 1：想想乘法"
    assert exercise.hint().text == "提示 1：想想乘法\n提示 2：x * 2"
    assert exercise.hint().text == "提示 1：想想乘法\n提示 2：x * 2"
    assert exercise.hints_shown == 2


def test_the_solution_before_any_attempt_asks_once():
    exercise = double()
    assert "还没有试过" in exercise.solution().text
    assert not exercise.solution_shown
    assert exercise.solution().text == "x * 2"
    assert exercise.solution_shown


def test_the_solution_after_an_attempt_comes_at_once():
    exercise = double()
    exercise.check(stub)
    assert "还没有试过" in exercise.solution().text
    exercise = double()
    exercise.check(lambda x: x)
    assert exercise.solution().text == "x * 2"


def test_progress():
    sheet = three()
    sheet[1].check(lambda x: 2 * x)
    sheet[2].check(lambda x: x)
    assert repr(sheet.progress()) == "○ 1/3，还没作答：3，再想想：2"
    for number in (2, 3):
        sheet[number].check(lambda x: 2 * x)
    assert repr(sheet.progress()) == "✓ 3/3"


def test_progress_says_how_much_was_helped():
    sheet = three()
    sheet[1].hint()
    sheet[1].hint()
    sheet[1].hint()
    sheet[2].hint()
    sheet[2].solution()
    assert repr(sheet.progress()) == "○ 0/3，还没作答：1、2、3；看过提示 3 级，参考答案 0 份"
    sheet[2].solution()
    assert sheet.progress().text.endswith("；看过提示 3 级，参考答案 1 份")


def test_optional_exercises_count_apart():
    sheet = three()
    sheet[3].points = 0
    assert repr(sheet.progress()) == "○ 0/2，还没作答：1、2；选做 0/1"
    for number in (1, 2, 3):
        sheet[number].check(lambda x: 2 * x)
    assert repr(sheet.progress()) == "✓ 2/2；选做 1/1"


def test_the_heading_says_worth_difficulty_and_time():
    sheet = three()
    assert sheet[2].heading == "## 练习 2　两倍（10 分，●○○，5 分钟，课文 00 第 1 节）"
    sheet[2].points, sheet[2].stars, sheet[2].minutes = 0, 3, 12
    assert sheet[2].heading == "## 练习 2　两倍（选做，●●●，12 分钟，课文 00 第 1 节）"


@pytest.mark.parametrize("number", [0, 4, "1", None, -1])
def test_numbers_out_of_range(number):
    with pytest.raises(IndexError, match="1 到 3 之间"):
        three()[number]


def test_the_sheet_numbers_its_exercises_from_one():
    sheet = three()
    assert [exercise.number for exercise in sheet.exercises] == [1, 2, 3]
    assert "练习 3 还没作答" in sheet[3].check().text


def test_an_open_exercise_is_handed_in_not_marked():
    assert double(open=True).check(lambda x: 2 * x) == Note("✎", "已经交了，由老师评")


def test_an_open_exercise_gives_advice():
    exercise = Exercise("", "", 1, lambda answer: "写得再具体些", ("", ""), "", open=True)
    assert exercise.check("报告") == Note("✎", "已经交了，由老师评。可以再想想：\n写得再具体些")


def test_grading_raises_so_that_points_can_be_given(monkeypatch):
    monkeypatch.setattr("helpers.exercises.exercise.GRADING", True)
    monkeypatch.setenv("COURSE_GRADING", "0")  # 作业里改它，没有用
    double().check(lambda x: 2 * x)
    for answer in (..., stub, lambda x: x):
        with pytest.raises(AssertionError, match="练习 1"):
            double().check(answer)


def test_feedback_as_html_is_escaped():
    html = Note("✗", "<b>\n  二")._repr_html_()
    assert "<b>" not in html
    assert "\n  二" in html
    assert "pre-wrap" in html
    assert "✗" in html


def test_wrong_is_shown():
    def test(answer):
        raise Wrong("第 1 组：应是正数，现在是负数；取绝对值")

    assert Exercise("", "", 1, test, ("", ""), "").check(-1).text == "第 1 组：应是正数，现在是负数；取绝对值"
