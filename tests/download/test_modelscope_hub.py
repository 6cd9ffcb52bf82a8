"""从 ModelScope 下载会遇到的毛病：未经改动的客户端对着回环地址上的下载站

| 毛病 | 学生读到的话里有 | 之后 |
|---|---|---|
| 没有网、查不到地址 | 查不到 | 再试就好 |
| 拒绝连接 | 被拒绝 | 再试就好 |
| 清单一直不来、每秒几个字节 | 一直没有 | 再试就好 |
| 清单没有完、压缩炸弹、转个没完 | 超过 10 MB、连接断开 | 再试就好 |
| 校园网登录页 | 校园网 | 再试就好 |
| 404、403、500、清单看不懂 | 检查、不让下载、服务器出错、看不懂 | 再试就好 |
| 下载中断一次 | （自己接着下） | 完整 |
| 每次都中断、卡住不动、慢得不值得等 | 接着下 | 从断的地方接着下 |
| 内容被改动一次 | （自己重下） | 完整 |
| 内容每次都被改动、大小不对 | 不一致 | 坏的不留下 |
| 磁盘不够、磁盘满、缓存只读 | 磁盘应、满了、不能 | 腾出以后再试就好 |
| 清单里有 ../ | 不可信 | 什么也没写 |
| 下载以后坏了一位、缺了文件 | （自己修好） | 只下坏的 |
"""
import json
import os
import shutil
import subprocess
import sys
import time

from helpers import model
from helpers.download import local_copy, modelscope_hub
from helpers.download.local_copy import local_folders
from helpers.download.manifest import RECORD, Manifest, data_files, demand_undamaged, read_record, write_record
from helpers.errors import ModelError
from helpers.fast.standin import make

import pytest
from downloads import ROOT, TINY_SHAPE, command, folder, refused, works_again
from servers import hostile
from servers.fake_modelscope import MODEL, serve


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """一个小模型的全部文件，另外带着不该下载的代码和 pickle"""
    folder = make(tmp_path_factory.mktemp("repository"), TINY_SHAPE)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["tokenizer.json"] = b'{"version": "1.0"}' + b" " * 300_000
    return {**files, "modeling_evil.py": b"raise SystemExit", "pytorch_model.bin": b"pickle", "README.md": b"# Qwen"}


@pytest.fixture
def hub(repository, monkeypatch, tmp_path):
    monkeypatch.setattr(modelscope_hub, "LISTING_SECONDS", 2)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "张三 的缓存"))
    with serve(repository) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.address)
        yield server


