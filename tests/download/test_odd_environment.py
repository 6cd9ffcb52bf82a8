"""奇怪的环境变量、账户、磁盘：一句中文，退出代码 1，没有 traceback

| 试了什么 | 说了什么 |
|---|---|
| COURSE_MODEL 有 5000 个字、有 NUL、~没有这个人、一个文件 | 应是…路径，现在…不能用；应是…存在的文件夹 |
| MODELSCOPE_CACHE 同样，或者只能读、不让读 | MODELSCOPE_CACHE 应是…；换一个自己的、能写的文件夹 |
| MODELSCOPE_ENDPOINT 没有 http、端口 99999、空格、汉字 | MODELSCOPE_ENDPOINT 应像 https://… |
| COURSE_MODEL_HUB 同样 | 老师的地址应像 http://…；应有 course-model.json，现在读不到 |
| 账户没有用户文件夹 | 把 MODELSCOPE_CACHE 设为完整的路径；教学小模型照样用 |
| 磁盘满了 | 不能用（No space left on device） |
"""
import errno
import os
import subprocess
import sys
from pathlib import Path

from helpers import environment, model
from helpers.download import local_copy, modelscope_hub
from helpers.download.manifest import Manifest
from helpers.errors import ModelError, friendly_errors

import pytest
from downloads import ROOT

LONG = "长" * 5000
NUL = "a\0b"


@pytest.fixture
def here_only(monkeypatch, tmp_path):
    """连不上 ModelScope，缓存是空的"""
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "缓存"))
    monkeypatch.setattr(modelscope_hub, "LISTING_PAUSES", ())
    return monkeypatch


def set_anyhow(monkeypatch, name: str, text: str) -> None:
    """设一个环境变量；操作系统不收的（NUL）也当作设了"""
    real = dict(os.environ)
    monkeypatch.setattr(os, "environ", {**real, name: text})


def says_one_sentence(message: str, says: str) -> None:
    """三部分齐全，说到 says，不长，一行"""
    for part in ("应", "现在", "；", says):
        assert part in message
    assert len(message) < 500
    assert "\n" not in message


COURSE_MODELS = [(LONG, "COURSE_MODEL"), (NUL, "COURSE_MODEL"), ("~nouser/x", "COURSE_MODEL"),
                 (__file__, "存在的文件夹"), (__file__ + "/x", "存在的文件夹"), ("a/" + "b" * 5000, "COURSE_MODEL"),
                 ("\ud800", "COURSE_MODEL"), ("a" * 5000 + "/b", "COURSE_MODEL")]


@pytest.mark.parametrize("text, says", COURSE_MODELS)
def test_the_chosen_model(here_only, text, says):
    set_anyhow(here_only, "COURSE_MODEL", text)
    for ask in (model.locate, model.here):
        with pytest.raises(ModelError) as caught:
            ask()
        says_one_sentence(str(caught.value), says)
    [row] = environment.rows("模型")
    assert row.state == "✗"


@pytest.mark.parametrize("choice", [7, b"tiny", ["tiny"], {}])
def test_something_else_than_text(choice):
    with pytest.raises(ModelError, match="模型应写成文字或文件夹，现在是"):
        model.locate(choice)


