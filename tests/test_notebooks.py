"""笔记本的写法：编号连续、没有 pip 和机器路径、函数不重复定义、链接都通"""
import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.ipynb"))}
FORBIDDEN = {"pip": r"\bpip3? install", "sys.path": r"sys\.path", "import *": r"import \*",
             "机器路径": r"[A-Z]:\\\\Users|/home/\w+|/Users/\w+|/root/|/work/|/tmp/"}


def source(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def functions(notebook: dict) -> list[str]:
    return [node.name for cell in code_cells(notebook) for node in ast.walk(ast.parse(source(cell)))
            if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def test_there_are_notebooks():
    assert "02_quickstart.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_execution_counts(name):
    counts = [cell["execution_count"] for cell in code_cells(NOTEBOOKS[name])]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nothing_forbidden(name):
    for cell in code_cells(NOTEBOOKS[name]):
        text = source(cell) + json.dumps(cell["outputs"], ensure_ascii=False)
        assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_are_short_and_explained(name):
    cells = NOTEBOOKS[name]["cells"]
    assert source(cells[0]).startswith("# ") and "学完你能" in source(cells[0]) and "分钟" in source(cells[0])
    assert "## 小结" in source(cells[-1])
    assert all(len(source(cell).splitlines()) <= 15 for cell in code_cells(NOTEBOOKS[name]))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_resolve(name):
    text = "\n".join(source(cell) for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "markdown")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)]+)\)", text) if not t.startswith("http")]
    assert [t for t in targets if not (FOLDER / t).exists()] == []


def test_no_function_is_defined_twice():
    counts = Counter(name for notebook in NOTEBOOKS.values() for name in functions(notebook))
    assert [name for name, count in counts.items() if count > 1] == []
