"""测量：一个模型多快、占多少内存，这台电脑读内存多快

出处: notebooks/08_speed.ipynb
"""
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Measurement:
    """一次测量

    first_token: 从开始到第一个词元，秒（几遍的中位数）；tokens_per_second: 之后每秒几个词元，整批合计（中位数）；
    slowest、fastest: 各遍里最慢和最快的；peak_bytes: 这个程序到现在最多占过的内存；
    load_seconds: 加载用的秒数，不知道就是 None
    """
    prompt_length: int
    new_tokens: int
    batch: int
    threads: int
    first_token: float
    tokens_per_second: float
    slowest: float
    fastest: float
    peak_bytes: int
    load_seconds: float | None = None

    @property
    def disturbed(self) -> bool:
        """几遍差得太多（最快的比最慢的快三成以上）：多半是别的程序在抢 CPU，不能拿来下结论"""
        return self.fastest > 1.3 * self.slowest


class Clock:
    """generate 的 streamer：记下每个词元出来的时刻"""

    def __init__(self):
        self.times = []

    def put(self, value) -> None:
        """第一次收到的是问题，以后每次一个新词元"""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """生成结束，什么也不做"""


def measure(model, prompt_length: int = 7, new_tokens: int = 64, batch: int = 1, threads: int | None = None,
            repeats: int = 3, load_seconds: float | None = None, warm_up: bool = True) -> Measurement:
    """用 model.generate 贪心地写 new_tokens 个词元，先热身一遍（warm_up），再量 repeats 遍

    prompt_length: 问题有几个词元，≥ 1；new_tokens: 每个问题写几个，≥ 2；batch: 一批几个问题，≥ 1；
    threads: 用几个线程，None 是 torch 现在的设置；问题是固定的随机编号，长短与内容无关
    数不在范围里报 ValueError
    例: measure(model, prompt_length=512).first_token -> 0.8...（秒）
    出处: notebooks/08_speed.ipynb 第 1 节
    """
    check_numbers(model, prompt_length, new_tokens, batch, threads, repeats)
    with using_threads(threads) as count:
        if warm_up:
            once(model, prompt_length, min(4, new_tokens), batch)
        runs = [once(model, prompt_length, new_tokens, batch) for _ in range(repeats)]
    rates = [rate for _, rate in runs]
    return Measurement(prompt_length, new_tokens, batch, count, statistics.median(first for first, _ in runs),
                       statistics.median(rates), min(rates), max(rates), peak_bytes(), load_seconds)


def check_numbers(model, prompt_length: int, new_tokens: int, batch: int, threads: int | None, repeats: int) -> None:
    """测量的各个数应在范围里，否则报 ValueError"""
    at_least(1, prompt_length=prompt_length, batch=batch, threads=1 if threads is None else threads, repeats=repeats)
    at_least(2, new_tokens=new_tokens)
    limit = model.config.max_position_embeddings
    if prompt_length + new_tokens > limit:
        raise ValueError(f"prompt_length + new_tokens 应不超过 {limit}（模型的上下文），"
                         f"现在是 {prompt_length + new_tokens}；改小再量")


def at_least(least: int, **numbers: int) -> None:
    """每个数应是不小于 least 的整数，否则报 ValueError"""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} 应是不小于 {least} 的整数，现在是 {value!r}；改一个数再量")


@contextmanager
def using_threads(threads: int | None):
    """暂时用 threads 个线程，用完改回去"""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield threads or before
    finally:
        torch.set_num_threads(before)


def once(model, prompt_length: int, new_tokens: int, batch: int) -> tuple[float, float]:
    """生成一遍：(第一个词元的秒数, 之后每秒几个词元)"""
    generator = torch.Generator().manual_seed(14)
    ids = torch.randint(0, min(100_000, model.config.vocab_size), (batch, prompt_length), generator=generator)
    clock = Clock()
    start = time.perf_counter()
    with torch.inference_mode():
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new_tokens, min_new_tokens=new_tokens,
                       do_sample=False, temperature=None, top_p=None, top_k=None, streamer=clock)
    first, *rest = clock.times[1:]
    return first - start, batch * len(rest) / (rest[-1] - first) if rest else 0.0


def peak_bytes() -> int:
    """这个程序到现在最多占过多少内存（字节），包括映射进来的文件"""
    import psutil

    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return memory.peak_wset
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def memory_bandwidth(size: int = 1 << 28, repeats: int = 5, threads: int | None = None) -> float:
    """这台电脑连续读内存的速度，字节/秒：几种只读一遍的运算轮流量，各取中位数（偶然快的一次不算），再取最快的一种

    size: 一次读多少字节，应比 CPU 的缓存大得多（默认 0.27 GB），≥ 65536；repeats: 每种量几次，≥ 1；
    threads: 用几个线程，None 是 torch 现在的设置；数不在范围里报 ValueError
    例: memory_bandwidth() / 1e9 -> 42.0（GB/s）
    出处: notebooks/08_speed.ipynb 第 1 节：每写一个词元都要把全部权重读一遍
    """
    at_least(1 << 16, size=size)
    at_least(1, repeats=repeats, threads=1 if threads is None else threads)
    matrix = torch.ones(size // 4 // 4096, 4096)
    views = {torch.float32: matrix, torch.int64: matrix.view(torch.int64), torch.float16: matrix.view(torch.float16)}
    vectors = {dtype: torch.ones(views[dtype].shape[1], dtype=dtype) for dtype in (torch.float32, torch.float16)}
    readers = [lambda: matrix.sum(), lambda: views[torch.int64].amax(), lambda: matrix.amax(),
               lambda: torch.mv(matrix, vectors[torch.float32]),
               lambda: torch.mv(views[torch.float16], vectors[torch.float16]),
               lambda: F.linear(vectors[torch.float32], matrix)]
    with using_threads(threads), torch.inference_mode():
        rounds = [[seconds(reader) for reader in readers] for _ in range(repeats)]
    return matrix.nbytes / min(map(statistics.median, zip(*rounds, strict=True)))


def seconds(action) -> float:
    """做一次要几秒"""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
