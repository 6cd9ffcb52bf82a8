"""charts：中文写得出来，画的就是给的数，坏输入说清楚"""
from helpers import charts

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def fresh_figures():
    charts.chinese_font.cache_clear()
    yield
    plt.close("all")


def drawn_without_missing_glyphs(recwarn) -> bool:
    plt.gcf().canvas.draw()
    return not [w for w in recwarn if "missing from" in str(w.message)]


def test_the_bars_are_the_numbers(recwarn):
    charts.bars(["取代", "改变"], [0.6, 0.3], "下一个词元", "概率")
    axes = plt.gcf().axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.6, 0.3]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["取代", "改变"]
    assert drawn_without_missing_glyphs(recwarn)


def test_lines_and_stacked():
    charts.lines([1, 2, 3], {"有": [1, 1, 1], "没有": [1, 2, 3]}, "题", "步", "词元")
    assert [list(line.get_ydata()) for line in plt.gcf().axes[0].lines] == [[1, 1, 1], [1, 2, 3]]
    charts.stacked(["甲", "乙"], {"一": [1, 2], "二": [3, 4]}, "题", "份")
    assert [(bar.get_x(), bar.get_width()) for bar in plt.gcf().axes[0].patches] == [(0, 1), (0, 2), (1, 3), (2, 4)]


def test_a_computer_without_chinese_fonts_gets_the_one_of_the_course(monkeypatch, recwarn):
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", [font for font in manager.ttflist if "DejaVu" in font.name])
    assert charts.chinese_font() == "Noto Sans CJK SC"
    charts.bars(["犇骉麤", "取代"], [1, 2], "没有字体的电脑", "概率")
    assert drawn_without_missing_glyphs(recwarn)


@pytest.mark.parametrize("call", [lambda: charts.bars(["甲"], [1, 2], "", ""), lambda: charts.bars([], [], "", ""),
                                  lambda: charts.lines([1], {"甲": [1, 2]}, "", "", "")])
def test_bad_lengths(call):
    with pytest.raises(ValueError, match="应一样多.*现在有"):
        call()


def test_roofline(monkeypatch):
    shown = []
    monkeypatch.setattr(charts.plt, "show", lambda: shown.append(plt.gcf()))
    charts.roofline(40e9, 2e11, {"逐个写": (2.0, 7e10), "一批 40 个": (80.0, 1.8e11)}, "屋顶")
    axes = shown[0].axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {text.get_text() for text in axes.texts} >= {"逐个写", "一批 40 个"}
    xs, ys = axes.lines[0].get_data()
    assert ys == pytest.approx([min(40e9 * x, 2e11) for x in xs])
    charts.plt.close("all")


def test_below_limit_draws_the_limit_and_the_points():
    charts.below_limit([20e9, 40e9], [10.0, 30.0], 10**9, "全班的电脑")
    line, points = plt.gcf().axes[0].lines
    ends = line.get_xydata()
    assert ends[1, 1] / ends[1, 0] == pytest.approx(1.0)  # 每 1 GB/s 每秒一个词元
    assert points.get_xydata().tolist() == [[20.0, 10.0], [40.0, 30.0]]
    with pytest.raises(ValueError, match="一样多"):
        charts.below_limit([1e9, 2e9], [1.0], 10**9, "少了一个")
