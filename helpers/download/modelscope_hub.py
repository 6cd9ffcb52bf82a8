"""ModelScope：列出一个模型的文件，下载，说清楚哪里出了错

下载用 modelscope 自己的 HubApi（会续传、重试、核对 sha256、显示进度、让第二个进程等着）；这里补上它没管的：
先看清单再动手、只要数据文件、磁盘够不够、出错时的中文
"""
import contextlib
import errno
import json
import logging
import os
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from helpers.download import web
from helpers.download.checkpoint import MALFORMED
from helpers.download.manifest import Manifest, ModelFile, untrusted
from helpers.download.names import nearest_ids
from helpers.errors import ModelError

ENDPOINT = "https://www.modelscope.cn"
LISTING_SECONDS = 20        # 一份清单最多收几秒
LISTING_BYTES = 10_000_000  # 一份清单最多多少字节；Qwen 的有几千
LISTING_PAUSES = (0.5, 1)   # 服务器出错或连不上时，隔几秒再问；连上了却一直不回答就不再等
CLIENT_SETTINGS = {"MODELSCOPE_DOWNLOAD_TIMEOUT": "10",
                   "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "3",
                   "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "4",
                   "MODELSCOPE_DOWNLOAD_LOW_SPEED_WINDOW_SECONDS": "20"}


def endpoint() -> str:
    """下载站的地址：MODELSCOPE_ENDPOINT，默认是魔搭；不像地址时报 ModelError"""
    text = (os.environ.get("MODELSCOPE_ENDPOINT") or ENDPOINT).strip().rstrip("/")
    if not web.is_address(text):
        raise ModelError(f"MODELSCOPE_ENDPOINT 应像 {ENDPOINT}（http 开头，冒号和斜杠是半角的），现在是 {text[:80]!r}；"
                         "不用自己的下载站就去掉这个环境变量，再试一次")
    return text


def hub_host() -> str:
    """下载站的名字。例: "www.modelscope.cn" """
    return urlsplit(endpoint()).netloc or endpoint()


def listing(model_id: str) -> Manifest:
    """一个模型的数据文件清单；连不上、没有这个模型、清单不对时报 ModelError

    例: listing("Qwen/Qwen2.5-0.5B-Instruct").files[0].path -> "config.json"
    """
    content = ask_listing(model_id)
    try:
        entries = content["Data"]["Files"]
        files = [listed_file(entry) for entry in entries if entry.get("Type") != "tree"]
        listed = Manifest(model_id, files)
    except MALFORMED:
        raise ModelError(f"{hub_host()} 应给出 {model_id} 的文件清单，现在的回答看不懂；过几分钟再试，"
                         "还不行就看看 MODELSCOPE_ENDPOINT 设得对不对") from None
    for file in listed.files:
        if file.is_record():
            raise untrusted(f"清单里应只有模型的文件，现在有课程自己的记录 {file.path!r}")
    data = [file for file in listed.files if file.is_data()]
    if not any(file.path.endswith(".safetensors") for file in data):
        raise ModelError(f"{model_id} 应有 safetensors 格式的权重，现在清单里没有；换一个模型，例如 qwen")
    return Manifest(model_id, data)


def listed_file(entry: dict) -> ModelFile:
    """下载站的清单里的一项 → 文件；没有公布 sha256 的是 None；看不懂时报 MALFORMED 里的错"""
    digest = entry.get("Sha256") or None
    return ModelFile(entry["Path"], entry["Size"], digest)


def ask_listing(model_id: str) -> dict:
    """问清单，回答应是 JSON；每种出错说一句中文

    不用 HubApi.list_repo_files：一直没有回答时它要等一分钟，校园网的登录页和看不懂的清单它分不出来
    """
    import httpx2  # huggingface_hub 已经要求装它

    url = f"{endpoint()}/api/v1/models/{model_id}/repo/files?Revision=master&Recursive=True"
    try:
        status, text = patient_answer(url)
    except (httpx2.HTTPError, web.TooLate, web.TooLarge) as error:
        raise no_answer(error) from None
    check_listing_status(status, model_id)
    try:
        return json.loads(text)
    except RecursionError:
        return {}  # 括号套得太深，等于看不懂
    except ValueError:
        raise ModelError(f"{hub_host()} 应回答 JSON，现在回答的是一个网页；多半是校园网还没有登录：先在浏览器里登录，"
                         "再运行一次") from None


def patient_answer(url: str) -> tuple[int, bytes]:
    """(状态, 内容)；服务器出错、连不上时，隔一会儿再问"""
    import httpx2

    for pause in LISTING_PAUSES:
        with contextlib.suppress(httpx2.ConnectError):
            status, text = one_answer(url)
            if status < 500:
                return status, text
        time.sleep(pause)
    return one_answer(url)


