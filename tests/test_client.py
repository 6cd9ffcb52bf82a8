"""一台共用的推理服务器会出的毛病，对着一台假的；真的在 tests/classroom/test_inference_server.py

| 毛病 | 学生读到的话里有 | 之后 |
|---|---|---|
| 没有设、写错 COURSE_SERVER | 没有设、http:// 开头 | 改好就行 |
| 没有服务器在听、查不到地址、一直没有反应 | 被拒绝、查不到、没有反应 | 再问就好 |
| 太忙（429、503） | （自己再问几次），太忙 | 再问就好 |
| 密钥不对、名字或地址不对、服务器出错 | COURSE_SERVER_KEY、COURSE_SERVER_MODEL、服务器出错 | 再问就好 |
| 校园网登录页、看不懂的回答 | 校园网 | 再问就好 |
| 说到一半断了、卡住、出错 | 收到的部分还在 | 收到的部分真的还在 |
| 停不下来、空的回答 | 还没有停、空的 | 再问就好 |
| 注释、空段、一个字节一个字节没完没了 | 没有字来 | 再问就好 |
| 一行 600 MB、压缩炸弹 | 4 MB 以内 | 再问就好 |
| 二十万层括号、数在文字的位置、NaN | 看不懂 | 再问就好 |
"""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

from helpers import client
from helpers.download import web
from helpers.errors import ModelError

import load_test
import pytest
from servers import hostile
from servers.fake_inference import serve

ROOT = Path(__file__).parent.parent


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(client, "RETRY_WAITS", (0.01, 0.01))
    with serve() as one:
        monkeypatch.setenv("COURSE_SERVER", one.address)
        yield one


def test_an_answer_and_what_was_asked(fake, monkeypatch):
    shown = []
    answer = client.ask("你好", max_tokens=50, show=shown.append)
    assert (answer.text, answer.trouble, answer.tokens, str(answer)) == ("收到：你好", None, 5, "收到：你好")
    assert shown == list("收到：你好")
    [(key, body)] = fake.requests
    assert key == "Bearer none"  # 不送出自己的令牌
    assert body["model"] == "Qwen/Qwen2.5-0.5B-Instruct"
    assert body["messages"] == [{"role": "user", "content": "你好"}]
    assert (body["max_tokens"], body["temperature"], body["stream"]) == (50, 0, True)
    monkeypatch.setenv("COURSE_SERVER_KEY", " abc\r")  # Windows 的 set … && 会多出空格
    monkeypatch.setenv("COURSE_SERVER_MODEL", "别的 ")
    client.ask("你好")
    key, body = fake.requests[1]
    assert key == "Bearer abc"
    assert body["model"] == "别的"


def test_forty_at_once_in_order_and_one_trouble_does_not_spread(fake):
    def fault(handler):
        time.sleep(0.05)
        return "7" in handler.asked["messages"][0]["content"] and handler.refuse(500, "坏了")

    fake.fault = fault
    answers = client.ask_all([f"第 {n} 个" for n in range(40)], at_once=40)
    assert [answer.text for answer in answers] == ["" if "7" in str(n) else f"收到：第 {n} 个" for n in range(40)]
    assert [n for n, answer in enumerate(answers) if answer.trouble] == [7, 17, 27, 37]
    assert 8 < fake.most <= 40
    fake.most = 0
    three = threading.Barrier(3, timeout=30)
    fake.fault = lambda handler: three.wait() < 0  # 三个到齐才回答：有的电脑上，几个线程同时查地址会卡住几秒
    answers = client.ask_all(["一"] * 9, at_once=3)
    assert [answer.text for answer in answers] == ["收到：一"] * 9
    assert fake.most == 3


@pytest.mark.parametrize("text", ["10.0.0.5:8000/v1", "ftp://10.0.0.5", "http://", "http：//10.0.0.5", "http://a:b/v1",
                                  "http://10.0.0.5：8000/v1", "http://10.0.0.5:0", "http://[1", "http://a b",
                                  "http://a:99999", "http://" + "a" * 5000, "http://a..b"])
def test_a_wrong_address(text, monkeypatch):
    monkeypatch.setenv("COURSE_SERVER", text)
    with pytest.raises(ModelError, match="COURSE_SERVER 应像 http://.+现在是.+重新设"):
        client.address()


