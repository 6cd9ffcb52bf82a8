"""第 08 讲的话与它的两份记录（classroom/speed.json、quality.json）相符：重新测量以后，话也要跟着改"""
import json
import re
from pathlib import Path
from statistics import median

import pytest

CLASSROOM = Path(__file__).parent.parent / "classroom"
QWEN = 494_032_768 * 2  # 字节


@pytest.fixture(scope="module")
def record():
    return json.loads((CLASSROOM / "speed.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def quality():
    return json.loads((CLASSROOM / "quality.json").read_text(encoding="utf-8"))


def rates(record, name):
    return {way: median(one[name]) for way, one in record["ways"].items()}


def test_both_were_measured_on_the_real_qwen(record, quality):
    assert record["model"] == quality["model"] == "Qwen2.5-Coder-0.5B-Instruct"
    assert not any(one["note"] for one in record["ways"].values())


def test_the_opening(record):
    writes = rates(record, "7")
    assert len(writes) == 7
    assert 8 < writes["讲义的做法"] < 10
    assert 20 < 200 / writes["讲义的做法"] < 30
    assert writes["float32"] / writes["讲义的做法"] == pytest.approx(1.0, abs=0.05)
    assert writes["讲义的做法"] < writes["fastest 16 位"] < writes["fastest 8 位"] < writes["fastest 4 位"]
    assert 1.15 < writes["fastest 16 位"] / writes["讲义的做法"] < 1.3
    assert writes["fastest 8 位"] > 1.8 * writes["讲义的做法"]
    assert max(writes, key=writes.get) == "onnxruntime int4"


def test_what_waits_for_what():
    """第 3 节的假如：每秒送 25 GB、做 5,000 亿次"""
    sent = 25e9
    done = 5_000e8
    assert sent * 1 == 250e8 < done
    assert 9e12 < sent * 371 < 9.5e12
    assert sent * 371 > done


def test_how_long_each_of_forty_waits(record):
    """第 6 节：合计 22 倍，等的时间不到两倍"""
    one = record["ways"]["讲义的做法"]
    times = median(one["batch"]) / median(one["7"])
    assert round(times) == 22
    assert 0.5 < times / 40 < 0.6
    assert 40 / times < 2


def test_what_was_reached_of_the_limit(record):
    writes = rates(record, "7")
    for way, size, least, most in (("讲义的做法", QWEN, 0.3, 0.4), ("float32", 2 * QWEN, 0.6, 0.7)):
        for bandwidth in record["bandwidths"]:
            assert least < writes[way] * size / bandwidth < most


def test_reading(record):
    reads = rates(record, "first")
    assert 0.5 < reads["讲义的做法"] < 1
    assert min(reads["onnxruntime int8"], reads["onnxruntime int4"]) > 3 * reads["讲义的做法"]
    for way in ("fastest 16 位", "fastest 8 位", "fastest 4 位"):
        assert reads[way] < 1.1 * reads["讲义的做法"]
    for way in ("onnxruntime int8", "onnxruntime int4"):
        assert 1 < reads[way] / reads["float32"] < 2


def test_fastest_takes_more_memory(record):
    """第 7 节：讲义的做法最多占过 1.6 GB，三种 fastest 是 2.3 到 2.7 GB"""
    handout = median(record["ways"]["讲义的做法"]["peak"])
    assert round(handout / 1e9, 1) == 1.6
    others = [median(record["ways"][f"fastest {bits} 位"]["peak"]) / 1e9 for bits in (16, 8, 4)]
    assert round(min(others), 1) == 2.3
    assert round(max(others), 1) == 2.7


def test_reading_does_more_with_each_byte():
    """第 3 节：读 512 个词元，每个字节做的乘和加，真正的 Qwen 是写一个词元的 371 倍，教学小模型是 37 倍"""
    for weights, head, times in ((494_032_768, 151_936 * 896, 371), (20_922_368, 151_936 * 128, 37)):
        reading = 512 * (weights - head) + head
        assert round(reading / weights) == times


def test_sixteen_bits_on_the_opening_computer(record):
    """第 5 节：写的时候 bfloat16 用到的带宽只有 float32 的一半，读 512 个词元是 0.7 秒对 1.8 秒"""
    writes = rates(record, "7")
    reads = rates(record, "first")
    assert writes["讲义的做法"] / (2 * writes["float32"]) == pytest.approx(0.5, abs=0.02)
    assert round(reads["讲义的做法"], 1) == 0.7
    assert round(reads["float32"], 1) == 1.8


def test_the_last_to_be_answered_waits_five_times():
    """第 6 节：四十个人一起问，等得最久的人等的是一个人问时的五倍（classroom/server.md 的表）"""
    page = (CLASSROOM / "server.md").read_text(encoding="utf-8")
    alone = re.search(r"\| 1 \| 8 \| 0 \|.*?([\d.]+) 秒 \| [\d.]+ GB", page)
    forty = re.search(r"\| \| 40 \| 40 \| 0 \|.*?([\d.]+) 秒 \| \|", page)
    assert round(float(forty[1]) / float(alone[1])) == 5


def test_the_qualities(quality):
    ways = quality["ways"]
    handout = ways["讲义的做法"]
    assert handout["写"]["kl"] == pytest.approx(0.0008, abs=0.0001)
    for bits in (16, 8, 4):
        assert ways[f"fastest {bits} 位"]["读"]["kl"] < 2 * handout["读"]["kl"]
    assert ways["fastest 16 位"]["写"]["kl"] < 2 * handout["写"]["kl"]
    eight = ways["fastest 8 位"]["写"]
    assert 2 * handout["写"]["kl"] < eight["kl"] < 3 * handout["写"]["kl"]
    assert round(eight["kl"], 3) == 0.002
    four = ways["fastest 4 位"]["写"]["kl"]
    assert 20 * handout["写"]["kl"] < four < 100 * handout["写"]["kl"]
    assert round(four, 2) == 0.04
    old = ways["8 位，不转方向，读也用它"]["读"]["kl"]
    assert round(old, 1) == 0.3
