"""回环地址上的 ModelScope：只用标准库，把一个文件夹当作模型仓库，能按要求出各种错"""
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

from servers import loopback

MODEL = "Qwen/Qwen2.5-0.5B-Instruct"


class FakeModelScope:
    """files: 路径 → 字节；requests: 收到的请求；fault: 每个请求先问它，返回 True 表示它已经回答了

    sha256: 清单里写不写；listed: 要加进清单的别的条目；slow: 每发一块停几秒
    """

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.requests: list[str] = []
        self.listed: list[dict] = []
        self.fault: Callable[[Handler, str], bool] = no_fault
        self.sha256 = True
        self.slow = 0.0
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def entry(self, path: str) -> dict:
        """清单里的一项"""
        data = self.files[path]
        digest = ""
        if self.sha256:
            digest = hashlib.sha256(data).hexdigest()
        return {"Name": path.rsplit("/", 1)[-1], "Path": path, "Type": "blob", "Size": len(data), "Sha256": digest}

    def listing(self) -> dict:
        entries = [self.entry(path) for path in self.files]
        return {"Code": 200, "Success": True, "Data": {"Files": entries + self.listed}}

    def downloads(self) -> list[str]:
        """被下载过的文件，按次序"""
        return [what for what in self.requests if what not in ("listing", "other")]


def no_fault(handler: "Handler", what: str) -> bool:
    """没有毛病"""
    return False


class Handler(loopback.Handler):
    hub: FakeModelScope

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        what = self.asked()
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

    def asked(self) -> str:
        """要的是什么：清单（listing）、一个文件的路径、别的（other）"""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        repository = f"/api/v1/models/{MODEL}/repo"
        if parts.path == f"{repository}/files":
            return "listing"
        if parts.path.startswith(repository) and "FilePath" in query:
            return query["FilePath"][0]
        return "other"

    def json(self, content: dict, status: int = 200) -> bool:
        return self.body(json.dumps(content).encode(), status, "application/json")

    def body(self, data: bytes, status: int = 200, kind: str = "application/octet-stream", length: int | None = None,
             extra: dict[str, str] | None = None) -> bool:
        """回答 data，返回 True；length: 说是多长，不说就是 data 的长度"""
        if length is None:
            length = len(data)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(data), 65_536):
                self.wfile.write(data[start:start + 65_536])
                time.sleep(self.hub.slow)
        return True

    def file(self, data: bytes, stop: int | None = None) -> bool:
        """一个文件，认得 Range，返回 True；stop: 只发到第几个字节就断开"""
        start = 0
        status = 200
        extra = {}
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            status = 206
            extra = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        if stop is None:
            return self.body(data[start:], status, extra=extra)
        self.body(data[start:stop], status, length=len(data) - start, extra=extra)
        return self.drop()


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[FakeModelScope]:
    """在 127.0.0.1 的一个空闲端口上开一个 FakeModelScope，用完就关"""
    hub = FakeModelScope(files)
    with loopback.serving(type("Bound", (Handler,), {"hub": hub})) as hub.port:
        yield hub
