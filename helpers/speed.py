"""速度：各种做法多快、离内存允许的上限多远；在这台电脑上最快的做法

python -m helpers.speed 把各种做法放在一起量一遍，不到 3 分钟；--json、--chart 存下来
出处: notebooks/07_speed.ipynb
"""
import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.errors import ModelError, friendly_errors
from helpers.fast import peers, report
from helpers.fast.bench import USUAL, WAYS, Racer, Result, race, unfit
from helpers.fast.bench import recipe as recipe_of
from helpers.fast.fastest import decide, fastest, tiny_quality
from helpers.fast.measure import Measurement, measure, memory_bandwidth
from helpers.fast.quality import Quality, quality
from helpers.fast.standin import standin
from helpers.files import write_text

__all__ = ["Measurement", "Quality", "fastest", "measure", "memory_bandwidth", "quality", "standin"]
CHARTS = (".png", ".svg", ".pdf")
NUMBERS = ("bandwidth", "bytes_per_token", "tokens_per_second", "first_token")
MOST = 1e18  # 再大的数只会是写错了


@dataclass(frozen=True)
class Reading:
    """一台电脑的读数：谁的，CPU，模型，读内存的速度（字节/秒），每个词元要读的字节，词元/秒，第一个词元的秒数"""
    name: str
    cpu: str
    model: str
    bandwidth: float
    bytes_per_token: int
    tokens_per_second: float
    first_token: float

    @property
    def limit(self) -> float:
        """内存允许的上限，词元/秒"""
        return self.bandwidth / self.bytes_per_token


def write_reading(path: Path, reading: Reading) -> None:
    """存成 JSON，整份写入"""
    write_text(Path(path), json.dumps(asdict(reading), ensure_ascii=False, indent=1) + "\n")


def read_reading(path: Path) -> Reading:
    """读一份；记事本存成“带有 BOM 的 UTF-8”也行

    不是 JSON、少了一样、数不是大于 0 的普通数时报 ValueError，说出是哪个文件
    例: read_reading(Path("小明.json")).tokens_per_second -> 29.5
    """
    path = Path(path)
    try:
        reading = Reading(**json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} 应是第 07 讲写出的读数，现在读不出来（{error}）；"
                         "请交的人重新运行那一格") from None
    for number in NUMBERS:
        value = getattr(reading, number)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
            raise ValueError(f"{path.name} 里的 {number} 应是大于 0 的普通数，现在是 {str(value)[:20]}；"
                             "请交的人重新运行那一格")
    return reading


