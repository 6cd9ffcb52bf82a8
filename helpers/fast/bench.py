"""比赛：每种做法一个子进程（内存才分得清），一轮一轮地轮流量，再与读内存的速度比"""
import contextlib
import multiprocessing
import signal
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from helpers.errors import ModelError

HANDOUT, FLOAT, PLAIN, EIGHT = "讲义的做法", "float32", "照存放的类型", "8 位的权重"
WAYS = {HANDOUT: 16, FLOAT: 32, PLAIN: 16, "fastest 16 位": 16, "fastest 8 位": 8, EIGHT: 8, "fastest 4 位": 4}
USUAL = [way for way in WAYS if way not in (PLAIN, EIGHT)]  # 不写 --ways 时量的，两核三分钟以内
TOKENS = 20          # 每次写几个词元
BATCH = 40           # 一个班的问题


@dataclass
class Result:
    """一种做法量到的：decode 提示词长度 → 各轮的词元/秒；first 读 512 个词元的秒数；batch 四十个问题一批的词元/秒"""
    bits: float
    decode: dict[int, list[float]] = field(default_factory=dict)
    first: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    peak: int = 0
    load: float = 0.0
    note: str = ""

    def rate(self, length: int) -> float:
        """词元/秒的中位数；没有量到就是 0"""
        return statistics.median(self.decode[length]) if self.decode.get(length) else 0.0


def need(way: str, weights: int) -> float:
    """一种做法的子进程大约要多少内存，字节：存放的权重，加上 fastest 重新排列的一份；weights: 线性层的权重个数"""
    packed = 0 if way in (HANDOUT, FLOAT, PLAIN) else WAYS[way] / 8
    return weights * (4 if way == FLOAT else 2 + packed) + 0.5e9


def unfit(ways: list[str], weights: int, available: float) -> dict[str, str]:
    """按次序一种一种地放，内存放不下的做法 → 为什么；一种也放不下时报 ModelError

    available: 可用的内存，字节
    """
    needs, notes, left = {way: need(way, weights) for way in ways}, {}, available
    for way, size in needs.items():
        if size < left:
            left -= size
        else:
            notes[way] = f"内存放不下：要 {size / 1e9:.1f} GB，只剩 {left / 1e9:.1f} GB；用 --ways 单独量它"
    if len(notes) == len(needs):
        raise ModelError(f"至少应有 {min(needs.values()) / 1e9:.1f} GB 可用的内存，现在只有 {available / 1e9:.1f} GB；"
                         "关掉别的程序，或者加 --model tiny")
    return notes


def recipe_for(way: str, folder: Path):
    """这种做法的 Recipe；transformers 原来的做法没有，是 None"""
    from helpers.fast import kernels
    from helpers.fast.fastest import decide
    from helpers.fast.linear import Recipe

    if way in (HANDOUT, FLOAT):
        return None
    if way in (PLAIN, EIGHT):
        return Recipe(kernels.Stored if way == PLAIN else kernels.Int8Weights, kernels.Stored)
    return decide(folder, WAYS[way]).recipe


def build_way(way: str, folder: Path):
    """按名称加载"""
    from helpers.fast.load import load

    import torch
    from transformers import AutoModelForCausalLM

    chosen = recipe_for(way, folder)
    if chosen is None:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32 if way == FLOAT else "auto")
    return load(folder, chosen)


def work(pipe, way: str, folder: Path, threads: int) -> None:
    """子进程：加载，然后量到没有下一件事为止；出错时把原因说回去"""
    import time

    try:
        from helpers.fast.measure import measure, peak_bytes

        import torch
        from transformers.utils import logging

        logging.disable_progress_bar()
        torch.set_num_threads(threads)
        start = time.perf_counter()
        model = build_way(way, folder)
        pipe.send(time.perf_counter() - start)
        while (task := pipe.recv()) is not None:
            pipe.send((measure(model, **task), peak_bytes()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except Exception as error:  # 一种做法量不了，别的照样量
        pipe.send(str(error) or type(error).__name__)


class Racer:
    """一种做法的子进程；轮到它加载时才开始，免得几个同时加载"""
    kinds = ("load", "7", "512", "batch")

    def __init__(self, way: str, folder: Path, threads: int):
        self.way, self.folder, self.threads = way, folder, threads
        self.result, self.process = Result(WAYS[way]), None

    def start(self) -> None:
        """开始子进程，它马上加载；Ctrl+C 只由父进程来管，子进程不各说各的"""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.way, self.folder, self.threads), daemon=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        other.close()

    def answer(self, task: dict | None = None):
        """做完一件事（None 是加载）的结果；子进程出错时报 ModelError"""
        try:
            if task:
                self.pipe.send(task)
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise ModelError("子进程应一直在，现在停了（多半是内存不够）；关掉别的程序再量") from None
        if isinstance(answer, str):
            raise ModelError(answer)
        return answer

    def step(self, kind: str) -> None:
        """量一件：load、7、512 或 batch，记在 result 里"""
        result = self.result
        if kind == "load":
            self.start()
            result.load = self.answer()
        elif kind == "batch":
            found, result.peak = self.answer({"prompt_length": 7, "new_tokens": 6, "batch": BATCH, "repeats": 1,
                                              "warm_up": False})  # 前面几轮已经热身，只看第一个词元以后的
            result.batch.append(found.tokens_per_second)
        else:
            found, result.peak = self.answer({"prompt_length": int(kind), "new_tokens": TOKENS, "repeats": 1})
            result.decode.setdefault(int(kind), []).append(found.tokens_per_second)
            if kind == "512":
                result.first.append(found.first_token)

    def close(self) -> None:
        """停下子进程"""
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.terminate()


def race(racers: dict, rounds: int, tick=lambda what: None, between=lambda: None) -> dict[str, Result]:
    """名称 → 做法（Racer）或同行（Peer），轮流量 rounds 轮；一个出错就记在它的 note 里，别的照样量

    tick: 每件事以前叫一次，用来显示进度；between: 每轮在两种做法之间叫两次，位置轮换（量读内存的速度）
    """
    try:
        for number, kind in enumerate(("load", *("7", "512") * rounds, "batch")):
            for index, (name, racer) in enumerate(racers.items()):
                if kind in ("7", "512") and index == number % len(racers):
                    between()
                if kind in racer.kinds and not racer.result.note:
                    tick(f"{name}：{kind}")
                    try:
                        racer.step(kind)
                    except ModelError as error:
                        racer.result.note = str(error)
    finally:
        for racer in racers.values():
            racer.close()
    return {name: racer.result for name, racer in racers.items()}
