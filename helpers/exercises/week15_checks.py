"""第 15 周在打分上算的题：温度 softmax 和 top-p；以及第 15 周都用的比较

参照: 用 math 算的指数、transformers 的 TopPLogitsWarper
出处: notebooks/week15_exercises.ipynb 练习 2、4
"""
import math
import random

from helpers.exercises.exercise import brief, compare, plain


def close(got: object, want: list[float], tolerance: float = 1e-3) -> bool:
    """got 是与 want 一样长、逐个差不多的一列数吗"""
    numbers = plain(got)
    return isinstance(numbers, list) and len(numbers) == len(want) and all(
        a == b or abs(a - b) <= tolerance * (1 + abs(b)) for a, b in zip(numbers, want, strict=True))


def ids_same(got: object, want: list[int]) -> bool:
    """got 是同样的一列编号吗"""
    return plain(got) == want


def known(want: object, wrongs: list[tuple[object, str]], same) -> list:
    """[(错误的结果, 要说的话)] → compare 的 mistakes；与正确结果分不开的不要"""
    return [(lambda got, value=value: same(got, value), message) for value, message in wrongs if not same(value, want)]


def nested(got: object) -> bool:
    """got 是列表的列表吗"""
    return isinstance(plain(got), list) and any(isinstance(item, list) for item in plain(got))


def softmax(scores: list[float]) -> list[float]:
    """用 math 算的 softmax，不用 torch"""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    return [weight / math.fsum(weights) for weight in weights]


def softmax_groups() -> list[tuple[list[float], float]]:
    """(logits, 温度)：平常的、很长的、一个、很大、很小、含 -inf 的"""
    rng = random.Random(15)
    groups = [([round(rng.gauss(0, 3), 2) for _ in range(size)], round(rng.uniform(0.3, 0.8), 2)) for size in (4, 6)]
    return groups + [([rng.gauss(0, 3) for _ in range(300)], 1.7), ([5.0], 0.5), ([1000.0, 999.0, 0.0], 0.5),
                     ([-1000.0, -1001.0], 2.0), ([1.0, -math.inf, 0.0], 0.7)]


def softmax_wrongs(scores: list[float], T: float) -> list[tuple[list[float], str]]:
    """温度 softmax 常见的错误结果，和要说的话"""
    scaled, cold = [score / T for score in scores], softmax(scores)
    return [(softmax([score * T for score in scores]), "温度用反了：打分应除以温度，现在像是乘以温度"),
            (cold, "没有用到温度：softmax 之前打分要先除以温度"),
            ([p / T for p in cold], "次序反了：先除以温度再 softmax，不是 softmax 以后再除"),
            (scaled, "这还是打分，不是概率：除以温度以后还要 softmax"),
            ([math.log(p) if p else -math.inf for p in softmax(scaled)], "这是概率的对数，题目要概率本身")]


def check_probabilities(answer: object) -> None:
    """第 2 题：温度 softmax"""
    import torch
    for scores, T in softmax_groups():
        want = [round(p, 4) for p in softmax([score / T for score in scores])]

        def unscaled(got, want=want):
            total = sum(plain(got))
            return abs(total - 1) > 0.01 and close([x / total for x in plain(got)], want)

        compare(answer, (torch.tensor(scores), T), want, f"logits 是 {brief(scores)}，温度是 {T}", close, [
            (nested, "应是一维的概率，现在外面多了一层"),
            (lambda got: any(math.isnan(x) or x == math.inf for x in plain(got)),
             "应全是 0 到 1 之间的数，现在有 nan 或 inf：打分太大或太小，取指数会出界；先减去最大值"),
            *known(want, softmax_wrongs(scores, T), close), (unscaled, "加起来应是 1，现在不是：忘了除以总和")])


def top_p_groups() -> list[tuple[list[float], float]]:
    """(logits, p)：p 落在第 k 个词元的概率中间，舍入误差不会改变结果"""
    rng = random.Random(151)
    groups = []
    for size, k in ((6, 2), (8, 3), (8, 0), (30, 4), (500, 5), (1, 0)):
        scores = [round(rng.gauss(1, 1.2), 3) for _ in range(size)]
        best = sorted(softmax(scores), reverse=True)
        groups.append((scores, round(sum(best[:k]) + best[k] / 2, 4)))
    return groups + [([0.5, 2.0, -1.0, 1.0], 1.0), ([3.0, 9.0, 1.0], 0.01)]


def top_p_wrongs(scores: list[float], p: float, want: list[int]) -> list[tuple[list[int], str]]:
    """top-p 常见的错误结果，和要说的话"""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    before = [sum(scores[i] for i in order[:rank]) for rank in range(len(order))]  # 把打分错当概率加起来
    first = next((rank for rank, total in enumerate(before) if rank and total >= p), len(order))
    raw = "像是直接把 logits 加起来和 p 比：logits 不是概率，先 softmax"
    short = "至少要留一个：第一名的概率超过 p 时也要留下它" if len(want) == 1 else \
        "少留了一个：加上它才够 p 的那一个也要留下"
    return [(order[:first], raw), ([i for i, total in zip(order, before, strict=True) if total < p], raw),
            (want[:-1], short), (order[:len(want) + 1], "多留了一个：已经够 p 了就该停"),
            (sorted(want), "编号都对，次序不对：应按概率从大到小，不是按编号"),
            (want[::-1], "编号都对，次序反了：应从大到小")]


def check_top_p(answer: object) -> None:
    """第 4 题：top-p 留下哪些编号"""
    import torch
    from transformers import TopPLogitsWarper
    for scores, p in top_p_groups():
        kept = TopPLogitsWarper(p)(None, torch.tensor([scores]))[0]
        want = [i for i in kept.argsort(descending=True).tolist() if kept[i] > -math.inf]
        compare(answer, (torch.tensor(scores), p), want, f"logits 是 {brief(scores)}，p={p}", ids_same, [
            (nested, "应是一列编号，现在外面多了一层"),
            (lambda got: any(isinstance(x, float | bool) for x in plain(got)),
             "应是编号（整数）的列表，现在是小数或真假；排序时得到的下标才是编号"),
            *known(want, top_p_wrongs(scores, p, want), ids_same)])
