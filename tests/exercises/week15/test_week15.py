"""第 15 周的练习放在一起：check 从不报错，提示和参考答案都有，换一个模型也行，笔记本和它们一致"""
import json
from pathlib import Path

from helpers.exercises import week15
from helpers.fast.standin import SMALL, make

import pytest
import torch
from transformers import AutoModelForCausalLM
from week15_solutions import NAMES, solved

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "week15_exercises.ipynb"
FUNCTIONS = [2, 4, 5, 6, 7, 8]


def breaks(*inputs):
    raise SystemExit("走了")


def without_inputs():
    return 1


def gives(value):
    """不管输入是什么，都给出 value 的函数"""
    return lambda *inputs: value


STRANGE = [3, -1.5, "好", [], {}, object(), breaks, without_inputs, gives(None), gives("好"), gives([None]),
           gives(torch.zeros(0)), gives(float("nan")), gives(object())]


@pytest.mark.parametrize("number", range(1, 11))
def test_check_never_raises(sheet, number):
    assert sheet[number].check(...).mark == "○"
    assert sheet[number].check(None).mark == "○"
    for answer in STRANGE:
        assert sheet[number].check(answer).mark == "✗"


@pytest.mark.parametrize("number", FUNCTIONS)
def test_not_a_function_is_said_so(sheet, number):
    assert "应是一个函数" in sheet[number].check([1, 2]).text


@pytest.mark.parametrize("number", range(1, 11))
def test_hints_and_solutions(tokenizer, model, number):
    exercise = week15.sheet(tokenizer, model)[number]
    assert len(exercise.hints) == 2
    assert all(len(hint) > 5 for hint in exercise.hints)
    exercise.hint()
    assert "提示 2" in exercise.hint().text
    assert NAMES[number - 1] in exercise.solution().text


def test_a_hundred_points_and_one_open_exercise(sheet):
    assert sum(exercise.points for exercise in sheet.exercises) == 100
    assert [exercise.number for exercise in sheet.exercises if exercise.open] == [10]


def test_another_model_is_fine_too(tmp_path, tokenizer):
    other = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype=torch.float32)
    sheet = week15.sheet(tokenizer, other)
    marks = [sheet[number].check(solved(number)).mark for number in range(1, 11)]
    assert marks == ["✓"] * 9 + ["✎"]


def test_the_notebook_names_every_exercise(sheet):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    for exercise, name in zip(sheet.exercises, NAMES, strict=True):
        heading = f"## 练习 {exercise.number}　{exercise.title}（{exercise.points} 分，课文 {exercise.section}"
        assert heading in text
        assert f"sheet[{exercise.number}].check({name})" in text


def test_the_notebook_is_not_answered():
    notes = []
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            notes.append("".join(output["data"]["text/plain"]))
    assert len(notes) == 11
    assert all(note.startswith("○") for note in notes)
