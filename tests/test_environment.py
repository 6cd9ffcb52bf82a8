"""environment：每一项都查得出坏的，不报错，不久等"""
import importlib.metadata
import socket
import subprocess
import sys
import time

import pytest

from helpers import environment
from helpers.environment import Row


def test_the_table_never_raises_and_says_what_to_do():
    start = time.perf_counter()
    found = environment.rows()
    assert time.perf_counter() - start < 15  # 其中等网络的不超过 3 秒，下面另测
    assert {row.state for row in found} <= {"✓", "⚠", "✗"}
    assert all(bool(row.todo) == (row.state != "✓") for row in found)
    assert [row.what.split("（")[0] for row in found][:9] == ["Python", *environment.pins()]


def test_the_pins_are_those_of_the_project_and_have_a_reason():
    assert len(environment.pins()) == 8
    assert set(environment.pins()) == set(environment.WHY)


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert environment.python().state == "✗" and "3.11" in environment.python().todo


@pytest.mark.parametrize("installed, state", [("1.0", "✓"), ("1.0+cpu", "✓"), ("1.1", "⚠")])
def test_package_versions(monkeypatch, installed, state):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: installed)
    assert environment.package("torch", "1.0").state == state


def test_a_missing_package_says_how_to_install():
    row = environment.package("a-package-that-nobody-has", "1.0")
    assert (row.state, row.found) == ("✗", "没有装") and "pip install" in row.todo


def test_another_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(environment.shutil, "which", lambda name: str(tmp_path / "pip"))
    assert environment.kernel().state == "⚠" and "python -m pip" in environment.kernel().todo


def test_no_pip(monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert environment.kernel().state == "⚠" and "python -m pip" in environment.kernel().todo


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
    assert environment.model().state == "✗" and "tiny" in environment.model().todo


def test_a_model_that_is_not_here_yet(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_MODEL", "qwen")
    row = environment.model()
    assert (row.state, row.todo) == ("⚠", "运行 python -m helpers.model fetch") and "还没有下载" in row.found
    assert environment.weight_bytes() == 988_097_824 * 2


def test_the_weights_of_the_embedded_model_in_float32(monkeypatch):
    monkeypatch.delenv("COURSE_MODEL", raising=False)
    assert environment.weight_bytes() == pytest.approx(20_925_568 * 4, rel=0.001)


@pytest.mark.parametrize("states, code", [("✓✓", 0), ("✓⚠", 1), ("⚠✗✓", 2)])
def test_the_exit_code_is_the_worst_row(monkeypatch, capsys, states, code):
    monkeypatch.setattr(environment, "rows", lambda: [Row("甲", state, "乙") for state in states])
    assert environment.main() == code
    assert capsys.readouterr().out.count("乙") == len(states)


def test_the_report_names_nobody(monkeypatch, tmp_path):
    home = tmp_path / "zhangsan"
    monkeypatch.setattr(environment.Path, "home", lambda: home)
    text = environment.report([Row("路径", "⚠", f"{home}/缓存", "zhangsan 的文件夹，不是 zhangsanfeng 的")])
    assert str(home) not in text and "~/缓存" in text
    assert "（用户名） 的文件夹，不是 zhangsanfeng" in text


def test_a_check_that_breaks_is_one_row():
    row = environment.safely("内存", lambda: 1 / 0)
    assert (row.what, row.state) == ("内存", "✗") and "ZeroDivisionError" in row.found


def test_a_python_without_the_course(monkeypatch):
    def missing():
        raise importlib.metadata.PackageNotFoundError(environment.COURSE)

    monkeypatch.setattr(environment, "pins", missing)
    assert environment.rows()[-1] == Row("课程", "✗", "这个 Python 里没有装课程", environment.INSTALL)


def test_it_needs_no_big_library():
    code = "import sys, helpers.environment; print({'torch', 'transformers', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
