"""environment：每一项都查得出坏的，说清楚做什么，不报错，不久等；Windows 才有的用假的系统来查"""
import builtins
import importlib.metadata
import os
import re
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

from helpers import environment, model
from helpers.environment import Row

import psutil
import pytest
import torch

Memory = namedtuple("Memory", "available total")
Swap = namedtuple("Swap", "free")
Disk = namedtuple("Disk", "free")


def test_the_table_never_raises_and_says_what_to_do():
    start = time.perf_counter()
    found = environment.rows()
    assert time.perf_counter() - start < 15  # 其中等网络的不超过 3 秒，下面另测
    assert {row.state for row in found} <= {"✓", "⚠", "✗"}
    assert all(bool(row.todo) == (row.state != "✓") for row in found)
    assert [row.what.split("（")[0] for row in found][:len(environment.pins()) + 1] == ["Python", *environment.pins()]


def test_the_pins_are_those_of_the_project_and_have_a_reason():
    assert len(environment.pins()) == 9
    assert set(environment.pins()) == set(environment.WHY)


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    row = environment.python()
    assert row.state == "✗"
    assert "3.11" in row.todo


@pytest.mark.parametrize("installed, state", [("1.0", "✓"), ("1.0+cpu", "✓"), ("1.1", "⚠")])
def test_package_versions(monkeypatch, installed, state):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: installed)
    assert environment.package("torch", "1.0").state == state


def test_a_missing_package_says_how_to_install():
    row = environment.package("a-package-that-nobody-has", "1.0")
    assert (row.state, row.found) == ("✗", "没有装")
    assert "pip install" in row.todo


@pytest.mark.parametrize("real, says", [(4, "4 个核"), (None, "8 个核")])
def test_cores_are_real_ones_where_they_are_known(monkeypatch, real, says):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: real)
    assert environment.processor().found.endswith(says)


@pytest.mark.parametrize("pip", ["/elsewhere/pip", None])
def test_another_pip_and_no_pip(monkeypatch, pip):
    monkeypatch.setattr(environment.shutil, "which", lambda name: pip)
    row = environment.kernel()
    assert row.state == "⚠"
    assert "python -m pip" in row.todo


def test_a_listening_port_is_reachable_and_a_closed_one_is_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert environment.reachable("127.0.0.1", port)
    assert not environment.reachable("127.0.0.1", port)
    assert not environment.reachable("没有 这个..名字", 443)


def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch):
    def hang(*arguments, **keywords):
        time.sleep(5)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", hang)
    start = time.perf_counter()
    assert environment.network().state == "⚠"
    assert time.perf_counter() - start < 3


def test_the_endpoint_of_the_environment_is_asked(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert environment.network() == Row("ModelScope", "✓", "127.0.0.1 连得上")


def test_the_chosen_model(monkeypatch):
    monkeypatch.delenv("COURSE_MODEL", raising=False)
    assert environment.model() == Row("模型", "✓", "教学小模型（课程自带）")
    monkeypatch.setenv("COURSE_MODEL", "tinny")
    row = environment.model()
    assert row.state == "✗"
    assert "tiny" in row.todo


def test_a_model_that_is_not_here_yet(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_MODEL", "qwen")
    row = environment.model()
    assert (row.state, row.todo) == ("⚠", "运行 python -m helpers.model fetch")
    assert "还没有下载" in row.found
    assert environment.weight_bytes() == 988_097_824 * 2


def test_the_weights_of_the_embedded_model_in_float32(monkeypatch):
    monkeypatch.delenv("COURSE_MODEL", raising=False)
    assert environment.weight_bytes() == pytest.approx(20_925_568 * 4, rel=0.001)


def test_one_item_alone_broken_and_repaired(monkeypatch):
    """第 01 讲第 1 节：写错，是 ✗，话里有该怎么办；改好，是 ✓。只查这一项，不等网络"""
    monkeypatch.setattr(environment, "reachable", None)
    monkeypatch.setenv("COURSE_MODEL", "tinny")
    broken = environment.check("模型").text
    assert "✗" in broken
    assert "先试试 tiny" in broken
    monkeypatch.setenv("COURSE_MODEL", "tiny")
    repaired = environment.check("模型").text
    assert "✓" in repaired
    assert repaired.count("\n") == 1  # 表头和一行


def test_an_item_that_is_not_there_names_those_that_are():
    with pytest.raises(ValueError, match="Python、modelscope、.*模型"):
        environment.check("模形")


@pytest.mark.parametrize("states, code", [("✓✓", 0), ("✓⚠", 1), ("⚠✗✓", 2)])
def test_the_exit_code_is_the_worst_row(monkeypatch, capsys, states, code):
    monkeypatch.setattr(environment, "rows", lambda: [Row("甲", state, "乙") for state in states])
    assert environment.main() == code
    assert capsys.readouterr().out.count("乙") == len(states)


def test_the_report_names_nobody(monkeypatch, tmp_path):
    home = tmp_path / "zhangsan"
    monkeypatch.setattr(environment.Path, "home", lambda: home)
    text = environment.report([Row("路径", "⚠", f"{home}/缓存", "zhangsan 的文件夹，不是 zhangsanfeng 的")])
    assert str(home) not in text
    assert "~/缓存" in text
    assert "（用户名） 的文件夹，不是 zhangsanfeng" in text


def test_a_check_that_breaks_is_one_row():
    row = environment.safely("内存", lambda: 1 / 0)
    assert (row.what, row.state) == ("内存", "✗")
    assert "ZeroDivisionError" in row.found


def test_a_python_without_the_course(monkeypatch):
    def missing():
        raise importlib.metadata.PackageNotFoundError(environment.COURSE)

    monkeypatch.setattr(environment, "pins", missing)
    assert environment.rows()[-1] == Row("课程", "✗", "这个 Python 里没有装课程", environment.INSTALL)


def test_it_needs_no_big_library():
    code = "import sys, helpers.environment; print({'torch', 'transformers', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_it_works_where_the_packages_are_missing():
    code = ("import sys\n"
            "for name in ('torch', 'transformers', 'modelscope', 'requests', 'psutil', 'matplotlib', 'numpy'):\n"
            "    sys.modules[name] = None\n"
            "from helpers import environment\n"
            "sys.exit(environment.main())")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8",
                            env={**os.environ, "COURSE_MODEL": "tiny"})
    assert result.returncode == 2, result.stderr
    assert "torch 能用 │ ✗ │ ModuleNotFoundError" in result.stdout
    assert re.search("^模型 │ ✓", result.stdout, re.MULTILINE)


def with_memory(monkeypatch, available: float, swap: float = 0.0):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(available, 8e9))
    monkeypatch.setattr(psutil, "swap_memory", lambda: Swap(swap))


