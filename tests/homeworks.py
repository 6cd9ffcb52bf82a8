"""评分的测试共用的作业：全对的、空白的，和几十种古怪的"""
import json
from pathlib import Path

from helpers.exercises import week14

import assignment
import nbformat


def answer(notebook, number: int, source: str) -> None:
    """把第 number 题的答题格换成 source"""
    name = f"answer-{number}"
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name]
    cell.source = source


def blank():
    """没有作答的练习"""
    return nbformat.read(assignment.path(14), as_version=4)


def solved():
    """全对的练习"""
    notebook = blank()
    for exercise in week14.sheet(None).exercises:
        answer(notebook, exercise.number, exercise.code)
    return notebook


def with_answer(number: int, source: str):
    """别的全对，第 number 题写 source"""
    notebook = solved()
    answer(notebook, number, source)
    return notebook


def only(number: int, source: str):
    """别的空着，第 number 题写 source"""
    notebook = blank()
    answer(notebook, number, source)
    return notebook


def count_tokens(body: str) -> str:
    """第 2 题的函数，里面是 body"""
    return f"def count_tokens(tokenizer, text):\n    {body}"


def before(notebook, source: str):
    """准备格后面加一格"""
    at = [cell.cell_type for cell in notebook.cells].index("code") + 1
    notebook.cells.insert(at, nbformat.v4.new_code_cell(source))
    return notebook


def changed(**changes):
    """全对的，笔记本最外面的几样换掉"""
    content = json.loads(nbformat.writes(solved()))
    return json.dumps(content | changes)


def old_format() -> str:
    """第 3 版的笔记本"""
    content = json.loads(nbformat.writes(solved()))
    cells = []
    for cell in content["cells"]:
        cells.append({"cell_type": cell["cell_type"], "input": cell["source"], "outputs": [], "language": "python"})
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]})


def without_metadata():
    """用别的软件存过，格的元数据没有了"""
    notebook = solved()
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


def without_checks():
    """检查格全删了"""
    notebook = solved()
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith("sheet[")]
    return notebook


def null_metadata() -> str:
    """元数据是 null，格的也是"""
    content = json.loads(nbformat.writes(solved()))
    content["metadata"] = None
    for cell in content["cells"]:
        cell["metadata"] = None
    return json.dumps(content)


def lone_surrogate() -> str:
    """第 2 题的注释里有单独的代理字符"""
    text = nbformat.writes(with_answer(2, count_tokens("return len(tokenizer(text).input_ids)  # 替换")))
    return text.replace("替换", "\\ud800")


def put(root: Path, place: str, homework) -> Path:
    """写一份作业：笔记本，或者一段文字"""
    file = root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    text = homework if isinstance(homework, str) else nbformat.writes(homework)
    file.write_text(text, encoding="utf-8")
    return file