def gather_readings(folder: Path) -> tuple[list[Reading], list[str]]:
    """一个文件夹里全部的 .json → (读数，慢的在前；读不了的为什么)，一份坏了不影响别的

    每个学生一个子文件夹时，子文件夹里的 speed_reading.json 也算，更深的和别的名字的不算；没有这个文件夹时报 ValueError
    例: gather_readings(Path("作业")) -> ([Reading(...), ...], ["a.json 应是……"])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"应有文件夹 {folder}，里面是全班的 .json，现在没有；检查路径")
    found, bad = [], []
    for path in [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/speed_reading.json"))]:
        try:
            found.append(read_reading(path))
        except ValueError as error:
            bad.append(f"{'' if path.parent == folder else path.parent.name + '：'}{error}")
    return sorted(found, key=lambda reading: reading.tokens_per_second), bad


def progress(total: int):
    """进度：在标准错误里更新同一行；返回每件事以前要叫的函数"""
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        done += 1
        filled = min(20, 20 * done // total)
        print(f"\r[{'█' * filled}{'·' * (20 - filled)}] {what:<40}", end="", file=sys.stderr, flush=True)
    return tick


def undecided(folder: Path, ways: list[str], tick) -> dict[str, str]:
    """fastest 的各种位数先试跑；不能用的做法 → 为什么"""
    notes = {}
    for way in ways:
        if way.startswith("fastest"):
            tick(f"试跑 {WAYS[way]} 位")
            try:
                decide(folder, WAYS[way])
            except ModelError as error:
                notes[way] = str(error)
    return notes


def add_quality(results: dict[str, Result], folder: Path, tick) -> None:
    """量到了的做法各加上质量；量不了的记下为什么"""
    for way, result in results.items():
        try:
            if not result.note and (recipe := recipe_of(way, folder)):
                tick(f"{way}：质量")
                found = tiny_quality(recipe)
                result.quality = (found.top1, found.kl)
        except ModelError as error:
            result.note = str(error)


def run(chosen: argparse.Namespace) -> None:
    """量一遍，打印表，存下要存的"""
    from helpers.fast.probe import weights_read
    from helpers.model import locate

    import psutil
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = standin() if chosen.model == "standin" else locate(chosen.model)
    threads = chosen.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    config = AutoConfig.from_pretrained(folder)
    weights, ways = weights_read(config), list(dict.fromkeys(chosen.ways))
    with torch.device("meta"):
        parameters = AutoModelForCausalLM.from_config(config).num_parameters()
    others = peers.rivals(chosen.llama_bench, chosen.gguf, {name: vars(chosen)[name] for name in peers.GENAI}, threads,
                          parameters)
    notes = unfit(ways, weights, psutil.virtual_memory().available)
    tick = progress(len(ways) * (3 + chosen.quality + 2 * chosen.rounds) + len(others) * chosen.rounds)
    notes |= undecided(folder, [way for way in ways if way not in notes], tick)
    bandwidths = [memory_bandwidth()]
    raced = race({way: Racer(way, folder, threads) for way in ways if way not in notes} | others, chosen.rounds, tick,
                 lambda: bandwidths.append(memory_bandwidth()))
    results = {way: raced.pop(way, Result(WAYS[way], note=notes.get(way, ""))) for way in ways}
    if chosen.quality:
        add_quality(results, folder, tick)
    report.show(results | raced, weights, bandwidths, threads, {report.save: chosen.json, report.draw: chosen.chart})


def wrong(chosen: argparse.Namespace) -> str:
    """量以前先看各个参数：第一处不对的地方，一句话；没有就是空字符串"""
    if chosen.rounds < 1 or (chosen.threads is not None and chosen.threads < 1):
        return "--rounds 和 --threads 应不小于 1，改大再试"
    if bool(chosen.llama_bench) != bool(chosen.gguf):
        return "--llama-bench 和 --gguf 要一起写"
    for path in [chosen.llama_bench, *chosen.gguf]:
        if path is not None and not path.is_file():
            return f"应有文件 {path}，现在没有；检查路径"
    for path in filter(None, (chosen.json, chosen.chart)):
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            return f"应能写出文件 {path}，现在不能；换一个已有的、能写的文件夹里的文件名"
    if chosen.chart and chosen.chart.suffix.lower() not in CHARTS:
        return f"--chart 的文件名应以 {'、'.join(CHARTS)} 结尾，现在是 {chosen.chart.name}；改名再试"
    try:
        for name in peers.GENAI:
            for folder in vars(chosen)[name]:
                peers.weight_bytes(name, folder)
    except ModelError as error:
        return str(error)
    return ""


def main(arguments: list[str] | None = None) -> None:
    """python -m helpers.speed 的入口；出错时说一句中文，退出代码 1"""
    parser = argparse.ArgumentParser(prog="python -m helpers.speed", description="各种做法放在一起量速度和内存")
    parser.add_argument("--model", default="standin", help="standin（默认，0.5B 的替身）、qwen、tiny 或文件夹")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=USUAL,
                        help=f"量哪几种做法，默认 {'、'.join(USUAL)}")
    parser.add_argument("--rounds", type=int, default=2, help="轮流量几轮，默认 2")
    parser.add_argument("--threads", type=int, help="用几个线程，默认由 torch 定")
    parser.add_argument("--no-quality", dest="quality", action="store_false", help="不量质量，省半分钟")
    parser.add_argument("--json", type=Path, help="把数字存成 JSON")
    parser.add_argument("--chart", type=Path, help="把每秒的词元数画成图")
    parser.add_argument("--llama-bench", type=Path, help="llama.cpp 的 llama-bench 的路径")
    parser.add_argument("--gguf", type=Path, nargs="+", default=[], help="给 llama-bench 的 GGUF 文件")
    for name, (module, _) in peers.GENAI.items():
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[], help=f"给 {module} 的模型文件夹")
    chosen = parser.parse_args(arguments)
    if problem := wrong(chosen):
        parser.error(problem)
    with friendly_errors("已停止；记下的只有量完的"):
        run(chosen)


if __name__ == "__main__":
    main()
