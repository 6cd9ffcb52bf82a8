"""报告：量到的各种做法 → 一张表、一个 JSON、一张图"""
import json
import platform
from datetime import date
from pathlib import Path

from helpers.fast.bench import BATCH, HANDOUT, Result
from helpers.fast.memory import cpu_name
from helpers.table import Shown, grid
from helpers.tiny.files import write_text

HEADS = ("做法", "词元/秒（7）", "÷ 讲义", "词元/秒（512）", "÷ 讲义", "占上限", "首词元（512），毫秒",
         f"{BATCH} 题一批 ÷ 讲义逐题", "内存，GB", "第一名相同", "KL")


def share(result: Result, weights: int, bandwidth: float) -> float:
    """每秒的词元数占内存允许的几成；weights: 线性层的权重个数；bandwidth: 字节/秒"""
    return result.rate(7) * weights * result.bits / 8 / bandwidth


def ratio(value: float, base: float) -> str:
    """倍数，两位小数；没有就是横线"""
    return f"{value / base:.2f}" if value and base else "—"


def row(way: str, result: Result, base: Result, weights: int, bandwidth: float) -> tuple[str, ...]:
    """表的一行"""
    if result.note:
        return (way, result.note, *("—",) * (len(HEADS) - 2))
    first = f"{min(result.first) * 1e3:,.0f}" if result.first else "—"
    return (way, f"{result.rate(7):.1f}", ratio(result.rate(7), base.rate(7)), f"{result.rate(512):.1f}",
            ratio(result.rate(512), base.rate(512)), f"{share(result, weights, bandwidth):.0%}", first,
            ratio(max(result.batch, default=0), base.rate(7)), f"{result.peak / 1e9:.1f}" if result.peak else "—",
            *((f"{result.quality[0]:.1%}", f"{result.quality[1]:.4f}") if result.quality else ("—", "—")))


def table(results: dict[str, Result], weights: int, bandwidth: float) -> Shown:
    """全部做法 → 表格；倍数都与同一次里讲义的做法比"""
    base = results.get(HANDOUT, Result(16))
    return grid(HEADS, [row(way, result, base, weights, bandwidth) for way, result in results.items()])


def save(path: Path, results: dict[str, Result], weights: int, bandwidth: float, threads: int) -> None:
    """写成 JSON：机器、日期、每种做法的各轮数字"""
    content = {"date": date.today().isoformat(), "cpu": cpu_name(), "system": platform.system(), "threads": threads,
               "weights": weights, "bandwidth": bandwidth,
               "ways": {way: {**vars(result), "share": share(result, weights, bandwidth)}
                        for way, result in results.items()}}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def draw(path: Path, results: dict[str, Result]) -> None:
    """画成条形图存到 path：每种做法每秒几个词元（提示词 7 个词元）"""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from helpers.charts import bars

    shown = {way: result.rate(7) for way, result in results.items() if not result.note}
    bars(list(shown), list(shown.values()), "各种做法每秒写几个词元", "词元/秒", digits=1)
    plt.savefig(path)
    plt.close("all")
