"""版本只写在 pyproject.toml 里，代码合 ruff 的规矩"""
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COURSE = {"modelscope", "transformers", "accelerate", "torch", "jupyterlab", "ipywidgets", "matplotlib", "nbval"}


def test_the_eight_packages_are_pinned_exactly():
    assert {re.split("[=<>]", line)[0] for line in PROJECT["dependencies"]} == COURSE
    assert all(re.fullmatch(r"[a-z]+==[\d.]+", line) for line in PROJECT["dependencies"])


def test_conda_gets_the_same_and_repeats_no_version():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-e ." in text
    assert not any(name in text for name in COURSE)
    assert re.findall(r"[=<>]+ ?[\d.]+", text) == [PROJECT["requires-python"]]


def test_ruff():
    result = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
