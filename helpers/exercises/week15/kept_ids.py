"""练习“top-k 再 top-p”：先只留前 k 名，再在留下的里面用 top-p

出处: notebooks/05_next_token.ipynb 第 5、7 节
"""
import math
from functools import partial
from random import Random

from helpers.exercises.comparing import Case, as_lists, brief, check_function, has, is_nested, is_plain
from helpers.exercises.exercise import Exercise

HINTS = ("分两步：先找出前 k 名的打分和编号，后面的步骤只看这 k 个；它们的概率要重新算，加起来是 1",
         "topk 同时给出排好的打分和编号，对这些打分 softmax；一个留不留，看排在它前面的概率之和够不够 p")
SOLUTION = """def kept_ids(logits, k, p):
    best = logits.topk(min(k, len(logits)))  # 前 k 名，从大到小
    probabilities = torch.softmax(best.values, dim=-1)  # 只在这几个里面算，加起来是 1
    kept = []
    total = 0.0  # 已经留下的概率之和
    for token_id, probability in zip(best.indices.tolist(), probabilities.tolist()):
        if total >= p:
            break
        kept.append(token_id)
        total += probability
    return kept"""
WHY = ("剪掉一些以后，剩下的概率都变大了，所以同一个 p 留得更少：次序不同，留下的就不同。"
       "generate 照“惩罚、温度、top-k、top-p”的次序做；调 top_k 的时候，top_p 的效果也跟着变")
HARDER = "再加一样 min-p：概率不到第一名的 0.1 倍的也去掉；想想它该放在温度的前面还是后面"


def exercise() -> Exercise:
    """这道题；正确的编号由 transformers 的 TopKLogitsWarper 和 TopPLogitsWarper 给出"""
    def test(answer):
        for case in cases():
            same = partial(is_kept, case.inputs[0])
            check_function(answer, [case], FORMS, SLIPS, same)

    return Exercise("top-k 再 top-p", "05 第 5、7 节", 14, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=10)


def cases() -> list[Case]:
    """k 管住、p 管住、只留一个、k 比词表大、k 是 1、p 是 1、差一点点就够、正好等于 p、有相同的、很长的、打分很大很小

    p 离累加的概率比舍入远得多，舍入不会改变结果；正好等于的那一组打分全相同，没有舍入
    打分很大很小的在最后：平常的都对，只有它们错，才知道是 exp 算不了
    """
    random = Random(15)
    long = [round(random.gauss(0, 3), 3) for _ in range(400)]
    return [
        case([2.364, 0.228, -0.518, 1.376, -1.099, 1.571, 0.74, -0.763], 6, 0.8),
        case([0.375, -1.235, 2.618, 0.483, 1.909, 4.1], 4, 0.85),
        case([2.364, 0.228, -0.518, 1.376, -1.099, 1.571, 0.74, -0.763], 5, 0.72),
        case([-0.345, 0.262, 1.685, 1.76, 2.084, 3.161, 1.537, 2.129], 3, 0.2),
        case([0.659], 1, 0.5),
        case([0.5, 2.0, -1.0, 1.0], 50, 0.8),
        case([0.32, 1.67, -0.7, -0.84, 0.4, 1.79], 6, 1.0),
        case([1.61, 0.65, -0.14, 0.08, 0.63, 1.66, -5.0], 6, 1.0),
        case([3.0, 2.0, 1.0], 1, 1.0),
        case([math.log(0.5), math.log(0.2995), math.log(0.2005)], 3, 0.8),
        case([7.0, 7.0, 7.0, 7.0], 4, 0.5),
        case([1.0, 2.5, 1.0, 0.2, 2.5, 1.0, 0.1], 6, 0.95),
        case([3.0, 9.0, 1.0], 2, 0.01),
        case([2.364, 0.228, -0.518, 1.376, -1.099, 1.571, 0.74, -0.763], 6, 0.5),
        case([2.364, 0.228, -0.518, 1.376, -1.099, 1.571, 0.74, -0.763], 2, 0.8),
        case([2.364, 1.571, -0.518, 0.228, -1.099, 1.376, 0.74, -0.763], 2, 0.8),
        case(long, 40, 0.904),
        case([round(place / 900, 4) for place in range(900)], 850, 0.9001),
        case(long, 300, 0.6),
        case([0.0, 5.0, -5.5], 3, 1.0),
        case([1000.0, 999.5, 3.0, 999.0], 3, 0.7),
        case([-1000.0, -1001.0, -1000.5, -1002.0], 3, 0.7),
        case([100.0, 99.9, 0.0], 3, 0.9),
        case([1000.0, 3.0, 2.0, 1.0, 0.0], 4, 0.9),
    ]


