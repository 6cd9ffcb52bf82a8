"""helpers.fast.choose：算错的、算不了的不用，每种形状选最快的；记得选过的，记错了也无妨；不比快慢，只比选得对不对"""
import json

from helpers.errors import ModelError
from helpers.fast import choose, remembered, ways
from helpers.fast.choose import Chosen
from helpers.fast.linear import Choice, find_groups
from helpers.tiny import TINY

import pytest
import torch
from transformers import AutoModelForCausalLM

pytestmark = pytest.mark.usefixtures("own_cache")
SECONDS = {"Stored": 3.0, "WithoutOneDnn": 2.5, "OneDnnPacked": 2.0, "Half": 1.0, "Widened": 9.0, "Int8": 1.0,
           "Int8Weights": 2.0, "Int4": 1.0}


@pytest.fixture(scope="module")
def stored():
    """教学小模型，照存放的类型（float16）"""
    return AutoModelForCausalLM.from_pretrained(TINY, dtype="auto")


@pytest.fixture
def groups(stored):
    return find_groups(stored)


@pytest.fixture
def timed(monkeypatch):
    """试跑不真的量，秒数是编的：SECONDS 里的，可以改；返回量过的 (做法, 行数)"""
    seconds = dict(SECONDS)
    asked = []

    def seconds_by_shape(way, some, usable, rows):
        asked.append((way.__name__, rows))
        return {group.shape: seconds[way.__name__] for group in some
                if way is ways.Stored or way in usable[group.shape]}

    monkeypatch.setattr(choose, "seconds_by_shape", seconds_by_shape)
    monkeypatch.setattr(choose, "reason_against", lambda way, group: None)
    return seconds, asked


def picked(chosen):
    """用到的做法的名称：(写, 读)"""
    writing = {choice.writing.__name__ for choice in chosen.choices.values()}
    reading = {choice.reading.__name__ for choice in chosen.choices.values()}
    return writing, reading


def test_the_fastest_of_each_kind(timed, stored, groups):
    chosen = choose.choose(stored, groups, 16)
    assert picked(chosen) == ({"Half"}, {"OneDnnPacked"})
    assert chosen.gains == (3.0, 1.5)
    assert "写的速度是 torch 原来的算法的 3.0 倍，读的速度是 1.5 倍" in str(chosen)
    assert "写词元时用 float16 的权重" in str(chosen)


def test_close_ones_take_no_second_copy(timed, stored, groups):
    seconds, _ = timed
    seconds["WithoutOneDnn"] = 1.02
    seconds["Stored"] = 2.05
    assert picked(choose.choose(stored, groups, 16)) == ({"WithoutOneDnn"}, {"Stored"})


def test_one_copy_for_both_where_it_is_as_fast(timed, stored, groups):
    seconds, _ = timed
    seconds.update(Half=2.5, Widened=1.9)
    assert picked(choose.choose(stored, groups, 16)) == ({"OneDnnPacked"}, {"OneDnnPacked"})


@pytest.mark.parametrize("bits, writing", [(8, {"Int8"}), (4, {"Int4", "Int8"})])
def test_a_question_is_never_read_with_quantized_numbers(timed, stored, groups, bits, writing):
    """读的也是量化的快得多，读还是用原来的；4 位的输出层用 8 位"""
    seconds, _ = timed
    seconds.update(OneDnnPacked=3.0, Int8=0.1, Int4=0.1)
    chosen = choose.choose(stored, groups, bits)
    assert picked(chosen) == (writing, {"Stored"})
    assert chosen.choices["151936x128"].writing is ways.Int8


def test_each_shape_has_its_own(monkeypatch, timed, stored, groups):
    def seconds_by_shape(way, some, usable, rows):
        best = {"151936x128": "Int8"}
        return {group.shape: 1.0 if way.__name__ == best.get(group.shape, "Int8Weights") else 2.0 for group in some}
    monkeypatch.setattr(choose, "seconds_by_shape", seconds_by_shape)
    chosen = choose.choose(stored, groups, 8)
    assert chosen.choices["151936x128"].writing is ways.Int8
    assert {choice.writing.__name__ for choice in chosen.choices.values()} == {"Int8", "Int8Weights"}


def test_what_was_chosen_is_remembered(timed, stored, groups, own_cache):
    _, asked = timed
    first = choose.choose(stored, groups, 16)
    count = len(asked)
    assert choose.choose(stored, groups, 16) == first
    assert len(asked) == count
    (own_cache / "speed.json").write_text("{broken", encoding="utf-8")
    assert choose.choose(stored, groups, 16) == first
    assert len(asked) == 2 * count
    assert json.loads((own_cache / "speed.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("spoil", [
    lambda known: [], lambda known: {"做法": 1, "倍数": [1, 2]}, lambda known: {**known, "倍数": [1]},
    lambda known: {**known, "做法": {}}, lambda known: {**known, "倍数": ["x", "y"]},
    lambda known: {**known, "做法": dict.fromkeys(known["做法"], ["Stored"])},
    lambda known: {**known, "做法": dict.fromkeys(known["做法"], ["没有", "Stored"])},
    lambda known: {**known, "做法": dict.fromkeys(known["做法"], ["Int4", "Stored"])},  # 16 位里没有它
    lambda known: {**known, "做法": dict.fromkeys(known["做法"], ["Stored", "Half"])}])  # 不用来读
