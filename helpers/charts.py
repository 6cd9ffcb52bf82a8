"""画图：中文字体，条形图，折线图；只收数字和文字，不认识模型

出处: notebooks 里的各张图
"""
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager

FONT = Path(__file__).parent / "fonts" / "NotoSansSC-subset.otf"  # 常用汉字的子集，SIL OFL，见同一文件夹的 OFL.txt
FAMILIES = ["Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Noto Sans CJK SC", "Source Han Sans SC",
            "WenQuanYi Micro Hei"]
SERIES_COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"]  # 色盲也分得清的四种（Okabe-Ito）
SERIES_MARKS = ["o", "s", "D", "^"]
SERIES_HATCHES = ["", "//", "..", "xx"]


def installed_family() -> str | None:
    """电脑上装着的第一种中文字体；一种也没有就是 None"""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    for family in FAMILIES:
        if family in installed:
            return family
    return None


@cache
def chinese_font() -> str:
    """让 matplotlib 能写中文，返回用上的字体名；电脑上一种中文字体也没有时，用课程自带的"""
    name = installed_family()
    if name is None:
        font_manager.fontManager.addfont(FONT)
        name = font_manager.FontProperties(fname=FONT).get_name()
    plt.rcParams.update({
        "font.sans-serif": [name, "DejaVu Sans"],
        "font.family": "sans-serif",
        "axes.unicode_minus": False,
    })
    return name


def new_axes(height: float):
    """一张空的图，能写中文；height: 高几英寸"""
    chinese_font()
    _, axes = plt.subplots(figsize=(7, height), layout="constrained")
    return axes


def check_lengths(names: list, values: list) -> None:
    """名称和数应一样多，至少一个，否则报 ValueError"""
    if len(names) != len(values) or len(names) == 0:
        raise ValueError(
            f"名称和数应一样多、至少一个，现在有 {len(names)} 个名称、"
            f"{len(values)} 个数；补齐再画")


def finish(axes, title: str, x_unit: str, y_unit: str = "") -> None:
    """标题、轴的名称，去掉多余的边框，显示出来"""
    axes.set(title=title, xlabel=x_unit, ylabel=y_unit)
    axes.spines[["top", "right"]].set_visible(False)
    plt.show()


def bars(names: list, values: list, title: str, unit: str, digits: int = 2) -> None:
    """横着的条形图，从上到下；每条后面写出它的数

    names: 每条的名称；values: 每条的长度，单位 unit；digits: 写几位小数
    例: bars(["取代", "改变"], [0.6, 0.3], "下一个词元", "概率")
    """
    check_lengths(names, values)
    axes = new_axes(0.38 * len(names) + 1.1)
    rows = range(len(names))
    drawn = axes.barh(rows, values, color=SERIES_COLORS[0])
    axes.set_yticks(rows, names)
    axes.bar_label(drawn, fmt=f"{{:,.{digits}f}}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    finish(axes, title, unit)


def lines(x: list, series: dict, title: str, x_unit: str, y_unit: str) -> None:
    """折线图：每条线一种颜色和一种记号，图例写名称

    x: 横坐标；series: 名称 → 与 x 一样多的数；x_unit、y_unit: 两条轴的名称和单位
    例: lines([1, 2, 3], {"有缓存": [1, 1, 1], "没有缓存": [1, 2, 3]}, "每步的计算量", "第几步", "词元")
    """
    axes = new_axes(3.2)
    axes.set_prop_cycle(color=SERIES_COLORS, marker=SERIES_MARKS)
    for name, y in series.items():
        check_lengths(x, y)
        axes.plot(x, y, markersize=4, label=name)
    axes.legend()
    finish(axes, title, x_unit, y_unit)


def stacked(columns: list, parts: dict, title: str, unit: str) -> None:
    """一列一根的堆叠条形图（横着）：每一部分一种颜色和一种花纹

    columns: 每根的名称；parts: 部分的名称 → 它在每一根里的长度，单位 unit
    例: stacked(["教学小模型", "Qwen2.5-0.5B"], {"词嵌入": [0.93, 0.28], "其余": [0.07, 0.72]}, "参数在哪里", "份额")
    """
    axes = new_axes(0.7 * len(columns) + 1.3)
    rows = range(len(columns))
    left = np.zeros(len(columns))
    for name, color, hatch in zip(parts, SERIES_COLORS, SERIES_HATCHES, strict=False):
        widths = parts[name]
        check_lengths(columns, widths)
        axes.barh(rows, widths, left=left, color=color, hatch=hatch, edgecolor="white", label=name)
        left = left + widths
    axes.set_yticks(rows, columns)
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=len(parts), frameon=False)
    finish(axes, title, unit)


def roofline(bandwidth: float, peak: float, points: dict, title: str) -> None:
    """屋顶图：斜的一段受读内存的速度限制，平的一段受计算限制；每个点是一种用法，离屋顶越近越好

    bandwidth: 字节/秒；peak: 每秒最多做几次乘和加；points: 名称 → (每读一个字节做几次, 每秒做到几次)
    例: roofline(40e9, 2e11, {"逐个写": (1.0, 3e10)}, "离屋顶多远")
    出处: Williams 等 2009, Roofline: An Insightful Visual Performance Model
    """
    axes = new_axes(3.6)
    used = [at for at, _ in points.values()]
    x = np.sort([0.25, peak / bandwidth, 4096, *used])
    roof = np.minimum(bandwidth * x, peak)
    axes.loglog(x, roof, color=SERIES_COLORS[0], label="屋顶")
    axes.margins(y=0.1)  # 名称写在点的下面，给最低的一个留地方
    axes.set_prop_cycle(color=SERIES_COLORS[1:], marker=SERIES_MARKS[1:])
    for name, (at, reached) in points.items():
        axes.plot(at, reached, markersize=9)
        axes.annotate(name, (at, reached), xytext=(8, -12), textcoords="offset points")
    finish(axes, title, "每读一个字节做几次乘和加", "每秒几次")


def below_limit(bandwidths: list, rates: list, bytes_per_token: int, title: str) -> None:
    """散点图：每台电脑一个点，横轴是读内存的速度，纵轴是每秒写几个词元；直线是内存允许的上限

    bandwidths: 字节/秒；rates: 词元/秒；bytes_per_token: 写一个词元要读多少字节；长度不同时报 ValueError
    例: below_limit([30e9], [11.0], 988_097_824, "全班的电脑")
    """
    check_lengths(bandwidths, rates)
    axes = new_axes(3.6)
    most = 1.1 * max(bandwidths)
    axes.plot([0, most / 1e9], [0, most / bytes_per_token], color=SERIES_COLORS[0], label="上限")
    axes.plot(np.array(bandwidths) / 1e9, rates, "o", color=SERIES_COLORS[1], label="量到的")
    axes.legend()
    finish(axes, title, "读内存，GB/s", "词元/秒")
