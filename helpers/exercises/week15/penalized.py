"""练习“重复惩罚”：出现过的编号扣一次分，正的除，负的乘

出处: notebooks/05_next_token.ipynb 第 6 节
"""
import math
from functools import partial
from random import Random

from helpers.exercises.comparing import Case, as_lists, brief, check_function, close_numbers, is_nested
from helpers.exercises.exercise import Exercise

HINTS = ("先弄清哪些编号出现过，每个只算一次；再看它的打分是正是负。没出现过的照抄",
         "set(seen) 去掉重复的；在 logits.clone() 上改，原来的就不会变")
SOLUTION = """def penalized(logits, seen, penalty):
    scores = logits.clone()  # 复制一份，传入的不变
    for token_id in set(seen):  # 出现几次都只扣一次
        if scores[token_id] > 0:
            scores[token_id] /= penalty
        else:
            scores[token_id] *= penalty
    return scores"""
WHY = ("扣的分与出现几次无关，所以“的”“，”写过一次就和写过一百次一样；"
       "问题里的词也算，惩罚大了，模型就不肯说你问的那个词。"
       "真正的 Qwen 默认 1.1，贪心时也扣")
HARDER = "只扣最近 64 个编号的分（很久以前说过的不算），再想想：这样写长文章会怎样？"


def exercise() -> Exercise:
    """这道题；正确的打分由 transformers 的 RepetitionPenaltyLogitsProcessor 给出"""
    same = partial(close_numbers, tolerance=1e-4)

    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS, same)

    return Exercise("重复惩罚", "05 第 6 节", 12, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=8)


def cases() -> list[Case]:
    """有正有负、出现几次、没出现过、第一个和最后一个编号、0 和 -inf（也有没出现过的）、惩罚小于 1、很长的"""
    random = Random(15)
    long = [round(random.uniform(-9, 9), 2) for _ in range(2_000)]
    said = [random.randrange(2_000) for _ in range(800)]
    return [
        case([2.0, -2.0, 1.0, -1.0, 3.0, -5.0], [4, 4, 1, 5, 0], 2.0),
        case([3.3, -1.2, 0.7, -4.8, 2.5], [4, 1, 1, 4, 4, 0], 1.3),
        case([1.5, -0.5, 2.0], [], 1.1),
        case([-3.0, 0.0, 6.0, -math.inf, -1.0], [3, 1, 2, 0], 1.5),
        case([-math.inf, 2.0, 1.0], [1], 1.5),
        case([4.0, -2.0, 1.0, -6.0], [3, 0, 3], 0.5),
        case([4.0, -2.0, 1.0, -6.0], [3, 0, 3], 12.0),
        case([4.0, -2.0, 1.0, -6.0], [3, 1, 3], 12.0),
        case([4.0, -3.0, 1.0, -6.0], [3, 1, 3], 12.0),
        case(long, said, 1.1),
    ]


def case(scores: list[float], seen: list[int], penalty: float) -> Case:
    """一组输入"""
    import torch

    logits = torch.tensor(scores)
    expected = right_scores(logits, seen, penalty)
    where = f"logits 是 {brief(scores)}，seen 是 {brief(seen)}，{penalty=}"
    return Case((logits, seen, penalty), expected.tolist(), where)


def right_scores(logits, seen: list[int], penalty: float):
    """正确的打分"""
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    processor = RepetitionPenaltyLogitsProcessor(penalty)
    input_ids = torch.tensor([seen], dtype=torch.long)
    return processor(input_ids, logits[None].clone())[0]


# ---- 常见的错误 ----

def has_nan(got, case):
    return any(math.isnan(score) for score in as_lists(got))


def has_another_length(got, case):
    return len(as_lists(got)) != len(case.expected)


def has_another_number(got, case):
    return not isinstance(as_lists(got), list)


def always_divide(logits, seen, penalty):
    scores = logits.clone()
    scores[seen] = logits[seen] / penalty
    return scores


def always_multiply(logits, seen, penalty):
    scores = logits.clone()
    scores[seen] = logits[seen] * penalty
    return scores


def turn_around(logits, seen, penalty):
    return right_scores(logits, seen, 1 / penalty)


def penalize_each_time(logits, seen, penalty):
    scores = logits
    for token_id in seen:
        scores = right_scores(scores, [token_id], penalty)
    return scores


def penalize_everything(logits, seen, penalty):
    return right_scores(logits, list(range(len(logits))), penalty)


def penalize_the_others(logits, seen, penalty):
    others = [token_id for token_id in range(len(logits)) if token_id not in seen]
    return right_scores(logits, others, penalty)


def penalize_the_last(logits, seen, penalty):
    return right_scores(logits, seen[-1:], penalty)


def penalize_what_is_repeated(logits, seen, penalty):
    repeated = [token_id for token_id in seen if seen.count(token_id) > 1]
    return right_scores(logits, repeated, penalty)


def subtract(logits, seen, penalty):
    scores = logits.clone()
    scores[seen] = logits[seen] - penalty
    return scores


def change_nothing(logits, seen, penalty):
    return logits


def give_probabilities(logits, seen, penalty):
    return right_scores(logits, seen, penalty).softmax(dim=-1)


def only_positive(logits, seen, penalty):
    return always_divide(logits, [token_id for token_id in seen if logits[token_id] > 0], penalty)


def only_negative(logits, seen, penalty):
    return always_multiply(logits, [token_id for token_id in seen if logits[token_id] < 0], penalty)


FORMS = {
    has_another_number: "应是一列打分，现在只有一个数；每个编号都要有",
    is_nested: "应是一维的打分，现在外面多了一层",
    has_another_length: "个数不对：logits 有几个打分，结果就有几个；没出现过的照原样留着",
    has_nan: "有 nan：打分里有 0 和 -inf（负无穷大），0 ÷ 0、-inf × 0、-inf ÷ -inf 都是 nan；"
             "出现过的只乘或除以 penalty，别的不要参加计算",
}
SLIPS = {
    change_nothing: "和原来一样：出现过的编号，打分应该变",
    always_divide: "负的打分也除了：−4 除以 2 得 −2，反而变高，成了奖励",
    always_multiply: "正的打分也乘了：4 乘以 2 得 8，反而变高，成了奖励",
    turn_around: "乘和除反了：正的打分除以 penalty，负的乘以 penalty",
    only_positive: "负的打分没有扣：出现过的负的要乘以 penalty",
    only_negative: "正的打分没有扣：出现过的正的要除以 penalty",
    penalize_each_time: "出现几次就扣了几次；每个编号只扣一次",
    penalize_everything: "没出现过的也扣了：只扣 seen 里的",
    penalize_the_others: "扣错了：扣的是没出现过的",
    penalize_the_last: "只扣了最后一个：seen 里的每一个都要扣",
    penalize_what_is_repeated: "只扣了出现过两次以上的：出现过一次也要扣",
    subtract: "像是减去了 penalty：题目是乘或者除",
    give_probabilities: "这是概率：题目要扣过分的打分，不用 softmax",
}