def test_a_wrong_memory_is_probed_again(timed, stored, groups, own_cache, spoil):
    first = choose.choose(stored, groups, 16)
    path = own_cache / "speed.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    (machine, found), = whole.items()
    spoiled = {key: spoil(known) for key, known in found.items()}
    path.write_text(json.dumps({machine: spoiled}), encoding="utf-8")
    assert choose.choose(stored, groups, 16) == first


def test_a_remembered_way_that_is_wrong_here_is_not_used(monkeypatch, timed, stored, groups):
    """从别的电脑抄来的记录：那里能用的，这里算不对"""
    choose.choose(stored, groups, 16)
    monkeypatch.setattr(choose, "reason_against", lambda way, _: "算得不对" if way is ways.Half else None)
    assert picked(choose.choose(stored, groups, 16))[0] == {"OneDnnPacked"}


def test_another_machine_is_probed_again(monkeypatch, timed, stored, groups):
    _, asked = timed
    choose.choose(stored, groups, 16)
    count = len(asked)
    monkeypatch.setattr(remembered, "machine", lambda: "另一台")
    choose.choose(stored, groups, 16)
    assert len(asked) == 2 * count


def test_without_any_way_it_says_why(monkeypatch, timed, stored, groups):
    monkeypatch.setattr(choose, "reason_against", lambda way, _: "没有 FBGEMM" if way.bits == 4 else None)
    with pytest.raises(ModelError, match="4 位应至少有一种做法.*没有 FBGEMM.*换成 bits=16"):
        choose.choose(stored, groups, 4)


def made(multiply):
    """一种编出来的做法"""
    class Made(ways.Stored):
        def __call__(self, x):
            return multiply(super().__call__(x))
    return Made


def missing(_):
    raise NotImplementedError


@pytest.mark.parametrize("multiply, says", [(lambda out: out * 1.1, "算得不对"), (missing, "算不了"),
                                            (lambda out: out * float("nan"), "算得不对"), (lambda out: out, None)])
def test_a_wrong_way_is_left_out_with_a_reason(groups, multiply, says):
    reason = choose.reason_against(made(multiply), groups[0])
    assert reason is None if says is None else says in reason


def test_a_way_that_does_not_fit_says_the_shape(groups):
    assert "形状或类型不合" in choose.reason_against(ways.Half, find_groups(
        AutoModelForCausalLM.from_pretrained(TINY, dtype="float32"))[0])


class Saturating(ways.Int8Weights):
    """像没有 VNNI 的 CPU：u8 × s8 的乘积两个两个加进 16 位，放不下就停在最大值"""
    top = 2**15 - 1

    def __init__(self, weight, bias):
        self.values, self.scale = ways.to_int8(weight.float())

    def __call__(self, x):
        x = x.float()
        low = x.amin().clamp_max(0)
        step = (x.amax().clamp_min(0) - low) / 255
        u8 = ((x - low) / step).round()
        pairs = (u8[..., None, :] * self.values.float()).unflatten(-1, (-1, 2)).sum(dim=-1)
        total = pairs.clamp(-self.top - 1, self.top).sum(dim=-1) * step * self.scale
        return total + low * (self.values.float().sum(dim=1) * self.scale)


@pytest.mark.parametrize("top, right", [(2**15 - 1, False), (2 * 255 * 127, True)])
def test_a_saturating_way_is_left_out(monkeypatch, groups, top, right):
    monkeypatch.setattr(Saturating, "top", top)
    with torch.no_grad():
        weight = groups[0].members[0].weight
        before = weight.clone()
        weight.copy_(1 - 0.05 * torch.rand(weight.shape))
        monkeypatch.setattr(torch, "randn", lambda *size, generator=None: 1 - 0.1 * torch.rand(size))
        reason = choose.reason_against(Saturating, groups[0])
        weight.copy_(before)
    assert (reason is None) == right


def test_the_real_probe_times_every_shape(monkeypatch, stored, groups):
    monkeypatch.setattr(choose, "ROUNDS", 2)
    chosen = choose.choose(stored, groups, 16)
    assert isinstance(chosen, Chosen)
    assert set(chosen.choices) == {group.shape for group in groups}
    assert all(isinstance(choice, Choice) for choice in chosen.choices.values())
    assert min(chosen.gains) > 0


def test_the_sample_holds_every_shape(monkeypatch, groups):
    monkeypatch.setattr(choose, "SAMPLE", 1)
    some = choose.groups_to_probe(groups)
    assert {group.shape for group in some} == {group.shape for group in groups}
    assert len(some) < len(groups)