def test_only_data_files_come_and_then_no_request_at_all(hub, capsys):
    assert model.locate("qwen") == folder()
    assert {path.name for path in folder().iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", RECORD}
    assert "下载" in capsys.readouterr().err
    hub.requests.clear()
    start = time.perf_counter()
    assert model.locate("qwen") == folder()
    assert model.locate(MODEL) == folder()
    assert time.perf_counter() - start < 0.2
    assert hub.requests == []
    assert "已经在这台电脑上" in capsys.readouterr().err


def test_the_list_is_asked_for_once(hub):
    model.locate("qwen")
    assert hub.requests.count("listing") == 1


def a_web_page(handler, what):
    return handler.body("<html>登录</html>".encode(), kind="text/html")


def no_such_model(handler, what):
    return handler.json({"Code": 404}, 404)


def forbidden(handler, what):
    return handler.json({"Code": 403}, 403)


def server_error(handler, what):
    return handler.json({"Code": 500}, 500)


def not_a_list(handler, what):
    return handler.json({"Data": None})


def no_weights(handler, what):
    return handler.json({"Data": {"Files": []}})


def cut(handler, what):
    return handler.drop()


def hang(handler, what):
    time.sleep(4)
    return False


@pytest.mark.parametrize("fault, says", [
    (a_web_page, "校园网"), (no_such_model, "404"), (forbidden, "不让下载（403）"), (server_error, "服务器出错（500）"),
    (not_a_list, "看不懂"), (no_weights, "safetensors"), (cut, "连接断开"), (hang, "一直没有")])
def test_the_listing_goes_wrong(hub, fault, says, caplog):
    hub.fault = fault
    refused(says)
    assert not folder().exists()
    assert caplog.records == []  # 没有英文的提示
    works_again(hub)


ODD = [{"Path": None}, {"Path": 7}, {"Path": ["a"]}, {"Size": "大"}, {"Size": -1}, {"Size": None}, {"Sha256": 7},
       {"Size": True}, {"Size": "7"}, {"Size": 1.5}, {"Size": 10 ** 400}, {"Size": [[1]]}, {"Size": float("nan")},
       {"Size": float("inf")}, {"Path": True}, {"Path": {"a": 1}}, {"Sha256": ["0"]}, {"Sha256": True}]


@pytest.mark.parametrize("change", ODD)
def test_an_odd_entry_in_the_listing(hub, change):
    hub.listed = [{"Name": "x", "Path": "x.json", "Type": "blob", "Size": 1, "Sha256": "", **change}]
    refused("看不懂")
    assert not folder().exists()


@pytest.mark.parametrize("text", [
    b"null", b"[" * 200_000, b"7", b'"text"', b"NaN", b"[[[]]]", b'{"Data": {"Files": "abc"}}',
    b'{"Data": {"Files": [[["a"]]]}}', b'{"Data": {"Files": ' + b"[" * 200_000, b'{"Data": {"Files": {"a": 1}}}',
    b'{"Data": {"Files": [{"Path": "a.json", "Size": Infinity}]}}'])
def test_an_odd_listing(hub, text):
    hub.fault = lambda handler, what: handler.body(text, kind="application/json")
    refused("看不懂")
    assert not folder().exists()


HOSTILE = {  # 清单怎样回答 → 话里有
    "没有完": (hostile.endless(hostile.BLOCK), "超过 10 MB"),
    "每秒几个字节": (hostile.endless(b"{", 0.05), "一直没有"),
    "状态行写不完": (hostile.drip_status, "一直没有"),
    "头写不完": (hostile.drip_headers, "一直没有"),
    "分块的长度写不完": (hostile.drip_chunk_size, "一直没有|连接断开"),
    "压缩炸弹": (hostile.gzip_bomb(100), "超过 10 MB"),
    "解不开的压缩": (hostile.not_gzip, "连接断开"),
    "比说的短": (hostile.shorter_than_said, "连接断开"),
    "比说的长": (hostile.longer_than_said, "JSON"),
    "转个没完": (hostile.redirect("/api/v1/models/" + MODEL + "/repo/files"), "连接断开"),
    "转到不是地址的地方": (hostile.redirect("http://[1"), "应"),
    "不是 UTF-8": (hostile.whole(b"\xff\xfe\x00"), "JSON"),
    "一行五千位的数": (hostile.whole(b"9" * 5000), "JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_deadline_and_one_size_for_the_listing(hub, monkeypatch, capsys, name):
    monkeypatch.setattr(modelscope_hub, "LISTING_SECONDS", 0.6)
    answer, says = HOSTILE[name]
    hub.fault = lambda handler, what: answer(handler)
    with pytest.raises(ModelError, match=says) as caught:
        model.locate("qwen")
    assert len(str(caught.value)) < 400
    assert "最多等 0.6 秒" in capsys.readouterr().err  # 等以前就说了
    assert not folder().exists()


def test_an_endless_file_does_not_stand_in_the_way(hub):
    hub.fault = weights_fault(hostile.endless(hostile.BLOCK))
    refused("不一致")
    left = sum(path.stat().st_size for path in folder().glob("*.incomplete"))
    assert left <= len(weights(hub))
    works_again(hub)


def test_nobody_listens_and_no_such_host(hub, monkeypatch):
    address = hub.address
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    refused("被拒绝")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://modelscope.invalid")
    refused("查不到")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", address)
    works_again(hub)


def test_who_answers_without_a_certificate(hub, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address.replace("http:", "https:"))
    refused("校园网还没有登录")
    assert not folder().exists()


def test_a_wrong_id_gets_the_nearest_one(hub):
    with pytest.raises(ModelError, match="404.*名字最像的有：Qwen/Qwen2.5-0.5B-Instruct"):
        model.locate("Qwen/Qwen2.5-0.5B-Instrct")


def test_two_errors_that_pass_are_not_seen(hub):
    left = [1, 2]

    def fails_twice(handler, what):
        if what != "listing" or not left:
            return False
        left.pop()
        return server_error(handler, what)

    hub.fault = fails_twice
    assert model.locate("qwen") == folder()
    assert left == []


def weights(hub) -> bytes:
    return hub.files["model.safetensors"]


def weights_fault(answer):
    """要权重文件时，用 answer(handler) 回答；别的照常"""
    def fault(handler, what):
        return what == "model.safetensors" and answer(handler)
    return fault


def test_a_cut_is_resumed(hub):
    left = [2, 1]

    def cut_twice(handler):
        if not left:
            return False
        return handler.file(weights(hub), stop=len(weights(hub)) // (left.pop() + 1))

    hub.fault = weights_fault(cut_twice)
    assert model.locate("qwen") == folder()
    assert left == []


def test_cut_every_time_then_the_rest_is_fetched(hub):
    hub.fault = weights_fault(lambda handler: handler.file(weights(hub), stop=9_000))
    refused("接着下")
    done = [what for what in hub.downloads() if what != "model.safetensors"]
    assert (folder() / "model.safetensors.incomplete").stat().st_size == 9_000
    hub.requests.clear()
    works_again(hub)
    assert not set(done) & set(hub.downloads())  # 下好的没有再下


def spoiled(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def shorter(data: bytes) -> bytes:
    return data[:-100]


def longer(data: bytes) -> bytes:
    return data + b"more"


def test_spoiled_once(hub):
    left = [1]

    def spoil_once(handler):
        if not left:
            return False
        left.pop()
        return handler.file(spoiled(weights(hub)))

    hub.fault = weights_fault(spoil_once)
    assert model.locate("qwen") == folder()
    assert left == []
    assert demand_undamaged(folder(), thorough=True) == folder()


@pytest.mark.parametrize("change", [spoiled, shorter, longer])
def test_spoiled_every_time(hub, change):
    hub.fault = weights_fault(lambda handler: handler.file(change(weights(hub))))
    refused("不一致")
    assert not (folder() / "model.safetensors").exists()
    works_again(hub)


def test_the_hub_publishes_no_sha256(hub):
    hub.sha256 = False
    hub.fault = weights_fault(lambda handler: handler.file(b"<" * len(weights(hub))))
    refused("读不出文件头")
    works_again(hub)


def tokenizer_fault(handler, what):
    """分词器的文件大小对，内容是垃圾"""
    return what == "tokenizer.json" and handler.file(b"<" * len(handler.hub.files["tokenizer.json"]))


def test_a_broken_tokenizer_without_a_sha256_is_not_kept(hub):
    hub.sha256 = False
    hub.fault = tokenizer_fault
    refused("tokenizer.json 应是 JSON")
    refused("tokenizer.json 应是 JSON")  # 不会因为已经在缓存里就当成好的
    works_again(hub)


def test_a_broken_tokenizer_that_was_remembered_is_mended_by_fetch(hub):
    hub.sha256 = False
    model.locate("qwen")
    path = folder() / "tokenizer.json"
    path.write_bytes(b"<" * path.stat().st_size)
    (folder() / RECORD).unlink()
    write_record(folder(), Manifest(MODEL, data_files(folder())))  # 坏的一份记成了好的
    assert "tokenizer.json 应是 JSON" in command("verify").stderr
    assert "可以断网使用" in command("fetch").stdout
    assert path.read_bytes() == hub.files["tokenizer.json"]


def test_a_flipped_bit_under_the_old_time_is_mended_by_fetch(hub):
    model.locate("qwen")
    path = folder() / "model.safetensors"
    before = path.stat().st_mtime_ns
    path.write_bytes(spoiled(path.read_bytes()))
    os.utime(path, ns=(before, before))
    assert "model.safetensors 不见了或被改过" in command("verify").stderr
    assert "可以断网使用" in command("fetch").stdout
    assert path.read_bytes() == hub.files["model.safetensors"]
    assert "6 个文件" in command("verify").stdout


def test_server_errors_while_downloading(hub):
    hub.fault = weights_fault(lambda handler: server_error(handler, "model.safetensors"))
    refused("接着下")
    works_again(hub)


def test_too_little_disk_is_said_before(hub, monkeypatch):
    monkeypatch.setattr(local_copy, "SPARE_BYTES", 10 ** 15)
    refused("磁盘应至少有")
    assert hub.downloads() == []


def test_a_hub_that_points_outside_is_refused(hub, tmp_path):
    for path in ("../outside.json", "/etc/x.json", "a/../../x.json", "..\\x.json", "C:\\x.json", "*.json",
                 "model-?.safetensors", "[a-z].json", "a\0.json", "a\n.json", "\ud800.json",
                 RECORD, f"a/{RECORD}", ".Course-Record.json"):
        hub.listed = [{"Name": "x", "Path": path, "Type": "blob", "Size": 1, "Sha256": ""}]
        refused("不可信")
    assert hub.downloads() == []
    assert not any(tmp_path.rglob("*.json"))


def test_a_flipped_bit_is_found_and_only_that_file_fetched(hub, capsys):
    model.locate("qwen")
    path = folder() / "model.safetensors"
    path.write_bytes(spoiled(path.read_bytes()))
    hub.requests.clear()
    capsys.readouterr()
    works_again(hub)
    said = capsys.readouterr().err
    assert "model.safetensors 不见了或被改过" in said
    assert "自动修理" in said
    assert set(hub.downloads()) == {"model.safetensors"}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_file_is_fetched_again(hub, name):
    model.locate("qwen")
    (folder() / name).unlink()
    hub.requests.clear()
    works_again(hub)
    assert set(hub.downloads()) == {name}


def test_damaged_and_no_network(hub, monkeypatch):
    model.locate("qwen")
    (folder() / "model.safetensors").unlink()
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    assert "自动修理没有成功" in str(refused("被拒绝"))


def test_a_cache_with_only_the_tokenizer(hub):
    folder().mkdir(parents=True)
    (folder() / "tokenizer.json").write_bytes(hub.files["tokenizer.json"])
    works_again(hub)


def test_a_stale_older_layout_is_passed_over(hub):
    old = local_folders(MODEL)[1]
    old.mkdir(parents=True)
    (old / "config.json").write_text("{}", encoding="utf-8")
    works_again(hub)
    assert hub.downloads() != []


def test_a_whole_older_layout_is_used_without_a_request(hub):
    model.locate("qwen")
    old = local_folders(MODEL)[1]
    shutil.copytree(folder(), old, ignore=shutil.ignore_patterns(RECORD))
    shutil.rmtree(folder())
    hub.requests.clear()
    assert model.here("qwen") == old
    assert not (old / RECORD).exists()  # 只是问一问，什么也不写
    assert model.locate("qwen") == old
    assert hub.requests == []
    assert "model.safetensors" in [file.path for file in read_record(old).files]  # 第一次用时记下来了


def test_a_record_of_an_earlier_course_is_made_again(hub):
    model.locate("qwen")
    old = {"config.json": {"size": 1, "mtime_ns": 1, "sha256": "0"}}
    (folder() / RECORD).write_text(json.dumps(old), encoding="utf-8")
    hub.requests.clear()
    assert model.locate("qwen") == folder()
    assert hub.requests == []
    assert len(read_record(folder()).files) == 6


def test_a_touched_file_is_read_once_and_remembered(hub):
    model.locate("qwen")
    path = folder() / "model.safetensors"
    os.utime(path, (1, 1))
    before = (folder() / RECORD).read_bytes()
    assert model.here("qwen") == folder()
    assert (folder() / RECORD).read_bytes() == before  # 只是问一问，什么也不写
    model.locate("qwen")
    stamps = {file.path: file.mtime_ns for file in read_record(folder()).files}
    assert stamps["model.safetensors"] == path.stat().st_mtime_ns


def test_in_the_terminal(hub):
    assert "没有" in command("where").stderr
    assert "可以断网使用" in command("fetch").stdout
    assert command("where").stdout.strip() == str(folder())
    assert "6 个文件" in command("verify").stdout
    path = folder() / "model.safetensors"
    path.write_bytes(spoiled(path.read_bytes()))
    broken = command("verify")
    assert broken.returncode == 1
    assert "model.safetensors" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert "删掉了" in command("remove").stdout
    assert not folder().exists()
    assert "不用删" in command("remove").stdout


def test_killed_and_started_again(hub):
    hub.slow = 0.3
    started = subprocess.Popen([sys.executable, "-m", "helpers.model", "fetch"], cwd=ROOT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    partial = folder() / "tokenizer.json.incomplete"
    for _ in range(400):
        if partial.exists() and partial.stat().st_size:
            break
        time.sleep(0.05)
    started.kill()
    started.wait()
    assert 0 < partial.stat().st_size < 300_000
    hub.slow = 0.0
    works_again(hub)


def test_two_at_once_download_it_once(hub):
    hub.slow = 0.1
    both = [subprocess.Popen([sys.executable, "-m", "helpers.model", "fetch"], cwd=ROOT, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL) for _ in range(2)]
    for process in both:
        said, _ = process.communicate(timeout=100)
        assert "可以断网使用" in said.decode()
    assert hub.downloads().count("model.safetensors") == 1
    assert hub.downloads().count("tokenizer.json") == 1


@pytest.mark.ci
@pytest.mark.parametrize("bytes_each", [0, 50], ids=["卡住不动", "慢得不值得等"])
def test_hanging_or_crawling_in_the_middle(hub, bytes_each):
    def crawl(handler):
        if handler.command != "GET":
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(weights(hub))))
        handler.end_headers()
        handler.wfile.write(weights(hub)[:4_096])
        for step in range(20):
            handler.wfile.write(weights(hub)[4_096 + step * bytes_each:][:bytes_each])
            time.sleep(0.5)
        return True

    hub.fault = weights_fault(crawl)
    refused("接着下")
    works_again(hub)


def test_the_disk_fills_up(hub, monkeypatch):
    def full(*arguments, **keywords):
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / "model.safetensors.incomplete").write_bytes(b"x" * 1000)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("modelscope_hub.HubApi.download_repo", full)
        refused("满了")
    assert not list(folder().glob("*.incomplete"))
    works_again(hub)


def test_a_cache_that_must_not_be_written(hub, monkeypatch):
    def denied(*arguments, **keywords):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("modelscope_hub.HubApi.download_repo", denied)
        refused("不能")
    works_again(hub)
