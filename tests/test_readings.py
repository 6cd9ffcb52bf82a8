"""读数：写了再读是一样的；四十份里坏的说出是哪个文件，别的照画；屋顶图"""
import json
from pathlib import Path

from helpers import charts, speed
from helpers.speed import Reading, gather_readings, read_reading, write_reading
from helpers.tables import grid

import pytest

ONE = Reading("小明", "某 CPU", "tiny", 40e9, 41_840_000, 185.0, 0.011)


def test_round_trip(tmp_path):
    assert write_reading(tmp_path / "小明.json", ONE) == tmp_path / "小明.json"
    assert read_reading(tmp_path / "小明.json") == ONE
    assert ONE.limit == pytest.approx(956, abs=1)


def forty(folder):
    """四十份读数，0 号最快"""
    for number in range(40):
        write_reading(folder / f"{number}.json", Reading(str(number), "", "tiny", 40e9, 41_840_000, 200 - number, 0.01))


@pytest.mark.parametrize("text, says", [
    ("不是 JSON", "读不出来"), ("{}", "读不出来"), ("[1]", "读不出来"), ("[" * 100_000, "读不出来"),
    ("\ufeff", "读不出来"),
    *((json.dumps(vars(ONE) | {number: value}), f"{number} 应是大于 0 的普通数，现在是 {str(value)[:9]}")
      for number, value in (("bandwidth", 0), ("bandwidth", float("inf")), ("bytes_per_token", True),
                            ("bytes_per_token", 10**400), ("tokens_per_second", float("nan")),
                            ("tokens_per_second", None), ("first_token", "0.5"), ("first_token", -1)))])
def test_a_broken_one_is_named_and_the_others_stay(tmp_path, text, says):
    forty(tmp_path)
    (tmp_path / "坏.json").write_text(text, encoding="utf-8")
    readings, bad = gather_readings(tmp_path)
    assert len(readings) == 40 and readings[0].name == "39"
    assert len(bad) == 1 and "坏.json" in bad[0] and says in bad[0]


def test_notepad_with_bom_is_read(tmp_path):
    (tmp_path / "小明.json").write_text(json.dumps(vars(ONE)), encoding="utf-8-sig")
    assert read_reading(tmp_path / "小明.json") == ONE


def test_a_folder_for_each_student(tmp_path):
    for name in ("小明", "小红"):
        (tmp_path / name).mkdir()
    write_reading(tmp_path / "小明" / "speed_reading.json", ONE)
    write_reading(tmp_path / "小明" / "speed_reading-checkpoint.json", ONE)  # JupyterLab 自己存的一份，不算第二台电脑
    (tmp_path / "小红" / "speed_reading.json").write_text("坏", encoding="utf-8")
    readings, bad = gather_readings(tmp_path)
    assert readings == [ONE] and len(bad) == 1 and bad[0].startswith("小红：speed_reading.json")


def test_a_missing_folder_is_refused(tmp_path):
    (tmp_path / "a.json").touch()
    for path in (tmp_path / "没有", tmp_path / "a.json"):
        with pytest.raises(ValueError, match="应有文件夹 .*检查路径"):
            gather_readings(path)


def class_cell() -> str:
    """第 08 讲里老师收读数、画图的那一格"""
    path = Path(__file__).parent.parent / "notebooks" / "08_speed.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    [found] = [source for source in sources if "import below_limit" in source]
    return found


def test_forty_in_one_plot(tmp_path, monkeypatch, capsys):
    forty(tmp_path)
    (tmp_path / "坏.json").touch()
    monkeypatch.chdir(tmp_path)
    shown = []
    tables = []
    monkeypatch.setattr(charts.plt, "show", lambda: shown.append(charts.plt.gcf()))
    place = Path("speed_reading.json")
    exec(class_cell(), {"place": place, "bytes_per_token": 10**9, "grid": grid, "display": tables.append})
    limit, points = shown[0].axes[0].lines
    assert [round(rate) for rate in points.get_ydata()] == list(range(161, 201))
    assert set(points.get_xdata()) == {40.0}
    assert limit.get_ydata()[1] / limit.get_xdata()[1] == pytest.approx(1.0)
    rows = repr(tables[0]).splitlines()
    assert len(rows) == 41
    assert rows[1].startswith("39 │ 40 │ 161.0")
    assert "坏.json" in capsys.readouterr().out
    charts.plt.close("all")


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    """只能读的课程文件夹里也交得出读数"""
    def refuse(path, text):
        if path.parent != tmp_path / "readings":
            raise PermissionError(13, "Permission denied", str(path))
        write_text(path, text)

    write_text = speed.write_text
    monkeypatch.setattr(speed, "write_text", refuse)
    monkeypatch.setattr(speed, "course_folder", lambda: tmp_path)
    place = write_reading(tmp_path / "只读" / "speed_reading.json", ONE)
    assert place == tmp_path / "readings" / "speed_reading.json"
    assert read_reading(place) == ONE
