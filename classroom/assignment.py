"""练习笔记本是什么样的：哪一格准备，每题的答案叫什么；也把它标成 nbgrader 的作业

改了练习以后运行：python classroom/assignment.py（改的是笔记本的元数据，内容不动）
自己用 nbgrader 的老师靠这些元数据；grade.py 不用它们，照 sheet[题号].check(…) 认题
"""
import importlib
import re
from functools import cache
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WEEKS = (14, 15)
CHECK = re.compile(r"^sheet\[(\d+)\]\.check\((\w*)", re.M)


def sheet(week: int):
    """一周的练习（只看题号和分数，不运行检查，所以不用分词器和模型）"""
    module = importlib.import_module(f"helpers.exercises.week{week}")
    if week == 14:
        return module.sheet(None)
    return module.sheet(None, None)


def path(week: int) -> Path:
    """一周的练习笔记本"""
    return NOTEBOOKS / f"week{week}_exercises.ipynb"


@cache
def code_cells(week: int) -> tuple[str, ...]:
    """练习笔记本里各格代码；每个学生都要用，只读一次"""
    notebook = nbformat.read(path(week), as_version=4)
    return tuple(cell.source for cell in notebook.cells if cell.cell_type == "code")


def setup(week: int) -> str:
    """准备的一格：加载分词器、模型和练习"""
    return code_cells(week)[0]


def answer_names(week: int) -> dict[int, str]:
    """题号 → 答案的名字。例: answer_names(14)[2] -> "count_tokens" """
    text = "\n".join(code_cells(week))
    return {int(number): name for number, name in CHECK.findall(text)}


def metadata(kind: str, number: int, points: int | None = None) -> dict:
    """一格的 nbgrader 元数据；kind: answer 答题、check 检查、open 开放题的答题、readonly 只读"""
    name = "answer" if kind == "open" else kind
    data = {"grade_id": f"{name}-{number}", "schema_version": 3, "task": False}
    data["grade"] = kind in ("check", "open")
    data["solution"] = kind in ("answer", "open")
    data["locked"] = kind in ("check", "readonly")
    if data["grade"]:
        data["points"] = points
    return data


def mark(notebook, exercises) -> None:
    """给每道题的答题格和检查格写上元数据；检查格前面的一格代码就是答题格"""
    found = []
    previous = None
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        match = CHECK.search(cell.source)
        if match:
            exercise = exercises[int(match[1])]
            mark_pair(previous, cell, exercise)
            found.append(exercise.number)
        previous = cell
    if found != [exercise.number for exercise in exercises.exercises]:
        raise ValueError(f"每道题应有一格 sheet[题号].check(...)，现在有 {found}；补齐再试")


def mark_pair(answer, check, exercise) -> None:
    """一道题的两格：开放题的分数在答题格上，别的在检查格上"""
    kinds = ("open", "readonly") if exercise.open else ("answer", "check")
    for cell, kind in zip((answer, check), kinds, strict=True):
        cell.metadata["nbgrader"] = metadata(kind, exercise.number, exercise.points)


def main() -> None:
    """标好两本笔记本"""
    for week in WEEKS:
        notebook = nbformat.read(path(week), as_version=4)
        mark(notebook, sheet(week))
        text = nbformat.writes(notebook, indent=1) + "\n"
        path(week).write_text(text, encoding="utf-8", newline="\n")
        print(f"标好了 {path(week).name}")


if __name__ == "__main__":
    main()
