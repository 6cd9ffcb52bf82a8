"""练习“top-k 再 top-p”：几种写法都对；用全部的概率、多留、少留、次序不对各有自己的话"""
import math

from helpers.exercises import running
from helpers.exercises.week15 import kept_ids
from helpers.sampling import keep_top_k, keep_top_p

import numpy
import pytest
import torch
from answers import accepted, refused
from transformers import TopKLogitsWarper, TopPLogitsWarper
from week15_solutions import solved

NUMBER = 4

# ---- 对的 ----


def by_math(logits, k, p):
    scores = logits.tolist()
    order = sorted(range(len(scores)), key=lambda i: -scores[i])[:k]
    weights = [math.exp(scores[i] - scores[order[0]]) for i in order]
    kept, total = [], 0.0
    for i, weight in zip(order, weights, strict=True):
        kept.append(i)
        total += weight / sum(weights)
        if total >= p:
            break
    return tuple(kept)


def by_transformers(logits, k, p):
    kept = TopPLogitsWarper(p)(None, TopKLogitsWarper(k)(None, logits[None]))[0]
    order = logits.argsort(descending=True)
    return order[kept[order] > -math.inf]


def by_masks(logits, k, p):
    kept = keep_top_p(keep_top_k(logits, min(k, len(logits))), p)
    scores, order = kept.sort(descending=True)
    return [i for i, score in zip(order, scores, strict=True) if score > -torch.inf]


def by_cumsum(logits, k, p):
    values, order = logits.sort(descending=True)
    probabilities = torch.softmax(values[:k], 0)
    before = probabilities.cumsum(0) - probabilities
    return order[:k][before < p].tolist()


def by_numpy(logits, k, p):
    scores = logits.numpy().astype(float)
    order = numpy.argsort(-scores, kind="stable")[:k]
    weights = numpy.exp(scores[order] - scores.max())
    weights /= weights.sum()
    return order[numpy.concatenate([[0], weights.cumsum()[:-1]]) < p]


def by_recursion(logits, k, p):
    best = logits.topk(min(k, len(logits)))
    return take(best.indices.tolist(), best.values.softmax(0).tolist(), p)


def take(ids, probabilities, p):
    if not ids or p <= 0:
        return []
    return [ids[0], *take(ids[1:], probabilities[1:], p - probabilities[0])]


def later_ids_first(logits, k, p):
    """打分相同的，编号大的在前"""
    flipped = by_cumsum(logits.flip(0), k, p)
    return [len(logits) - 1 - i for i in flipped]


# ---- 错的 ----

def all_probabilities(logits, k, p):
    probabilities, order = torch.softmax(logits, 0).sort(descending=True)
    before = probabilities.cumsum(0) - probabilities
    return order[before < p][:k].tolist()


def top_k_only(logits, k, p):
    return logits.topk(min(k, len(logits))).indices.tolist()


def top_p_only(logits, k, p):
    return by_cumsum(logits, len(logits), p)


def sum_of_scores(logits, k, p):
    values, order = logits.topk(min(k, len(logits)))
    return order[values.cumsum(0) - values < p].tolist()


def without_the_one_that_is_enough(logits, k, p):
    best = logits.topk(min(k, len(logits)))
    return best.indices[best.values.softmax(0).cumsum(0) <= p].tolist()


def without_the_last(logits, k, p):
    kept = by_math(logits, k, p)
    return kept[:-1] if len(kept) > 1 else kept


def more_than_p(logits, k, p):
    """正好等于 p 还不停"""
    best = logits.topk(min(k, len(logits)))
    kept, total = [], 0.0
    for i, probability in zip(best.indices.tolist(), best.values.softmax(0).tolist(), strict=True):
        kept.append(i)
        total += probability
        if total > p:
            break
    return kept


def one_more(logits, k, p):
    return logits.argsort(descending=True)[:len(by_math(logits, k, p)) + 1].tolist()


def by_id(logits, k, p):
    return sorted(by_math(logits, k, p))


def upwards(logits, k, p):
    return by_math(logits, k, p)[::-1]


def ranks(logits, k, p):
    return list(range(len(by_math(logits, k, p))))


def kept_scores(logits, k, p):
    return logits[list(by_math(logits, k, p))]


def masked(logits, k, p):
    return keep_top_p(keep_top_k(logits, min(k, len(logits))), p)


def how_many(logits, k, p):
    return len(by_math(logits, k, p))


def a_batch_of_one(logits, k, p):
    return [list(by_math(logits, k, p))]


def naive_exp(logits, k, p):
    best = logits.topk(min(k, len(logits)))
    weights = torch.exp(best.values)
    probabilities = weights / weights.sum()
    before = probabilities.cumsum(0) - probabilities
    return best.indices[before < p].tolist()


def sums_up(weigh):
    """前 k 名的打分交给 weigh 变成概率，再加起来"""
    def answer(logits, k, p):
        best = logits.topk(min(k, len(logits)))
        probabilities = weigh(best.values)
        count = int((probabilities.cumsum(0) < p).sum()) + 1
        return best.indices[:count].tolist()
    return answer


def by_ratio_to_the_last(scores):
    """减去最小的再 exp，照样溢出"""
    weights = (scores - scores.min()).exp()
    return weights / weights.sum()


def almost_enough(logits, k, p):
    return by_cumsum(logits, k, p - 1e-3)


def two_at_least(logits, k, p):
    return by_cumsum(logits, max(k, 2), p)


def the_first_when_p_is_one(logits, k, p):
    kept = by_cumsum(logits, k, p)
    return kept[:1] if p == 1 else kept


