"""练习“模型有多意外”：一个一个算的也对，16 位数也对；底数、符号、错一格各有自己的话"""
import copy
import math

from helpers.exercises import week15
from helpers.exercises.week15 import surprise_bits

import pytest
import torch
from answers import accepted, refused
from torch.distributions import Categorical
from week15_solutions import solved

BUT_THE_LAST = slice(None, -1)
BUT_THE_FIRST = slice(1, None)
ALL = slice(None)


def bits(model, input_ids, positions=BUT_THE_LAST, targets=BUT_THE_FIRST, dimension=-1):
    """-log2 概率；换掉一样就是一种错法"""
    log_p = torch.log_softmax(model(input_ids).logits[0, positions], dimension)
    ids = input_ids[0, targets]
    return -log_p[range(len(ids)), ids] / math.log(2)


# ---- 对的 ----

def one_by_one(model, input_ids):
    found = []
    for i in range(1, input_ids.shape[1]):
        logits = model(input_ids[:, :i]).logits[0, -1]
        p = torch.softmax(logits.double(), -1)[input_ids[0, i]]
        found.append(-math.log2(p))
    return found


def at_once(model, input_ids):
    log_p = torch.log_softmax(model(input_ids).logits[0], -1)
    return -log_p[range(input_ids.shape[1] - 1), input_ids[0, 1:]] / math.log(2)


def by_cross_entropy(model, input_ids):
    logits = model(input_ids).logits[0, :-1]
    nats = torch.nn.functional.cross_entropy(logits.float(), input_ids[0, 1:], reduction="none")
    return nats.div(math.log(2)).numpy()


def by_log2_of_softmax(model, input_ids):
    rows = model(input_ids).logits.float().softmax(-1)[0]
    return tuple(-torch.log2(rows[i, token_id]) for i, token_id in enumerate(input_ids[0, 1:]))


def with_body_and_head(model, input_ids):
    hidden = model.model(input_ids).last_hidden_state
    log_p = model.lm_head(hidden).detach().double().log_softmax(-1)[0]
    return [-log_p[i, input_ids[0, i + 1]].item() / math.log(2) for i in range(input_ids.shape[1] - 1)]


# ---- 错的 ----

def natural_logarithm(model, input_ids):
    return bits(model, input_ids) * math.log(2)


def no_minus(model, input_ids):
    return -bits(model, input_ids)


def natural_logarithm_and_no_minus(model, input_ids):
    return -bits(model, input_ids) * math.log(2)


def probabilities(model, input_ids):
    return 2 ** -bits(model, input_ids)


def own_position(model, input_ids):
    return bits(model, input_ids, BUT_THE_LAST, BUT_THE_LAST)


def own_position_from_the_second(model, input_ids):
    return bits(model, input_ids, BUT_THE_FIRST, BUT_THE_FIRST)


def position_after(model, input_ids):
    return bits(model, input_ids, BUT_THE_FIRST, BUT_THE_LAST)


def one_more(model, input_ids):
    return bits(model, input_ids, ALL, ALL)


def over_positions(model, input_ids):
    return bits(model, input_ids, dimension=0)


def added_up(model, input_ids):
    return bits(model, input_ids).sum()


def averaged(model, input_ids):
    return bits(model, input_ids).mean().item()


def a_batch_of_one(model, input_ids):
    return bits(model, input_ids)[None]


def averaged_and_repeated(model, input_ids):
    found = bits(model, input_ids)
    return found.mean().expand(len(found))


def with_base_ten(model, input_ids):
    return bits(model, input_ids) * math.log10(2)


def without_the_last(model, input_ids):
    return bits(model, input_ids)[:-1]


def rounded(model, input_ids):
    return bits(model, input_ids).round()


def changes_ids(model, input_ids):
    found = bits(model, input_ids)
    input_ids[0, 0] = 0
    return found


def the_notebooks_example(model, input_ids):
    return [2.0, 1.0]


def a_bare_number_for_two(model, input_ids):
    return bits(model, input_ids).squeeze().tolist()


def nothing_for_two(model, input_ids):
    if input_ids.shape[1] <= 2:
        return []
    return bits(model, input_ids)


def shortened(model, input_ids):
    return bits(model, input_ids[:, :32])


def remembered_by_length(model, input_ids, memory={}):  # noqa: B006  就是要错在这里
    length = input_ids.shape[1]
    if length not in memory:
        memory[length] = bits(model, input_ids)
    return memory[length]


def only_sixteen_before(model, input_ids):
    return one_by_one_with(model, input_ids, 16)


def one_by_one_with(model, input_ids, most):
    found = []
    for i in range(1, input_ids.shape[1]):
        logits = model(input_ids[:, max(i - most, 0):i]).logits[0, -1]
        found.append(-torch.log2(torch.softmax(logits, -1)[input_ids[0, i]]).item())
    return found


def one_for_each_kind(model, input_ids):
    return list(dict(zip(input_ids[0, 1:].tolist(), bits(model, input_ids).tolist(), strict=True)).values())


def with_a_mask_by_id(model, input_ids):
    mask = (input_ids != 151_643).long()
    log_p = torch.log_softmax(model(input_ids, attention_mask=mask).logits[0], -1)
    return -log_p[range(input_ids.shape[1] - 1), input_ids[0, 1:]] / math.log(2)


