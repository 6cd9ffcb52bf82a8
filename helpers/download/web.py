"""网上的一个回答：整个回答有一个期限、一个大小，服务器不管怎样都到此为止

问推理服务器、问下载站的清单、从老师的网址取模型，都从这里走
出处: https://www.python-httpx.org/advanced/extensions/ 的“trace”
"""
import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

CONNECT_SECONDS = 5     # 连上服务器最多等几秒
MOST_REDIRECTS = 5      # 最多跟着转到别处几次
VISIBLE_ASCII = "[!-~]+"  # 半角的字母、数字和符号，没有空格


class TooLate(TimeoutError):
    """到期限还没有收完"""


class TooLarge(Exception):
    """比许可的大"""


def is_address(text: str) -> bool:
    """是不是 http 的地址，全是半角，没有空格。例: is_address("http://10.0.0.5:8000") -> True"""
    if not re.fullmatch(VISIBLE_ASCII, text):
        return False
    try:
        parts = urlsplit(text)
        name = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and name != b"" and parts.port != 0
    except ValueError:  # 端口不是数、方括号不成对、名字的一段太长
        return False


class Deadline:
    """一个回答的期限：到时候断开连接，正在等数据的一方马上知道；until 可以往后推"""

    def __init__(self, seconds: float):
        self.until = time.monotonic() + seconds
        self.passed = False
        self.socket = None
        self.finished = threading.Event()

    def trace(self, event: str, details: dict) -> None:
        """httpx2 每做一步告诉这里一声：连上时记下插座"""
        stream = details.get("return_value")
        if hasattr(stream, "get_extra_info"):
            self.socket = stream.get_extra_info("socket")

    def watch(self) -> None:
        """在自己的线程里看着表，直到回答收完"""
        while not self.finished.wait(self.pause()):
            if time.monotonic() >= self.until:
                self.passed = True
                self.cut()

    def pause(self) -> float:
        """隔几秒再看一次表"""
        return max(0.05, self.until - time.monotonic())

    def cut(self) -> None:
        """断开连接；还没有连上、已经断开时什么也不做"""
        if self.socket:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


@cache
def certificates():
    """可信的证书，读一次就够"""
    import httpx2  # huggingface_hub 已经要求装它

    return httpx2.create_ssl_context()


@contextlib.contextmanager
def web_answer(method: str, url: str, seconds: float, silent: float, **request) -> Iterator[tuple]:
    """给出 (回答, 期限)；从连接到收完最多 seconds 秒，一个字节也没有来最多等 silent 秒

    到期限报 TooLate，别的毛病报 httpx2.HTTPError；request: httpx2 的 headers、json 等
    例: with web_answer("GET", "http://10.0.0.5/a.json", 20, 10) as (response, _): whole_answer(response, 1000)
    """
    import httpx2

    deadline = Deadline(seconds)
    timeout = httpx2.Timeout(silent, connect=CONNECT_SECONDS)
    threading.Thread(target=deadline.watch, daemon=True).start()
    try:
        with contextlib.ExitStack() as opened:
            opened.callback(deadline.finished.set)
            try:
                http = opened.enter_context(httpx2.Client(
                    timeout=timeout, verify=certificates(), follow_redirects=True, max_redirects=MOST_REDIRECTS))
                response = opened.enter_context(
                    http.stream(method, url, extensions={"trace": deadline.trace}, **request))
            except (httpx2.InvalidURL, ValueError, ImportError) as error:  # 代理写错了、转到的地址不是地址
                raise httpx2.ConnectError(str(error)) from None
            yield response, deadline
    except httpx2.HTTPError:
        if deadline.passed:
            raise TooLate from None
        raise
    if deadline.passed:
        raise TooLate


def answer_blocks(response, most: int) -> Iterator[bytes]:
    """回答的内容，一块一块地；解开压缩以后也不超过 most 字节，超过时报 TooLarge"""
    size = 0
    for block in response.iter_bytes():
        size += len(block)
        if size > most:
            raise TooLarge
        yield block


def whole_answer(response, most: int) -> bytes:
    """回答的全部内容，不超过 most 字节"""
    return b"".join(answer_blocks(response, most))


def answer_lines(response, most: int) -> Iterator[str]:
    """回答的一行又一行；整个回答不超过 most 字节，所以一行也不会更长；不是 UTF-8 时报 ValueError"""
    rest = b""
    for block in answer_blocks(response, most):
        block = block.replace(b"\r", b"\n")
        *complete, rest = (rest + block).split(b"\n")
        for line in complete:
            yield line.decode("utf-8")
    yield rest.decode("utf-8")