def case(scores: list[float], k: int, p: float) -> Case:
    """一组输入"""
    import torch

    logits = torch.tensor(scores)
    where = f"logits 是 {brief(scores)}，{k=}，{p=}"
    return Case((logits, k, p), right_ids(logits, k, p), where)


def right_ids(logits, k: int, p: float) -> list[int]:
    """正确的编号，打分从大到小"""
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    best = TopKLogitsWarper(k)(None, logits[None])
    kept = TopPLogitsWarper(p)(None, best)[0]
    scores, order = kept.sort(descending=True)
    return order[scores.isfinite()].tolist()


def is_kept(logits, got: object, want: list[int]) -> bool:
    """留下的对吗，次序对吗；打分相同的，谁先谁后、留谁都行"""
    ids = as_lists(got)
    if not is_plain(ids) or not all(type(token_id) is int for token_id in ids):
        return False
    if len(set(ids)) != len(ids) or min(ids, default=0) < 0:
        return False
    return logits[ids].tolist() == logits[want].tolist()


# ---- 常见的错误 ----

def has_floats_or_bools(got, case):
    return has((float, bool), got)


def is_a_set(got, case):
    return isinstance(got, set)


def is_a_number(got, case):
    return type(as_lists(got)) in (int, float)


def is_empty(got, case):
    return len(as_lists(got)) == 0


def has_one_twice(got, case):
    ids = as_lists(got)
    return len(set(ids)) < len(ids)


def loses_some_at_one(got, case):
    _, _, p = case.inputs
    return p == 1 and len(as_lists(got)) < len(case.expected)


def has_extreme_scores(got, case):
    logits, _, _ = case.inputs
    return logits.abs().max() > 80


def ranked(logits) -> list[int]:
    """编号，打分从大到小"""
    return logits.argsort(descending=True, stable=True).tolist()


def keep_while(logits, probabilities, p: float) -> list[int]:
    """从打分最高的留起，到 probabilities 加起来够 p"""
    kept = []
    total = 0.0
    for token_id in ranked(logits):
        if total >= p:
            break
        kept.append(token_id)
        total += float(probabilities[token_id])
    return kept


def probabilities_of_all(logits, k, p):
    return keep_while(logits, logits.softmax(-1), p)[:k]


def only_top_k(logits, k, p):
    return ranked(logits)[:k]


def only_top_p(logits, k, p):
    return keep_while(logits, logits.softmax(-1), p)


def merge_equal_scores(logits, k, p):
    owners = {score: token_id for token_id, score in enumerate(logits.tolist())}
    ids = list(owners.values())
    return [ids[place] for place in right_ids(logits[ids], k, p)]


def round_probabilities(logits, k, p):
    kept = ranked(logits)[:k]
    probabilities = logits[kept].softmax(-1).round(decimals=2)
    return [kept[place] for place in keep_while(logits[kept], probabilities, p)]


def keep_equal_scores(logits, k, p):
    lowest = logits[right_ids(logits, k, p)].min()
    return [token_id for token_id in ranked(logits) if logits[token_id] >= lowest]


def sum_of_scores(logits, k, p):
    return keep_while(logits, logits, p)[:k]


def drop_the_last(logits, k, p):
    return right_ids(logits, k, p)[:-1]


def drop_the_last_of_several(logits, k, p):
    ids = right_ids(logits, k, p)
    if len(ids) == 1:
        return ids
    return ids[:-1]


def one_too_many(logits, k, p):
    count = len(right_ids(logits, k, p)) + 1
    return ranked(logits)[:count]


def best_of(logits, k):
    return ranked(logits)[:k]


def softmax_twice(logits, k, p):
    return right_ids(logits.softmax(-1), k, p)


def share_of_k(logits, k, p):
    kept = best_of(logits, k)
    return kept[:math.ceil(len(kept) * p)]