def test_memory_is_compared_with_what_the_model_needs(monkeypatch):
    with_memory(monkeypatch, 2e9)
    assert environment.memory(0.1e9).state == "✓"
    row = environment.memory(0.99e9)
    assert row.state == "⚠"
    assert "约要 2.5 GB" in row.found
    assert "tiny" in row.todo


def test_little_disk(monkeypatch):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: Disk(1e9))
    row = environment.disk()
    assert row.state == "⚠"
    assert "MODELSCOPE_CACHE" in row.todo


def test_the_page_file_matters_on_windows_only(monkeypatch):
    with_memory(monkeypatch, 1e9)
    monkeypatch.setattr(sys, "platform", "linux")
    assert environment.page_file(1e9).state == "✓"
    monkeypatch.setattr(sys, "platform", "win32")
    row = environment.page_file(1e9)
    assert row.state == "⚠"
    assert "1455" in row.todo
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
    row = environment.openmp()
    assert row.state == "⚠"
    assert "#15" in row.todo


def test_the_runtime_of_windows(monkeypatch):
    import ctypes

    def load(name):
        if name == "msvcp140.dll":
            raise OSError(126, "找不到")

    monkeypatch.setattr(ctypes, "WinDLL", load, raising=False)
    assert environment.runtime().state == "✓"
    monkeypatch.setattr(sys, "platform", "win32")
    row = environment.runtime()
    assert (row.state, row.found) == ("✗", "缺 msvcp140.dll")
    assert "Redistributable" in row.todo


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
    assert row.state == "✗"
    assert f"WinError {code}" in row.found
    assert says in row.todo


def test_torch_works():
    assert environment.torch_works().state == "✓"


@pytest.mark.parametrize("sixteen, state", [(0.5, "✓"), (2.0, "✓"), (7.0, "⚠")])
def test_the_precision_is_what_is_faster_here(monkeypatch, sixteen, state):
    monkeypatch.setattr(model, "matrix_seconds", lambda dtype: sixteen if dtype == torch.bfloat16 else 1.0)
    row = environment.precision()
    assert row.state == state
    assert f"{sixteen:.1f} 倍" in row.found
    assert ("float32" in row.todo) == (state == "⚠")


def test_lesson_01_says_what_the_table_reckons():
    lesson = (Path(__file__).parent.parent / "notebooks" / "01_setup.ipynb").read_text(encoding="utf-8")
    assert "课程再留 1.5 GB" in lesson and model.OTHER_BYTES == 1.5e9
    assert "照 32 位，再加上这 1.5 GB" in lesson
    assert environment.needed_gb(environment.QWEN_BYTES * 2) < 8  # 8 GB 的电脑用得了