CACHES = [LONG, NUL, "~nouser/x", __file__, __file__ + "/x", "\ud800", "/proc/没有"]
COMMANDS = [["fetch"], ["where"], ["verify"], ["remove"], ["export", "导出"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text", CACHES)
def test_the_cache(here_only, text, arguments):
    set_anyhow(here_only, "MODELSCOPE_CACHE", text)
    if arguments == ["remove"] and "/" in text and not text.startswith("~"):
        model.main(arguments)  # 那里什么也没有，不用删
        return
    with pytest.raises(SystemExit) as caught:
        model.main(arguments)
    assert "应" in str(caught.value.code)
    assert "现在" in str(caught.value.code)
    assert len(str(caught.value.code)) < 500


ENDPOINTS = ["www.modelscope.cn", "http://a:99999", "http://a b", "http：//a", "http://魔搭", "ftp://a", "http://",
             "http://" + "a" * 5000, LONG]


@pytest.mark.parametrize("text", ENDPOINTS)
def test_the_endpoint(here_only, text):
    here_only.setenv("MODELSCOPE_ENDPOINT", text)
    with pytest.raises(ModelError) as caught:
        model.locate("qwen")
    says_one_sentence(str(caught.value), "MODELSCOPE_ENDPOINT 应像 https://")
    row = environment.rows("ModelScope")[0]
    assert row.state == "✗"
    assert "MODELSCOPE_ENDPOINT" in row.todo


PLACES = [("10.0.0.5:8000", "course-model.json"), ("http://a:99999", "老师的地址"), ("http://a b", "老师的地址"),
          ("http://魔搭", "老师的地址"), ("http://", "老师的地址"), ("~nouser", "COURSE_MODEL_HUB"),
          (LONG, "COURSE_MODEL_HUB"), (NUL, "COURSE_MODEL_HUB"), (__file__, "course-model.json")]


@pytest.mark.parametrize("text, says", PLACES)
def test_the_teachers_place(here_only, text, says):
    set_anyhow(here_only, "COURSE_MODEL_FINGERPRINT", "0")
    set_anyhow(here_only, "COURSE_MODEL_HUB", text)
    with pytest.raises(ModelError) as caught:
        model.locate("qwen")
    says_one_sentence(str(caught.value), says)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_folder_that_the_system_refuses(here_only, code):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code), "缓存")

    with here_only.context() as patch:
        patch.setattr(Path, "is_dir", refuse)
        with pytest.raises(ModelError) as caught:
            local_copy.find_copy("a/b")
        says_one_sentence(str(caught.value), os.strerror(code))
    with here_only.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(ModelError) as caught:
            model.announce("取", Manifest("a/b", []), Path("缓存"))
        says_one_sentence(str(caught.value), os.strerror(code))


def test_the_last_net_catches_what_the_system_refuses():
    with pytest.raises(SystemExit, match="文件应能读写，现在不能.+No space.+磁盘满了没有"), friendly_errors():
        raise OSError(errno.ENOSPC, "No space left on device", "某个文件")
    with pytest.raises(RuntimeError, match="自己的"), friendly_errors():
        raise RuntimeError("自己的错照样是自己的错")


@pytest.mark.ci
@pytest.mark.parametrize("text", ["长" * 1500, "~nouser/x", __file__, "/proc/没有"])
def test_run_qwen_with_an_odd_cache(text):
    """教学小模型不用缓存；modelscope 自己要它，用不了时也只说一句"""
    environment = {**os.environ, "MODELSCOPE_CACHE": text, "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run([sys.executable, "run_qwen.py", "你是谁"], cwd=ROOT, env=environment,
                            capture_output=True, encoding="utf-8", timeout=200)
    assert "Traceback" not in result.stderr
    assert result.returncode == 0 or "应" in result.stderr


NOBODY = """
import os, pwd, runpy, sys
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
sys.argv = sys.argv[1:]
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def as_nobody(*arguments: str) -> subprocess.CompletedProcess:
    """像没有用户文件夹、账户表里也没有的人那样运行一个程序"""
    without = ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "COURSE_MODEL", "MODELSCOPE_CACHE")
    kept = {name: text for name, text in os.environ.items() if name not in without}
    return subprocess.run([sys.executable, "-c", NOBODY, *arguments], cwd=ROOT, capture_output=True, timeout=100,
                          env={**kept, "PYTHONIOENCODING": "utf-8"}, encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows 没有 pwd")
def test_an_account_without_a_home():
    for command in ("where", "fetch", "verify"):
        result = as_nobody("helpers.model", command)
        assert result.returncode == 1
        assert "把 MODELSCOPE_CACHE 设为完整的路径" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows 没有 pwd")
def test_the_first_answer_without_a_home():
    result = as_nobody("run_qwen.py", "你是谁")
    assert result.returncode == 1
    assert "把环境变量 HOME" in result.stderr
    assert "Traceback" not in result.stderr
    checkup = as_nobody("helpers.environment")
    assert "把 MODELSCOPE_CACHE 设为完整的路径" in checkup.stdout
    assert "Traceback" not in checkup.stderr
