"""比赛：每种做法一个子进程（内存才分得清），一轮一轮地轮流量，再与读内存的速度比"""
import contextlib
import multiprocessing
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
    bits: int
    decode: dict[int, list[float]] = field(default_factory=dict)
    first: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    peak: int = 0
    load: float = 0.0
    quality: tuple[float, float] | None = None
    note: str = ""

    def rate(self, length: int) -> float:
        """词元/秒的中位数；没有量到就是 0"""
        return statistics.median(self.decode[length]) if self.decode.get(length) else 0.0


def recipe(way: str, folder: Path):
    """这种做法的 Recipe；transformers 原来的做法没有，是 None"""
    from helpers.fast import kernels
    from helpers.fast.fastest import decide
    from helpers.fast.linear import Recipe

    if way in (HANDOUT, FLOAT):
        return None
    if way in (PLAIN, EIGHT):
        return Recipe(kernels.Stored if way == PLAIN else kernels.Int8Weights, kernels.Stored)
    return decide(folder, WAYS[way]).recipe


def build(way: str, folder: Path):
    """按名称加载"""
    import torch
    from transformers import AutoModelForCausalLM

    from helpers.fast.load import load

    chosen = recipe(way, folder)
    if chosen is None:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32 if way == FLOAT else "auto")
    return load(folder, chosen)


def work(pipe, way: str, folder: Path, threads: int) -> None:
    """子进程：加载，然后量到没有下一件事为止；出错时把原因说回去"""
    import time

    try:
        import torch
        from transformers.utils import logging

        from helpers.fast.measure import measure, peak_bytes

        logging.disable_progress_bar()
        torch.set_num_threads(threads)
        start = time.perf_counter()
        model = build(way, folder)
        pipe.send(time.perf_counter() - start)
        while (task := pipe.recv()) is not None:
            pipe.send((measure(model, **task), peak_bytes()))
    except (EOFError, KeyboardInterrupt):
        pass
    except Exception as error:  # 一种做法量不了，别的照样量
        pipe.send(str(error) or type(error).__name__)


class Racer:
    """一种做法的子进程"""

    def __init__(self, way: str, folder: Path, threads: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, way, folder, threads), daemon=True)
        self.process.start()
        other.close()
        self.result = Result(WAYS[way])

    def ask(self, task):
        """做一件事，返回结果；子进程出错时报 ModelError"""
        try:
            if task != "load":
                self.pipe.send(task)
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise ModelError("子进程应一直在，现在停了（多半是内存不够）；关掉别的程序再量") from None
        if isinstance(answer, str):
            raise ModelError(answer)
        return answer

    def close(self) -> None:
        """停下子进程"""
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.terminate()


def step(racer: Racer, kind: str) -> None:
    """量一件：load、7、512 或 batch，记在 result 里"""
    result = racer.result
    if kind == "load":
        result.load = racer.ask("load")
    elif kind == "batch":
        found, result.peak = racer.ask({"prompt_length": 7, "new_tokens": 6, "batch": BATCH, "repeats": 1})
        result.batch.append(found.tokens_per_second)
    else:
        found, peak = racer.ask({"prompt_length": int(kind), "new_tokens": TOKENS, "repeats": 1})
        result.decode.setdefault(int(kind), []).append(found.tokens_per_second)
        result.peak = peak
        if kind == "512":
            result.first.append(found.first_token)


def race(folder: Path, ways: list[str], threads: int, rounds: int, tick=lambda what: None,
         between=lambda: None) -> dict[str, Result]:
    """各种做法轮流量；tick: 每件事以前叫一次，用来显示进度；between: 每一轮末尾叫一次（同行在那里量）"""
    racers, results = {}, {}
    try:
        racers = {way: Racer(way, folder, threads) for way in ways}
        results = {way: racer.result for way, racer in racers.items()}
        for kind in ("load", *("7", "512") * rounds, "batch"):
            for way, racer in racers.items():
                if results[way].note:
                    continue
                tick(f"{way}：{kind}")
                try:
                    step(racer, kind)
                except ModelError as error:
                    results[way].note = str(error)
            if kind == "512":
                between()
    finally:
        for racer in racers.values():
            racer.close()
    return results
