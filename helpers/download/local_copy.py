"""本机的一份：ModelScope 把下载的模型放在哪里，那里有没有完整的一份，磁盘还放得下多少；都不联网"""
import os
import shutil
from pathlib import Path

from helpers.download.checkpoint import check_checkpoint
from helpers.download.manifest import Manifest, ModelFile, data_files, demand_undamaged, read_record, write_record
from helpers.errors import ModelError
from helpers.files import incomplete, usable_paths, user_path

SPARE_BYTES = 200_000_000  # 下载以后磁盘上至少还要剩的字节数


class BrokenCopy(ModelError):
    """这台电脑上有一份，但是坏了：少文件、没下载完、被改过"""


def local_folders(model_id: str) -> list[Path]:
    """ModelScope 可能放这个模型的文件夹：新布局在前，旧布局在后"""
    root = cache_root()
    owner, name = model_id.split("/")
    old_name = name.replace(".", "___")
    folders = [root / f"models/{owner}--{name}/snapshots/master"]
    for layout in ("hub/models", "models", "hub"):
        folders.append(root / layout / owner / old_name)
    return folders


def cache_root() -> Path:
    """下载的模型都放在它下面：MODELSCOPE_CACHE，默认在用户文件夹里；还不一定存在"""
    return user_path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope", "MODELSCOPE_CACHE")


def find_copy(model_id: str, thorough: bool = False) -> Path | None:
    """完整的一份在哪个文件夹；一份也没有就是 None，有而不完整时报 BrokenCopy；thorough: 逐个字节核对"""
    broken = None
    for folder in existing_folders(model_id):
        try:
            return demand_undamaged(check_checkpoint(folder), thorough)
        except ModelError as error:
            broken = broken or BrokenCopy(str(error))
    if broken:
        raise broken
    return None


@usable_paths("MODELSCOPE_CACHE")
def existing_folders(model_id: str) -> list[Path]:
    """现在有的 local_folders"""
    return [folder for folder in local_folders(model_id) if folder.is_dir()]


def remember_copy(model_id: str, folder: Path) -> None:
    """记下 folder 里的文件，以后坏了就看得出来：别处下载的一份第一次用时算出 sha256，已经记着的只记新的时间"""
    record = read_record(folder) or Manifest(model_id, data_files(folder))
    write_record(folder, record)


@usable_paths("MODELSCOPE_CACHE")
def remove_copies(model_id: str) -> list[Path]:
    """删掉这个模型的全部文件，返回删了的文件夹（modelscope 的 clear_cache 不认带 ___ 的旧布局）"""
    found = existing_folders(model_id)
    for folder in found:
        shutil.rmtree(folder)
    return found


def check_disk(manifest: Manifest, folder: Path) -> None:
    """磁盘放得下还没有取来的部分吗，放不下报 ModelError"""
    needed = SPARE_BYTES
    for file in manifest.files:
        needed += file.size - present_bytes(file, folder)
    free = free_bytes(folder)
    if free < needed:
        raise ModelError(f"磁盘应至少有 {needed / 1e9:.1f} GB，现在剩 {free / 1e9:.1f} GB；"
                         "腾出空间，或者用 MODELSCOPE_CACHE 换到别的盘，再运行一次")


@usable_paths("MODELSCOPE_CACHE")
def free_bytes(folder: Path) -> int:
    """folder（还不一定存在）所在的磁盘剩多少字节"""
    place = folder
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def present_bytes(file: ModelFile, folder: Path) -> int:
    """这个文件已经在磁盘上的字节数：取好的，或者取了一半的（.incomplete）；比文件还大的一半没有用，会删掉，也算"""
    path = folder / file.path
    for candidate in (path, incomplete(path)):
        if candidate.is_file():
            return candidate.stat().st_size
    return 0
