"""练习“名字是在第几轮忘掉的”：照题目的规矩一轮一轮地算；漏算了什么会得到的，各有自己的话"""
from helpers.exercises.week15 import lost_fact

import numpy
import pytest
from answers import accepted, refused, statement


def first_without_the_name(room: int = lost_fact.ANSWER_ROOM, names: tuple = lost_fact.NAMED_IN) -> int:
    """照规矩聊下去，从第几轮起看不到名字"""
    kept = []
    for number, (asked, _) in enumerate(lost_fact.CHAT_TURNS, 1):
        while total(kept, asked, room) > lost_fact.CHAT_LIMIT:
            kept.pop(0)
        if number > 1 and not set(names) & set(kept):
            return number
        kept.append(number)
    return 0


def total(kept: list[int], asked: int, room: int) -> int:
    """这一轮读的和要写的"""
    talked = sum(sum(lost_fact.CHAT_TURNS[number - 1]) for number in kept)
    return lost_fact.SYSTEM_TOKENS + talked + asked + room


def test_the_turn_is_what_the_rule_gives():
    assert first_without_the_name() == lost_fact.RIGHT_TURN
    assert first_without_the_name(names=(1,)) == 4
    assert first_without_the_name(room=0) == 7


@pytest.mark.parametrize("answer", [5, 5.0, numpy.int64(5)])
def test_right(answer):
    note = accepted(lost_fact.exercise(), answer)
    assert "名字只活在上下文里" in note.text


@pytest.mark.parametrize("answer, says", [
    (4, "名字只在第 1 轮说过吗"),
    (6, "更早就看不到了"),
    (7, "没有给回答留 60 个"),
    (3, "第 3 轮还放得下"),
    (1, "第 1 轮还放得下"),
    (0, "第 1 到第 7 轮里的一轮"),
    (8, "第 1 到第 7 轮里的一轮"),
    (4.5, "第 1 到第 7 轮里的一轮"),
    ("第 5 轮", "例如 3"),
])
def test_wrong(answer, says):
    refused(lost_fact.exercise(), answer, says)


def test_the_numbers_in_the_hint_and_the_solution():
    third = total([1, 2], 20, 60)
    assert f"= {third}，放得下" in lost_fact.HINTS[1]
    fourth = total([1, 2, 3], 14, 60)
    fifth = total([2, 3, 4], 17, 60)
    assert f"= {fourth}，超过 220，忘掉第 1 轮，剩 {fourth - 40}" in lost_fact.SOLUTION
    assert f"= {fifth}，超过 220，忘掉第 2 轮，剩 {fifth - 54}" in lost_fact.SOLUTION


def test_the_statement_shows_these_turns():
    text = statement(15)
    rows = text.splitlines()
    for number, (asked, answered) in enumerate(lost_fact.CHAT_TURNS, 1):
        counts = f" | {asked} | {answered} |"
        (row,) = [line for line in rows if line.startswith(f"| {number} | ") and line.endswith(counts)]
        assert ("小明" in row) == (number in lost_fact.NAMED_IN)
    assert f"上限是 {lost_fact.CHAT_LIMIT} 个词元" in text
    assert f"system 消息 {lost_fact.SYSTEM_TOKENS} 个" in text
    assert f"留 {lost_fact.ANSWER_ROOM} 个" in text


def test_the_solution():
    space = {}
    exec(lost_fact.SOLUTION, space)
    accepted(lost_fact.exercise(), space["answer_16"])
