"""读数：写了再读是一样的；四十份里坏的说出是哪个文件，别的照画"""
import json

import pytest

from helpers import charts
from helpers.reading import Reading, gather, read, write

ONE = Reading("小明", "某 CPU", "tiny", 40e9, 41_840_000, 185.0, 0.011)


def test_round_trip(tmp_path):
    write(tmp_path / "小明.json", ONE)
    assert read(tmp_path / "小明.json") == ONE
    assert ONE.limit == pytest.approx(956, abs=1)


@pytest.mark.parametrize("text, says", [("不是 JSON", "读不出来"), ("{}", "读不出来"), ("[1]", "读不出来"),
                                        (json.dumps(vars(ONE) | {"bandwidth": 0}), "大于 0"),
                                        (json.dumps(vars(ONE) | {"first_token": "快"}), "读不出来")])
def test_a_broken_one_is_named_and_the_others_stay(tmp_path, text, says):
    for number in range(40):
        write(tmp_path / f"{number}.json", Reading(str(number), "", "tiny", 40e9, 41_840_000, 200 - number, 0.01))
    (tmp_path / "坏.json").write_text(text, encoding="utf-8")
    readings, bad = gather(tmp_path)
    assert len(readings) == 40 and readings[0].name == "39"
    assert len(bad) == 1 and "坏.json" in bad[0] and says in bad[0]


def test_forty_in_one_plot(monkeypatch):
    shown = []
    monkeypatch.setattr(charts.plt, "show", lambda: shown.append(charts.plt.gcf()))
    charts.roofline(40e9, 2e11, {"逐个写": (2.0, 7e10), "一批 40 个": (80.0, 1.8e11)}, "屋顶")
    axes = shown[0].axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {text.get_text() for text in axes.texts} >= {"逐个写", "一批 40 个"}
    xs, ys = axes.lines[0].get_data()
    assert ys == pytest.approx([min(40e9 * x, 2e11) for x in xs])
    charts.plt.close("all")
