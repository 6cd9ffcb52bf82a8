"""从 logits 到下一个词元：温度、top-k、top-p、重复惩罚，各一个函数

logits 都是一维张量，形状 (词表大小,)，无单位；被去掉的词元记成 -inf，softmax 以后概率是 0
出处: notebooks/05_next_token.ipynb 第 2–7 节；与 transformers 的 LogitsProcessor 结果相同（tests/test_sampling.py）
"""
import math

import torch
from torch import Generator, Tensor

STAGES = ("原来", "重复惩罚", "温度", "top-k", "top-p")


def check_logits(logits: Tensor) -> None:
    """logits 应是一维的浮点张量，没有 nan，否则报 TypeError 或 ValueError"""
    if not isinstance(logits, Tensor):
        kind = type(logits).__name__
        raise TypeError(f"logits 应是张量，现在是 {kind}；用 model(**inputs).logits[0, -1]")
    if logits.ndim != 1 or len(logits) == 0:
        shape = tuple(logits.shape)
        raise ValueError(
            f"logits 应是一维 (词表大小,)，现在是 {shape}；"
            "试试 logits[0, -1]：第 0 句、最后一个位置")
    bad = int(logits.isnan().sum())
    if bad or not logits.is_floating_point():
        raise ValueError(
            f"logits 应是没有 nan 的小数，现在是 {logits.dtype}，"
            f"有 {bad} 个 nan；检查是不是把编号当成了 logits")


def check_k(k: int, size: int, usual: str) -> None:
    """k 应在 1 到词表大小 size 之间，否则报 ValueError；usual: 建议的 k"""
    if not 1 <= k <= size:
        raise ValueError(f"k 应在 1 到词表大小 {size} 之间，现在是 {k}；常用 {usual}")


def with_temperature(logits: Tensor, temperature: float) -> Tensor:
    """每个打分除以温度；temperature > 0，小于 1 更尖，大于 1 更平

    例: with_temperature(torch.tensor([0., 2.]), 2.0) -> tensor([0., 1.])
    """
    check_logits(logits)
    if not temperature > 0:
        raise ValueError(f"温度应大于 0，现在是 {temperature}；每次都想要第一名时不用温度，写 do_sample=False")
    return logits / temperature


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """只留打分最高的 k 个（并列的都留），其余记成 -inf；1 ≤ k ≤ 词表大小

    例: keep_top_k(torch.tensor([0., 2., 1.]), 2) -> tensor([-inf, 2., 1.])
    """
    check_logits(logits)
    check_k(k, len(logits), usual="20 或 50")
    lowest = logits.topk(k).values[-1]
    dropped = logits < lowest
    return logits.masked_fill(dropped, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """从概率最大的开始留，直到留下的概率加起来够 p；0 < p ≤ 1，至少留一个

    例: keep_top_p(torch.tensor([0., 2., 1.]), 0.6) -> tensor([-inf, 2., -inf])
    出处: Holtzman 等 2020, The Curious Case of Neural Text Degeneration
    """
    check_logits(logits)
    if not 0 < p <= 1:
        raise ValueError(f"p 应大于 0、不超过 1，现在是 {p}；常用 0.8 或 0.9")
    if p == 1:
        return logits
    probabilities, order = logits.softmax(dim=-1).sort(descending=True)
    before = probabilities.cumsum(-1) - probabilities  # 排在它前面的概率之和
    dropped = order[before >= p]
    return logits.index_fill(0, dropped, -torch.inf)


def penalize_repetition(logits: Tensor, seen: list[int], penalty: float) -> Tensor:
    """已经出现过的编号扣分：正的打分除以 penalty，负的乘以 penalty；penalty > 0，1 是不扣

    例: penalize_repetition(torch.tensor([2., -2., 1.]), [0, 1], 2.0) -> tensor([1., -4., 1.])
    出处: Keskar 等 2019, CTRL 第 4.1 节
    """
    check_logits(logits)
    if not penalty > 0:
        raise ValueError(f"重复惩罚应大于 0，现在是 {penalty}；1 是不惩罚，常用 1.1")
    if len(seen) == 0:
        return logits
    low = min(seen)
    high = max(seen)
    last = len(logits) - 1
    if low < 0 or high > last:
        raise ValueError(
            f"编号应在 0 到 {last} 之间，"
            f"现在有 {low} 到 {high}；检查编号和模型是不是同一套")
    ids = torch.tensor(seen)
    scores = logits[ids]
    lowered = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.index_copy(0, ids, lowered)


def top_candidates(logits: Tensor, k: int = 5, temperature: float = 1.0) -> list[tuple[int, float]]:
    """下一个词元的前 k 名：(编号, 概率)，从大到小

    例: top_candidates(torch.tensor([0., 2., 1.]), k=1) -> [(1, 0.665...)]
    """
    scores = with_temperature(logits, temperature)
    check_k(k, len(scores), usual="5 或 10")
    best = scores.softmax(dim=-1).topk(k)
    ids = best.indices.tolist()
    return list(zip(ids, best.values.tolist(), strict=True))


def draw(logits: Tensor, generator: Generator | None = None) -> int:
    """按 softmax 的概率抽一个编号；generator 固定了种子，结果就固定"""
    check_logits(logits)
    probabilities = logits.softmax(dim=-1)
    drawn = probabilities.multinomial(1, generator=generator)
    return drawn.item()


def stages(logits: Tensor, seen: list[int], penalty: float = 1.0, temperature: float = 1.0, top_k: int = 0,
           top_p: float = 1.0) -> dict[str, Tensor]:
    """按 generate 的次序一样一样地用上：名称 → 用过以后的 logits；最后一项就是抽签用的

    top_k=0 是不用 top-k；别的参数见上面各个函数
    例: list(stages(torch.tensor([0., 2.]), [])) -> ["原来", "重复惩罚", "温度", "top-k", "top-p"]
    """
    penalized = penalize_repetition(logits, seen, penalty)
    scaled = with_temperature(penalized, temperature)
    kept = scaled
    if top_k:
        kept = keep_top_k(scaled, top_k)
    final = keep_top_p(kept, top_p)
    results = (logits, penalized, scaled, kept, final)
    return dict(zip(STAGES, results, strict=True))


def surprise(probability: float) -> float:
    """看到一个概率是 probability 的词元有多意外，单位比特：概率减半，多 1 比特；0 < probability ≤ 1

    例: surprise(0.25) -> 2.0
    出处: Shannon 1948, A Mathematical Theory of Communication
    """
    if not 0 < probability <= 1:
        raise ValueError(f"概率应大于 0、不超过 1，现在是 {probability}；概率是 0 的词元永远不会出现")
    return math.log2(1 / probability)
