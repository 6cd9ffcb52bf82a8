"""各种做法和别的引擎轮流量速度，第 08 讲的表就是这样来的；不写别的引擎，就只量课程的几种做法，约三分钟

python classroom/race.py --model qwen
python classroom/race.py --model 文件夹 --rounds 3 --json classroom/speed.json \\
    --llama-bench 路径 --gguf BF16.gguf Q8_0.gguf --openvino 文件夹 --onnx 文件夹
"""
import argparse
import json
import platform
import statistics
import sys
from datetime import date
from pathlib import Path

from helpers.errors import ModelError, friendly_errors
from helpers.fast.measure import memory_bandwidth
from helpers.fast.remembered import cpu_name
from helpers.fast.standin import standin
from helpers.files import check_writable, write_text
from helpers.model import locate
from helpers.tables import Shown, grid

import engines
from engines import BATCH, HANDOUT, Racer, Result

HEADS = ("做法", "词元/秒（7）", "÷ 讲义", "词元/秒（512）", "÷ 讲义", "占上限", "首词元（512），毫秒",
         f"{BATCH} 题一批 ÷ 讲义逐题", "内存，GB")


def race(racers: dict[str, Racer], rounds: int) -> list[float]:
    """轮流量 rounds 轮，一个出错就记在它的 note 里，别的照样量；返回几次量到的读内存的速度，字节/秒"""
    bandwidths = [memory_bandwidth()]
    for number in range(rounds):
        for name, racer in racers.items():
            if racer.result.note:
                continue
            print(f"第 {number + 1}/{rounds} 轮：{name}", file=sys.stderr)
            try:
                racer.step()
            except ModelError as error:
                racer.result.note = str(error)
        bandwidths.append(memory_bandwidth())
    return bandwidths


def number(value: float, form: str) -> str:
    """按格式写一个数；没有量到（0）就是横线"""
    return format(value, form) if value else "—"


def ratio(value: float, base: float) -> str:
    """倍数，两位小数；没有就是横线"""
    return number(value / base, ".2f") if base else "—"


def share(result: Result, weights: int, bandwidths: list[float]) -> str:
    """写词元的速度占内存允许的几成，一个范围：读内存的速度自己也在变

    weights: 写一个词元要读的权重个数
    """
    if not result.rate("7") or not result.bits:
        return "—"
    read = result.rate("7") * weights * result.bits / 8
    return f"{read / max(bandwidths):.0%}–{read / min(bandwidths):.0%}"


def way_row(way: str, result: Result, base: Result, weights: int, bandwidths: list[float]) -> tuple[str, ...]:
    """表的一行；出了错的，为什么写在名称后面，已经量到的照样写"""
    name = f"{way}（{result.note}）" if result.note else way
    first = result.rate("first")
    return (name, number(result.rate("7"), ".1f"), ratio(result.rate("7"), base.rate("7")),
            number(result.rate("512"), ".1f"), ratio(result.rate("512"), base.rate("512")),
            share(result, weights, bandwidths), number(first * 1e3, ",.0f"),
            ratio(result.rate("batch"), base.rate("7")), number(result.rate("peak") / 1e9, ".1f"))


def table(results: dict[str, Result], weights: int, bandwidths: list[float]) -> Shown:
    """全部做法 → 表格；倍数都与同一次里讲义的做法比"""
    base = results.get(HANDOUT, Result(16))
    return grid(HEADS, [way_row(way, result, base, weights, bandwidths) for way, result in results.items()])


def save_record(path: Path, model: str, results: dict[str, Result], weights: int, bandwidths: list[float],
                threads: int) -> None:
    """写成 JSON：机器、日期、模型、读内存的速度、每种做法各轮的数字"""
    ways = {way: {"bits": result.bits, "note": result.note, **result.rounds} for way, result in results.items()}
    content = {"date": date.today().isoformat(), "cpu": cpu_name(), "system": platform.system(), "model": model,
               "threads": threads, "weights": weights, "bandwidths": bandwidths, "ways": ways}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def parameters_of(folder: Path) -> int:
    """模型有多少个参数；写一个词元差不多都要读一遍"""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).num_parameters()


def option_parser() -> argparse.ArgumentParser:
    """命令行的参数"""
    parser = argparse.ArgumentParser(prog="python classroom/race.py", description="各种做法轮流量速度和内存")
    parser.add_argument("--model", default="standin", help="standin（默认，0.5B 的替身）、qwen、tiny 或文件夹")
    parser.add_argument("--rounds", type=int, default=2, help="轮流量几轮，默认 2")
    parser.add_argument("--threads", type=int, help="用几个线程，默认由 torch 定")
    parser.add_argument("--json", type=Path, help="把数字存成 JSON")
    parser.add_argument("--llama-bench", type=Path, help="llama.cpp 的 llama-bench 的路径")
    parser.add_argument("--gguf", type=Path, nargs="+", default=[], help="给 llama-bench 的 GGUF 文件")
    for name, (module, _) in engines.GENAI.items():
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[], help=f"给 {module} 的模型文件夹")
    return parser


def check_options(options: argparse.Namespace) -> None:
    """量以前先看各个参数，第一处不对的地方报 ValueError 或 ModelError"""
    if options.rounds < 1 or (options.threads is not None and options.threads < 1):
        raise ValueError("--rounds 和 --threads 应不小于 1，改大再试")
    check_writable(options.json)
    if bool(options.llama_bench) != bool(options.gguf):
        raise ValueError("--llama-bench 和 --gguf 要一起写")
    for path in [options.llama_bench, *options.gguf]:
        if path is not None and not path.is_file():
            raise ValueError(f"应有文件 {path}，现在没有；检查路径")
    for name in engines.GENAI:
        for folder in vars(options)[name]:
            engines.check_engine(name, folder)


def run_race(options: argparse.Namespace) -> None:
    """量一遍，打印表，存下要存的"""
    import torch

    folder = standin() if options.model == "standin" else locate(options.model)
    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    weights = parameters_of(folder)
    folders = {name: vars(options)[name] for name in engines.GENAI}
    racers = engines.course_ways(folder, threads)
    racers |= engines.rivals(options.llama_bench, options.gguf, folders, threads, weights)
    bandwidths = race(racers, options.rounds)
    results = {name: racer.result for name, racer in racers.items()}
    speeds = f"{min(bandwidths) / 1e9:.1f}–{max(bandwidths) / 1e9:.1f}"
    print(f"\n读内存 {statistics.median(bandwidths) / 1e9:.1f} GB/s（{len(bandwidths)} 次的中位数，{speeds}），"
          f"{threads} 个线程，别的数是各轮的中位数", file=sys.stderr)
    print(table(results, weights, bandwidths))
    if options.json is not None:
        save_record(options.json, folder.name, results, weights, bandwidths, threads)


def main(arguments: list[str] | None = None) -> None:
    """命令的入口；出错时说一句中文"""
    parser = option_parser()
    options = parser.parse_args(arguments)
    try:
        check_options(options)
    except (ValueError, ModelError) as error:
        parser.error(str(error))
    with friendly_errors("已停止，什么也没有记下"):
        run_race(options)


if __name__ == "__main__":
    main()
