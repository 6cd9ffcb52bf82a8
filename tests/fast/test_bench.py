"""python -m helpers.speed：轮流量，一样出错别的照样量，表、JSON 和图；不比快慢，只比这些话和数对不对"""
import json
import os
import signal
import subprocess
import sys
import time

from helpers import speed
from helpers.errors import ModelError
from helpers.fast import bench, report
from helpers.fast.bench import HANDOUT, Result

import pytest
import race

RESULTS = {HANDOUT: Result(16, {7: [10.0, 20.0, 12.0], 512: [8.0]}, [2.0, 1.5, 1.0], [180.0], 2_000_000_000),
           "快": Result(8.5, {7: [24.0], 512: [16.0]}, [0.75], [], 0, 0.0),
           "坏": Result(4, note="内存不够"), "半": Result(4, {7: [6.0]}, note="断了")}


def test_report_by_hand(tmp_path, capsys):
    shown = repr(report.table(RESULTS, 1_000_000_000, 48e9)).splitlines()
    assert shown[1] == "讲义的做法 │ 16 │ 12.0 │ 1.00 │ 8.0 │ 1.00 │ 50% │ 1,500 │ 15.00 │ 2.0"
    assert shown[2] == "快 │ 8.5 │ 24.0 │ 2.00 │ 16.0 │ 2.00 │ 53% │ 750 │ — │ —"
    assert shown[3] == "坏（内存不够） │ 4" + " │ —" * 8
    assert shown[4] == "半（断了） │ 4 │ 6.0 │ 0.50 │ — │ — │ 6% │ — │ — │ —"
    report.show(RESULTS, 1_000_000_000, [48e9, 20e9, 50e9], 2, {report.save_record: tmp_path / "a.json",
                                                              report.draw_chart: tmp_path / "a.png"})
    said = capsys.readouterr()
    assert "48.0 GB/s（3 次的中位数，20.0–50.0）" in said.err and said.out.splitlines() == shown
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert saved["ways"]["快"]["share"] == pytest.approx(0.53125) and saved["threads"] == 2
    assert saved["bandwidth"] == 48e9 and saved["bandwidths"] == [48e9, 20e9, 50e9]
    assert (tmp_path / "a.png").stat().st_size > 1_000


def test_what_cannot_be_saved_is_said_at_the_end(tmp_path, capsys):
    with pytest.raises(ModelError) as failed:
        report.show(RESULTS, 10**9, [48e9], 2, {report.save_record: tmp_path, report.draw_chart: tmp_path / "a.xyz"})
    assert str(failed.value).count("现在不能") == 2 and "a.xyz" in str(failed.value)
    assert "内存不够" in capsys.readouterr().out
    report.show(RESULTS, 10**9, [48e9], 2, {report.save_record: None, report.draw_chart: tmp_path / "a.svg"})
    with pytest.raises(ModelError, match="至少一个"):
        report.show({"坏": RESULTS["坏"]}, 10**9, [48e9], 2, {report.draw_chart: tmp_path / "b.svg"})


class Fake:
    """不开子进程的做法：记下做了什么；到 fails 这一件就报错"""
    kinds = bench.Racer.kinds

    def __init__(self, way, *_, log=None, fails=None):
        self.way, self.log, self.fails, self.result = way, [] if log is None else log, fails, Result(16)

    def step(self, kind):
        if kind == self.fails:
            raise ModelError("断了")
        self.log.append((self.way, kind))
        self.result.decode.setdefault(7, []).append(10.0)

    def close(self):
        self.log.append((self.way, "close"))


def test_race_goes_round_and_measures_the_memory_between():
    log = []
    racers = {"甲": Fake("甲", log=log), "乙": Fake("乙", log=log, fails="512"), "丙": Fake("丙", log=log)}
    racers["丙"].kinds = ("512",)
    results = bench.race(racers, 2, between=lambda: log.append("读内存"))
    assert log == [("甲", "load"), ("乙", "load"),
                   ("甲", "7"), "读内存", ("乙", "7"), ("甲", "512"), "读内存", ("丙", "512"),
                   "读内存", ("甲", "7"), ("甲", "512"), "读内存", ("丙", "512"), ("甲", "batch"),
                   ("甲", "close"), ("乙", "close"), ("丙", "close")]
    assert results["乙"].note == "断了" and not results["甲"].note


def test_they_load_one_after_the_other(monkeypatch, tmp_path):
    log = []
    monkeypatch.setattr(bench.Racer, "start", lambda self: log.append(f"开始 {self.way}"))
    monkeypatch.setattr(bench.Racer, "answer", lambda self: log.append(f"加载完 {self.way}") or 1.0)
    racers = {way: bench.Racer(way, tmp_path, 1) for way in (HANDOUT, "float32")}
    assert not log
    for racer in racers.values():
        racer.step("load")
    assert log == [f"{what} {way}" for way in racers for what in ("开始", "加载完")]


