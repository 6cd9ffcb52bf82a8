"""第 15 周的练习放在一起：check 从不报错，提示和参考答案都有，换一个模型也行，笔记本和它们一致"""
import gc
import weakref

from helpers.exercises import week15
from helpers.exercises.week15.forward import forward_seconds
from helpers.fast.standin import SMALL, make

import pytest
import torch
from answers import cells, statement
from transformers import AutoModelForCausalLM, AutoTokenizer
from week15_solutions import name_of, solved

EXERCISES = week15.sheet(None, None).exercises
NUMBERS = [exercise.number for exercise in EXERCISES]
FUNCTIONS = [number for number in NUMBERS if not name_of(number).startswith("answer_")]


def breaks(*inputs):
    raise SystemExit("走了")


def without_inputs():
    return 1


def gives(value):
    """不管输入是什么，都给出 value 的函数"""
    return lambda *inputs: value


STRANGE = [3, -1.5, "好", [], {}, object(), breaks, without_inputs, gives(None), gives("好"), gives([None]),
           gives(torch.zeros(0)), gives(float("nan")), gives(object())]


@pytest.mark.parametrize("number", NUMBERS)
def test_check_never_raises(sheet, number):
    assert sheet[number].check(...).mark == "○"
    assert sheet[number].check(None).mark == "✗"
    for answer in STRANGE:
        assert sheet[number].check(answer).mark == "✗"


@pytest.mark.parametrize("number", FUNCTIONS)
def test_not_a_function_is_said_so(sheet, number):
    assert "应是一个函数" in sheet[number].check([1, 2]).text


@pytest.mark.parametrize("number", FUNCTIONS)
def test_a_function_that_is_not_written_is_not_wrong(sheet, number):
    assert sheet[number].check(gives(...)).mark == "○"


@pytest.mark.parametrize("number", NUMBERS)
def test_hints_and_solutions(tokenizer, model, number):
    exercise = week15.sheet(tokenizer, model)[number]
    assert len(exercise.hints) == 2
    assert all(len(hint) > 5 for hint in exercise.hints)
    exercise.hint()
    assert "提示 2" in exercise.hint().text
    exercise.solution()  # 没有试过的，先问一句
    assert name_of(number) in exercise.solution().text


@pytest.mark.parametrize("number", NUMBERS)
def test_something_is_said_after_the_right_answer(number):
    exercise = EXERCISES[number - 1]
    assert len(exercise.why) > 10
    assert len(exercise.harder) > 10
    assert exercise.stars in (1, 2, 3)


def test_a_hundred_points_and_one_open_exercise(sheet):
    assert sum(exercise.points for exercise in sheet.exercises) == 100
    assert [exercise.number for exercise in sheet.exercises if exercise.open] == [10]
    assert [exercise.number for exercise in sheet.exercises if not exercise.optional] == list(range(1, 11))


def test_another_model_is_fine_too(tmp_path, tokenizer):
    other = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype=torch.float32)
    sheet = week15.sheet(tokenizer, other)
    for exercise in sheet.exercises:
        note = exercise.check(solved(exercise.number))
        assert note.mark == ("✎" if exercise.open else "✓"), note.text


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["qwen3", "llama"])
def test_the_solutions_are_right_with_another_architecture(kind, request):
    """Llama 的分词器在每段文字前面加一个词元：模板里已经有的，不能再加"""
    folder = request.getfixturevalue(f"{kind}_folder")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    sheet = week15.sheet(tokenizer, model)
    for exercise in sheet.exercises:
        note = exercise.check(solved(exercise.number))
        assert note.mark == ("✎" if exercise.open else "✓"), note.text


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notebook_asks_every_exercise(number):
    text = statement(15)
    assert EXERCISES[number - 1].heading in text
    assert f"sheet[{number}].check({name_of(number)})" in text


def test_the_minutes_add_up():
    required = sum(exercise.minutes for exercise in EXERCISES if not exercise.optional)
    assert f"**时间**：{required} 分钟" in "".join(cells(15)[0]["source"])


def test_the_notebook_is_not_answered():
    notes = []
    for cell in cells(15):
        for output in cell.get("outputs", []):
            notes.append("".join(output["data"]["text/plain"]))
    assert len(notes) == len(EXERCISES) + 1
    assert all(note.startswith("○") for note in notes)


def test_a_model_that_nobody_uses_is_let_go(tmp_path):
    model = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL))
    assert forward_seconds(model) == forward_seconds(model)
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None
