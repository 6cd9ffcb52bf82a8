"""速度：各种做法多快、离内存允许的上限多远；在这台电脑上最快的做法；全班的读数

python -m helpers.speed 把各种做法放在一起量一遍，不到 3 分钟；--json、--chart 存下来；--quality 模型 量它们差多少
出处: notebooks/08_speed.ipynb
"""
import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from helpers.errors import ModelError, friendly_errors
from helpers.fast import report
from helpers.fast.bench import HANDOUT, USUAL, WAYS, Racer, Result, build_way, race, unfit
from helpers.fast.fastest import decide, fastest
from helpers.fast.measure import Measurement, measure, memory_bandwidth
from helpers.fast.quality import Quality, passages, quality, reading, references, writing
from helpers.fast.remembered import cpu_name
from helpers.fast.standin import standin
from helpers.files import write_text
from helpers.tables import Shown, grid

__all__ = ["Measurement", "Quality", "Reading", "fastest", "gather_readings", "measure", "memory_bandwidth", "quality",
           "read_reading", "standin", "write_reading"]
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
        raise ValueError(f"{path.name} 应是第 08 讲写出的读数，现在读不出来（{error}）；"
                         "请交的人重新运行那一格") from None
    for number in NUMBERS:
        value = getattr(reading, number)
        if not is_plain_number(value):
            raise ValueError(f"{path.name} 里的 {number} 应是大于 0 的普通数，现在是 {str(value)[:20]}；"
                             "请交的人重新运行那一格")
    return reading


