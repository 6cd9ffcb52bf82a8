"""真实的设施，只在 .ci/run 里运行：真的满的磁盘、真的只读的磁盘、全尺寸的替身走完整条路"""
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from helpers import model
from helpers.download import local_copy
from helpers.fast.standin import QWEN_SHAPE, make

import pytest
from downloads import ROOT, TINY_SHAPE, folder, refused, works_again
from servers.fake_modelscope import MODEL, serve

pytestmark = pytest.mark.ci


@contextmanager
def small_disk(place: Path, options: str):
    """一个内存里的小磁盘，挂在 place"""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    repository = make(tmp_path / "repository", TINY_SHAPE)
    files = {path.name: path.read_bytes() for path in repository.iterdir()}
    with serve(files) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.address)
        yield server


def test_a_full_disk(hub, tmp_path, monkeypatch):
    with small_disk(tmp_path / "盘", "size=1m") as disk:
        monkeypatch.setenv("MODELSCOPE_CACHE", str(disk))
        refused("磁盘应至少有")  # 先看出来放不下
        monkeypatch.setattr(local_copy, "check_disk", lambda manifest, folder: None)
        refused("满了")  # 看不出来时，写到一半才满
        assert not list(folder().rglob("*.incomplete"))
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        works_again(hub)


def test_a_read_only_disk(hub, tmp_path, monkeypatch):
    with small_disk(tmp_path / "盘", "size=64m") as disk:
        monkeypatch.setenv("MODELSCOPE_CACHE", str(disk))
        monkeypatch.setattr(local_copy, "SPARE_BYTES", 0)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        refused("不能")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        works_again(hub)


def test_the_exact_size_from_the_hub_to_the_first_token(tmp_path, monkeypatch):
    repository = make(tmp_path / "repository", QWEN_SHAPE)
    weights = repository / "model.safetensors"
    assert weights.stat().st_size == 988_097_824
    files = {path.name: path.read_bytes() for path in repository.iterdir()}
    weights.unlink()
    environment = {**os.environ, "MODELSCOPE_CACHE": str(tmp_path / "缓存"), "COURSE_MODEL": "qwen",
                   "PYTHONIOENCODING": "utf-8"}
    monkeypatch.setenv("MODELSCOPE_CACHE", environment["MODELSCOPE_CACHE"])
    with serve(files) as hub:
        environment["MODELSCOPE_ENDPOINT"] = hub.address
        start = time.perf_counter()
        fetched = subprocess.run([sys.executable, "-m", "helpers.model", "fetch"], cwd=ROOT, env=environment,
                                 capture_output=True, encoding="utf-8", timeout=300)
        assert fetched.returncode == 0, fetched.stderr
        assert "可以断网使用" in fetched.stdout
        print(f"下载并核对 {time.perf_counter() - start:.1f} 秒")
        hub.requests.clear()
        process = subprocess.Popen([sys.executable, "run_qwen.py", "你好"], cwd=ROOT, env=environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        start = time.perf_counter()
        first = process.stdout.read(1)
        print(f"第一个字 {time.perf_counter() - start:.1f} 秒")
        process.kill()
        process.communicate()
        assert first
        assert hub.requests == []  # 有缓存时一个请求也没有
    start = time.perf_counter()
    assert model.here(MODEL) == folder()
    assert time.perf_counter() - start < 0.2
