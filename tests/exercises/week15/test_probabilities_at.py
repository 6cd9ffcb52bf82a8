"""练习“带温度的 softmax”：几种写法都对；温度用反、没有用、会出界的各有自己的话"""
import math

from helpers.exercises.week15 import probabilities_at

import pytest
import torch
from week15_solutions import solved


def softmax(scores: list[float]) -> list[float]:
    """用 math 算的 softmax，不用 torch"""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


# ---- 对的 ----

def by_torch(logits, temperature):
    return torch.softmax(logits / temperature, -1)


def by_math(logits, temperature):
    return softmax([score / temperature for score in logits.tolist()])


def by_logarithms(logits, temperature):
    return torch.exp(torch.log_softmax(logits / temperature, 0)).numpy()


# ---- 错的 ----

def times_temperature(logits, temperature):
    return torch.softmax(logits * temperature, -1)


def no_temperature(logits, temperature):
    return torch.softmax(logits, -1)


def no_maximum(logits, temperature):
    weights = torch.exp(logits / temperature)
    return weights / weights.sum()


def no_sum(logits, temperature):
    scores = logits / temperature
    return torch.exp(scores - scores.max())


def only_exp(logits, temperature):
    return torch.exp(logits / temperature)


def only_scores(logits, temperature):
    return logits / temperature


def softmax_first(logits, temperature):
    return torch.softmax(logits, -1) / temperature


def logarithms(logits, temperature):
    return torch.log_softmax(logits / temperature, -1)


def a_batch_of_one(logits, temperature):
    return torch.softmax(logits[None] / temperature, -1)


def the_notebooks_example(logits, temperature):
    return [0.0159, 0.8668, 0.1173]


def only_the_best(logits, temperature):
    return torch.softmax(logits / temperature, -1).max()


RIGHT = [solved(2), by_torch, by_math, by_logarithms]
WRONG = [
    (times_temperature, "应除以温度"),
    (no_temperature, "没有用到温度"),
    (no_maximum, "先减去最大值"),
    (no_sum, "忘了除以总和"),
    (only_scores, "还是打分"),
    (only_exp, "忘了除以总和"),
    (softmax_first, "次序反了"),
    (logarithms, "概率的对数"),
    (a_batch_of_one, "多了一层"),
    (the_notebooks_example, "应得到"),
    (only_the_best, "应得到"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    note = sheet[2].check(answer)
    assert note.mark == "✓", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[2].check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_the_example_in_the_notebook():
    found = solved(2)(torch.tensor([0.0, 2.0, 1.0]), 0.5)
    assert [round(p, 4) for p in found.tolist()] == [0.0159, 0.8668, 0.1173]


def test_the_reference_is_softmax_by_hand():
    for case in probabilities_at.cases():
        logits, temperature = case.inputs
        by_hand = torch.tensor(by_math(logits, temperature))
        assert torch.allclose(torch.tensor(case.expected), by_hand, atol=1e-4)
