"""各讲在另一个检查点上也能从头跑到尾：bf16、重复惩罚 1.1、回答没有意义，与换成真正的 Qwen 走同一条路

任何一格出错，NotebookClient 都会抛出 CellExecutionError，写明是哪一格
"""
from pathlib import Path

from helpers.fast.standin import SMALL, make

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("替身 模型"), SMALL)


@pytest.mark.ci
@pytest.mark.parametrize("path", sorted(FOLDER.glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_restart_and_run_all(path, folder, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", str(folder))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