def test_one_failing_part_leaves_the_others(monkeypatch, tmp_path, capsys):
    def decide(_, bits):
        if bits == 8:
            raise ModelError("8 位没有能用的算法")

    speeds = iter([20e9, 40e9, 60e9])
    monkeypatch.setattr(speed, "decide", decide)
    monkeypatch.setattr(speed, "Racer", Fake)
    monkeypatch.setattr(speed, "memory_bandwidth", lambda: next(speeds))
    monkeypatch.setattr(bench, "need", lambda way, _: 1e15 if way == "float32" else 1.0)
    for name in ("llama-bench", "a.gguf"):
        (tmp_path / name).touch()
    race.main(["--model", "tiny", "--ways", HANDOUT, "fastest 8 位", "float32", "fastest 16 位", "--rounds", "1",
                "--llama-bench", str(tmp_path / "llama-bench"), "--gguf", str(tmp_path / "a.gguf"),
                "--json", str(tmp_path / "a.json")])
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert list(saved["ways"]) == [HANDOUT, "fastest 8 位", "float32", "fastest 16 位", "llama.cpp a"]
    notes = [way["note"] for way in saved["ways"].values()]
    assert notes[0] == notes[3] == "" and notes[1] == "8 位没有能用的算法" and "要 1000000.0 GB" in notes[2]
    assert "检查 llama-bench 和 a.gguf" in notes[4] and saved["ways"][HANDOUT]["decode"]["7"] == [10.0] * 4
    assert saved["bandwidths"] == [20e9, 40e9, 60e9] and saved["bandwidth"] == 40e9
    assert "float32（内存放不下" in capsys.readouterr().out


@pytest.mark.ci
def test_the_whole_command(tmp_path):
    speed.main(["--model", "tiny", "--ways", HANDOUT, "float32", "--rounds", "1", "--threads", "1",
                "--json", str(tmp_path / "a.json"), "--chart", str(tmp_path / "a.png")])
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [way["note"] for way in saved["ways"].values()] == ["", ""] and len(saved["bandwidths"]) == 3
    for way in saved["ways"].values():
        assert way["load"] > 0 and way["peak"] > 1e8 and way["batch"][0] > 0 and way["first"][0] > 0
        assert len(way["decode"]["7"]) == len(way["decode"]["512"]) == 1 and way["share"] > 0
    assert (tmp_path / "a.png").stat().st_size > 1_000


def listen() -> None:
    """后台运行测试时，子进程也收得到 Ctrl+C"""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows 没有进程组的信号")
def test_ctrl_c_is_one_line():
    command = [sys.executable, "-m", "helpers.speed", "--model", "tiny", "--ways", HANDOUT]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                          preexec_fn=listen) as process:
        said = b""
        while b"load" not in said and (more := os.read(process.stderr.fileno(), 1 << 16)):
            said += more
        time.sleep(0.5)  # 子进程正在导入
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130 and rest.decode().strip() == "已停止；记下的只有量完的"


@pytest.mark.parametrize("arguments, says", [
    (["--rounds", "0"], "应不小于 1"), (["--threads", "-1"], "应不小于 1"), (["--llama-bench", "x"], "要一起写"),
    (["--llama-bench", "x", "--gguf", "y"], "应有文件 x"), (["--json", "没有/a.json"], "应能写出文件"),
    (["--chart", "没有/a.png"], "应能写出文件"), (["--json", "."], "应能写出文件"), (["--chart", "a.xyz"], "应以 .png"),
    (["--openvino", "没有"], "openvino"), (["--onnx", "没有"], "onnx")])
def test_the_command_refuses_before_measuring(monkeypatch, arguments, says, capsys):
    monkeypatch.setattr(speed, "race_ways", lambda *_: pytest.fail("不应开始量"))
    with pytest.raises(SystemExit):
        race.main(arguments)
    assert says in capsys.readouterr().err


def test_memory_that_is_short_is_said():
    with pytest.raises(ModelError, match=r"至少应有 1\.5 GB 可用的内存，现在只有 0\.1 GB"):
        bench.unfit([HANDOUT], 494_000_000, 1e8)
    notes = bench.unfit(["float32", HANDOUT, "fastest 8 位"], 494_000_000, 2.3e9)
    assert list(notes) == ["float32", "fastest 8 位"]
    assert notes["float32"] == "内存放不下：要 2.5 GB，只剩 2.3 GB；用 --ways 单独量它"
    assert "要 2.0 GB，只剩 0.8 GB" in notes["fastest 8 位"]
