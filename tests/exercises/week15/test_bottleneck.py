"""练习“读和写，卡在哪里”：八种情形的时间都算得出来，离分界不近；判错了先说一个"""
import json
from pathlib import Path
from statistics import median

from helpers.exercises.week15 import bottleneck

import pytest
from answers import statement

ROOT = Path(__file__).parents[3]
RIGHT = ["ADEG", "gead", "A、D、E、G", "A D E G", "Ａ，Ｄ，Ｅ，Ｇ", ["A", "D", "E", "G"], ("AD", "eg"),
         {"A", "D", "E", "G"}]
WRONG = [
    ("BCFH", "正好反了"),
    ("ADE", "先看 G"),
    ("AE", "先看 D"),
    ("DEG", "先看 A"),
    ("ADG", "先看 E"),
    ("ADEFG", "先看 F"),
    ("ACDEG", "先看 C"),
    ("ADEGH", "先看 H"),
    ("ABDEG", "先看 B"),
    ("ACDEF", "多选了 2 个，漏了 1 个"),
    ("ADE", "漏了 1 个。先看 G"),
    ("ABCDEFGH", "多选了 4 个。"),
    ("ADEGX", "A 到 H 里的几个字母"),
    ("", "至少有一个字母"),
    (4, "应是几个字母"),
    ({"A": True}, "应是几个字母"),
    ([1, 4, 5, 7], "A 到 H 里的几个字母"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(answer):
    note = bottleneck.exercise().check(answer)
    assert note.mark == "✓", note.text
    assert "F　9.9 和 15.8：计算" in note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(answer, says):
    note = bottleneck.exercise().check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_worked_out_by_hand():
    weights = 494_032_768
    times = {  # 一次前向：读权重、计算各几秒
        "A": (weights * 2 / 25e9, weights * 2 * 1 / 5e11),
        "B": (weights * 2 / 25e9, weights * 2 * 512 / 5e11),
        "C": (weights * 2 / 25e9, weights * 2 * 40 / 5e11),
        "D": (weights * 2 / 25e9, weights * 2 * 4 / 5e11),
        "E": (weights / 2 / 25e9, weights * 2 * 1 / 5e11),
        "F": (weights / 2 / 25e9, weights * 2 * 8 / 5e11),
        "G": (weights * 2 / 25e9, weights * 2 * 5 / 5e11),
        "H": (weights * 2 / 25e9, weights * 2 * 400 / 5e11),
    }
    by_memory = {letter for letter, (reading, computing) in times.items() if reading > computing}
    assert by_memory == bottleneck.right_letters() == set("ADEG")
    for reading, computing in times.values():
        assert max(reading, computing) > 1.5 * min(reading, computing)


def test_the_output_layer_of_a_question_changes_nothing():
    head = 151_936 * 896  # 读问题时，输出层只算最后一个位置（课文 08 第 3 节）
    layers = bottleneck.PARAMETERS - head
    for letter in "BG":
        one = bottleneck.SITUATIONS[letter]
        computing = 1000 * 2 * (layers * one.tokens + head) / bottleneck.COMPUTING
        assert (one.reading > computing) == one.limited_by_memory


def test_the_computer_is_like_the_one_in_the_lesson():
    record = json.loads((ROOT / "classroom" / "speed.json").read_text(encoding="utf-8"))
    assert record["weights"] == bottleneck.PARAMETERS
    assert min(record["bandwidths"]) == pytest.approx(bottleneck.BANDWIDTH, rel=0.01)
    head = 151_936 * 896
    work = 2 * 512 * (record["weights"] - head) + 2 * head
    assert work / median(record["ways"]["讲义的做法"]["first"]) == pytest.approx(bottleneck.COMPUTING, rel=0.1)


def test_the_statement_names_every_situation():
    text = statement(15)
    for letter, one in bottleneck.SITUATIONS.items():
        assert f"- {letter}　{one.told}" in text


def test_faster_memory_moves_three_of_them(monkeypatch):
    before = bottleneck.right_letters()
    monkeypatch.setattr(bottleneck, "BANDWIDTH", 200e9)
    assert before - bottleneck.right_letters() == set("DEG")
    assert "每秒 200 GB" in bottleneck.HARDER


def test_the_solution():
    space = {}
    exec(bottleneck.SOLUTION, space)
    assert bottleneck.exercise().check(space["answer_13"]).mark == "✓"
