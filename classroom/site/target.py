"""做好的东西写到哪个文件夹：不碰别的文件夹，做不成时旧的还在，出了错说清楚"""
import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


def check(folder: Path, what: str, mark: str) -> None:
    """folder 可以写：还没有，是空的，或者里面有上次写的（有叫 mark 的文件）；别的文件夹不动

    what: 写的是什么，放在错误的开头
    """
    if folder.exists() and not folder.is_dir():
        sys.exit(f"{what}要写到一个文件夹，现在 {folder} 是一个文件；换一个名字")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        sys.exit(f"{what}要写到新的文件夹，现在 {folder} 里有别的东西，没有动它；换一个名字")


@contextlib.contextmanager
def explained(folder: Path, what: str) -> Iterator[None]:
    """里面缺了包、写不了 folder 时，退出，说一句中文"""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(f'做{what}要用 {error.name}，没有装；先运行 python -m pip install -e ".[site]"')
    except OSError as error:
        sys.exit(f"{what}应能写到 {folder}，现在不能（{error}）；换一个文件夹，或者腾出地方再试")


def replace(pages: Path, folder: Path) -> None:
    """把做好的 pages 换到 folder；先抄到旁边，抄不完（磁盘满了、按了 Ctrl+C）旧的还在"""
    new = folder.with_name(folder.name + ".incomplete")
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.copytree(pages, new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)
