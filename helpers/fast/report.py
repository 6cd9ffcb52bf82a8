"""报告：量到的各种做法 → 一张表、一个 JSON、一张图"""
import json
import platform
import statistics
import sys
from datetime import date
from pathlib import Path

from helpers.errors import ModelError
from helpers.fast.bench import BATCH, HANDOUT, Result
from helpers.fast.remembered import cpu_name
from helpers.files import write_text
from helpers.tables import Shown, grid

HEADS = ("做法", "位", "词元/秒（7）", "÷ 讲义", "词元/秒（512）", "÷ 讲义", "占上限", "首词元（512），毫秒",
         f"{BATCH} 题一批 ÷ 讲义逐题", "内存，GB")


def share(result: Result, weights: int, bandwidth: float) -> float:
    """每秒的词元数占内存允许的几成；weights: 线性层的权重个数；bandwidth: 字节/秒"""
    return result.rate(7) * weights * result.bits / 8 / bandwidth


def number(value: float, form: str) -> str:
    """按格式写一个数；没有量到（0）就是横线"""
    return format(value, form) if value else "—"


def ratio(value: float, base: float) -> str:
    """倍数，两位小数；没有就是横线"""
    return number(value / base if base else 0, ".2f")


def way_row(way: str, result: Result, base: Result, weights: int, bandwidth: float) -> tuple[str, ...]:
    """表的一行；出了错的，为什么写在名称后面，已经量到的照样写"""
    return (f"{way}（{result.note}）" if result.note else way, f"{result.bits:.3g}",
            number(result.rate(7), ".1f"), ratio(result.rate(7), base.rate(7)),
            number(result.rate(512), ".1f"), ratio(result.rate(512), base.rate(512)),
            number(share(result, weights, bandwidth), ".0%"),
            number(statistics.median(result.first or [0]) * 1e3, ",.0f"),
            ratio(max(result.batch, default=0), base.rate(7)), number(result.peak / 1e9, ".1f"))


def table(results: dict[str, Result], weights: int, bandwidth: float) -> Shown:
    """全部做法 → 表格；倍数都与同一次里讲义的做法比"""
    base = results.get(HANDOUT, Result(16))
    return grid(HEADS, [way_row(way, result, base, weights, bandwidth) for way, result in results.items()])


def show(results: dict[str, Result], weights: int, bandwidths: list[float], threads: int, kept: dict) -> None:
    """打印表，再存下来；kept: save_record、draw_chart → 存在哪里（None 是不存）；存不了的最后报 ModelError

    weights: 线性层的权重个数；bandwidths: 几次量到的读内存的速度，字节/秒
    """
    bandwidth, problems = statistics.median(bandwidths), []
    print(f"\n读内存 {bandwidth / 1e9:.1f} GB/s（{len(bandwidths)} 次的中位数，{min(bandwidths) / 1e9:.1f}–"
          f"{max(bandwidths) / 1e9:.1f}），{threads} 个线程，别的数是各轮的中位数", file=sys.stderr)
    print(table(results, weights, bandwidth))
    for keep, path in kept.items():
        try:
            if path:
                keep(path, results, weights, bandwidths, threads)
        except (OSError, ValueError) as error:
            problems.append(f"应能写出 {path}，现在不能（{error}）；换一个位置，上面的表可以复制")
    if problems:
        raise ModelError("\n".join(problems))


def save_record(path: Path, results: dict[str, Result], weights: int, bandwidths: list[float], threads: int) -> None:
    """写成 JSON：机器、日期、读内存的速度（中位数和全部几次）、每种做法的各轮数字"""
    bandwidth = statistics.median(bandwidths)
    content = {"date": date.today().isoformat(), "cpu": cpu_name(), "system": platform.system(), "threads": threads,
               "weights": weights, "bandwidth": bandwidth, "bandwidths": bandwidths,
               "ways": {way: {**vars(result), "share": share(result, weights, bandwidth)}
                        for way, result in results.items()}}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def draw_chart(path: Path, results: dict[str, Result], *_) -> None:
    """画成条形图存到 path：量到的每种做法每秒几个词元（提示词 7 个词元）；一种也没有时报 ValueError"""
    import matplotlib

    matplotlib.use("Agg")
    from helpers.charts import bars

    import matplotlib.pyplot as plt

    shown = {way: result.rate(7) for way, result in results.items() if result.rate(7)}
    bars(list(shown), list(shown.values()), "各种做法每秒写几个词元", "词元/秒", digits=1)
    plt.savefig(path)
    plt.close("all")
