"""练习“top-p 留下谁”：几种写法都对；多留、少留、次序不对各有自己的话"""
import math

from helpers.exercises.week15 import keep_top_p_ids

import pytest
import torch
from transformers import TopPLogitsWarper
from week15_solutions import solved

# ---- 对的 ----


def by_hand(logits, p):
    order = sorted(range(len(logits)), key=lambda i: logits[i].item(), reverse=True)
    probabilities = torch.softmax(logits, 0)
    kept = []
    total = 0.0
    for i in order:
        kept.append(i)
        total += probabilities[i].item()
        if total >= p:
            break
    return torch.tensor(kept)


def by_transformers(logits, p):
    kept = TopPLogitsWarper(p)(None, logits[None])[0]
    order = logits.argsort(descending=True).tolist()
    return tuple(i for i in order if kept[i] > -math.inf)


# ---- 错的 ----

def sum_of_scores(logits, p):
    values, order = logits.sort(descending=True)
    return order[values.cumsum(0) - values < p].tolist()


def without_the_one_that_is_enough(logits, p):
    probabilities, order = torch.softmax(logits, 0).sort(descending=True)
    return order[probabilities.cumsum(0) <= p].tolist()


def one_less_when_there_are_several(logits, p):
    kept = by_hand(logits, p)
    if len(kept) > 1 and p < 1:
        return kept[:-1]
    return kept


def nothing_when_the_first_is_enough(logits, p):
    probabilities, order = torch.softmax(logits, 0).sort(descending=True)
    if probabilities[0] >= p:
        return []
    return order[probabilities.cumsum(0) - probabilities < p].tolist()


def by_id(logits, p):
    return by_hand(logits, p).sort().values


def upwards(logits, p):
    return by_hand(logits, p).flip(0)


def one_more(logits, p):
    count = len(by_hand(logits, p)) + 1
    return logits.argsort(descending=True)[:count].tolist()


def kept_probabilities(logits, p):
    probabilities = torch.softmax(logits, 0).sort(descending=True).values
    return probabilities[probabilities.cumsum(0) - probabilities < p]


def kept_scores(logits, p):
    return TopPLogitsWarper(p)(None, logits[None])[0]


def the_notebooks_example(logits, p):
    return [1, 3]


def a_batch_of_one(logits, p):
    return by_hand(logits, p)[None]


RIGHT = [solved(4), by_hand, by_transformers]
WRONG = [
    (sum_of_scores, "先 softmax"),
    (without_the_one_that_is_enough, "加上它才够 p"),
    (one_less_when_there_are_several, "加上它才够 p"),
    (nothing_when_the_first_is_enough, "至少要留一个"),
    (by_id, "不是按编号"),
    (upwards, "次序反了"),
    (one_more, "多留了一个"),
    (kept_probabilities, "应是编号"),
    (kept_scores, "应是编号"),
    (the_notebooks_example, "应得到"),
    (a_batch_of_one, "多了一层"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    note = sheet[4].check(answer)
    assert note.mark == "✓", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[4].check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_the_example_in_the_notebook():
    logits = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    assert solved(4)(logits, 0.7) == [1, 3]


def test_rounding_cannot_change_the_reference():
    for case in keep_top_p_ids.cases():
        logits, p = case.inputs
        totals = torch.softmax(logits.double(), 0).sort(descending=True).values.cumsum(0)
        assert p == 1 or (totals - p).abs().min() > 1e-3
