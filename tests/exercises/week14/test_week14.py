"""第 14 周的练习放在一起：check 从不报错，检查得快，笔记本里的例子都是真的"""
import re
import subprocess
import sys
import time
from pathlib import Path

from helpers.exercises import week14

import pytest
import torch
from answers import cells
from safetensors.torch import save
from week14_solutions import name_of, solved

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "week14_exercises.ipynb"
EXERCISES = week14.sheet(None).exercises
NUMBERS = [exercise.number for exercise in EXERCISES]
FUNCTIONS = [number for number in NUMBERS if not name_of(number).startswith("answer_")]


class AlwaysEqual:
    """说自己等于一切"""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


STRANGE = [0, -1.5, "", "x", b"x", [], [[]], {}, (), object(), int, print, AlwaysEqual(), lambda *a: 1 / 0,
           lambda *a: exit(), lambda *a: object(), lambda *a: [[]], lambda *a: [[1, None], "x"], lambda *a: "",
           lambda *a: (None, None), lambda *a: -2, lambda *a: AlwaysEqual(), lambda *a: [AlwaysEqual()],
           lambda *a: torch.zeros(0)]


@pytest.mark.parametrize("number", NUMBERS)
def test_check_never_raises(sheet, number):
    assert sheet[number].check(...).mark == "○"
    assert sheet[number].check(None).mark == "✗"
    for answer in STRANGE:
        note = sheet[number].check(answer)
        assert note.mark == "✗", (answer, note)
        assert note.text


@pytest.mark.parametrize("number", FUNCTIONS)
def test_a_function_that_is_not_written_is_not_wrong(sheet, number):
    assert sheet[number].check(lambda *inputs: ...).mark == "○"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_passes_quickly(sheet, number):
    sheet[number].check(solved(number))  # 参照只算一次
    start = time.process_time()
    note = sheet[number].check(solved(number))
    assert time.process_time() - start < 3.0
    assert note.mark == ("✎" if sheet[number].open else "✓"), note


def test_the_sheet_can_be_built_without_a_tokenizer_and_without_torch():
    code = ("import sys; from helpers.exercises import week14; week14.sheet(None); "
            "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))")
    assert subprocess.run([sys.executable, "-c", code], cwd=NOTEBOOK.parent.parent).returncode == 0


# ---- 笔记本 ----

def statements() -> dict[int, str]:
    """题号 → 题目的文字"""
    found = {}
    for cell in cells(14):
        text = "".join(cell["source"])
        heading = re.match(r"## 练习 (\d+)　", text)
        if heading:
            found[int(heading[1])] = text
    return found


EXAMPLE = re.compile(r"`(\w+\([^`]*\))` 得到 `([^`]+)`")
GIVEN = re.compile(r"`(\w+ = [^`.]*)`")


@pytest.mark.parametrize("number", [number for number in FUNCTIONS if number <= 10])
def test_the_examples_in_the_statement_are_true(tokenizer, number):
    text = statements()[number]
    space = {"tokenizer": tokenizer, "save": save, "torch": torch, name_of(number): solved(number)}
    examples = EXAMPLE.findall(text)
    assert examples
    for given in GIVEN.findall(text.replace("torch.zeros", "torch zeros")):
        exec(given.replace("torch zeros", "torch.zeros"), space)
    for call, shown in examples:
        assert repr(eval(call, space)) == shown


def test_the_table_of_texts():
    for letter, text in week14.TEXTS.items():
        assert f"| {letter} | {text} | {len(text)} |" in statements()[3]


def test_the_opening_says_what_holds_for_all():
    opening = "".join(cells(14)[0]["source"])
    for word in ["不能改动传入的东西", "[*]", "■", "重启内核", "○", "✗", "✓", "✎"]:
        assert word in opening
