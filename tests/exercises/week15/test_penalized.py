"""练习“重复惩罚”：几种写法都对；除乘弄反、出现几次扣几次、改了传入的，各有自己的话"""
from helpers.exercises.week15 import penalized
from helpers.sampling import penalize_repetition

import numpy
import pytest
import torch
from answers import accepted, refused
from transformers import RepetitionPenaltyLogitsProcessor
from week15_solutions import solved

NUMBER = 2

# ---- 对的 ----


def by_where(logits, seen, penalty):
    factor = torch.where(logits > 0, 1 / penalty, penalty)
    said = torch.zeros(len(logits), dtype=torch.bool)
    said[seen] = True
    return torch.where(said, logits * factor, logits)


def by_list(logits, seen, penalty):
    scores = logits.tolist()
    return [new_score(score, i in seen, penalty) for i, score in enumerate(scores)]


def new_score(score, said, penalty):
    if not said:
        return score
    return score / penalty if score >= 0 else score * penalty


def by_numpy(logits, seen, penalty):
    scores = logits.numpy().copy()
    ids = numpy.unique(numpy.array(seen, dtype=int))
    scores[ids] = numpy.where(scores[ids] < 0, scores[ids] * penalty, scores[ids] / penalty)
    return scores


def by_gather_and_scatter(logits, seen, penalty):
    ids = torch.tensor(seen, dtype=torch.long)
    score = logits.gather(0, ids)
    return logits.scatter(0, ids, torch.where(score < 0, score * penalty, score / penalty))


def by_transformers(logits, seen, penalty):
    ids = torch.tensor([seen], dtype=torch.long)
    return RepetitionPenaltyLogitsProcessor(penalty)(ids, logits[None].clone())[0]


def one_after_another(logits, seen, penalty):
    """递归，返回元组，里面是一个个张量"""
    if not seen:
        return tuple(logits)
    rest = list(one_after_another(logits, seen[1:], penalty))
    first = seen[0]
    if first not in seen[1:]:
        rest[first] = rest[first] / penalty if rest[first] > 0 else rest[first] * penalty
    return tuple(rest)


# ---- 错的 ----

def divided(logits, seen, penalty):
    scores = logits.clone()
    for token_id in set(seen):
        scores[token_id] /= penalty
    return scores


def multiplied(logits, seen, penalty):
    scores = logits.clone()
    for token_id in set(seen):
        scores[token_id] *= penalty
    return scores


def signs_turned(logits, seen, penalty):
    scores = logits.clone()
    for token_id in set(seen):
        scores[token_id] *= penalty if scores[token_id] > 0 else 1 / penalty
    return scores


def each_time(logits, seen, penalty):
    scores = logits.clone()
    for token_id in seen:
        scores[token_id] *= 1 / penalty if scores[token_id] > 0 else penalty
    return scores


def everything(logits, seen, penalty):
    return torch.where(logits > 0, logits / penalty, logits * penalty)


def the_others(logits, seen, penalty):
    said = torch.zeros(len(logits), dtype=torch.bool)
    said[seen] = True
    return torch.where(said, logits, everything(logits, seen, penalty))


def the_last_one(logits, seen, penalty):
    return by_where(logits, seen[-1:], penalty)


def only_repeated(logits, seen, penalty):
    return by_where(logits, [i for i in seen if seen.count(i) > 1], penalty)


def minus(logits, seen, penalty):
    scores = logits.clone()
    scores[list(set(seen))] -= penalty
    return scores


def nothing(logits, seen, penalty):
    return logits


def probabilities(logits, seen, penalty):
    return by_where(logits, seen, penalty).softmax(-1)


def only_the_seen(logits, seen, penalty):
    return [new_score(logits[i].item(), True, penalty) for i in seen]


def only_positive(logits, seen, penalty):
    return [s / penalty if i in seen and s > 0 else s for i, s in enumerate(logits.tolist())]


def only_negative(logits, seen, penalty):
    return [s * penalty if i in seen and s < 0 else s for i, s in enumerate(logits.tolist())]


def a_batch_of_one(logits, seen, penalty):
    return by_where(logits, seen, penalty)[None]


def with_zero_times_infinity(logits, seen, penalty):
    said = torch.zeros(len(logits))
    said[seen] = 1
    return said * everything(logits, seen, penalty) + (1 - said) * torch.nan_to_num(logits) * 1 + 0 * logits


def changes_logits(logits, seen, penalty):
    for token_id in set(seen):
        logits[token_id] *= 1 / penalty if logits[token_id] > 0 else penalty
    return logits


def changes_seen(logits, seen, penalty):
    seen.sort()
    return by_where(logits, seen, penalty)


def without_the_first_id(logits, seen, penalty):
    return by_where(logits, [i for i in seen if i], penalty)


def never_a_reward(logits, seen, penalty):
    return by_where(logits, seen, max(penalty, 1.0))


def without_infinity(logits, seen, penalty):
    return by_where(torch.nan_to_num(logits), seen, penalty)


def the_smaller_one(logits, seen, penalty):
    """惩罚小于 1 时，小的那个不是该要的"""
    said = logits[seen]
    scores = logits.clone()
    scores[seen] = torch.minimum(said / penalty, said * penalty)
    return scores


def the_notebooks_example(logits, seen, penalty):
    return [1.0, -4.0, 1.0, -1.0]


class Equal:
    """说自己和什么都相等"""
    def __eq__(self, other):
        return True


def equal_to_everything(logits, seen, penalty):
    return Equal()


RIGHT = [solved(NUMBER), by_where, by_list, by_numpy, by_gather_and_scatter, by_transformers, one_after_another,
         penalize_repetition]
WRONG = [
    (lambda logits, seen, penalty: by_list(logits, seen[-512:], penalty), "应"),
    (lambda logits, seen, penalty: by_list(logits, seen[:700], penalty), "应"),
    (lambda logits, seen, penalty: by_list(logits, seen, min(penalty, 10.0)), "应得到"),
    (divided, "负的打分也除了"),
    (multiplied, "正的打分也乘了"),
    (signs_turned, "反了"),
    (each_time, "出现几次就扣了几次"),
    (everything, "没出现过的也扣了"),
    (the_others, "扣的是没出现过的"),
    (the_last_one, "只扣了最后一个"),
    (only_repeated, "出现过一次也要扣"),
    (minus, "乘或者除"),
    (nothing, "和原来一样"),
    (probabilities, "不用 softmax"),
    (only_the_seen, "个数不对"),
    (only_positive, "负的打分没有扣"),
    (only_negative, "正的打分没有扣"),
    (a_batch_of_one, "多了一层"),
    (with_zero_times_infinity, "都是 nan"),
    (changes_logits, "应保持原样"),
    (changes_seen, "应保持原样"),
    (without_the_first_id, "应得到"),
    (never_a_reward, "和原来一样"),
    (without_infinity, "-inf"),
    (the_smaller_one, "乘和除反了"),
    (the_notebooks_example, "个数不对"),
    (equal_to_everything, "应是一列打分"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[NUMBER], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[NUMBER], answer, says)


def test_the_example_in_the_notebook():
    logits = torch.tensor([2.0, -2.0, 1.0, -1.0])
    assert solved(NUMBER)(logits, [1, 0, 1], 2.0).tolist() == [1.0, -4.0, 1.0, -1.0]


def test_the_reference_by_hand():
    for case in penalized.cases():
        assert by_list(*case.inputs) == pytest.approx(case.expected, abs=1e-5)