def test_no_address_and_bad_questions(monkeypatch, fake):
    for bad, error in ((" ", ValueError), (3, TypeError), ("长" * 5000, ValueError), ("\ud83d", ValueError)):
        with pytest.raises(error, match="应"):
            client.ask_all(["你好", bad])
    for bad in (0, 1001, 2.5, True, None):
        with pytest.raises(ValueError, match="max_tokens 应是 1 到 1000"):
            client.ask("你好", max_tokens=bad)
    for bad in (0, 101, "8", True):
        with pytest.raises(ValueError, match="at_once 应是 1 到 100"):
            client.ask_all(["你好"], at_once=bad)
    with pytest.raises(TypeError, match="一列问题"):
        client.ask_all("你好")
    for bad in ("老师给的", "a b", "a\nb"):
        monkeypatch.setenv("COURSE_SERVER_KEY", bad)
        with pytest.raises(ModelError, match="半角"):
            client.ask("你好")
    monkeypatch.delenv("COURSE_SERVER")
    assert client.address() == ""
    assert fake.requests == []
    with pytest.raises(ModelError, match="应是服务器的地址.+没有设"):
        client.ask("你好")


def sse(handler, data: bytes) -> bool:
    handler.start()
    handler.chunk(data)
    handler.end()
    return True


def half(handler, then) -> bool:
    """说两个字以后，再出毛病"""
    handler.start()
    handler.event("一半")
    handler.event("的话")
    then(handler)
    return True


def endless(handler) -> bool:
    handler.start()
    while True:
        handler.event("啊")


