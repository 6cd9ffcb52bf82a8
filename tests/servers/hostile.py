"""一台不怀好意的服务器会怎样回答；每一个都是 handler → True，handler 见 loopback.Handler

没有完的（endless_、drip_）一直发到对方断开
"""
import gzip
import time

BLOCK = b"x" * 65_536
PAUSE = 0.05  # 一点一点地发，每次停几秒


def start(handler, kind: str = "text/event-stream", **headers) -> None:
    """状态 200 和头，不说有多长：发到断开为止"""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def whole(data: bytes, **headers):
    """回答 data，然后断开"""
    def answer(handler) -> bool:
        start(handler, **headers)
        handler.wfile.write(data)
        return True
    return answer


def endless(data: bytes, pause: float = 0.0, first: bytes = b""):
    """先发 first，再一遍又一遍地发 data"""
    def answer(handler) -> bool:
        start(handler)
        handler.wfile.write(first)
        while True:
            handler.wfile.write(data)
            time.sleep(pause)
    return answer


def drip(beginning: bytes, byte: bytes):
    """先发 beginning，再一个字节一个字节地发，没有完"""
    def answer(handler) -> bool:
        handler.close_connection = True
        handler.wfile.write(beginning)
        while True:
            handler.wfile.write(byte)
            time.sleep(PAUSE)
    return answer


drip_status = drip(b"HTTP/1.1 200 ", b"O")
drip_headers = drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x")
drip_chunk_size = drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0")


def shorter_than_said(handler) -> bool:
    """说有 1000 个字节，发 10 个就断开"""
    start(handler, Content_Length="1000")
    handler.wfile.write(b"data: {}\n\n")
    return True


def longer_than_said(handler) -> bool:
    """说有 5 个字节，发 10 个"""
    start(handler, Content_Length="5")
    handler.wfile.write(b"data: {}\n\n")
    return True


def redirect(place: str):
    """转到 place；不写主机就是自己，转个没完"""
    def answer(handler) -> bool:
        handler.send_response(307)
        handler.send_header("Location", place)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True
    return answer


def gzip_bomb(megabytes: int):
    """几十 KB，解开有这么多 MB"""
    data = gzip.compress(b"x" * 1_000_000 * megabytes)
    return whole(data, Content_Encoding="gzip")


not_gzip = whole(b"data: {}\n\n", Content_Encoding="gzip")
