"""练习“哪一行是假的”：真的几行来自 classroom/speed.json，只有一行每秒要读的超过带宽；选错的各有自己的话"""
import json
from pathlib import Path
from statistics import median

from helpers.exercises.week15 import false_row

import numpy
import pytest
from answers import statement

ROOT = Path(__file__).parents[3]
RECORD = json.loads((ROOT / "classroom" / "speed.json").read_text(encoding="utf-8"))
RIGHT = ["C", "c", " C ", "Ｃ", numpy.str_("C"), "C。", "(C)"]
WRONG = [
    ("A", "慢总是可能的"),
    ("B", "合计的"),
    ("D", "5.14 位"),
    ("E", "512 个词元都算完了"),
    ("F", "A、B、C、D、E 里的一个字母"),
    ("CC", "里的一个字母"),
    ("float32", "里的一个字母"),
    ("", "里的一个字母"),
    (3, "两边加引号"),
    (["C"], "两边加引号"),
    (17.0, "两边加引号"),
    (b"C", "两边加引号"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(answer):
    note = false_row.exercise().check(answer)
    assert note.mark == "✓", note.text
    assert "33.6 GB" in note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(answer, says):
    note = false_row.exercise().check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_only_one_row_is_impossible():
    impossible = [letter for letter, row in false_row.SPEED_TABLE.items()
                  if row.gigabytes_per_second * 1e9 > false_row.BANDWIDTH]
    assert impossible == [false_row.FALSE]
    for letter, row in false_row.SPEED_TABLE.items():
        share = row.gigabytes_per_second * 1e9 / false_row.BANDWIDTH
        assert share > 1.2 if letter == false_row.FALSE else share < 0.6


def measured(way: str, name: str) -> float:
    """记录里各轮的中位数"""
    return median(RECORD["ways"][way][name])


@pytest.mark.parametrize("letter, rate", [
    ("A", measured("讲义的做法", "512")),
    ("B", measured("讲义的做法", "batch")),
    ("D", measured("onnxruntime int4", "512")),
    ("E", 512 / measured("讲义的做法", "first")),
])
def test_the_others_were_measured(letter, rate):
    assert false_row.SPEED_TABLE[letter].rate == pytest.approx(rate, rel=0.005)


def test_the_rest_of_the_record():
    assert RECORD["weights"] == false_row.PARAMETERS
    assert max(RECORD["bandwidths"]) / 1e9 == pytest.approx(false_row.BANDWIDTH / 1e9, abs=0.05)
    assert min(RECORD["bandwidths"]) / 1e9 == pytest.approx(25.0, abs=0.05)
    assert RECORD["ways"]["onnxruntime int4"]["bits"] == pytest.approx(false_row.SPEED_TABLE["D"].bits, abs=0.005)
    assert f"真的量到的是 {measured('float32', '512'):.1f} 词元/秒" in false_row.picture()


def test_the_statement_shows_these_rows():
    text = statement(15)
    for letter, row in false_row.SPEED_TABLE.items():
        assert f"| {letter} | {row.way} | {row.bits:g} | {row.doing} | {row.rate} |" in text
    assert f"{false_row.PARAMETERS:,} 个参数" in text
    assert f"最快的一次是每秒 {false_row.BANDWIDTH / 1e9:g} GB" in text


def test_the_solution():
    space = {}
    exec(false_row.SOLUTION, space)
    assert false_row.exercise().check(space["answer_12"]).mark == "✓"


def test_the_numbers_in_the_solution():
    row = false_row.SPEED_TABLE["C"]
    assert f"494,032,768 × 4 字节 × 17 = {row.gigabytes_per_second:.1f} GB" in false_row.SOLUTION
