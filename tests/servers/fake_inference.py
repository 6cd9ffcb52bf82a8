"""回环地址上的推理服务器：只用标准库，讲 OpenAI 的协议，能按要求出各种错"""
import contextlib
import json
import threading
from collections.abc import Callable, Iterator

from servers import loopback


class Fake:
    """requests: 收到的请求 (密钥, 内容)；most: 同时在回答的最多有几个；fault: 每个请求先问它，True 表示它已经回答了"""

    def __init__(self):
        self.requests = []
        self.now = 0  # 现在同时在回答几个
        self.most = 0
        self.lock = threading.Lock()
        self.port = 0
        self.fault: Callable[[Handler], bool] = lambda handler: False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


class Handler(loopback.Handler):
    fake: Fake

    def do_GET(self):
        self.body("<html>登录</html>".encode(), kind="text/html")

    def do_POST(self):
        self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.fake.lock:
            self.fake.requests.append((self.headers["Authorization"], self.asked))
            self.fake.now += 1
            self.fake.most = max(self.fake.most, self.fake.now)
        with contextlib.suppress(ConnectionError):
            if not self.fake.fault(self):
                self.answer("收到：" + self.asked["messages"][-1]["content"])
        with self.fake.lock:
            self.fake.now -= 1

    def body(self, data: bytes, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, said: str = "") -> bool:
        """用一个错误的状态码回答"""
        self.body(json.dumps({"detail": said}).encode(), status)
        return True

    def start(self) -> None:
        """开始一段一段地回答"""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, text: str | None = None, reason: str | None = None, **more) -> None:
        """一段：几个字，或者停下的原因"""
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        self.chunk(b"data: " + json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode() + b"\n\n")

    def answer(self, text: str) -> bool:
        """好好地回答：一个字一段"""
        self.start()
        for letter in text:
            self.event(letter)
        self.event(reason="stop", usage={"completion_tokens": len(text), "prompt_tokens": 1, "total_tokens": 1})
        self.end()
        return True

    def end(self) -> None:
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")


@contextlib.contextmanager
def serve() -> Iterator[Fake]:
    """在 127.0.0.1 的一个空闲端口上开一个 Fake，用完就关"""
    fake = Fake()
    with loopback.serving(type("Bound", (Handler,), {"fake": fake})) as fake.port:
        yield fake
