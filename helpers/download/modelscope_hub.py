"""ModelScope：列出一个模型的文件，下载，说清楚哪里出了错

下载用 modelscope 自己的 snapshot_download（会续传、重试、核对 sha256、显示进度、让第二个进程等着）；这里补上它没管的：
先看清单再动手、只要数据文件、磁盘够不够、出错时的中文
"""
import contextlib
import json
import logging
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from helpers.download.names import nearest
from helpers.errors import ModelError

ENDPOINT = "https://www.modelscope.cn"
SUFFIXES = (".json", ".txt", ".jinja", ".safetensors")  # 只要数据，不要代码（.py）和 pickle（.bin）
ASK = (5, 12)       # 问清单时，连接和等回答各等几秒
TRIES = 3           # 服务器出错或连接断开时，问几次；一直不回答就不再等
SPARE = 200_000_000  # 下载以后磁盘上至少还要剩的字节数
PATIENCE = {"MODELSCOPE_DOWNLOAD_TIMEOUT": "10", "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "3",
            "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "4", "MODELSCOPE_DOWNLOAD_LOW_SPEED_WINDOW_SECONDS": "20"}


@dataclass(frozen=True)
class RemoteFile:
    """清单里的一个文件：相对路径、字节数、sha256（没有就是 None）"""
    path: str
    size: int
    sha256: str | None


def endpoint() -> str:
    """下载站的地址：MODELSCOPE_ENDPOINT，默认是魔搭"""
    return (os.environ.get("MODELSCOPE_ENDPOINT") or ENDPOINT).rstrip("/")


def listing(model_id: str) -> list[RemoteFile]:
    """一个模型的数据文件清单；连不上、没有这个模型、清单不对时报 ModelError

    例: listing("Qwen/Qwen2.5-0.5B-Instruct")[0].path -> "config.json"
    """
    answer = ask(f"{endpoint()}/api/v1/models/{model_id}/repo/files", model_id)
    try:
        entries = [entry for entry in answer["Data"]["Files"] if entry.get("Type") != "tree"]
        files = [RemoteFile(entry["Path"], int(entry["Size"]), entry.get("Sha256") or None) for entry in entries]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError(f"{host()} 应给出 {model_id} 的文件清单，现在的回答看不懂；过几分钟再试，"
                         "还不行就看看 MODELSCOPE_ENDPOINT 设得对不对") from None
    for file in files:
        check_path(file.path)
    files = [file for file in files if file.path.endswith(SUFFIXES)]
    if not any(file.path.endswith(".safetensors") for file in files):
        raise ModelError(f"{model_id} 应有 safetensors 格式的权重，现在清单里没有；换一个模型，例如 qwen")
    return files


def host() -> str:
    """下载站的名字。例: "www.modelscope.cn" """
    return urlsplit(endpoint()).netloc or endpoint()


def check_path(path: str) -> None:
    """清单里的文件名应留在模型文件夹里面，否则报 ModelError，什么也不写"""
    parts = PurePosixPath(path.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in path or not path:
        raise ModelError(f"清单里的文件名应留在模型文件夹里，现在有 {path!r}；这个下载站不可信，什么也没有下载，"
                         "检查 MODELSCOPE_ENDPOINT")


def ask(url: str, model_id: str) -> dict:
    """问一次清单，回答应是 JSON；每种出错说一句中文"""
    import requests  # modelscope 已经要求装它

    for last in [False] * (TRIES - 1) + [True]:
        try:
            answer = requests.get(url, params={"Revision": "master", "Recursive": "True"}, timeout=ASK)
            if answer.status_code < 500 or last:
                return read(answer, model_id)
        except requests.exceptions.RequestException as error:
            if last or isinstance(error, requests.exceptions.Timeout):
                raise ModelError(unreachable(error)) from None
        time.sleep(1)
    raise AssertionError("循环总会返回或报错")


def read(answer, model_id: str) -> dict:
    """HTTP 回答 → JSON；状态不是 200 或者不是 JSON 时报 ModelError"""
    status = answer.status_code
    if status == 404:
        raise ModelError(f"{host()} 上应有 {model_id}，现在没有（404）；检查作者、名字和大小写{nearest(model_id)}")
    if status in (401, 403):
        raise ModelError(f"{model_id} 应能公开下载，现在 {host()} 不让下载（{status}）；"
                         "检查名字，或者换成公开的模型，例如 qwen")
    if status != 200:
        raise ModelError(f"{host()} 应给出文件清单，现在服务器出错（{status}）；不是你的电脑的问题，过几分钟再试")
    try:
        return json.loads(answer.content)
    except ValueError:
        raise ModelError(f"{host()} 应回答 JSON，现在回答的是一个网页；多半是校园网还没有登录：先在浏览器里登录，"
                         "再运行一次") from None


def unreachable(error: Exception) -> str:
    """连不上时，按原因说一句：查不到地址、拒绝、超时、断开"""
    import requests

    text = str(error)
    if isinstance(error, requests.exceptions.Timeout):
        return f"{host()} 应在 {sum(ASK)} 秒内回答，现在一直没有；网络太慢或被挡住，换个网络再试"
    if "NameResolution" in text or "getaddrinfo" in text or isinstance(error.__context__, socket.gaierror):
        return f"应查得到 {host()} 的地址，现在查不到；多半是没有连网：连上网（校园网先在浏览器里登录）再试"
    if "refused" in text or "10061" in text:
        return f"{host()} 应接受连接，现在被拒绝；检查 MODELSCOPE_ENDPOINT 和代理的设置"
    return f"{host()} 应给出文件清单，现在连接断开（{type(error).__name__}）；检查网络再试，已经下载的不会丢"


def download(model_id: str, files: list[RemoteFile], folder: Path) -> None:
    """把 files 下载到 folder（缓存里的位置）；断过的接着下，下好的不再下

    磁盘不够时先说，不动手；下载失败时报 ModelError，说明原因和下一步，下好的文件都留着
    """
    check_disk(files, folder)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    from modelscope import snapshot_download

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with quiet_client():
            snapshot_download(model_id, allow_patterns=[file.path for file in files], local_dir=str(folder),
                              max_workers=1, endpoint=endpoint())
    except Exception as error:
        raise ModelError(failed(error, folder)) from error


def check_disk(files: list[RemoteFile], folder: Path) -> None:
    """磁盘放得下还没下载的部分吗，放不下报 ModelError"""
    todo = sum(file.size - present(folder / file.path, file.size) for file in files)
    place = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < todo + SPARE:
        raise ModelError(f"磁盘应至少有 {(todo + SPARE) / 1e9:.1f} GB，现在剩 {free / 1e9:.1f} GB；"
                         "腾出空间，或者用 MODELSCOPE_CACHE 换到别的盘，再运行一次")


def present(path: Path, size: int) -> int:
    """已经在磁盘上的字节数：下好的，或者下了一半的（.incomplete）"""
    for candidate in (path, path.with_name(path.name + ".incomplete")):
        if candidate.is_file():
            return min(size, candidate.stat().st_size)
    return 0


def failed(error: Exception, folder: Path) -> str:
    """下载中途失败的原因 → 一句中文；磁盘满时清掉半截文件"""
    causes = [error, *getattr(error, "failed_files", {}).values()]
    text = " ".join(f"{type(cause).__name__} {cause}" for cause in causes)
    if any(getattr(cause, "errno", None) == 28 for cause in causes) or "No space left" in text:
        for partial in folder.rglob("*.incomplete"):
            partial.unlink(missing_ok=True)
        return ("磁盘应放得下整个模型，现在满了；半截的文件已经清掉，腾出空间，或者用 MODELSCOPE_CACHE 换到别的盘，"
                "再运行一次")
    if any(word in text for word in ("PermissionError", "Permission denied", "Read-only")):
        return f"应能往缓存里写文件，现在不能（{folder.parent.name}）；用 MODELSCOPE_CACHE 换到自己的文件夹，再运行一次"
    if "Integrity" in text or "SizeMismatch" in text or "sha256" in text.lower():
        return f"下载的文件应与 {host()} 公布的一致，现在几次都不一致；网络可能改动了内容，换个网络再试，坏的没有留下"
    return (f"应下载完全部文件，现在中断了（{type(causes[-1]).__name__}）；检查网络，再运行一次就会从断的地方接着下，"
            "已经下好的不会丢")


@contextlib.contextmanager
def quiet_client():
    """下载时不让客户端打印英文日志；出错由这里说"""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("modelscope")]
    before = {name: logging.getLogger(name).level for name in [*names, "modelscope_hub"]}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
