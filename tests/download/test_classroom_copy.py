"""全班一份：导出、从文件夹和 http 取、断了接着取、每个字节都核对"""
import json
import os
import shutil
import time

from helpers import model
from helpers.download import classroom_copy
from helpers.download.local_copy import remember_copy
from helpers.download.manifest import demand_undamaged, read_record
from helpers.errors import ModelError
from helpers.fast.standin import SMALL, make

import pytest
from downloads import command, folder
from servers import hostile, loopback
from servers.fake_modelscope import MODEL, serve


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """一份下载好、有记录的小模型"""
    made = make(tmp_path_factory.mktemp("source"), {**SMALL, "vocab_size": 512, "hidden_size": 32})
    remember_copy(MODEL, made)
    return made


@pytest.fixture
def exported(source, tmp_path):
    """老师导出的文件夹和指纹"""
    return tmp_path / "全班 模型", classroom_copy.export_copy(source, tmp_path / "全班 模型")


@pytest.fixture
def student(monkeypatch, tmp_path):
    """一台什么都没有、连不上 ModelScope 的电脑"""
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "学生 的缓存"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("COURSE_MODEL_FINGERPRINT", raising=False)
    return monkeypatch


def assert_whole() -> None:
    """学生的一份有记录，每个字节都对"""
    assert demand_undamaged(folder(), thorough=True) == folder()
    recorded = read_record(folder())
    paths = [file.path for file in recorded.files]
    assert "model.safetensors" in paths


@pytest.fixture
def static(exported):
    """python -m http.server 那样的静态服务器，不认 Range"""
    with loopback.static(exported[0]) as url:
        yield url


def test_from_a_folder_and_then_offline(exported, student, capsys):
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    assert model.locate("qwen") == folder()
    assert_whole()
    assert "取" in capsys.readouterr().err
    student.delenv("COURSE_MODEL_HUB")
    assert model.locate("qwen") == folder()


def test_over_http_with_the_fingerprint(exported, student, static):
    student.setenv("COURSE_MODEL_HUB", static)
    student.setenv("COURSE_MODEL_FINGERPRINT", exported[1].upper().replace("-", " "))
    model.locate("qwen")
    assert_whole()


def test_http_without_the_fingerprint_is_refused(student, static):
    student.setenv("COURSE_MODEL_HUB", static)
    with pytest.raises(ModelError, match="应知道指纹，现在没有；把老师写在黑板上的"):
        model.locate("qwen")
    assert not folder().exists()


def test_another_manifest_does_not_match(exported, student):
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    student.setenv("COURSE_MODEL_FINGERPRINT", "0000-0000-0000-0000")
    with pytest.raises(ModelError, match="指纹应是 0000.*现在是 " + exported[1]):
        model.locate("qwen")


def test_a_cut_copy_goes_on_where_it_was(exported, student):
    files = {path.name: path.read_bytes() for path in exported[0].iterdir()}
    with serve(files) as hub:  # 认得 Range 的服务器
        student.setenv("COURSE_MODEL_HUB", f"{hub.address}/class")
        student.setenv("COURSE_MODEL_FINGERPRINT", exported[1])
        starts = []

        def answer(handler, what):
            name = handler.path.removeprefix("/class/")
            starts.append((name, handler.headers.get("Range")))
            stop = None
            if name == "tokenizer.json" and len(starts) < 20:
                stop = 2_500_000
            return handler.file(files[name], stop)

        hub.fault = answer
        with pytest.raises(ModelError, match="接着"):
            model.locate("qwen")
        partial = folder() / "tokenizer.json.incomplete"
        have = partial.stat().st_size
        assert 0 < have < 2_500_001
        starts += [("", None)] * 20
        model.locate("qwen")
    assert_whole()
    assert ("tokenizer.json", f"bytes={have}-") in starts
    assert len([name for name, _ in starts if name == "config.json"]) == 1  # 取好的没有再取