PINNED = "Server is pinned to 'x'"
FAULTS = {  # 毛病 → 怎样出，话里有，收到的字
    "登录页": (lambda h: h.body("<html>登录</html>".encode("gbk"), kind="text/html") or True, "校园网", ""),
    "不是 JSON": (lambda h: sse(h, b"data: {\"cho\n\n"), "看不懂", ""),
    "别的 JSON": (lambda h: sse(h, b"data: [1]\n\n"), "看不懂", ""),
    "没有字段": (lambda h: sse(h, b"data: {\"choices\": [{\"delta\": 1}]}\n\n"), "看不懂", ""),
    "没有 choices": (lambda h: sse(h, b"data: {}\n\n"), "看不懂", ""),
    "不是 UTF-8": (lambda h: sse(h, "data: 你好\n\n".encode("gbk")), "看不懂", ""),
    "要密钥": (lambda h: h.refuse(401), "COURSE_SERVER_KEY", ""),
    "名字不对": (lambda h: h.refuse(400, PINNED), "COURSE_SERVER_MODEL.+", ""),
    "服务器的话": (lambda h: h.refuse(400, PINNED), PINNED, ""),
    "太长": (lambda h: h.refuse(400, "This model's maximum context length is 4096 tokens"), "太长.+缩短", ""),
    "地址不对": (lambda h: h.refuse(404), "/v1", ""),
    "出错": (lambda h: h.refuse(500, "boom"), "服务器出错（500：.+boom", ""),
    "一直太忙": (lambda h: h.refuse(503), "太忙", ""),
    "空的回答": (lambda h: h.answer(""), "空的", ""),
    "马上断开": (lambda h: h.drop(), "断了", ""),
    "断在半路": (lambda h: half(h, lambda h: h.drop()), "断了.+收到的部分还在", "一半的话"),
    "没有说完": (lambda h: half(h, lambda h: h.end()), "断了.+收到的部分还在", "一半的话"),
    "卡在半路": (lambda h: half(h, lambda h: time.sleep(1)), "没有字来.+收到的部分还在", "一半的话"),
    "错在半路": (lambda h: half(h, lambda h: h.chunk(b'data: {"error": "boom"}\n\n')), "说它出错了：boom", "一半的话"),
    "停不下来": (endless, "还没有停", "啊" * 29),
    "一直不来": (lambda h: time.sleep(1), "没有字来", ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_server_goes_wrong(fake, name):
    fake.fault, says, text = FAULTS[name]
    answer = client.ask("你好", max_tokens=10, patience=0.5 if "没有字来" in says else 20)
    assert answer.text == text
    assert re.search(says, answer.trouble)
    assert ("收到的部分还在" in answer.trouble) == bool(text)
    for part in ("应", "现在", "；"):
        assert part in answer.trouble
    assert str(answer) == (f"{text}\n" if text else "") + f"（{answer.trouble}）"
    fake.fault = lambda handler: False
    assert client.ask("你好").text == "收到：你好"


@pytest.mark.parametrize("code", [429, 502, 503, None])
def test_busy_or_dropped_twice_then_an_answer(fake, code):
    fake.fault = lambda handler: len(fake.requests) < 3 and (handler.refuse(code) if code else handler.drop())
    assert client.ask("你好").text == "收到：你好"
    assert len(fake.requests) == 3


def test_an_error_is_not_asked_again_nor_anything_after_a_part(fake):
    fake.fault = lambda handler: handler.refuse(500)
    client.ask("你好")
    assert len(fake.requests) == 1
    fake.fault = lambda handler: half(handler, lambda h: h.drop())
    client.ask("你好")
    assert len(fake.requests) == 2


def data(content: str) -> bytes:
    """一段事件"""
    return b"data: " + content.encode() + b"\n\n"


def one_piece(content: str) -> bytes:
    """一段事件，content 是 JSON 里写的字"""
    return data('{"choices": [{"delta": {"content": ' + content + '}, "finish_reason": null}]}')


def counted(tokens: str) -> bytes:
    """一段事件，tokens 是 JSON 里写的词元数"""
    return data('{"choices": [], "usage": {"completion_tokens": ' + tokens + "}}")


DEEP = "[" * 200_000
HOSTILE = {  # 服务器怎样回答 → (话里有, 收到的字)
    "注释没完没了": (hostile.endless(b": ping\n\n", 0.05), "等了很久没有字来", ""),
    "空行没完没了": (hostile.endless(b"\n" * 1000, 0.01), "没有字来", ""),
    "没有字的段没完没了": (hostile.endless(one_piece("null"), 0.05), "没有字来", ""),
    "一点一点地发": (hostile.endless(b"d", 0.05), "没有字来", ""),
    "说了一半以后只有注释": (hostile.endless(b": ping\n\n", 0.05, one_piece('"一半"')), "没有字来", "一半"),
    "状态行写不完": (hostile.drip_status, "没有字来", ""),
    "头写不完": (hostile.drip_headers, "没有字来", ""),
    "分块的长度写不完": (hostile.drip_chunk_size, "没有字来|断了", ""),
    "一行 600 MB": (hostile.endless(hostile.BLOCK), "4 MB 以内", ""),
    "许多行 600 MB": (hostile.endless((b": " + b"x" * 1000 + b"\n") * 60), "4 MB 以内", ""),
    "压缩炸弹": (hostile.gzip_bomb(100), "4 MB 以内", ""),
    "解不开的压缩": (hostile.not_gzip, "看不懂", ""),
    "二十万层括号": (hostile.whole(data(DEEP)), "看不懂", ""),
    "括号里的二十万层": (hostile.whole(data('{"choices": ' + DEEP)), "看不懂", ""),
    "数在文字的位置": (hostile.whole(one_piece("7")), "看不懂", ""),
    "0 在文字的位置": (hostile.whole(one_piece("0")), "看不懂", ""),
    "NaN 在文字的位置": (hostile.whole(one_piece("NaN")), "看不懂", ""),
    "一列在文字的位置": (hostile.whole(one_piece('["a"]')), "看不懂", ""),
    "choices 是数": (hostile.whole(data('{"choices": Infinity}')), "看不懂", ""),
    "choices 是文字": (hostile.whole(data('{"choices": "abc"}')), "看不懂", ""),
    "词元数是 Infinity": (hostile.whole(counted("Infinity")), "看不懂", ""),
    "词元数是文字": (hostile.whole(counted('"9"')), "看不懂", ""),
    "五千位的数": (hostile.whole(data("9" * 5000)), "看不懂", ""),
    "错误是一个数": (hostile.whole(data('{"error": 7}')), "说它出错了：7", ""),
    "错误有 1 MB": (hostile.whole(data('{"error": "' + "错" * 300_000 + '"}')), "说它出错了：错", ""),
    "不是 UTF-8": (hostile.whole(b"data: \xff\xfe\n\n"), "看不懂", ""),
    "半个表情": (hostile.whole(one_piece('"\\ud83d"')), "断了", "?"),
    "比说的短": (hostile.shorter_than_said, "看不懂|断了", ""),
    "比说的长": (hostile.longer_than_said, "看不懂", ""),
    "转个没完": (hostile.redirect("/v1/chat/completions"), "看不懂", ""),
    "转到不是地址的地方": (hostile.redirect("http://[1"), "应", ""),
    "转到文件": (hostile.redirect("file:///etc/passwd"), "应", ""),
    "转到没有人听的端口": (hostile.redirect("http://127.0.0.1:9/"), "拒绝", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_deadline_and_one_size_for_the_whole_answer(fake, name):
    fake.fault, says, text = HOSTILE[name]
    answer = client.ask("你好", max_tokens=10, patience=0.4)
    assert answer.text == text
    assert re.search(says, answer.trouble)
    for part in ("应", "现在", "；"):
        assert part in answer.trouble
    assert len(answer.trouble) < 400
    assert answer.seconds < 5
    fake.fault = lambda handler: False
    assert client.ask("你好").text == "收到：你好"


def test_an_endless_line_needs_little_memory(fake):
    fake.fault = hostile.endless(hostile.BLOCK)
    tracemalloc.start()
    client.ask("你好")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 60_000_000


def test_an_answer_that_takes_too_long(fake, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.6)
    fake.fault = hostile.endless(one_piece('"啊"'), 0.1)
    answer = client.ask("你好")
    assert set(answer.text) == {"啊"}
    assert "0.6 秒以内说完，现在还没有停" in answer.trouble
    assert answer.seconds < 3


def test_a_slow_but_steady_answer_is_waited_for(fake):
    def steady(handler):
        handler.start()
        for letter in "慢慢地说":
            time.sleep(0.3)
            handler.event(letter)
        handler.event(reason="stop")
        handler.end()
        return True

    fake.fault = steady
    answer = client.ask("你好", patience=0.8)
    assert (answer.text, answer.trouble) == ("慢慢地说", None)


def test_nobody_listens(monkeypatch):
    with socket.socket() as taken:  # 占着一个没有人听的端口
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("COURSE_SERVER", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        assert "连接被拒绝" in client.ask("你好").trouble
    monkeypatch.setenv("COURSE_SERVER", "http://nowhere.invalid:8000")
    trouble = client.ask("你好").trouble
    assert "查不到" in trouble
    assert "nowhere.invalid:8000" in trouble


def test_a_firewall_that_swallows_everything(monkeypatch):
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.3)
    with socket.socket() as full, socket.socket() as waiting:  # 队列满了，新的连接没有回音
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())
        monkeypatch.setenv("COURSE_SERVER", f"http://127.0.0.1:{full.getsockname()[1]}")
        answer = client.ask("你好")
        assert "防火墙" in answer.trouble
        assert answer.seconds < 10  # 没有 CONNECT_SECONDS 就要等 60 秒


def test_offline_mode_is_for_downloads_only(fake):
    code = "from helpers import client; print(client.ask('你好'))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8",
                            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}, timeout=60)
    assert result.stdout.strip() == "收到：你好", result.stderr


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://a:99999", "foo://a", "http://[1"])
def test_a_wrong_proxy(fake, monkeypatch, proxy):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert re.search("应.+现在.+代理的设置", client.ask("你好").trouble)


def test_my_own_error_stays_mine(fake):
    def broken(piece):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.ask("你好", show=broken)


def test_the_teachers_table(fake, tmp_path, capsys):
    path = tmp_path / "读数.json"
    load_test.main([fake.address, "--at", "1", "40", "--json", str(path)])
    one, forty = json.loads(path.read_text(encoding="utf-8"))
    assert (one["answered"], one["lost"], forty["answered"], forty["lost"]) == (8, 0, 40, 0)
    assert 0 < forty["middle"] <= forty["worst"]
    assert len(fake.requests) == 49
    assert len({body["messages"][0]["content"] for _, body in fake.requests[9:]}) == 40  # 各不相同
    assert forty["tokens_per_second"] > 10 * forty["questions_per_second"]
    assert "40 │ 40 │ 0 │" in capsys.readouterr().out


def test_the_teachers_table_counts_the_lost(fake, capsys):
    fake.fault = lambda handler: "第 3 个人" in str(handler.asked) and handler.refuse(500, "boom")
    with pytest.raises(SystemExit) as caught:
        load_test.main([fake.address, "--at", "8"])
    shown = capsys.readouterr().out
    assert caught.value.code == 2
    assert "8 │ 7 │ 1 │" in shown
    assert "boom" in shown
    for arguments, says in ((["10.0.0.5"], "http:// 开头"), ([fake.address, "--at", "0"], "at_once 应是"),
                            ([fake.address, "--tokens", "0"], "max_tokens 应是")):
        with pytest.raises(SystemExit, match=says):
            load_test.main(arguments)
