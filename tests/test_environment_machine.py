"""machine：坏的一项查得出来，说清楚做什么；Windows 才有的用假的系统来查"""
import builtins
import sys
from collections import namedtuple

import psutil
import pytest
import torch

from helpers import environment, model

Memory = namedtuple("Memory", "available total")
Swap = namedtuple("Swap", "free")


def with_memory(monkeypatch, available: float, swap: float = 0.0):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(available, 8e9))
    monkeypatch.setattr(psutil, "swap_memory", lambda: Swap(swap))


def test_memory_is_compared_with_what_the_model_needs(monkeypatch):
    with_memory(monkeypatch, 2e9)
    assert environment.memory(0.1e9).state == "✓"
    row = environment.memory(0.99e9)
    assert row.state == "⚠" and "约要 2.5 GB" in row.found and "tiny" in row.todo


def test_little_disk(monkeypatch):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: namedtuple("D", "free")(1e9))
    assert environment.disk().state == "⚠" and "MODELSCOPE_CACHE" in environment.disk().todo


def test_the_page_file_matters_on_windows_only(monkeypatch):
    with_memory(monkeypatch, 1e9)
    monkeypatch.setattr(sys, "platform", "linux")
    assert environment.page_file(1e9).state == "✓"
    monkeypatch.setattr(sys, "platform", "win32")
    assert environment.page_file(1e9).state == "⚠" and "1455" in environment.page_file(1e9).todo
    with_memory(monkeypatch, 1e9, swap=4e9)
    assert environment.page_file(1e9).state == "✓"


@pytest.mark.parametrize("place, state", [("plain", "✓"), ("张三", "⚠"), ("My Files", "⚠")])
def test_paths(monkeypatch, tmp_path, place, state):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / place))
    monkeypatch.setattr(environment.Path, "home", lambda: tmp_path)
    assert environment.path().state == state


def test_two_openmp_libraries(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert environment.openmp().state == "✓"
    for part in ("Library/bin", "lib"):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "libiomp5md.dll").write_bytes(b"")
    assert environment.openmp().state == "⚠" and "#15" in environment.openmp().todo


def test_the_runtime_of_windows(monkeypatch):
    import ctypes

    def load(name):
        if name == "msvcp140.dll":
            raise OSError(126, "找不到")

    monkeypatch.setattr(ctypes, "WinDLL", load, raising=False)
    assert environment.runtime().state == "✓"
    monkeypatch.setattr(sys, "platform", "win32")
    row = environment.runtime()
    assert (row.state, row.found) == ("✗", "缺 msvcp140.dll") and "Redistributable" in row.todo


@pytest.mark.parametrize("code, says", [(1455, "虚拟内存"), (126, "Redistributable"), (5, "新建一个环境")])
def test_torch_that_does_not_load(monkeypatch, code, says):
    error = OSError("加载失败")
    error.winerror = code
    real = builtins.__import__

    def refuse(name, *arguments, **keywords):
        if name == "torch":
            raise error
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refuse)
    row = environment.torch_works()
    assert row.state == "✗" and f"WinError {code}" in row.found and says in row.todo


def test_torch_works():
    assert environment.torch_works().state == "✓"


@pytest.mark.parametrize("sixteen, state", [(0.5, "✓"), (2.0, "✓"), (7.0, "⚠")])
def test_the_precision_is_what_is_faster_here(monkeypatch, sixteen, state):
    monkeypatch.setattr(model, "matrix_seconds", lambda dtype: sixteen if dtype == torch.bfloat16 else 1.0)
    row = environment.precision()
    assert row.state == state and f"{sixteen:.1f} 倍" in row.found
    assert ("float32" in row.todo) == (state == "⚠")
