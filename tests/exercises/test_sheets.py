"""两张练习：笔记本的标题、检查格、分数和代码里的一样；十道题 100 分，分钟加得起来，一题也没有作答"""
import importlib
import re

import pytest
from answers import cells

WEEKS = (14, 15)
CLASS_MINUTES = 90


def exercises(week: int) -> list:
    """一周的练习（只看题目，不用分词器和模型）"""
    module = importlib.import_module(f"helpers.exercises.week{week}")
    needs = (None,) if week == 14 else (None, None)
    return module.sheet(*needs).exercises


def source(cell: dict) -> str:
    return "".join(cell["source"])


def marked(cell: dict) -> dict:
    """nbgrader 的元数据"""
    return cell["metadata"].get("nbgrader", {})


@pytest.mark.parametrize("week", WEEKS)
def test_ten_exercises_a_hundred_points_and_one_is_open(week):
    required = [exercise for exercise in exercises(week) if not exercise.optional]
    assert [exercise.number for exercise in required] == list(range(1, 11))
    assert sum(exercise.points for exercise in required) == 100
    assert [exercise.number for exercise in required if exercise.open] == [10]


@pytest.mark.parametrize("week", WEEKS)
def test_the_headings_are_the_exercises(week):
    headings = [source(cell).split("\n")[0] for cell in cells(week) if source(cell).startswith("## 练习 ")]
    assert headings == [exercise.heading for exercise in exercises(week)]


@pytest.mark.parametrize("week", WEEKS)
def test_every_exercise_has_its_cells_in_order(week):
    code = [cell for cell in cells(week) if cell["cell_type"] == "code"]
    for exercise in exercises(week):
        (at,) = [at for at, cell in enumerate(code) if source(cell).startswith(f"sheet[{exercise.number}].check(")]
        name = re.search(r"check\((\w+)\)", source(code[at]))[1]
        assert name in source(code[at - 1])
        assert name in exercise.code
        assert marked(code[at - 1])["grade_id"] == f"answer-{exercise.number}"
        graded = code[at - 1] if exercise.open else code[at]
        assert marked(graded)["points"] == exercise.points


@pytest.mark.parametrize("week", WEEKS)
def test_help_and_what_is_said_after_the_right_answer(week):
    for exercise in exercises(week):
        assert len(exercise.hints) == 2
        assert all(len(hint) > 10 for hint in exercise.hints)
        assert exercise.stars in (1, 2, 3)
        assert exercise.open or len(exercise.why) > 20
        assert exercise.open or len(exercise.harder) > 10


@pytest.mark.parametrize("week", WEEKS)
def test_the_minutes_are_honest_and_fit_a_class(week):
    required = sum(exercise.minutes for exercise in exercises(week) if not exercise.optional)
    assert f"**时间**：{required} 分钟" in source(cells(week)[0])
    assert required <= CLASS_MINUTES


@pytest.mark.parametrize("week", WEEKS)
def test_nothing_is_answered(week):
    shown = []
    for cell in cells(week):
        if source(cell).startswith("sheet"):
            shown += ["".join(output["data"]["text/plain"]) for output in cell.get("outputs", [])]
    assert len(shown) == len(exercises(week)) + 1
    assert all(note.startswith("○") for note in shown)
