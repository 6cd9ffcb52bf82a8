"""文件：整份写入，整个文件夹地换，课程自己放东西的文件夹"""
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from helpers.errors import ModelError

TRY_ANOTHER = "换一个自己的、能写的文件夹，路径短一些"


def user_path(text: str, name: str) -> Path:
    """学生给的路径 → Path，~ 换成用户文件夹，不一定存在；系统不认得这样的路径时报 ModelError

    name: 这个路径是从哪里来的，写在错误里。例: user_path("模型", "COURSE_MODEL") -> Path("模型")
    """
    try:
        path = Path(text).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # 还没有；用到时再说
        return path
    except RuntimeError:  # 账户没有用户文件夹，或者 ~ 后面的用户不存在
        raise ModelError(f"{name} 应是一个文件夹，现在 {text[:80]!r} 里的 ~ 找不到用户文件夹；"
                         f"把 {name} 设为完整的路径") from None
    except (OSError, ValueError) as error:  # 太长、没有权限、路径的一段是文件；有 NUL
        raise unusable_path(name, text, error) from None
    return path


def unusable_path(name: str, text: object, error: Exception) -> ModelError:
    """路径用不了：是哪一个、为什么、怎么办"""
    reason = getattr(error, "strerror", None) or str(error)
    return ModelError(f"{name} 应是一个能用的路径，现在 {str(text)[:80]!r} 不能用（{reason[:80]}）；{TRY_ANOTHER}")


@contextlib.contextmanager
def usable_paths(name: str) -> Iterator[None]:
    """里面（或者装饰的函数里）读写文件夹时系统报的错，变成一句中文的 ModelError；name: 学生可以改的那个设置

    例: with usable_paths("MODELSCOPE_CACHE"): folder.mkdir()
    """
    try:
        yield
    except OSError as error:
        raise unusable_path(name, error.filename or "", error) from None


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
    return user_path(folder, variable) / "hf-course"
