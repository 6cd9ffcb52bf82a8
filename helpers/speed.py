"""速度：各种做法多快、离内存允许的上限多远；在这台电脑上最快的做法

python -m helpers.speed 把各种做法放在一起量一遍，不到 3 分钟；--json、--chart 存下来
出处: notebooks/07_speed.ipynb
"""
import argparse
import sys
from pathlib import Path

from helpers.errors import ModelError
from helpers.fast.bench import HANDOUT, PLAIN, USUAL, WAYS, Result, race
from helpers.fast.bench import recipe as recipe_of
from helpers.fast.fastest import decide, fastest, tiny_quality
from helpers.fast.measure import Measurement, measure, memory_bandwidth
from helpers.fast.quality import Quality, quality
from helpers.standin import standin

__all__ = ["Measurement", "Quality", "fastest", "measure", "memory_bandwidth", "quality", "standin"]


def fitting(ways: list[str], weights: int, available: float) -> list[str]:
    """内存放得下的做法，按次序；一种也放不下时报 ModelError"""
    chosen, used = [], 0.0
    for way in ways:
        need = weights * (4 if WAYS[way] == 32 else 2 + (WAYS[way] / 8 if way not in (HANDOUT, PLAIN) else 0)) + 0.5e9
        if used + need < available:
            chosen, used = [*chosen, way], used + need
    if not chosen:
        raise ModelError(f"至少应有 {weights * 4 / 1e9 + 0.5:.1f} GB 可用的内存，现在只有 {available / 1e9:.1f} GB；"
                         "关掉别的程序，或者加 --model tiny")
    return chosen


def progress(total: int):
    """进度：在标准错误里更新同一行；返回每件事以前要叫的函数"""
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        done += 1
        filled = min(20, 20 * done // total)
        print(f"\r[{'█' * filled}{'·' * (20 - filled)}] {what:<24}", end="", file=sys.stderr, flush=True)
    return tick


def peers(program: Path | None, files: list[Path], threads: int) -> tuple[dict[str, Result], object]:
    """llama-bench 和几个 GGUF 文件 → 它们的结果（开始是空的），和每轮量一次的函数"""
    from helpers.fast.peers import llama_bench

    found = {f"llama.cpp {file.stem}": Result(round(file.stat().st_size * 8 / 494e6)) for file in files}

    def between() -> None:
        for file in files:
            result = found[f"llama.cpp {file.stem}"]
            one = llama_bench(program, file, threads)
            for length in (7, 512):
                result.decode.setdefault(length, []).append(one[str(length)])
            result.first.append(one["first"])
    return found, between


def run(chosen: argparse.Namespace) -> None:
    """量一遍，打印表"""
    import psutil
    import torch
    from transformers import AutoConfig

    from helpers.fast import report
    from helpers.fast.probe import weights_read
    from helpers.model import locate

    folder = standin() if chosen.model == "standin" else locate(chosen.model)
    threads = chosen.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    weights = weights_read(AutoConfig.from_pretrained(folder))
    ways = fitting(chosen.ways, weights, psutil.virtual_memory().available)
    bits = sorted({WAYS[way] for way in ways if way.startswith("fastest")}, reverse=True)
    tick = progress(len(ways) * (2 + chosen.quality + 2 * chosen.rounds) + len(bits))
    for number in bits:
        tick(f"试跑 {number} 位")
        decide(folder, number)
    others, between = peers(chosen.llama_bench, chosen.gguf, threads)
    speeds = [memory_bandwidth()]
    results = race(folder, ways, threads, chosen.rounds, tick,
                   lambda: (between(), speeds.append(memory_bandwidth(repeats=2))))
    for way in ways:
        if chosen.quality and (recipe := recipe_of(way, folder)):
            tick(f"{way}：质量")
            found = tiny_quality(recipe)
            results[way].quality = (found.top1, found.kl)
    results |= others
    bandwidth = max(speeds)
    print(f"\n读内存 {bandwidth / 1e9:.1f} GB/s，{threads} 个线程，{chosen.rounds} 轮的中位数", file=sys.stderr)
    print(report.table(results, weights, bandwidth))
    if chosen.json:
        report.save(chosen.json, results, weights, bandwidth, threads)
    if chosen.chart:
        report.draw(chosen.chart, results)


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
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1 or (chosen.threads is not None and chosen.threads < 1):
        parser.error("--rounds 和 --threads 应不小于 1，改大再试")
    if bool(chosen.llama_bench) != bool(chosen.gguf):
        parser.error("--llama-bench 和 --gguf 要一起写")
    for path in [chosen.llama_bench, *chosen.gguf]:
        if path is not None and not path.is_file():
            parser.error(f"应有文件 {path}，现在没有；检查路径")
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
