"""练习笔记本也是 nbgrader 的作业：每格的元数据对，分数对，检查格锁住；各题的答案叫什么"""
import copy

import assignment
import nbformat
import pytest


@pytest.mark.parametrize("week", assignment.WEEKS)
def test_the_notebooks_are_assignments(week):
    notebook = nbformat.read(assignment.path(week), as_version=4)
    again = copy.deepcopy(notebook)
    exercises = assignment.sheet(week)
    assignment.mark(again, exercises)
    assert again == notebook  # 忘了运行 python classroom/assignment.py 就会不同
    marked = [cell.metadata["nbgrader"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sum(data.get("points", 0) for data in marked) == sum(e.points for e in exercises.exercises) == 100
    assert len({data["grade_id"] for data in marked}) == len(marked) == 2 * len(exercises)
    assert all(data["locked"] for data in marked if data["grade_id"].startswith("check"))


def test_an_optional_exercise_is_marked_with_no_points():
    notebook = nbformat.read(assignment.path(14), as_version=4)
    points = {}
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade"):
            points[int(data["grade_id"].split("-")[1])] = data["points"]
    for exercise in assignment.sheet(14).exercises:
        assert points[exercise.number] == exercise.points
        assert exercise.optional == (exercise.points == 0)


@pytest.mark.parametrize("week", assignment.WEEKS)
def test_every_answer_has_a_name(week):
    names = assignment.answer_names(week)
    assert list(names) == [exercise.number for exercise in assignment.sheet(week).exercises]
    assert all(name.isidentifier() for name in names.values())
    assert "sheet = " in assignment.setup(week)


def test_a_check_that_is_missing():
    notebook = nbformat.read(assignment.path(14), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.source != "sheet[3].check(answer_3)"]
    with pytest.raises(ValueError, match="每道题应有一格"):
        assignment.mark(notebook, assignment.sheet(14))
