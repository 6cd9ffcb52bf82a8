"""教学小模型的文件放在哪里，怎样整份写入"""
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

CHECKPOINT = Path(__file__).parent / "checkpoint"


def write_text(path: Path, text: str) -> None:
    """先写临时文件再改名：中途断电也不会留下半个文件"""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".incomplete")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


@contextlib.contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """给出 folder 的一份副本去改；全部写好才换上去，出错时 folder 保持原样"""
    new, old = folder.with_name(folder.name + ".incomplete"), folder.with_name(folder.name + ".old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(folder, new)
    try:
        yield new
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old)