def without_special_tokens(model, input_ids):
    found = bits(model, input_ids).tolist()
    return [number for number, i in zip(found, input_ids[0, 1:].tolist(), strict=True) if i < 151_643]


def zero_for_special_tokens(model, input_ids):
    return bits(model, input_ids) * (input_ids[0, 1:] < 151_643)


def over_the_best_thousand(model, input_ids):
    logits = model(input_ids).logits[0, :-1]
    chosen = logits.gather(1, input_ids[0, 1:, None])[:, 0]
    return (logits.topk(1000).values.logsumexp(-1) - chosen) / math.log(2)


def rounded_to(digits):
    return lambda model, input_ids: [round(number, digits) for number in bits(model, input_ids).tolist()]


def in_sixteen_bits(model, input_ids):
    log_p = torch.log_softmax(model(input_ids).logits[0, :-1].half(), -1)
    return -log_p.float().gather(1, input_ids[0, 1:, None])[:, 0] / math.log(2)


def of_the_rows(change):
    """每个位置的打分和编号 → 结果"""
    return lambda model, input_ids: change(model(input_ids).logits[0], input_ids[0]).tolist()


def sees_only_one(model, input_ids):
    found = []
    for before, after in zip(input_ids[0, :-1], input_ids[0, 1:], strict=True):
        log_p = model(before[None, None]).logits[0, -1].log_softmax(-1)
        found.append(-log_p[after].item() / math.log(2))
    return found


def exp_at_once(model, input_ids):
    """打分很大时，指数是无穷大"""
    rows = model(input_ids=input_ids).logits[0, :-1].exp()
    wanted = rows.gather(1, input_ids[0, 1:, None])[:, 0]
    return (-(wanted / rows.sum(-1)).log2()).tolist()


RIGHT = [solved(7), one_by_one, at_once, by_cross_entropy, by_log2_of_softmax, with_body_and_head]
WRONG = [
    (exp_at_once, "应得到"),
    (lambda model, input_ids: [bit * math.log(2) ** 2 for bit in solved(7)(model, input_ids)], "应是除以它"),
    (of_the_rows(lambda rows, ids: -rows[1:].log_softmax(-1).gather(1, ids[1:, None])[:, 0]), "错了一格"),
    (of_the_rows(lambda rows, ids: rows[:-1].gather(1, ids[1:, None])[:, 0]), "这是打分"),
    (of_the_rows(lambda rows, ids: -rows[:-1].log_softmax(-1).amax(-1) / math.log(2)), "真正出现的那一个"),
    (of_the_rows(lambda rows, ids: Categorical(logits=rows[:-1]).entropy() / math.log(2)), "（熵）"),
    (sees_only_one, "前面的全都要送进去"),
    (natural_logarithm, "自然对数"),
    (no_minus, "符号反了"),
    (natural_logarithm_and_no_minus, "以 2 为底"),
    (probabilities, "还要取 -log2"),
    (own_position, "错了一格"),
    (own_position_from_the_second, "错了一格"),
    (position_after, "错了一格"),
    (one_more, "应从第 2 个算起"),
    (over_positions, "维度不对"),
    (added_up, "不要加起来"),
    (averaged, "也不要平均"),
    (a_batch_of_one, "多了一层"),
    (averaged_and_repeated, "应得到"),
    (with_base_ten, "以 10 为底"),
    (without_the_last, "少了一个"),
    (rounded, "不要取整"),
    (rounded_to(2), "不要取整"),
    (rounded_to(3), "不要取整"),
    (in_sixteen_bits, "应得到"),
    (a_bare_number_for_two, "不要加起来"),
    (nothing_for_two, "少了一个"),
    (shortened, "少了几个"),
    (lambda model, input_ids: bits(model, input_ids[:, :256]), "少了几个"),
    (lambda model, input_ids: bits(model, input_ids[:, -300:]), "少了几个"),
    (only_sixteen_before, "不同"),
    (remembered_by_length, "应得到"),
    (one_for_each_kind, "少了几个"),
    (without_special_tokens, "少了几个"),
    (with_a_mask_by_id, "不同"),
    (zero_for_special_tokens, "不同"),
    (over_the_best_thousand, "应得到"),
    (changes_ids, "应保持原样"),
    (the_notebooks_example, "题目例子里的数"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[7], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[7], answer, says)


@pytest.mark.parametrize("answer", RIGHT)
def test_sixteen_bits_are_fine_too(tokenizer, model, answer):
    half = copy.deepcopy(model).to(torch.bfloat16)
    assert week15.sheet(tokenizer, half)[7].check(answer).mark == "✓"


def test_a_slow_computer_gets_more_time(tokenizer, model, monkeypatch):
    monkeypatch.setattr(surprise_bits, "forward_seconds", lambda model: 2.0)
    first = surprise_bits.cases(tokenizer, model)[0]
    assert first.seconds == surprise_bits.SECONDS + 3 * 7 * 2.0


def test_what_does_not_end_is_stopped(tokenizer, model, monkeypatch):
    def endless(model, input_ids):
        while True:
            model(input_ids[:, :1])

    monkeypatch.setattr(surprise_bits, "SECONDS", 0.5)
    note = surprise_bits.exercise(tokenizer, model).check(endless)
    assert "太慢，或者停不下来" in note.text
