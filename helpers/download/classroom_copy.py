"""全班一份模型：老师导出一个文件夹，学生从 U 盘、共享文件夹或 http 地址取，按同样的校验和核对

文件夹里是模型的文件和清单 course-model.json。清单的指纹是它的 sha256 的前 16 位（十六进制，四位一组），
老师写在黑板上；http 不加密，所以没有指纹就不取
"""
import hashlib
import os
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import BinaryIO

from helpers.download.checkpoint import MALFORMED
from helpers.download.local_copy import check_disk
from helpers.download.manifest import (
    Manifest,
    ModelFile,
    demand_undamaged,
    file_sha256,
    parse_manifest,
    read_record,
)
from helpers.errors import ModelError
from helpers.files import incomplete, write_text

CLASS_MANIFEST = "course-model.json"
BLOCK_BYTES = 1 << 20
SHARE_TIMEOUT = (5, 20)  # http：连接和等数据各等几秒


def fingerprint(manifest: bytes) -> str:
    """清单 → 指纹，写成四组。例: fingerprint(b"") -> "e3b0-c442-98fc-1c14" """
    digest = hashlib.sha256(manifest).hexdigest()
    return "-".join(wrap(digest[:16], 4))


def bare_fingerprint(text: str) -> str:
    """指纹去掉短横、空格和大小写的差别"""
    return text.replace("-", "").replace(" ", "").lower()


def is_web(place: str) -> bool:
    """老师给的是网址，还是文件夹、U 盘或 UNC 路径（\\\\老师\\模型）"""
    return place.startswith(("http://", "https://"))


def read_share(place: str, path: str, out: BinaryIO) -> None:
    """把老师那里的文件 path 写到 out 的末尾，out 里已有的不再读；读不到时报 OSError 或 ModelError"""
    if is_web(place):
        read_web(place.rstrip("/"), path, out)
        return
    with (Path(place).expanduser() / path).open("rb") as file:
        file.seek(out.tell())
        shutil.copyfileobj(file, out)


def read_web(address: str, path: str, out: BinaryIO) -> None:
    """同 read_share，从任何静态文件服务器读；不认 Range 的服务器从头再发"""
    import requests

    rest = {"Range": f"bytes={out.tell()}-"}
    try:
        with requests.get(f"{address}/{path}", headers=rest, timeout=SHARE_TIMEOUT, stream=True) as answer:
            if answer.status_code == 200:
                out.truncate(0)
            elif answer.status_code != 206:
                raise ModelError(f"{address} 上应有 {path}，现在回答 {answer.status_code}；检查老师给的地址")
            for block in answer.iter_content(BLOCK_BYTES):
                out.write(block)
    except requests.RequestException as error:
        raise ModelError(f"应能从 {address} 读 {path}，现在断了（{type(error).__name__}）；"
                         "看看和老师在不在同一个网络，再运行一次会接着下") from None


def class_manifest(place: str, model_id: str) -> Manifest:
    """老师那里 model_id 的清单；指纹看 COURSE_MODEL_FINGERPRINT：http 一定要有，有就要对得上，否则报 ModelError"""
    known = os.environ.get("COURSE_MODEL_FINGERPRINT")
    if is_web(place) and not known:
        raise ModelError(f"从 {place} 取模型应知道指纹，现在没有；把老师写在黑板上的指纹设为 COURSE_MODEL_FINGERPRINT，"
                         "或者用 --fingerprint 给出")
    content = class_manifest_bytes(place)
    current = fingerprint(content)
    if known and bare_fingerprint(known) != bare_fingerprint(current):
        raise ModelError(f"清单的指纹应是 {known}，现在是 {current}；看清黑板再输一次，还不对就不要用，告诉老师")
    try:
        manifest = parse_manifest(content)
    except MALFORMED:
        raise ModelError(f"{place} 的 {CLASS_MANIFEST} 应是导出时写的清单，现在看不懂；请老师重新导出") from None
    if manifest.model_id != model_id:
        raise ModelError(f"{place} 里应是 {model_id}，现在是 {manifest.model_id}；检查 COURSE_MODEL 和老师给的地址")
    return manifest


def class_manifest_bytes(place: str) -> bytes:
    """老师那里的清单，一个字节也没有动过；读不到时报 ModelError"""
    content = BytesIO()
    try:
        read_share(place, CLASS_MANIFEST, content)
    except OSError:
        raise ModelError(f"{place} 里应有 {CLASS_MANIFEST}，现在读不到；"
                         "检查路径，看看 U 盘或共享文件夹连上了没有") from None
    return content.getvalue()


def fetch_copy(place: str, manifest: Manifest, folder: Path) -> None:
    """从 place 把文件取到 folder：好的不再取，断过的接着取，每个都核对 sha256"""
    from tqdm.auto import tqdm

    done = 0
    with tqdm(total=manifest.size(), unit="B", unit_scale=True, desc="从老师那里取") as bar:
        for file in manifest.files:
            try:
                take_file(file, place, folder, bar)
            except OSError as error:
                raise ModelError(f"应能取到 {file.path}，现在不能（{error.strerror or error}）；"
                                 "看看磁盘和连接，再运行一次会接着取") from None
            done += file.size
            bar.update(done - bar.n)  # 以前取好的也算


def export_copy(source: Path, target: Path) -> str:
    """把核对过的模型 source 连同清单写进 target，返回指纹；target 里已有的好文件不再复制

    source 与下载时的记录不符、target 写不进时报 ModelError
    """
    from tqdm.auto import tqdm

    record = read_record(demand_undamaged(source, thorough=True))
    if record is None:
        raise ModelError(f"{source} 应有下载时的记录，现在没有；先运行 python -m helpers.model fetch")
    files = [replace(file, mtime_ns=None) for file in record.files]  # 修改时间只对这台电脑有用
    manifest = Manifest(record.model_id, files)
    check_disk(manifest, target)
    try:
        for file in files:
            take_file(file, str(source), target, tqdm(disable=True))
        write_text(target / CLASS_MANIFEST, manifest.text())
    except OSError as error:
        raise ModelError(f"应能写进 {target}，现在不能（{error.strerror or error}）；换一个文件夹再试") from None
    return fingerprint(manifest.text().encode())


def take_file(file: ModelFile, place: str, folder: Path, bar) -> None:
    """取一个文件：先写 .incomplete，sha256 对了才改名；不对就删掉，报 ModelError。bar: 按字节走的进度条"""
    from tqdm.utils import CallbackIOWrapper

    if file.is_whole(folder):
        return
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = incomplete(target)
    with partial.open("ab") as out:
        if out.tell() < file.size:
            read_share(place, file.path, CallbackIOWrapper(bar.update, out, "write"))
    if file_sha256(partial) != file.sha256:
        partial.unlink()
        raise ModelError(f"{file.path} 应与老师导出的一样，现在不一样；坏的没有留下，再运行一次，还不行就告诉老师")
    os.replace(partial, target)
