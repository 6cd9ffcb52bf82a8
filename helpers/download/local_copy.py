"""缓存：ModelScope 把下载的模型放在哪里，那里有没有完整的一份；都不联网"""
import os
import shutil
from pathlib import Path

from helpers.download import manifest
from helpers.download.checkpoint import check
from helpers.download.modelscope_hub import SUFFIXES
from helpers.errors import ModelError


class BrokenCopy(ModelError):
    """这台电脑上有一份，但是坏了：少文件、没下载完、被改过"""


def local_folders(name: str) -> list[Path]:
    """ModelScope 可能放这个模型的文件夹：新布局在前，旧布局在后"""
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope").expanduser()
    owner, model = name.split("/")
    old = model.replace(".", "___")
    return [root / "models" / f"{owner}--{model}" / "snapshots" / "master",
            *(root / layout / owner / old for layout in ("hub/models", "models", "hub"))]


def cached(name: str) -> Path | None:
    """缓存里完整的一份；一份也没有就是 None，有而不完整时报 BrokenCopy。不联网

    第一次用到别处下载的一份时记下 sha256，以后坏了就看得出来
    """
    trouble = None
    for folder in local_folders(name):
        if folder.is_dir():
            try:
                manifest.demand(check(folder))
            except ModelError as error:
                trouble = trouble or BrokenCopy(str(error))
                continue
            if not manifest.read(folder):
                manifest.make(folder, data_files(folder))
            return folder
    if trouble:
        raise trouble
    return None


def data_files(folder: Path) -> list[str]:
    """文件夹里的数据文件，相对路径，按次序"""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                  if path.is_file() and path.suffix in SUFFIXES and path.name != manifest.NAME)


def remove(name: str) -> list[Path]:
    """删掉缓存里这个模型的全部文件，返回删了的文件夹"""
    found = [folder for folder in local_folders(name) if folder.is_dir()]
    for folder in found:
        shutil.rmtree(folder)
    return found
