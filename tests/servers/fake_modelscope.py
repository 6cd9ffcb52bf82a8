"""回环地址上的 ModelScope：只用标准库，把一个文件夹当作模型仓库，能按要求出各种错"""
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

from servers import loopback

MODEL = "Qwen/Qwen2.5-0.5B-Instruct"


class Hub:
    """files: 路径 → 字节；requests: 收到的请求；fault: 每个请求先问它，返回 True 表示它已经回答了

    sha256: 清单里写不写；listed: 要加进清单的别的条目；slow: 每发一块停几秒
    """

    def __init__(self, files: dict[str, bytes]):
        self.files, self.requests, self.listed = files, [], []
        self.fault: Callable[[Handler, str], bool] = lambda handler, what: False
        self.sha256, self.slow, self.port = True, 0.0, 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listing(self) -> dict:
        entries = [{"Name": path.rsplit("/", 1)[-1], "Path": path, "Type": "blob", "Size": len(data),
                    "Sha256": hashlib.sha256(data).hexdigest() if self.sha256 else ""}
                   for path, data in self.files.items()]
        return {"Code": 200, "Success": True, "Data": {"Files": [*entries, *self.listed]}}

    def downloads(self) -> list[str]:
        """被下载过的文件，按次序"""
        return [what for what in self.requests if what not in ("listing", "other")]


class Handler(loopback.Handler):
    hub: Hub

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        is_model = parts.path.startswith(f"/api/v1/models/{MODEL}/repo")
        what = ("listing" if is_model and parts.path.endswith("/repo/files")
                else query["FilePath"][0] if is_model and "FilePath" in query else "other")
        self.hub.requests.append(what)
        with contextlib.suppress(ConnectionError):
            if self.hub.fault(self, what):
                return
            if what == "listing":
                self.json(self.hub.listing())
            elif what in self.hub.files:
                self.file(self.hub.files[what])
            else:
                self.json({"Code": 10010205001, "Success": False, "Message": "Not found"}, 404)

    def json(self, content: dict, status: int = 200) -> None:
        self.body(json.dumps(content).encode(), status, "application/json")

    def body(self, data: bytes, status: int = 200, kind: str = "application/octet-stream", length: int | None = None,
             extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(data), 65_536):
                self.wfile.write(data[start:start + 65_536])
                time.sleep(self.hub.slow)

    def file(self, data: bytes, stop: int | None = None) -> None:
        """一个文件，认得 Range；stop: 只发到第几个字节就断开"""
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted.startswith("bytes=") else 0
        extra = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if wanted else {}
        part = data[start:]
        if stop is None:
            self.body(part, 206 if wanted else 200, extra=extra)
        else:
            self.body(part[:max(0, stop - start)], 206 if wanted else 200, length=len(part), extra=extra)
            self.drop()


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Hub]:
    """在 127.0.0.1 的一个空闲端口上开一个 Hub，用完就关"""
    hub = Hub(files)
    with loopback.serving(type("Bound", (Handler,), {"hub": hub})) as hub.port:
        yield hub
