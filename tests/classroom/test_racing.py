"""classroom/race.py：轮流量，一个出错别的照样量，表和 JSON；不比快慢，只比这些话和数对不对"""
import json
import os
import signal
import subprocess
import sys
import time

from helpers.errors import ModelError

import engines
import pytest
import race
from engines import HANDOUT, Racer, Result

RESULTS = {HANDOUT: Result(16, rounds={"7": [10.0, 20.0, 12.0], "512": [8.0], "first": [2.0, 1.5, 1.0],
                                       "batch": [180.0], "peak": [2e9]}),
           "快": Result(8.5, rounds={"7": [24.0], "512": [16.0], "first": [0.75]}),
           "坏": Result(4, note="内存不够"), "半": Result(4, note="断了", rounds={"7": [6.0]})}


def test_the_table_by_hand():
    shown = repr(race.table(RESULTS, 1_000_000_000, [48e9, 24e9])).splitlines()
    assert shown[1] == "讲义的做法 │ 12.0 │ 1.00 │ 8.0 │ 1.00 │ 50%–100% │ 1,500 │ 15.00 │ 2.0"
    assert shown[2] == "快 │ 24.0 │ 2.00 │ 16.0 │ 2.00 │ 53%–106% │ 750 │ — │ —"
    assert shown[3] == "坏（内存不够）" + " │ —" * 8
    assert shown[4] == "半（断了） │ 6.0 │ 0.50 │ — │ — │ 6%–12% │ — │ — │ —"


def test_the_record(tmp_path):
    race.save_record(tmp_path / "a.json", "模型", RESULTS, 10**9, [48e9, 20e9], 2)
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert saved["model"] == "模型"
    assert saved["threads"] == 2
    assert saved["bandwidths"] == [48e9, 20e9]
    assert saved["ways"]["快"] == {"bits": 8.5, "note": "", "7": [24.0], "512": [16.0], "first": [0.75]}
    assert saved["ways"]["坏"]["note"] == "内存不够"


def test_race_goes_round_and_one_that_fails_leaves_the_others(monkeypatch):
    log = []

    def bench(name, fails_at=9):
        def once():
            log.append(name)
            if log.count(name) == fails_at:
                raise ModelError("断了")
            return {"7": 10.0}
        return once

    racers = {"甲": Racer(16, bench("甲")), "乙": Racer(16, bench("乙", 2)), "丙": Racer(8, bench("丙"))}
    monkeypatch.setattr(race, "memory_bandwidth", lambda: log.append("读内存") or 1e9)
    assert race.race(racers, 3) == [1e9] * 4
    assert log == ["读内存", "甲", "乙", "丙", "读内存", "甲", "乙", "丙", "读内存", "甲", "丙", "读内存"]
    assert racers["乙"].result.note == "断了"
    assert racers["乙"].result.rounds == {"7": [10.0]}
    assert racers["甲"].result.rounds == {"7": [10.0] * 3}


@pytest.mark.ci
def test_the_whole_command(tmp_path, own_cache, capsys):
    race.main(["--model", "tiny", "--rounds", "1", "--threads", "1", "--json", str(tmp_path / "a.json")])
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert list(saved["ways"]) == list(engines.WAYS)
    assert len(saved["bandwidths"]) == 2
    for way in saved["ways"].values():
        assert way["note"] == ""
        assert way["peak"][0] > 1e8
        for name in ("7", "512", "first", "batch", "load"):
            assert way[name][0] > 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(engines.WAYS)


def test_a_way_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "")
    racer = engines.course_ways(tmp_path / "没有", 1)["fastest 8 位"]
    with pytest.raises(ModelError, match="现在不能.*没有.*关掉别的程序"):
        racer.step()


def listen() -> None:
    """后台运行测试时，子进程也收得到 Ctrl+C"""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows 没有进程组的信号")
def test_ctrl_c_is_one_line():
    command = [sys.executable, race.__file__, "--model", "tiny"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                          preexec_fn=listen) as process:
        said = b""
        while "轮".encode() not in said and (more := os.read(process.stderr.fileno(), 1 << 16)):
            said += more
        time.sleep(0.5)  # 子进程正在导入
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.decode().strip().endswith("已停止，什么也没有记下")


@pytest.mark.parametrize("arguments, says", [
    (["--rounds", "0"], "应不小于 1"), (["--threads", "-1"], "应不小于 1"), (["--llama-bench", "x"], "要一起写"),
    (["--llama-bench", "x", "--gguf", "y"], "应有文件 x"), (["--json", "没有/a.json"], "应能写出文件"),
    (["--json", "."], "应能写出文件"), (["--openvino", "没有"], "openvino"), (["--onnx", "没有"], "onnx")])
def test_the_command_refuses_before_measuring(monkeypatch, arguments, says, capsys):
    monkeypatch.setattr(race, "run_race", lambda *_: pytest.fail("不应开始量"))
    with pytest.raises(SystemExit):
        race.main(arguments)
    assert says in capsys.readouterr().err