def one_answer(url: str) -> tuple[int, bytes]:
    """问一次：(状态, 内容)"""
    with web.web_answer("GET", url, LISTING_SECONDS, LISTING_SECONDS) as (response, _):
        return response.status_code, web.whole_answer(response, LISTING_BYTES)


def check_listing_status(status: int, model_id: str) -> None:
    """HTTP 状态不是 200 时报 ModelError"""
    if status == 404:
        raise ModelError(f"{hub_host()} 上应有 {model_id}，现在没有（404）；"
                         f"检查作者、名字和大小写{nearest_ids(model_id)}")
    if status in (401, 403):
        raise ModelError(f"{model_id} 应能公开下载，现在 {hub_host()} 不让下载（{status}）；"
                         "检查名字，或者换成公开的模型，例如 qwen")
    if status != 200:
        raise ModelError(f"{hub_host()} 应给出文件清单，现在服务器出错（{status}）；不是你的电脑的问题，过几分钟再试")


def no_answer(error: Exception) -> ModelError:
    """连不上时，按引起它的错误说一句：超时、证书不对、查不到地址、拒绝、断开"""
    cause = error
    if isinstance(error, web.TooLarge):
        return ModelError(f"{hub_host()} 应给出文件清单，现在给的超过 {LISTING_BYTES / 1e6:.0f} MB，还没有完；"
                          "看看 MODELSCOPE_ENDPOINT 设得对不对")
    while cause:
        match cause:
            case TimeoutError():
                return ModelError(f"{hub_host()} 应在 {LISTING_SECONDS} 秒内给出清单，现在一直没有；"
                                  "网络太慢或被挡住，换个网络再试")
            case ssl.SSLError():
                return ModelError(f"{hub_host()} 应给出它自己的证书，现在给出的不对（{type(cause).__name__}）；"
                                  "多半是校园网还没有登录：先在浏览器里登录，再看看电脑的日期对不对，然后再运行一次")
            case socket.gaierror():
                return ModelError(f"应查得到 {hub_host()} 的地址，现在查不到；"
                                  "多半是没有连网：连上网（校园网先在浏览器里登录）再试")
            case ConnectionRefusedError():
                return ModelError(f"{hub_host()} 应接受连接，现在被拒绝；检查 MODELSCOPE_ENDPOINT 和代理的设置")
        cause = cause.__context__
    return ModelError(f"{hub_host()} 应给出文件清单，现在连接断开（{type(error).__name__}）；"
                      "检查网络再试，已经下载的不会丢")


def download(manifest: Manifest, folder: Path) -> None:
    """把清单里的文件下载到 folder（缓存里的位置）；断过的接着下，下好的不再下

    清单已经有了，客户端不再问一次；下载失败时报 ModelError，说明原因和下一步，下好的文件都留着
    """
    for name, value in CLIENT_SETTINGS.items():
        os.environ.setdefault(name, value)  # 客户端在导入时读
    from modelscope_hub import HubApi

    logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)  # 不要英文日志，出错由 download_trouble 说
    wanted = [{"Path": file.path, "Size": file.size, "Sha256": file.sha256} for file in manifest.files]
    try:
        remove_unverifiable(manifest, folder)
        HubApi(endpoint=endpoint()).download_repo(manifest.model_id, "model", local_dir=folder, file_list=wanted,
                                                  max_workers=1)
    except Exception as error:
        raise download_trouble(error, folder) from error


def remove_unverifiable(manifest: Manifest, folder: Path) -> None:
    """没有公布 sha256 的文件，客户端只看大小，坏的也当成好的：先删掉，让它重新下"""
    for file in manifest.files:
        if file.sha256 is None:
            (folder / file.path).unlink(missing_ok=True)


def download_trouble(error: Exception, folder: Path) -> ModelError:
    """下载中途失败的原因 → 一句中文；磁盘满时清掉半截文件"""
    from modelscope_hub.errors import FileIntegrityError

    for cause in [error, *getattr(error, "failed_files", {}).values()]:
        match cause:
            case OSError(errno=errno.ENOSPC):
                for partial in folder.rglob("*.incomplete"):
                    partial.unlink(missing_ok=True)
                return ModelError("磁盘应放得下整个模型，现在满了；半截的文件已经清掉，腾出空间，"
                                  "或者用 MODELSCOPE_CACHE 换到别的盘，再运行一次")
            case PermissionError() | OSError(errno=errno.EROFS):
                return ModelError(f"应能往缓存里写文件，现在不能（{folder.parent.name}）；"
                                  "用 MODELSCOPE_CACHE 换到自己的文件夹，再运行一次")
            case FileIntegrityError():
                return ModelError(f"下载的文件应与 {hub_host()} 公布的一致，现在几次都不一致；"
                                  "网络可能改动了内容，换个网络再试，坏的没有留下")
    return ModelError(f"应下载完全部文件，现在中断了（{type(cause).__name__}）；"
                      "检查网络，再运行一次就会从断的地方接着下，已经下好的不会丢")
