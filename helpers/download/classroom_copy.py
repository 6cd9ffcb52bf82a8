"""全班一份模型：老师导出一个文件夹，学生从 U 盘、共享文件夹或 http 地址取，按同样的校验和核对

文件夹里是模型的文件和清单 course-model.json。清单的指纹是它的 sha256 的前 16 位（十六进制，四位一组），
老师写在黑板上；http 不加密，所以没有指纹就不取
"""
import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import BinaryIO
from urllib.parse import quote

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
from helpers.download.web import TooLarge, TooLate, is_address, web_answer
from helpers.errors import ModelError
from helpers.files import incomplete, user_path, write_text

CLASS_MANIFEST = "course-model.json"
BLOCK_BYTES = 1 << 20
COPY_SILENT_SECONDS = 20      # http：一个字节也没有来最多等几秒
MANIFEST_SECONDS = 30         # 一份清单最多收几秒
MANIFEST_BYTES = 1_000_000    # 一份清单最多多少字节；Qwen 的不到两千
SLOWEST = 20_000              # 每秒至少取多少字节，再慢不值得等


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


def read_share(place: str, path: str, out: BinaryIO, most: int, seconds: float) -> None:
    """把老师那里的文件 path 写到 out 的末尾，out 里已有的不再读；写到 most 字节还没有完就报 TooLarge

    seconds: 从网址读时最多几秒；读不到时报 OSError 或 ModelError
    """
    if is_web(place):
        read_web(place.rstrip("/"), path, out, most, seconds)
        return
    with (user_path(place, "COURSE_MODEL_HUB") / path).open("rb") as file:
        file.seek(out.tell())
        append(iter(partial(file.read, BLOCK_BYTES), b""), out, most)


def append(blocks: Iterable[bytes], out: BinaryIO, most: int) -> None:
    """一块一块地写到 out 的末尾；out 不会比 most 字节长，再多就报 TooLarge"""
    for block in blocks:
        room = most - out.tell()
        out.write(block[:room])
        if len(block) > room:
            raise TooLarge


def empty(out: BinaryIO) -> None:
    """从头再来：out 里已有的不要了，磁盘的空间马上还回去"""
    out.seek(0)
    out.truncate(0)


def read_web(address: str, path: str, out: BinaryIO, most: int, seconds: float) -> None:
    """同 read_share，从任何静态文件服务器读；不认 Range 的服务器从头再发"""
    import httpx2

    headers = {"Range": f"bytes={out.tell()}-", "Accept-Encoding": "identity"}
    try:
        with web_answer("GET", f"{address}/{quote(path)}", seconds, COPY_SILENT_SECONDS,
                        headers=headers) as (answer, _):
            if answer.status_code == 200:
                empty(out)
            elif answer.status_code != 206:
                raise ModelError(f"{address} 上应有 {path}，现在回答 {answer.status_code}；检查老师给的地址")
            append(answer.iter_bytes(), out, most)
    except (httpx2.HTTPError, TooLate) as error:
        raise ModelError(f"应能从 {address} 读 {path}，现在断了（{type(error).__name__}）；"
                         "看看和老师在不在同一个网络，再运行一次会接着下") from None


def class_manifest(place: str, model_id: str) -> Manifest:
    """老师那里 model_id 的清单；指纹看 COURSE_MODEL_FINGERPRINT：http 一定要有，有就要对得上，否则报 ModelError"""
    known = os.environ.get("COURSE_MODEL_FINGERPRINT")
    if is_web(place) and not known:
        raise ModelError(f"从 {place} 取模型应知道指纹，现在没有；把老师写在黑板上的指纹设为 COURSE_MODEL_FINGERPRINT，"
                         "或者用 --fingerprint 给出")
    if is_web(place) and not is_address(place):
        raise ModelError(f"老师的地址应像 http://10.0.0.5:8000（冒号和斜杠是半角的），现在是 {place[:80]!r}；"
                         "照黑板重新设 COURSE_MODEL_HUB")
    content = class_manifest_bytes(place)
    current = fingerprint(content)
    if known and bare_fingerprint(known) != bare_fingerprint(current):
        raise ModelError(f"清单的指纹应是 {known}，现在是 {current}；看清黑板再输一次，还不对就不要用，告诉老师")
    try:
        manifest = parse_manifest(content)
    except MALFORMED:
        raise ModelError(f"{place} 的 {CLASS_MANIFEST} 应是导出时写的清单，现在看不懂；请老师重新导出") from None
    for file in manifest.files:
        if not file.is_data():
            raise ModelError(f"{place} 的清单里应只有模型的数据，现在有 {file.path!r}；不要用这一份，告诉老师")
    if manifest.model_id != model_id:
        raise ModelError(f"{place} 里应是 {model_id}，现在是 {manifest.model_id}；检查 COURSE_MODEL 和老师给的地址")
    return manifest


def class_manifest_bytes(place: str) -> bytes:
    """老师那里的清单，一个字节也没有动过；读不到时报 ModelError"""
    content = BytesIO()
    try:
        read_share(place, CLASS_MANIFEST, content, MANIFEST_BYTES, MANIFEST_SECONDS)
    except TooLarge:
        raise ModelError(f"{place} 的 {CLASS_MANIFEST} 应不超过 {MANIFEST_BYTES / 1e6:.0f} MB，现在更大；"
                         "这不是导出的清单，什么也没有取，告诉老师") from None
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
    if file.is_whole(folder):
        return
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    half = incomplete(target)
    resumed = half.is_file()
    whole = receive(file, place, half, bar)
    if resumed and not whole:  # 以前取来的一半也许是坏的：从头再取一次
        whole = receive(file, place, half, bar)
    if not whole:
        raise ModelError(f"{file.path} 应与老师导出的一样，现在不一样；坏的没有留下，再运行一次，还不行就告诉老师")
    os.replace(half, target)


def receive(file: ModelFile, place: str, half: Path, bar) -> bool:
    """取到 half 里，已有的不再取；sha256 对吗，不对就删掉。没有取完时报 ModelError，已有的留着"""
    from tqdm.utils import CallbackIOWrapper

    with half.open("ab") as out:
        if out.tell() > file.size:
            empty(out)
        try:
            if out.tell() < file.size:
                seconds = COPY_SILENT_SECONDS + file.size / SLOWEST
                read_share(place, file.path, CallbackIOWrapper(bar.update, out, "write"), file.size, seconds)
        except TooLarge:
            empty(out)
        size = out.tell()
    if 0 < size < file.size:
        raise ModelError(f"{file.path} 应有 {file.size:,} 字节，现在老师那里只给了 {size:,}；再运行一次会接着取")
    if file_sha256(half) == file.sha256:
        return True
    half.unlink()
    return False
