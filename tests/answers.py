"""练习的测试共用：对的答案应过，错的应不过、说出该说的；题目写了什么；题目里给的代码变成函数"""
import json
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def accepted(exercise, answer):
    """answer 应是对的，返回反馈"""
    note = exercise.check(answer)
    assert note.mark == "✓", note
    return note


def refused(exercise, answer, says: str):
    """answer 应是错的，而且说到 says，返回反馈"""
    note = exercise.check(answer)
    assert note.mark == "✗", note
    assert says in note.text, note
    return note


def named(source: str, name: str, **given):
    """运行 source，取出里面的 name；given: 它要用到的别的名字"""
    space = dict(given)
    exec(source, space)
    return space[name]


def with_replaced(source: str, places: dict[str, str], changes: dict[str, str]) -> str:
    """source 换掉几处；places: 名称 → 原来的代码，changes: 名称 → 新的代码"""
    for name, new in changes.items():
        old = places[name]
        assert old in source
        source = source.replace(old, new)
    return source


def cells(week: int) -> list[dict]:
    """一周的笔记本的各格"""
    return json.loads((NOTEBOOKS / f"week{week}_exercises.ipynb").read_text(encoding="utf-8"))["cells"]


def sources(week: int) -> list[str]:
    """各格里的文字或代码"""
    return ["".join(cell["source"]) for cell in cells(week)]


def statement(week: int) -> str:
    """一周的笔记本里全部的文字和代码"""
    return "\n".join(sources(week))
