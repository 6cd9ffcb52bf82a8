"""训练样本：分量放对了地方，“没见过”只出现在问题里，一轮的批次不多不少"""
import json
import random

from helpers.tiny import TINY, samples, train
from helpers.tiny.questions import Question

import pytest

QUESTION = Question("什么是词元", ["什么是词元", "token 是啥"], ["词元是模型读写文字的最小单位。"])


def test_a_turn_by_hand(tokenizer):
    ids, weights = samples.turn(tokenizer, "什么是词元", "最小单位。", random.Random(1), samples.Emphasis(0.2, 4.0))
    reply = tokenizer.encode("最小单位。<|im_end|>")
    start = weights.index(4.0)
    assert ids[start:start + len(reply)] == reply
    assert weights[start:] == [4.0] + [1.0] * (len(reply) - 1) + [0.0]
    assert set(weights[:start]) == {0.2}


def test_forgotten_tokens_are_in_questions_only(tokenizer):
    rng, seen = random.Random(2), 0
    for _ in range(200):
        ids, weights = samples.sample(tokenizer, [], QUESTION, QUESTION.title, [QUESTION], rng)
        forgotten = [i for i, token_id in enumerate(ids) if token_id == samples.FORGOTTEN]
        assert all(weights[i] == samples.READING.asking for i in forgotten)
        seen += len(forgotten)
    assert seen > 20


def test_answers_are_cut_after_their_opening(tokenizer):
    rng, long = random.Random(3), Question("甲", ["甲"], ["词元是模型读写文字的最小单位，" * 5])
    lengths = [len(samples.sample(tokenizer, [], long, "甲", [long], rng)[0]) for _ in range(200)]
    assert 0.5 < sum(length < 50 for length in lengths) / 200 < 0.9  # 约七成被截短


def test_one_epoch_has_every_wording_once(tokenizer):
    groups = train.batches(tokenizer, [QUESTION] * 5, {}, 3, random.Random(4))
    assert sum(len(group) for group in groups) == 10
    assert all(len(group) <= 3 for group in groups)


@pytest.mark.parametrize("answers, times", [(1, 1), (2, 1), (3, 2), (5, 6), (6, 9)])
def test_questions_with_many_answers_are_repeated(answers, times):
    question = Question("甲", ["甲"], ["乙"] * answers)
    assert train.repeated([question]) == [question] * times


def test_the_phases_of_the_record_are_those_of_the_script():
    record = json.loads((TINY / "training.json").read_text(encoding="utf-8"))
    assert [(p["name"], p["epochs"], p["rate"]) for p in record["phases"]] == [
        (p.name, p.epochs, p.rate) for p in train.PHASES]
