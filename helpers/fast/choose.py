"""选做法：在这台电脑上、用这个模型自己的权重试跑，每种形状的矩阵，写词元和读问题各选最快的；选过的记下来

只看量出来的，不看 CPU 的名称：同一种做法，在有的 CPU 上快一倍，在有的上反而慢
出处: notebooks/08_speed.ipynb 第 7 节
"""
import time
from collections import Counter
from dataclasses import dataclass

from helpers.errors import ModelError
from helpers.fast import remembered, ways
from helpers.fast.linear import Choice, Group, calculators, fits

import torch
from torch.nn import functional as F

WRITERS = {16: (ways.Stored, ways.WithoutOneDnn, ways.OneDnnPacked, ways.Half),
           8: (ways.Int8, ways.Int8Weights),
           4: (ways.Int4,)}
OUTPUT = {16: WRITERS[16], 8: WRITERS[8], 4: WRITERS[8]}  # 4 位时输出层仍用 8 位：它对回答的影响最大
READERS = (ways.Stored, ways.OneDnnPacked, ways.Widened)  # 只差舍入的；读问题不用量化的
ALL = {way.__name__: way for way in (*WRITERS[16], *WRITERS[8], *WRITERS[4], *READERS)}
ERRORS = {16: 0.02, 8: 0.05, 4: 0.2}  # 与 float32 的相对误差最多多少才算对
CLOSE = 1.03    # 差得这么少，就用不另占内存的
ONE_COPY = 1.15     # 读的做法与写的相同，就只要一份权重：慢这么多以内都值得
SAMPLE = 2e8    # 试跑用的各层一共多少字节：要比 CPU 的缓存大，不然量到的不是读内存
ROWS = 256      # 试读的问题有几个词元
ROUNDS = 9      # 从头到尾算几遍，取下四分位数：少受别的程序影响


@dataclass(frozen=True)
class Chosen:
    """选好的：choices 形状 → 做法；gains 写、读的速度各是 torch 原来的算法的几倍（只算矩阵乘法）"""
    choices: dict[str, Choice]
    gains: tuple[float, float]

    def __str__(self) -> str:
        """一句中文"""
        choices = self.choices.values()
        writing = "、".join(dict.fromkeys(choice.writing.says for choice in choices))
        reading = "、".join(dict.fromkeys(choice.reading.says for choice in choices))
        return (f"写词元时{writing}，读问题时{reading}；在这台电脑（{remembered.cpu_name()}）上试跑矩阵乘法，"
                f"写的速度是 torch 原来的算法的 {self.gains[0]:.1f} 倍，读的速度是 {self.gains[1]:.1f} 倍")


def choose(model, groups: list[Group], bits: int) -> Chosen:
    """定下 model 在这台电脑上用哪些做法；以前选过、现在还算得对的直接用

    groups: find_groups(model) 的结果；bits: 16、8 或 4；有一种形状没有一种做法能用时报 ModelError
    例: choose(model, groups, 16).choices["9728x896"].writing.__name__ -> "OneDnnPacked"
    """
    shapes = " ".join(sorted({group.shape for group in groups}))
    key = f"{bits} 位 {model.config.model_type} {model.dtype} {shapes}"
    known = recalled(remembered.recall(key), groups, bits)
    if known is not None:
        return known
    chosen = probe(groups, bits)
    remembered.remember(key, {"做法": names_of(chosen.choices), "倍数": chosen.gains})
    return chosen


def names_of(choices: dict[str, Choice]) -> dict[str, list[str]]:
    """形状 → 两种做法的名称"""
    return {shape: [choice.writing.__name__, choice.reading.__name__] for shape, choice in choices.items()}