def from_the_smallest(logits, k, p):
    kept = best_of(logits, k)
    places = keep_while(-logits[kept], logits[kept].softmax(-1), p)
    return [kept[place] for place in places]


def in_order_of_ids(logits, k, p):
    kept = sorted(best_of(logits, k))
    order = -logits.new_tensor(range(len(kept)))
    return [kept[place] for place in keep_while(order, logits[kept].softmax(-1), p)]


def first_places(logits, k, p):
    return right_ids(logits[:k], k, p)


def smallest_scores(logits, k, p):
    return right_ids(-logits, k, p)


def divide_scores(logits, k, p):
    kept = best_of(logits, k)
    shares = logits[kept] / logits[kept].sum()
    return [kept[place] for place in keep_while(logits[kept], shares, p)]


def one_more_than_k(logits, k, p):
    return right_ids(logits, k + 1, p)


def one_less_than_k(logits, k, p):
    return right_ids(logits, k - 1, p)


def by_id(logits, k, p):
    return sorted(right_ids(logits, k, p))


def reversed_order(logits, k, p):
    return right_ids(logits, k, p)[::-1]


def give_ranks(logits, k, p):
    return list(range(len(right_ids(logits, k, p))))


ONE_MISSING = "少留了一个：加上它才够 p 的那一个也要留下；正好是第一名，也留"
FORMS = {
    is_a_set: "应是列表，现在是集合；集合没有次序，题目要概率从大到小",
    is_a_number: "应是编号的列表，现在只有一个数；是留下几个，还是留下哪些？",
    is_nested: "应是一列编号，现在外面多了一层",
    has_floats_or_bools: "应是编号（整数），现在有小数或真假；排序时把编号也留着",
    has_extreme_scores: "平常的打分都对，很大或很小的错了：exp(1000) 是无穷大，exp(−1000) 是 0，除出来就不对；"
                        "先截断、换成 16 位数也会错。torch.softmax 不怕，它先减去最大的一个",
    is_empty: "一个也没有留下：第一名一定留下，否则没有词元可写",
    loses_some_at_one: "p 是 1 时，top-p 什么也不去掉：前 k 名全留",
    has_one_twice: "有一个编号留了两次：打分相同的是不同的编号，按值找位置（例如 index）只找得到第一个",
}
SLIPS = {
    by_id: "留下的对了，次序不对：按概率从大到小，不是按编号",
    reversed_order: "留下的对了，次序反了：从大到小",
    probabilities_of_all: "像是用全部词元的概率去凑 p：top-k 以后，概率要在留下的里面重新算，加起来是 1",
    round_probabilities: "还差一点点的，现在算作够了：概率不要取整，和 p 比也不要放宽",
    keep_equal_scores: "和最后一个打分相同的也都留了：加起来够 p 就停，打分相同的只留其中几个",
    only_top_k: "留下的正好是前 k 名：在它们里面还要用 top-p，加起来和 p 比的是概率（不是概率的对数）",
    only_top_p: "只做了 top-p：先要只留前 k 名",
    merge_equal_scores: "打分相同的只剩了一个，像是用打分或概率做了字典的键；它们是不同的编号，各算各的",
    sum_of_scores: "像是拿打分、或者每一个自己的概率和 p 比：先 softmax，加起来的概率才和 p 比",
    give_ranks: "这是名次，不是编号：要它们在 logits 里的下标",
    drop_the_last: ONE_MISSING,
    drop_the_last_of_several: ONE_MISSING,
    one_too_many: "多留了一个：前面的加起来已经够 p（正好等于也是够）就停",
    softmax_twice: "像是做了两次 softmax：第二次应对打分做，不是对概率做",
    share_of_k: "像是留下了个数的 p 倍：看的是概率加起来够不够，不是个数",
    from_the_smallest: "像是从概率最小的加起：要从最大的开始",
    in_order_of_ids: "像是照编号的次序加的：先从大到小排好，再加",
    first_places: "像是取了 logits 里排在前面的 k 个：要打分最高的 k 个",
    smallest_scores: "反了：要留打分最高的，不是最低的",
    divide_scores: "像是拿打分除以打分的和，当作概率：打分可能是负的，要用 softmax",
    one_more_than_k: "像是先留了 k + 1 名：多留的一名，概率也算进去了",
    one_less_than_k: "像是先只留了 k − 1 名：前 k 名都要算进去",
}
