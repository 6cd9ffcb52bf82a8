"""笔记本的写法：编号连续、没有 pip 和机器路径、函数不重复定义、链接都通"""
import ast
import json
import re
from collections import Counter
from itertools import pairwise
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


LESSONS = ["01_setup.ipynb", "02_quickstart.ipynb", "03_tokenization.ipynb", "04_model_loading.ipynb",
           "05_next_token.ipynb", "06_writing.ipynb", "07_pipeline.ipynb", "08_speed.ipynb", "09_faq.ipynb",
           "10_inside.ipynb"]


def test_the_lessons_are_there_and_on_the_map():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    assert set(LESSONS) <= set(NOTEBOOKS)
    assert [name for name in NOTEBOOKS if f"](notebooks/{name})" not in readme] == []


@pytest.mark.parametrize("before, after", list(pairwise(LESSONS)))
def test_lessons_are_linked_both_ways(before, after):
    assert f"]({after})" in source(NOTEBOOKS[before]["cells"][-1])
    assert f"]({before})" in source(NOTEBOOKS[after]["cells"][-1])


def test_at_most_a_tenth_of_the_cells_ignore_their_output():
    tags = [tag for notebook in NOTEBOOKS.values() for cell in code_cells(notebook)
            for tag in cell["metadata"].get("tags", [])]
    total = sum(len(code_cells(notebook)) for notebook in NOTEBOOKS.values())
    assert set(tags) <= {"nbval-ignore-output"}
    assert len(tags) <= total / 10


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
def test_widgets_leave_only_their_picture(name):
    notebook = NOTEBOOKS[name]
    kinds = {kind for cell in code_cells(notebook) for output in cell["outputs"] for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds and "widgets" not in notebook["metadata"]


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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_helpers_comes_before_torch(name):
    """helpers 要在 torch 之前导入：它设的环境变量，torch 在导入时读"""
    lines = "\n".join(source(cell) for cell in code_cells(NOTEBOOKS[name])).splitlines()
    imported = [line.split()[1].split(".")[0] for line in lines if re.match(r"\s*(from|import) \w", line)]
    heavy = [imported.index(one) for one in ("torch", "transformers", "modelscope") if one in imported]
    assert "helpers" in imported
    assert imported.index("helpers") < min(heavy, default=len(imported))
