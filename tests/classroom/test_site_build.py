"""做网页的命令：不碰别的文件夹，做不成时旧的还在，缺了什么说什么；不用 Sphinx，也不用浏览器"""
import hashlib
import importlib
import io
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers.jupyterlab import ROOT

SITE = ROOT / "classroom" / "site"


@pytest.fixture
def build(monkeypatch):
    """classroom/site/build.py 这个模块，还没有运行"""
    monkeypatch.syspath_prepend(SITE)
    return importlib.import_module("build")


@pytest.fixture
def npm(build):
    return importlib.import_module("npm")


@pytest.fixture
def target(build):
    return importlib.import_module("target")


@pytest.mark.parametrize("command, mark", [("build", "searchindex.js"), ("export", "engine.js")])
def test_only_an_earlier_one_is_replaced(target, monkeypatch, tmp_path, command, mark):
    module = importlib.import_module(command)
    done = []
    monkeypatch.setattr(module, command, lambda folder: done.append(folder))

    def run(folder):
        monkeypatch.setattr(sys, "argv", [f"{command}.py", str(folder)])
        module.main()

    (tmp_path / "mine.txt").write_text("别删")
    for taken, word in ((tmp_path, "没有动它"), (tmp_path / "mine.txt", "是一个文件")):
        with pytest.raises(SystemExit, match=word):
            run(taken)
    assert done == []
    (tmp_path / "new").mkdir()
    (tmp_path / mark).touch()
    for free in (tmp_path / "new", tmp_path):
        run(free)
    target.check(tmp_path / "none yet", "网页", mark)
    assert done == [tmp_path / "new", tmp_path]


def test_without_npm_it_says_what_to_install(build, npm, monkeypatch, tmp_path):
    monkeypatch.setattr(npm.shutil, "which", lambda name, path: None)
    with pytest.raises(SystemExit, match=r"npm.*没有找到.*\[site\]"):
        build.fetch("mermaid@11.17.2", tmp_path)


def test_without_sphinx_it_says_what_to_install(build, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sphinx.application", None)
    monkeypatch.setattr(sys, "argv", ["build.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"没有装.*\[site\]"):
        build.main()


def test_offline_it_says_so(build, npm, monkeypatch, tmp_path):
    answer = SimpleNamespace(returncode=1, stderr="npm error code ENOTFOUND")
    monkeypatch.setattr(npm, "npm", lambda: "npm")
    monkeypatch.setattr(npm.subprocess, "run", lambda *command, **options: answer)
    with pytest.raises(SystemExit, match="(?s)联网.*ENOTFOUND"):
        build.fetch("mermaid@11.17.2", tmp_path)


def packed(text: bytes):
    """代替 npm pack：写出一个包，里面的库是 text"""
    def run(command, **options):
        folder = command[-2].removeprefix("--pack-destination=")
        with tarfile.open(Path(folder) / "mermaid-11.17.2.tgz", "w:gz") as archive:
            for name in ("dist/mermaid.min.js", "LICENSE"):
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))
        return SimpleNamespace(returncode=0)
    return run


def test_a_changed_library_is_refused(build, npm, monkeypatch, tmp_path):
    monkeypatch.setattr(npm, "npm", lambda: "npm")
    monkeypatch.setattr(npm.subprocess, "run", packed(b"changed"))
    with pytest.raises(SystemExit, match="sha256"):
        build.fetch("mermaid@11.17.2", tmp_path / "first")
    right = hashlib.sha256(b"changed").hexdigest()
    monkeypatch.setitem(build.LIBRARIES, "mermaid@11.17.2", ("dist/mermaid.min.js", right))
    build.fetch("mermaid@11.17.2", tmp_path / "second")
    assert {path.name for path in (tmp_path / "second" / "mermaid").iterdir()} == {"mermaid.min.js", "LICENSE"}


def test_the_old_pages_stay_when_the_new_ones_cannot_be_written(target, tmp_path, monkeypatch):
    pages, folder = tmp_path / "新", tmp_path / "site"
    for place, text in ((pages, "新的"), (folder, "旧的")):
        place.mkdir()
        (place / "index.html").write_text(text, encoding="utf-8")

    def full(source, target):
        target.mkdir()
        raise OSError("磁盘满了")

    with monkeypatch.context() as patch:
        patch.setattr(target.shutil, "copytree", full)
        with pytest.raises(OSError, match="磁盘满了"):
            target.replace(pages, folder)
    assert (folder / "index.html").read_text(encoding="utf-8") == "旧的" and len(list(tmp_path.iterdir())) == 2
    target.replace(pages, folder)
    assert (folder / "index.html").read_text(encoding="utf-8") == "新的"


def test_nothing_is_left_to_fill_in():
    for path in (ROOT / "classroom").glob("*.md"):
        assert "〔" not in path.read_text(encoding="utf-8"), path.name
