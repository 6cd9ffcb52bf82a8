"""练习“top-p 留下谁”：从概率最大的留起，直到加起来够 p

出处: notebooks/05_next_token.ipynb 第 5 节
"""
from helpers.exercises.comparing import Case, as_lists, brief, check_function, is_nested
from helpers.exercises.exercise import Exercise

HINTS = ("先 softmax，再从大到小排序；sort 同时给出排好的值和原来的下标，下标就是编号",
         "一个词元留不留，看排在它前面的概率之和够不够 p：不够就留")
SOLUTION = """def keep_top_p_ids(logits, p):
    probabilities, order = torch.softmax(logits, dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities  # 排在它前面的概率之和，第一名是 0，一定留下
    return order[before < p].tolist()"""


def exercise() -> Exercise:
    """这道题；正确的编号由 transformers 的 TopPLogitsWarper 给出"""
    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS)

    return Exercise("top-p 留下谁", "05 第 5 节", 12, test, HINTS, SOLUTION)


def cases() -> list[Case]:
    """p 落在第几个词元的概率中间，舍入误差不会改变结果；有长的、只留一个的、全留下的"""
    long = [i * 37 % 500 / 50 for i in range(500)]
    return [
        case([0.375, -1.235, 2.618, 0.483, 1.909, 4.1], 0.9199),
        case([2.364, 0.228, -0.518, 1.376, -1.099, 1.571, 0.74, -0.763], 0.8468),
        case([-0.345, 0.262, 1.685, 1.76, 2.084, 3.161, 1.537, 2.129], 0.2037),
        case(long, 0.09),
        case([0.659], 0.5),
        case([0.5, 2.0, -1.0, 1.0], 1.0),
        case([3.0, 9.0, 1.0], 0.01),
    ]


def case(scores: list[float], p: float) -> Case:
    """一组输入"""
    import torch

    logits = torch.tensor(scores)
    expected = top_p_ids(logits, p)
    where = f"logits 是 {brief(scores)}，p={p}"
    return Case((logits, p), expected, where)


def top_p_ids(logits, p: float) -> list[int]:
    """正确的编号"""
    from transformers import TopPLogitsWarper

    warper = TopPLogitsWarper(p)
    kept = warper(None, logits[None])[0]
    scores, order = kept.sort(descending=True)
    return order[scores.isfinite()].tolist()


# ---- 常见的错误 ----

def has_floats_or_bools(got, case):
    return any(isinstance(item, float | bool) for item in as_lists(got))


def add_scores_one_by_one(logits, p):
    kept = []
    for token_id in logits.argsort(descending=True).tolist():
        kept.append(token_id)
        if logits[kept].sum() >= p:
            break
    return kept


def add_scores_at_once(logits, p):
    scores, order = logits.sort(descending=True)
    total = scores.cumsum(dim=-1)
    before = total - scores
    return order[before < p]


def drop_a_lone_one(logits, p):
    kept = top_p_ids(logits, p)
    if len(kept) > 1:
        return kept
    return []


def drop_the_last(logits, p):
    return top_p_ids(logits, p)[:-1]


def keep_one_more(logits, p):
    count = len(top_p_ids(logits, p)) + 1
    return logits.argsort(descending=True)[:count]


def order_by_id(logits, p):
    return sorted(top_p_ids(logits, p))


def order_upwards(logits, p):
    return top_p_ids(logits, p)[::-1]


SCORES_ADDED = "像是直接把 logits 加起来和 p 比：logits 不是概率，先 softmax"
FORMS = {
    is_nested: "应是一列编号，现在外面多了一层",
    has_floats_or_bools: "应是编号（整数）的列表，现在是小数或真假；排序时得到的下标才是编号",
}
SLIPS = {
    add_scores_one_by_one: SCORES_ADDED,
    add_scores_at_once: SCORES_ADDED,
    drop_a_lone_one: "至少要留一个：第一名的概率超过 p 时也要留下它",
    drop_the_last: "少留了一个：加上它才够 p 的那一个也要留下",
    keep_one_more: "多留了一个：已经够 p 了就该停",
    order_by_id: "编号都对，次序不对：应按概率从大到小，不是按编号",
    order_upwards: "编号都对，次序反了：应从大到小",
}
