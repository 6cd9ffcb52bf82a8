"""回环地址上的服务器：fake_modelscope、fake_inference 在它上面出各种错；static 像 python -m http.server 那样发文件"""
import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """不写记录，能断开连接"""
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def drop(self) -> bool:
        """断开连接"""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)
        return True


class Files(SimpleHTTPRequestHandler):
    """发一个文件夹里的文件，不认 Range，不写记录"""

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # 默认 5 个，四十个人同时连会被系统拒绝
    daemon_threads = True


@contextlib.contextmanager
def serving(handler) -> Iterator[int]:
    """在 127.0.0.1 的一个空闲端口上用 handler 回答，给出端口，用完就关"""
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def static(folder: Path) -> Iterator[str]:
    """发 folder 里的文件，给出地址"""
    with serving(partial(Files, directory=folder)) as port:
        yield f"http://127.0.0.1:{port}"
