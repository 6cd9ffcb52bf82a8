"""测量：数在范围里，线程用完改回去；读内存的速度是持续的，不是偶然最快的一次"""
from helpers import speed
from helpers.fast import measure as measuring
from helpers.fast.measure import Measurement, memory_bandwidth

import pytest
import torch


def test_measure_counts_and_fits(model):
    found = speed.measure(model, prompt_length=3, new_tokens=4, batch=2, threads=1, repeats=2, load_seconds=1.5)
    assert (found.prompt_length, found.new_tokens, found.batch, found.threads) == (3, 4, 2, 1)
    assert 0 < found.slowest <= found.tokens_per_second <= found.fastest and found.first_token > 0
    assert found.peak_bytes > 1e8 and found.load_seconds == 1.5


def test_measure_gives_the_threads_back(model):
    before = torch.get_num_threads()
    speed.measure(model, 1, 2, threads=1, repeats=1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("warm_up, runs", [(True, 3), (False, 2)])
def test_measure_warms_up_when_asked(model, monkeypatch, warm_up, runs):
    done = []
    monkeypatch.setattr(measuring, "once", lambda *_: done.append(1) or (0.5, 20.0))
    assert speed.measure(model, repeats=2, warm_up=warm_up).tokens_per_second == 20.0
    assert len(done) == runs


@pytest.mark.parametrize("bad", [{"prompt_length": 0}, {"prompt_length": -3}, {"new_tokens": 1}, {"batch": 0},
                                 {"threads": 0}, {"repeats": 0}, {"batch": True}, {"prompt_length": 2.5}])
def test_measure_refuses(model, bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} 应是不小于"):
        speed.measure(model, **bad)


def test_measure_refuses_what_does_not_fit(model):
    with pytest.raises(ValueError, match="应不超过"):
        speed.measure(model, prompt_length=10**6)


def test_bandwidth_is_a_rate():
    assert 1e8 < memory_bandwidth(size=1 << 22, repeats=1) < 1e13


@pytest.mark.parametrize("bad", [{"size": 0}, {"size": 1e9}, {"repeats": 0}, {"threads": 0}, {"threads": 1.5},
                                 {"threads": True}, {"threads": "2"}])
def test_bandwidth_refuses(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} 应是不小于"):
        memory_bandwidth(**bad)


def test_bandwidth_is_sustained(monkeypatch):
    times = iter([0.01, 1, 2, 2, 2, 2, 2, 3, 2, 0.01, 2, 2, 2, 1, 2, 2, 2, 2])
    monkeypatch.setattr(measuring, "seconds", lambda _: next(times))  # 第二种最快：1、3、1 秒；偶然的 0.01 秒不算
    assert memory_bandwidth(size=1 << 22, repeats=3) == 1 << 22


@pytest.mark.parametrize("slowest, fastest, disturbed", [(10.0, 12.0, False), (10.0, 14.0, True)])
def test_a_disturbed_measurement_says_so(slowest, fastest, disturbed):
    found = Measurement(7, 32, 1, 2, 0.1, 11.0, slowest, fastest, 0)
    assert found.disturbed is disturbed