def recalled(known, groups: list[Group], bits: int) -> Chosen | None:
    """记下的选择；没有记、记的看不懂、在这台电脑上算得不对，都是 None"""
    try:
        choices = {shape: Choice(ALL[writing], ALL[reading]) for shape, (writing, reading) in known["做法"].items()}
        writing_gain, reading_gain = map(float, known["倍数"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    for group in one_of_each(groups):
        choice = choices.get(group.shape)
        if choice is None or choice.writing not in candidates(group, bits) or choice.reading not in READERS:
            return None
        if reason_against(choice.writing, group) or reason_against(choice.reading, group):
            return None
    return Chosen(choices, (writing_gain, reading_gain))


def candidates(group: Group, bits: int) -> tuple[type, ...]:
    """写词元时可以用的做法"""
    return OUTPUT[bits] if group.output else WRITERS[bits]


def one_of_each(groups: list[Group]) -> list[Group]:
    """每种形状的第一组"""
    first = {}
    for group in groups:
        first.setdefault(group.shape, group)
    return list(first.values())


def groups_to_probe(groups: list[Group]) -> list[Group]:
    """试跑用的：最前面的几组，凑够 SAMPLE 字节，再补上没有的形状"""
    taken = []
    size = 0
    for group in groups:
        if size < SAMPLE:
            taken.append(group)
            size += sum(linear.weight.nbytes for linear in group.members)
    shapes = {group.shape for group in taken}
    rest = [group for group in one_of_each(groups) if group.shape not in shapes]
    return taken + rest


def probe(groups: list[Group], bits: int) -> Chosen:
    """试跑每一种做法，每种形状各选写得最快的和读得最快的"""
    some = groups_to_probe(groups)
    writers = {}
    readers = {}
    for group in one_of_each(some):
        writers[group.shape] = usable_ways(group, candidates(group, bits))
        readers[group.shape] = usable_ways(group, READERS)
    tried = {ways.Stored}.union(*writers.values())  # 倍数要与原来的算法比，总要量它
    with torch.inference_mode():
        write = {way: seconds_by_shape(way, some, writers, rows=1) for way in tried}
        read = {way: seconds_by_shape(way, some, readers, rows=ROWS) for way in READERS}
    writing = {}
    reading = {}
    for shape in writers:
        writing[shape] = fastest_way(shape, writers[shape], write)
        reading[shape] = fastest_way(shape, readers[shape], read, preferred=writing[shape])
    counts = Counter(group.shape for group in groups)
    choices = {shape: Choice(writing[shape], reading[shape]) for shape in writers}
    return Chosen(choices, (gain(write, writing, counts), gain(read, reading, counts)))


def usable_ways(group: Group, offered: tuple[type, ...]) -> list[type]:
    """offered 里能用在 group 上的；一种也没有时报 ModelError，说出为什么"""
    reasons = {way: reason_against(way, group) for way in offered}
    usable = [way for way in offered if reasons[way] is None]
    if not usable:
        why = "；".join(f"{way.says}：{reasons[way]}" for way in offered)
        raise ModelError(f"{offered[0].bits} 位应至少有一种做法在这台电脑上能用，现在没有（{why}）；换成 bits=16")
    return usable


def reason_against(way: type, group: Group) -> str | None:
    """一种做法为什么不能用在 group 上；能用是 None。用真的权重算一行和几行，与 float32 的结果比"""
    linear = group.members[0]
    weight = linear.weight.detach()[:ways.PIECE]
    if not fits(way, group):
        return f"权重的形状或类型不合（{tuple(linear.weight.shape)}，{weight.dtype}）"
    rows = 5 if way in READERS else 1
    x = torch.randn(rows, weight.shape[1], generator=torch.Generator().manual_seed(14)).to(weight.dtype)
    want = F.linear(x.float(), weight.float())
    try:
        with torch.inference_mode():
            got = way(weight, None)(x).float()
    except Exception as error:  # 别的平台上可能没有这种运算，报什么错都有
        return f"这台电脑上算不了（{type(error).__name__}）"
    wrong = float((got - want).norm() / want.norm().clamp_min(ways.TINY_SCALE))
    if not wrong <= ERRORS[way.bits]:  # nan 也算不对
        return f"算得不对（与 float32 差 {wrong:.0%}）"
    return None


def seconds_by_shape(way: type, some: list[Group], usable: dict[str, list[type]], rows: int) -> dict[str, float]:
    """从头到尾算 some，每种形状的一组要几秒（下四分位数）；不能用 way 的形状不在里面

    中间不停：每个矩阵都要从内存里读，与真的写词元时一样
    """
    made = []
    for group in some:
        if way is ways.Stored or way in usable[group.shape]:
            first = group.members[0]
            x = torch.randn(1, rows, first.in_features).to(first.weight.dtype)
            made.append((group.shape, calculators(way, group), x))
    times = {}
    for _ in range(ROUNDS):
        for shape, sources, x in made:
            start = time.perf_counter()
            for index, source in enumerate(sources):
                source.part(index, x)
            times.setdefault(shape, []).append(time.perf_counter() - start)
    return {shape: sorted(found)[len(found) // 4] for shape, found in times.items()}


def fastest_way(shape: str, usable: list[type], seconds: dict, preferred: type | None = None) -> type:
    """这种形状最快的；差不多的里面，先要 preferred，再要不另占内存的"""
    taken = {way: seconds[way][shape] for way in usable}
    best = min(taken.values())
    if preferred in taken and taken[preferred] <= ONE_COPY * best:
        return preferred
    near = [way for way in usable if taken[way] <= CLOSE * best]
    without_copy = [way for way in near if way.keeps_weight]
    return min(without_copy or near, key=taken.get)


def gain(seconds: dict, picked: dict[str, type], counts: Counter) -> float:
    """整个模型的矩阵乘法，选中的做法的速度是原来的几倍；counts: 每种形状有几组"""
    before = 0.0
    after = 0.0
    for shape, count in counts.items():
        way = picked[shape]
        before += count * seconds[ways.Stored][shape]
        after += count * seconds[way][shape]
    return before / after
