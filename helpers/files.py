"""文件：整份写入，整个文件夹地换，课程自己放东西的文件夹"""
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


def incomplete(path: Path) -> Path:
    """path 还没有写完时叫什么。例: incomplete(Path("a.json")).name -> "a.json.incomplete" """
    return path.with_name(path.name + ".incomplete")


def write_text(path: Path, text: str) -> None:
    """先写临时文件再改名：中途断电也不会留下半个文件"""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = incomplete(path)
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


def check_writable(path: Path | None) -> None:
    """开始费时的事以前先看结果能不能存在 path（None 是不存），不能就报 ValueError"""
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise ValueError(f"应能写出文件 {path}，现在不能；换一个已有的、能写的文件夹里的文件名")


@contextlib.contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """给出 folder 的一份副本去改；全部写好才换上去，出错时 folder 保持原样"""
    new = incomplete(folder)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(folder, new)
    try:
        yield new
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old)


def course_folder() -> Path:
    """这门课在这台电脑上放缓存的文件夹（还不一定存在）"""
    variable = "XDG_CACHE_HOME"
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        variable = "LOCALAPPDATA"
    folder = os.environ.get(variable) or "~/.cache"
    return Path(folder).expanduser() / "hf-course"
