"""速度：各种做法多快、离内存允许的上限多远；在这台电脑上最快的做法

python -m helpers.speed 把各种做法放在一起量一遍，不到 3 分钟；--json、--chart 存下来
出处: notebooks/07_speed.ipynb
"""
import argparse
import os
import sys
from pathlib import Path

from helpers.errors import ModelError
from helpers.fast import peers, report
from helpers.fast.bench import USUAL, WAYS, Racer, Result, race, unfit
from helpers.fast.bench import recipe as recipe_of
from helpers.fast.fastest import decide, fastest, tiny_quality
from helpers.fast.measure import Measurement, measure, memory_bandwidth
from helpers.fast.quality import Quality, quality
from helpers.standin import standin

__all__ = ["Measurement", "Quality", "fastest", "measure", "memory_bandwidth", "quality", "standin"]
CHARTS = (".png", ".svg", ".pdf")


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
    import psutil
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from helpers.fast.probe import weights_read
    from helpers.model import locate

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
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        run(chosen)
    except ModelError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit("已停止；记下的只有量完的") from None


if __name__ == "__main__":
    main()
