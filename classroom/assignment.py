"""把练习笔记本标成 nbgrader 的作业：答题格可以改，检查格锁住并带分数，开放题留给老师评

改了练习以后运行：python classroom/assignment.py（需要 [teach]；改的是笔记本的元数据，内容不动）
"""
import importlib
import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WEEKS = (14, 15)
CHECK = re.compile(r"^sheet\[(\d+)\]\.check\(", re.M)


def sheet(week: int):
    """一周的练习（只看题号和分数，不运行检查，所以不用分词器和模型）"""
    module = importlib.import_module(f"helpers.exercises.week{week}")
    return module.sheet(None) if week == 14 else module.sheet(None, None)


def metadata(kind: str, number: int, points: int | None = None) -> dict:
    """一格的 nbgrader 元数据；kind: answer 答题、check 检查、open 开放题的答题、readonly 只读"""
    data = {"grade_id": f"{'answer' if kind == 'open' else kind}-{number}", "schema_version": 3, "task": False,
            "grade": kind in ("check", "open"), "solution": kind in ("answer", "open"),
            "locked": kind in ("check", "readonly")}
    return data | ({"points": points} if data["grade"] else {})


def mark(notebook, exercises) -> None:
    """给每道题的答题格和检查格写上元数据；检查格前面的一格代码就是答题格"""
    previous, found = None, []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        match = CHECK.search(cell.source)
        if match:
            exercise = exercises[int(match[1])]
            found.append(exercise.number)
            kinds = ("open", "readonly") if exercise.open else ("answer", "check")
            previous.metadata["nbgrader"] = metadata(kinds[0], exercise.number, exercise.points)
            cell.metadata["nbgrader"] = metadata(kinds[1], exercise.number, exercise.points)
        previous = cell
    if found != [exercise.number for exercise in exercises.exercises]:
        raise ValueError(f"每道题应有一格 sheet[题号].check(...)，现在有 {found}；补齐再试")


def path(week: int) -> Path:
    """一周的练习笔记本"""
    return NOTEBOOKS / f"week{week}_exercises.ipynb"


def main() -> None:
    """标好两本笔记本"""
    for week in WEEKS:
        notebook = nbformat.read(path(week), as_version=4)
        mark(notebook, sheet(week))
        path(week).write_text(nbformat.writes(notebook, indent=1) + "\n", encoding="utf-8", newline="\n")
        print(f"标好了 {path(week).name}")


if __name__ == "__main__":
    main()
