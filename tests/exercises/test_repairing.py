"""认出没有改过的代码：注释、空行、说明不变就是没有改；改一个字就是改了"""
from helpers.exercises.comparing import Unanswered
from helpers.exercises.repairing import expect_changes, is_unchanged

import pytest

BROKEN = '''def twice(x: int) -> int:
    """x 的两倍"""
    return [x * 3 for _ in range(1)]
'''


def defined(source: str):
    space = {}
    exec(source, space)
    return space["twice"]


SAME = [
    BROKEN,
    "# 我的答案\n\n" + BROKEN,
    BROKEN.replace("    return", "\n    # 这一行错在哪里？\n    return"),
    BROKEN.replace("(x: int) -> int", "(x)"),
]
CHANGED = [
    BROKEN.replace("3", "2"),
    BROKEN.replace("3", "3.0"),
    BROKEN.replace("range(1)", "range(True)"),
    BROKEN.replace("x * 3", "x + 3"),
    BROKEN.replace("range", "list"),
    BROKEN.replace("(x: int)", "(y: int)").replace("x * 3", "y * 3"),
]


@pytest.mark.parametrize("source", SAME)
def test_the_same_code(source):
    assert is_unchanged(defined(source), BROKEN)
    with pytest.raises(Unanswered, match="还是题目给的代码"):
        expect_changes(defined(source), BROKEN)


@pytest.mark.parametrize("source", CHANGED)
def test_changed_code(source):
    assert not is_unchanged(defined(source), BROKEN)
    expect_changes(defined(source), BROKEN)


@pytest.mark.parametrize("answer", [3, "twice", None, print, str.upper])
def test_what_has_no_code_is_left_to_others(answer):
    assert not is_unchanged(answer, BROKEN)


IMPORTING = """import torch


def twice(x: int):
    return torch.zeros(x + 1)
"""


@pytest.mark.parametrize("together", [True, False])
def test_a_notebook_compiles_one_statement_at_a_time(together):
    space = {}
    if together:
        exec(IMPORTING, space)
    else:
        for statement in IMPORTING.split("\n\n\n"):
            exec(statement, space)
    assert is_unchanged(space["twice"], IMPORTING)
    assert not is_unchanged(space["twice"], IMPORTING.replace("+ 1", "+ 2"))