def with_all_equals(logits, k, p):
    lowest = logits[by_cumsum(logits, k, p)].min()
    return [i for i in logits.argsort(descending=True).tolist() if logits[i] >= lowest]


def by_index(logits, k, p):
    """相同的概率只找得到第一个"""
    values = logits.tolist()
    return [values.index(score) for score in kept_scores(logits, k, p).tolist()]


def by_dictionary(logits, k, p):
    """相同的概率互相盖掉"""
    ids = {score: i for i, score in enumerate(logits.tolist())}
    return [ids[score] for score in kept_scores(logits, k, p).tolist()]


def one_of_equals(logits, k, p):
    """概率做了字典的键，相同的只剩一个"""
    ids = {score: i for i, score in enumerate(torch.softmax(logits, 0).tolist())}
    best = sorted(ids, reverse=True)[:k]
    kept = take([ids[score] for score in best], [score / sum(best) for score in best], p)
    return list(kept)


def a_set(logits, k, p):
    return set(by_math(logits, k, p))


def until_enough(logits, k, p):
    """p 是 1 时，舍入使它永远不够"""
    best = logits.topk(min(k, len(logits)))
    probabilities = best.values.softmax(0).tolist()
    count = 0
    while sum(probabilities[:count]) < p:
        count += 1
    return best.indices[:count].tolist()


def k_too_large(logits, k, p):
    best = logits.topk(k)
    return [best.indices[i].item() for i in range(len(by_math(logits, k, p)))]


def changes_logits(logits, k, p):
    kept = by_math(logits, k, p)
    logits -= logits.max()
    return kept


def negative_indices(logits, k, p):
    return [i - len(logits) for i in by_math(logits, k, p)]


def the_notebooks_example(logits, k, p):
    return [1]


def adds_up(order, scores=lambda logits, ids: logits[ids].softmax(-1)):
    """前 k 名照 order 排，加起来够 p 就停"""
    def answer(logits, k, p):
        ids = order(logits.argsort(descending=True).tolist()[:k])
        kept, total = [], 0.0
        for token_id, score in zip(ids, scores(logits, ids).tolist(), strict=True):
            if total >= p:
                break
            kept.append(token_id)
            total += score
        return kept
    return answer


def only_the_first_places(logits, k, p):
    return adds_up(list)(logits[:k], k, p)


RIGHT = [solved(NUMBER), by_math, by_transformers, by_masks, by_cumsum, by_numpy, by_recursion, later_ids_first]
WRONG = [
    (lambda logits, k, p: by_cumsum(logits, k, p - 1e-4), "什么也不去掉"),
    (adds_up(lambda ids: ids[::-1]), "从概率最小的加起"),
    (adds_up(sorted), "照编号的次序加"),
    (adds_up(list, lambda logits, ids: logits.softmax(-1)[ids].softmax(-1)), "两次 softmax"),
    (only_the_first_places, "排在前面的 k 个"),
    (lambda logits, k, p: by_cumsum(logits, min(k, 100), p), "应"),
    (lambda logits, k, p: by_cumsum(logits, k, p)[:512], "应"),
    (all_probabilities, "重新算"),
    (top_k_only, "留下的正好是前 k 名"),
    (top_p_only, "只做了 top-p"),
    (sum_of_scores, "先 softmax"),
    (without_the_one_that_is_enough, "加上它才够 p"),
    (without_the_last, "加上它才够 p"),
    (more_than_p, "正好等于也是够"),
    (one_more, "多留了一个"),
    (by_id, "不是按编号"),
    (upwards, "次序反了"),
    (ranks, "这是名次"),
    (kept_scores, "应是编号"),
    (masked, "应是编号"),
    (how_many, "只有一个数"),
    (a_batch_of_one, "多了一层"),
    (a_set, "集合没有次序"),
    (one_of_equals, "打分相同的只剩了一个"),
    (naive_exp, "exp(1000) 是无穷大"),
    (sums_up(by_ratio_to_the_last), "exp(1000) 是无穷大"),
    (sums_up(lambda scores: scores.clamp(-80, 80).softmax(0)), "先截断"),
    (sums_up(lambda scores: scores.softmax(0).round(decimals=2)), "取整"),
    (almost_enough, "不要放宽"),
    (two_at_least, "多留了一个"),
    (the_first_when_p_is_one, "前 k 名全留"),
    (with_all_equals, "打分相同的也都留了"),
    (by_index, "留了两次"),
    (by_dictionary, "留了两次"),
    (until_enough, "停不下来"),
    (k_too_large, "RuntimeError"),
    (changes_logits, "应保持原样"),
    (negative_indices, "应得到"),
    (the_notebooks_example, "应得到"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[NUMBER], answer)


@pytest.fixture
def hurried(monkeypatch):
    """停不下来的，不用等五秒"""
    monkeypatch.setattr(running, "SECONDS", 0.5)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says, hurried):
    refused(sheet[NUMBER], answer, says)


def test_the_example_in_the_notebook():
    logits = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    assert solved(NUMBER)(logits, 3, 0.5) == [1]
    assert solved(NUMBER)(logits, 4, 0.55) == [1, 3]
    assert torch.softmax(logits[[1, 3, 2]], 0).tolist() == pytest.approx([0.556, 0.278, 0.167], abs=1e-3)


def test_rounding_cannot_change_the_reference():
    for case in kept_ids.cases():
        logits, k, p = case.inputs
        best = logits.double().topk(min(k, len(logits))).values
        totals = best.softmax(0).cumsum(0)
        equal = best.unique().numel() == 1
        assert p == 1 or equal or (totals - p).abs().min() > 1e-4
        assert k >= len(logits) or logits.sort(descending=True).values[k] < best[-1]