def test_a_spoiled_export_is_not_accepted(exported, student):
    path = exported[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    with pytest.raises(ModelError, match="model.safetensors 应与老师导出的一样，现在不一样"):
        model.locate("qwen")
    assert not list(folder().glob("model.safetensors*"))


def test_a_damaged_copy_is_repaired_from_the_class(exported, student):
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    weights = model.locate("qwen") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    model.locate("qwen")
    assert_whole()


def test_a_partial_file_that_is_complete_needs_no_more(exported, student, static):
    folder().mkdir(parents=True)
    (folder() / "config.json.incomplete").write_bytes((exported[0] / "config.json").read_bytes())
    (folder() / "model.safetensors.incomplete").write_bytes(b"?" * 100)  # 这台服务器不认 Range：从头再来
    student.setenv("COURSE_MODEL_HUB", static)
    student.setenv("COURSE_MODEL_FINGERPRINT", exported[1])
    model.locate("qwen")
    assert_whole()
    assert not list(folder().glob("*.incomplete"))


ANOTHER_MODEL = {"model": "a/b", "files": {}}
OUTSIDE = {"model": MODEL, "files": {"../x.json": {"size": 1, "sha256": "0"}}}
NO_SIZE = {"model": MODEL, "files": {"x.json": {"size": [1], "sha256": "0"}}}


@pytest.mark.parametrize("content, says", [
    (b"<html>", "看不懂"), (json.dumps(NO_SIZE).encode(), "看不懂"),
    (json.dumps(ANOTHER_MODEL).encode(), "现在是 a/b"), (json.dumps(OUTSIDE).encode(), "不可信")])
def test_bad_manifests(exported, student, tmp_path, content, says):
    (exported[0] / classroom_copy.CLASS_MANIFEST).write_bytes(content)
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    with pytest.raises(ModelError, match=says) as caught:
        model.locate("qwen")
    assert "应" in str(caught.value)
    assert "现在" in str(caught.value)
    assert not (tmp_path / "学生 的缓存").exists()


def manifest_with(files: str) -> bytes:
    """清单，files 是 JSON 里写的文件表"""
    return ('{"model": "' + MODEL + '", "files": ' + files + "}").encode()


def one_file(path: str = '"x.json"', size: str = "1", sha256: str = '"0"') -> bytes:
    """只有一个文件的清单，三项都是 JSON 里写的"""
    return manifest_with("{" + path + ': {"size": ' + size + ', "sha256": ' + sha256 + "}}")


ODD_MANIFESTS = {  # 清单 → 话里有
    "名字里有 NUL": (one_file(path=r'"a\u0000.json"'), "不可信"),
    "名字里有半个字": (one_file(path=r'"\ud800.json"'), "不可信"),
    "名字里有换行": (one_file(path=r'"a\n.json"'), "不可信"),
    "五千字的名字": (one_file(path='"' + "长" * 5000 + '.json"'), "不可信"),
    "代码": (one_file(path='"evil.py"'), "只有模型的数据"),
    "课程自己的记录": (one_file(path='".course-record.json"'), "只有模型的数据"),
    "Infinity": (one_file(size="Infinity"), "看不懂"),
    "NaN": (one_file(size="NaN"), "看不懂"),
    "负数": (one_file(size="-1"), "看不懂"),
    "true": (one_file(size="true"), "看不懂"),
    "文字": (one_file(size='"1"'), "看不懂"),
    "小数": (one_file(size="1.5"), "看不懂"),
    "四百位": (one_file(size="9" * 400), "看不懂"),
    "五千位": (one_file(size="9" * 5000), "看不懂"),
    "一列": (one_file(size="[[1]]"), "看不懂"),
    "sha256 是数": (one_file(sha256="7"), "看不懂"),
    "比磁盘大": (one_file(size=str(10 ** 18)), "磁盘应至少有"),
    "文件表是一列": (manifest_with("[[[]]]"), "看不懂"),
    "文件表是 null": (manifest_with("null"), "看不懂"),
    "二十万层": (b"[" * 200_000, "看不懂"),
    "里面二十万层": (manifest_with("[" * 200_000), "看不懂"),
    "不是 UTF-8": (b"\xff\xfe{", "看不懂"),
    "模型是一列": (b'{"model": [1], "files": {}}', "看不懂"),
    "模型是五千字": (b'{"model": "' + b"a" * 5000 + b'", "files": {}}', "看不懂"),
}


@pytest.mark.parametrize("name", ODD_MANIFESTS)
def test_odd_manifests(exported, student, tmp_path, name):
    content, says = ODD_MANIFESTS[name]
    (exported[0] / classroom_copy.CLASS_MANIFEST).write_bytes(content)
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    with pytest.raises(ModelError, match=says) as caught:
        model.locate("qwen")
    message = str(caught.value)
    assert "应" in message
    assert "现在" in message
    assert len(message) < 500
    assert not (tmp_path / "学生 的缓存").exists()


@pytest.fixture
def strange_teacher(exported, student):
    """一台会出毛病的 http 服务器，发老师导出的文件；用 fault(名字, 怎样回答) 设毛病，None 是好了"""
    files = {path.name: path.read_bytes() for path in exported[0].iterdir()}
    faults = {}

    def answer(handler, what):
        name = handler.path.removeprefix("/class/")
        if faults.get(name):
            return faults[name](handler)
        return handler.file(files[name])

    with serve(files) as hub:
        student.setenv("COURSE_MODEL_HUB", f"{hub.address}/class")
        student.setenv("COURSE_MODEL_FINGERPRINT", exported[1])
        hub.fault = answer
        yield lambda name, fault: faults.update({name: fault})


def test_a_huge_manifest_is_refused_before_it_is_read_whole(exported, student, strange_teacher):
    strange_teacher("course-model.json", hostile.endless(hostile.BLOCK))
    start = time.perf_counter()
    with pytest.raises(ModelError, match="应不超过 1 MB，现在更大"):
        model.locate("qwen")
    assert time.perf_counter() - start < 5
    student.setenv("COURSE_MODEL_HUB", str(exported[0]))
    with (exported[0] / "course-model.json").open("wb") as file:
        file.truncate(900_000_000)  # 900 MB 的洞，不占磁盘
    with pytest.raises(ModelError, match="应不超过 1 MB，现在更大"):
        model.locate("qwen")


@pytest.mark.parametrize("fault", [hostile.endless(b"{", 0.05), hostile.drip_status, hostile.drip_headers,
                                   hostile.drip_chunk_size])
def test_a_manifest_that_drips(student, strange_teacher, fault):
    student.setattr(classroom_copy, "MANIFEST_SECONDS", 0.5)
    strange_teacher("course-model.json", fault)
    with pytest.raises(ModelError, match="现在断了"):
        model.locate("qwen")


WHOLE_AGAIN = {  # 老师那里的 config.json 怎样回答 → 话里有；以后好的服务器照样取得到
    "没有完": (hostile.endless(hostile.BLOCK), "不一样"),
    "说得长，没有完": (hostile.longer_than_said, "现在老师那里只给了|不一样"),
    "比说的短": (hostile.shorter_than_said, "断了"),
    "压缩炸弹": (hostile.gzip_bomb(100), "不一样"),
    "解不开的压缩": (hostile.not_gzip, "断了"),
    "转个没完": (hostile.redirect("/class/config.json"), "断了"),
    "一点一点没有完": (hostile.endless(b"x", 0.05), "断了"),
}


@pytest.mark.parametrize("name", WHOLE_AGAIN)
def test_a_file_that_goes_wrong_does_not_stand_in_the_way(student, strange_teacher, name):
    student.setattr(classroom_copy, "COPY_SILENT_SECONDS", 0.5)
    fault, says = WHOLE_AGAIN[name]
    strange_teacher("config.json", fault)
    with pytest.raises(ModelError, match=says):
        model.locate("qwen")
    partial = folder() / "config.json.incomplete"
    assert not partial.exists() or partial.stat().st_size < 10_000
    strange_teacher("config.json", None)
    model.locate("qwen")
    assert_whole()


def test_a_partial_larger_than_the_file_is_room_and_no_start(student, strange_teacher):
    folder().mkdir(parents=True)
    huge = folder() / "config.json.incomplete"
    with huge.open("wb") as file:
        file.truncate(10 ** 12)  # 1 TB 的洞：算作可以腾出来的
    student.setattr("shutil.disk_usage", lambda place: type("", (), {"free": 0}))
    model.locate("qwen")
    assert_whole()
    assert not huge.exists()


def test_a_spoiled_partial_is_taken_again_from_the_start(exported, student, strange_teacher):
    folder().mkdir(parents=True)
    (folder() / "config.json.incomplete").write_bytes(b"?" * 100)  # 这台服务器认 Range：接在坏的一半后面
    model.locate("qwen")
    assert_whole()


@pytest.mark.parametrize("place", ["没有这个文件夹", "http://127.0.0.1:9"])
def test_nothing_there(student, place):
    student.setenv("COURSE_MODEL_HUB", place)
    student.setenv("COURSE_MODEL_FINGERPRINT", "0")
    with pytest.raises(ModelError, match="应.*现在.*；"):
        model.locate("qwen")


def test_the_same_files_give_the_same_fingerprint(source, exported, tmp_path):
    other = tmp_path / "另一台电脑"
    shutil.copytree(source, other)
    os.utime(other / "config.json", (1, 1))
    remember_copy(MODEL, other)
    assert classroom_copy.export_copy(other, tmp_path / "再导出") == exported[1]


def test_an_export_needs_a_whole_model(source, tmp_path):
    with pytest.raises(ModelError, match="应有下载时的记录"):
        classroom_copy.export_copy(tmp_path, tmp_path / "out")


def test_fingerprint_by_hand():
    assert classroom_copy.fingerprint(b"") == "e3b0-c442-98fc-1c14"  # 空内容的 sha256 以 e3b0c44298fc1c14 开头


def test_teacher_and_student_in_the_terminal(source, student, tmp_path):
    stick = str(tmp_path / "U 盘")
    folder().parent.mkdir(parents=True)
    folder().symlink_to(source)
    said = command("export", stick).stdout
    assert "请把指纹写在黑板上：" in said
    mark = said.strip().split("：")[-1]
    student.setenv("MODELSCOPE_CACHE", str(tmp_path / "另一个学生"))
    said = command("fetch", "--from", stick, "--fingerprint", mark).stdout
    assert "可以断网使用" in said
    assert "与下载时一样" in command("verify").stdout


def test_the_terminal_asks_for_the_fingerprint(exported, student, static, capsys):
    student.setattr("builtins.input", lambda prompt: exported[1])
    student.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    student.setenv("COURSE_MODEL_HUB", "")  # main 会改这两个环境变量，测完由 student 恢复
    student.setenv("COURSE_MODEL_FINGERPRINT", "")
    model.main(["fetch", "--from", static])
    assert_whole()
    assert "可以断网使用" in capsys.readouterr().out