def is_plain_number(value: object) -> bool:
    """是大于 0 的普通数吗：不是真假，不是文字，不是无穷大"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < MOST


def gather_readings(folder: Path) -> tuple[list[Reading], list[str]]:
    """一个文件夹里全部的 .json → (读数，慢的在前；读不了的为什么)，一份坏了不影响别的

    每个学生一个子文件夹时，子文件夹里的 speed_reading.json 也算，更深的和别的名字的不算；没有这个文件夹时报 ValueError
    例: gather_readings(Path("作业")) -> ([Reading(...), ...], ["a.json 应是……"])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"应有文件夹 {folder}，里面是全班的 .json，现在没有；检查路径")
    found = []
    bad = []
    for path in [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/speed_reading.json"))]:
        whose = "" if path.parent == folder else f"{path.parent.name}："
        try:
            found.append(read_reading(path))
        except ValueError as error:
            bad.append(f"{whose}{error}")
    found.sort(key=lambda reading: reading.tokens_per_second)
    return found, bad


class Progress:
    """进度：在标准错误里更新同一行；每做一件事以前叫它，参数是做什么"""

    def __init__(self, total: int):
        self.total = total
        self.done = 0

    def __call__(self, what: str) -> None:
        self.done += 1
        filled = min(20, 20 * self.done // self.total)
        line = "█" * filled + "·" * (20 - filled)
        print(f"\r[{line}] {what:<40}", end="", file=sys.stderr, flush=True)


def undecided(folder: Path, ways: list[str], tick: Callable[[str], None]) -> dict[str, str]:
    """fastest 的各种位数先试跑；不能用的做法 → 为什么"""
    notes = {}
    for way in ways:
        if not way.startswith("fastest"):
            continue
        tick(f"试跑 {WAYS[way]} 位")
        try:
            decide(folder, WAYS[way])
        except ModelError as error:
            notes[way] = str(error)
    return notes


def quality_figures(folder: Path) -> dict[str, dict[str, Quality]]:
    """讲义的做法和 fastest 的各种位数与 float32 差多少：做法 → {"读": …, "写": …}；要在训练过的模型上量

    例: quality_figures(locate("qwen"))["fastest 8 位"]["写"].kl -> 0.0012
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    wanted = references(exact, passages(exact, AutoTokenizer.from_pretrained(folder)))
    del exact  # 用不着了，少占 2 GB
    figures = {}
    for way in (HANDOUT, "fastest 16 位", "fastest 8 位", "fastest 4 位"):
        model = build_way(way, folder)
        figures[way] = {"读": quality(model, wanted, reading), "写": quality(model, wanted, writing)}
    return figures


def quality_grid(figures: dict[str, dict[str, Quality]]) -> Shown:
    """上面的数 → 表格"""
    rows = []
    for way, found in figures.items():
        read = found["读"]
        wrote = found["写"]
        rows.append((way, f"{read.kl:.4f}", f"{read.top1:.1%}", f"{wrote.kl:.4f}", f"{wrote.top1:.1%}"))
    return grid(("做法", "读：KL", "读：第一名相同", "写：KL", "写：第一名相同"), rows)


def save_quality(path: Path, model: str, figures: dict[str, dict[str, Quality]]) -> None:
    """写成 JSON：日期、机器、哪个模型、各种做法的数"""
    ways = {}
    for way, found in figures.items():
        ways[way] = {how: asdict(one) for how, one in found.items()}
    content = {"date": date.today().isoformat(), "cpu": cpu_name(), "model": model, "ways": ways}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def show_quality(choice: str, kept: Path | None) -> None:
    """--quality：量一遍，打印表；kept: 存成 JSON 的位置"""
    folder = model_folder(choice)
    figures = quality_figures(folder)
    print(quality_grid(figures))
    if kept is not None:
        save_quality(kept, folder.name, figures)


def race_ways(options: argparse.Namespace, others: dict) -> None:
    """量一遍，打印表，存下要存的

    others: 一起量的别的引擎：名称 → 与 Racer 一样用的东西
    """
    import psutil
    import torch

    folder = model_folder(options.model)
    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    weights = weights_in(folder)
    ways = list(dict.fromkeys(options.ways))
    notes = unfit(ways, weights, psutil.virtual_memory().available)
    tick = Progress(len(ways) * (3 + 2 * options.rounds) + len(others) * options.rounds)
    notes |= undecided(folder, [way for way in ways if way not in notes], tick)
    bandwidths = [memory_bandwidth()]
    racers = {way: Racer(way, folder, threads) for way in ways if way not in notes}
    raced = race(racers | others, options.rounds, tick, lambda: bandwidths.append(memory_bandwidth()))
    results = {}
    for way in ways:
        results[way] = raced.pop(way) if way in raced else Result(WAYS[way], note=notes[way])
    kept = {report.save_record: options.json, report.draw_chart: options.chart}
    report.show(results | raced, weights, bandwidths, threads, kept)


def model_folder(choice: str) -> Path:
    """--model 选的文件夹"""
    from helpers.model import locate

    return standin() if choice == "standin" else locate(choice)


def weights_in(folder: Path) -> int:
    """每写一个词元要读的权重个数"""
    from helpers.fast.probe import weights_read

    from transformers import AutoConfig

    return weights_read(AutoConfig.from_pretrained(folder))


def option_parser(program: str) -> argparse.ArgumentParser:
    """命令行的参数；program: 怎样运行它"""
    parser = argparse.ArgumentParser(prog=program, description="各种做法放在一起量速度和内存")
    parser.add_argument("--model", default="standin", help="standin（默认，0.5B 的替身）、qwen、tiny 或文件夹")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=USUAL,
                        help=f"量哪几种做法，默认 {'、'.join(USUAL)}")
    parser.add_argument("--rounds", type=int, default=2, help="轮流量几轮，默认 2")
    parser.add_argument("--threads", type=int, help="用几个线程，默认由 torch 定")
    parser.add_argument("--json", type=Path, help="把数字存成 JSON")
    parser.add_argument("--chart", type=Path, help="把每秒的词元数画成图")
    return parser


def check_options(options: argparse.Namespace) -> None:
    """量以前先看各个参数，第一处不对的地方报 ValueError"""
    if options.rounds < 1 or (options.threads is not None and options.threads < 1):
        raise ValueError("--rounds 和 --threads 应不小于 1，改大再试")
    for path in (options.json, options.chart):
        if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise ValueError(f"应能写出文件 {path}，现在不能；换一个已有的、能写的文件夹里的文件名")
    if options.chart is not None and options.chart.suffix.lower() not in CHARTS:
        raise ValueError(f"--chart 的文件名应以 {'、'.join(CHARTS)} 结尾，现在是 {options.chart.name}；改名再试")


def main(arguments: list[str] | None = None) -> None:
    """python -m helpers.speed 的入口；出错时说一句中文，退出代码 1"""
    parser = option_parser("python -m helpers.speed")
    parser.add_argument("--quality", metavar="模型", help="不量速度，量这个模型（文件夹、qwen……）各种做法的质量")
    options = parser.parse_args(arguments)
    try:
        check_options(options)
    except ValueError as error:
        parser.error(str(error))
    with friendly_errors("已停止；记下的只有量完的"):
        if options.quality:
            show_quality(options.quality, options.json)
        else:
            race_ways(options, others={})


if __name__ == "__main__":
    main()
