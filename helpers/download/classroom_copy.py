"""全班一份模型：老师导出一个文件夹，学生从 U 盘、共享文件夹或 http 地址取，按同样的校验和核对

文件夹里是模型的文件和清单 course-model.json。清单的指纹是它的 sha256 的前 16 位（十六进制，四位一组），
老师写在黑板上；http 不加密，所以没有指纹就不取
"""
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.download import manifest
from helpers.download.modelscope_hub import RemoteFile, check_disk, check_path
from helpers.errors import ModelError

MANIFEST = "course-model.json"
BLOCK = 1 << 20
WAIT = (5, 20)  # http：连接和等数据各等几秒


def fingerprint(manifest: bytes) -> str:
    """清单 → 指纹，写成四组。例: fingerprint(b"") -> "e3b0-c442-98fc-1c14" """
    digest = hashlib.sha256(manifest).hexdigest()
    return "-".join(digest[i:i + 4] for i in range(0, 16, 4))


def export(model_id: str, source: Path, target: Path) -> str:
    """把核对过的模型 source 连同清单写进 target，返回指纹；target 里已有的好文件不再复制

    source 与下载时的记录不符、target 写不进时报 ModelError
    """
    known = manifest.read(manifest.demand(source, thorough=True))
    if not known:
        raise ModelError(f"{source} 应有下载时的记录，现在没有；先运行 python -m helpers.model fetch")
    files = [RemoteFile(name, entry["size"], entry["sha256"]) for name, entry in known.items()]
    check_disk(files, target)
    content = json.dumps({"model": model_id, "files": {file.path: {"size": file.size, "sha256": file.sha256}
                                                        for file in files}}, indent=1).encode()
    try:
        target.mkdir(parents=True, exist_ok=True)
        folder = FolderShare(source)
        for file in files:
            take(file, target, folder)
        (target / MANIFEST).write_bytes(content)
    except OSError as error:
        raise ModelError(f"应能写进 {target}，现在不能（{error.strerror or error}）；换一个文件夹再试") from None
    return fingerprint(content)


class FolderShare:
    """一个文件夹、U 盘或 UNC 路径（\\\\老师\\模型）"""

    def __init__(self, place: str | os.PathLike):
        self.folder = Path(place).expanduser()

    def manifest(self) -> bytes:
        try:
            return (self.folder / MANIFEST).read_bytes()
        except OSError:
            raise ModelError(f"{self.folder} 里应有 {MANIFEST}，现在读不到；检查路径，看看 U 盘或共享文件夹连上了没有"
                             ) from None

    @contextmanager
    def open(self, name: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """从第 start 个字节读起：(实际从哪里开始, 一块块的数据)"""
        with (self.folder / name).open("rb") as file:
            file.seek(start)
            yield start, iter(lambda: file.read(BLOCK), b"")


class WebShare:
    """一个 http 地址，任何静态文件服务器都行；不认 Range 的服务器从头再来"""

    def __init__(self, address: str):
        self.address = address.rstrip("/")

    def manifest(self) -> bytes:
        with self.open(MANIFEST, 0) as (_, blocks):
            return b"".join(blocks)

    @contextmanager
    def open(self, name: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """同 FolderShare.open；连不上、没有这个文件时报 ModelError"""
        import requests

        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            with requests.get(f"{self.address}/{name}", headers=headers, timeout=WAIT, stream=True) as answer:
                if answer.status_code not in (200, 206):
                    raise ModelError(f"{self.address} 上应有 {name}，现在回答 {answer.status_code}；检查老师给的地址")
                yield start if answer.status_code == 206 else 0, answer.iter_content(BLOCK)
        except requests.exceptions.RequestException as error:
            raise ModelError(f"应能从 {self.address} 读 {name}，现在断了（{type(error).__name__}）；"
                             "看看和老师在不在同一个网络，再运行一次会接着下") from None


def share(place: str) -> FolderShare | WebShare:
    """地址或路径 → 从那里取文件的办法"""
    return WebShare(place) if place.startswith(("http://", "https://")) else FolderShare(place)


def read(place: str, known_fingerprint: str | None) -> tuple[str, list[RemoteFile]]:
    """读清单：(模型编号, 文件)；http 一定要有指纹，给了指纹就要对得上，否则报 ModelError"""
    source = share(place)
    if isinstance(source, WebShare) and not known_fingerprint:
        raise ModelError(f"从 {place} 取模型应知道指纹，现在没有；把老师写在黑板上的指纹设为 COURSE_MODEL_FINGERPRINT，"
                         "或者用 --fingerprint 给出")
    content = source.manifest()
    if known_fingerprint and plain(known_fingerprint) != plain(fingerprint(content)):
        raise ModelError(f"清单的指纹应是 {known_fingerprint}，现在是 {fingerprint(content)}；"
                         "看清黑板再输一次，还不对就不要用，告诉老师")
    try:
        listed = json.loads(content)
        files = [RemoteFile(name, int(e["size"]), str(e["sha256"])) for name, e in listed["files"].items()]
        model_id = str(listed["model"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{place} 的 {MANIFEST} 应是导出时写的清单，现在看不懂；请老师重新导出") from None
    for file in files:
        check_path(file.path)
    return model_id, files


def plain(text: str) -> str:
    """指纹去掉短横、空格和大小写的差别"""
    return text.replace("-", "").replace(" ", "").lower()


def fetch(place: str, files: list[RemoteFile], folder: Path) -> None:
    """从 place 把 files 取到 folder：好的不再取，断过的接着取，每个都核对 sha256，最后写下记录"""
    from tqdm.auto import tqdm

    check_disk(files, folder)
    source = share(place)
    with tqdm(total=sum(file.size for file in files), unit="B", unit_scale=True, desc="从老师那里取") as bar:
        for file in files:
            try:
                take(file, folder, source, bar.update)
            except OSError as error:
                raise ModelError(f"应能取到 {file.path}，现在不能（{error.strerror or error}）；"
                                 "看看磁盘和连接，再运行一次会接着取") from None
    manifest.write(folder, {file.path: file.sha256 for file in files})


def take(file: RemoteFile, folder: Path, source: FolderShare | WebShare, advance=lambda size: None) -> None:
    """取一个文件：先写 .incomplete，sha256 对了才改名；不对就删掉，报 ModelError"""
    target = folder / file.path
    if target.is_file() and target.stat().st_size == file.size and manifest.sha256(target) == file.sha256:
        advance(file.size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".incomplete")
    have = partial.stat().st_size if partial.is_file() else 0
    with source.open(file.path, have if have < file.size else 0) as (start, blocks):
        advance(start)
        with partial.open("r+b" if start else "wb") as out:
            out.seek(start)
            for block in blocks:
                out.write(block)
                advance(len(block))
            out.truncate()
    if partial.stat().st_size < file.size:
        raise ModelError(f"{file.path} 应有 {file.size:,} 字节，现在只到 {partial.stat().st_size:,}；"
                         "再运行一次会接着取")
    if manifest.sha256(partial) != file.sha256:
        partial.unlink()
        raise ModelError(f"{file.path} 应与老师导出的一样，现在不一样；坏的没有留下，再运行一次，还不行就告诉老师")
    os.replace(partial, target)
