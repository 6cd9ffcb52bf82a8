"""版本只写在 pyproject.toml 里，代码合 ruff 的规矩"""
import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HELPERS = ROOT / "helpers"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COURSE = {"modelscope", "transformers", "accelerate", "torch", "jupyterlab", "ipywidgets", "anywidget", "matplotlib",
          "nbval"}


def test_the_nine_packages_are_pinned_exactly():
    assert {re.split("[=<>]", line)[0] for line in PROJECT["dependencies"]} == COURSE
    assert all(re.fullmatch(r"[a-z]+==[\d.]+", line) for line in PROJECT["dependencies"])


def test_conda_gets_the_same_and_repeats_no_version():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-e ." in text
    assert not any(name in text for name in COURSE)
    assert re.findall(r"[=<>]+ ?[\d.]+", text) == [PROJECT["requires-python"]]


def test_ruff():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "."]  # 只能读的文件夹里也查得了
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def tree_names() -> set[str]:
    """README 里那棵树列出的 helpers 的文件，写成相对的路径；房间没有列出文件的只有房间自己"""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text.split("```\nhelpers/\n")[1].split("tests/ ")[0]
    room = ""
    found = set()
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith("    "):
            room = name if name.endswith("/") else ""
            found.add(name)
        else:
            found.add(room + name)
    return found


def test_the_tree_in_the_readme_is_the_tree():
    listed = tree_names()
    top = {path.name for path in HELPERS.glob("*.py")} - {"__init__.py"}
    assert {name for name in listed if "/" not in name} == top
    rooms = {f"{path.name}/" for path in HELPERS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for name in listed if name.count("/") == 1 and name.endswith("/")} == rooms
    for room in ("download", "exercises", "widgets"):
        files = {f"{room}/{path.name}" for path in (HELPERS / room).glob("*.py")} - {f"{room}/__init__.py"}
        assert {name for name in listed if name.startswith(f"{room}/") and name.endswith(".py")} == files


def test_the_top_level_stays_small_and_is_what_a_lesson_meets():
    top = [path.stem for path in HELPERS.glob("*.py") if path.stem != "__init__"]
    assert len(top) <= 15
    lessons = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.ipynb"))
    script = (ROOT / "run_qwen.py").read_text(encoding="utf-8")
    text = lessons + script
    unused = [name for name in top if not re.search(rf"from helpers(\.{name} import| import {name}\b)", text)]
    assert unused == []


def top_level_names(path: Path) -> list[str]:
    """一个模块最外层定义的函数、类、常量"""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        if isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names


def test_one_name_means_one_thing():
    """同一个名字不在两个模块里各有各的意思；每道题的文件自成一体，只是不用别的模块的名字"""
    questions = [path for path in HELPERS.glob("exercises/week1*/*.py") if path.name != "__init__.py"]
    others = [path for path in HELPERS.rglob("*.py") if path not in questions]
    counts = Counter(name for path in others for name in top_level_names(path))
    repeated = {"main", "__all__", "sheet"}
    assert [name for name, count in counts.items() if count > 1 and name not in repeated] == []
    for path in questions:
        taken = set(top_level_names(path)) & set(counts)
        assert taken <= {"WHY", "BROKEN"}, path  # 题目的 WHY 说为什么要紧，BROKEN 是要修的代码


def test_imports_go_one_way():
    """房间之间的导入没有圈，测试不从别的测试导入"""
    order = ["errors", "files", "tiny", "tables", "charts", "download", "model", "environment", "tokens", "bpe",
             "sampling", "generation", "inside", "pipeline", "network", "client", "fast", "speed", "exercises",
             "widgets"]
    for path in HELPERS.rglob("*.py"):
        parts = path.relative_to(HELPERS).parts
        here = parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        imported = re.findall(r"^\s*from helpers\.(\w+)", path.read_text(encoding="utf-8"), re.M)
        later = [name for name in imported if order.index(name) > order.index(here)]
        assert later == [], f"{path}: {later}"
    for path in (ROOT / "tests").rglob("*.py"):
        assert re.findall(r"^\s*(?:from|import) test_\w+", path.read_text(encoding="utf-8"), re.M) == [], path


@pytest.mark.parametrize("given, wanted", [(None, "2000"), ("7", "7")])
def test_waiting_threads_soon_go_to_sleep(given, wanted):
    """导入 helpers 就设好，自己设过的不动"""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    if given is not None:
        environment["GOMP_SPINCOUNT"] = given
    code = "import helpers, os, sys; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.stdout.split() == [wanted, "False"]
