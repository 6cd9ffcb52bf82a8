"""从 logits 到下一个词元：温度、top-k、top-p、重复惩罚，各一个函数

logits 都是一维张量，形状 (词表大小,)，无单位；被去掉的词元记成 -inf，softmax 以后概率是 0
出处: notebooks/05_generation.ipynb 第 2–6 节；与 transformers 的 LogitsProcessor 结果相同（tests/test_sampling.py）
"""
import math
from collections.abc import Sequence

import torch

STAGES = ("原来", "重复惩罚", "温度", "top-k", "top-p")


def check_logits(logits: torch.Tensor) -> None:
    """logits 应是一维的浮点张量，没有 nan，否则报 TypeError 或 ValueError"""
    if not isinstance(logits, torch.Tensor):
        raise TypeError(f"logits 应是张量，现在是 {type(logits).__name__}；用 model(**inputs).logits[0, -1]")
    if logits.ndim != 1 or not len(logits):
        raise ValueError(f"logits 应是一维 (词表大小,)，现在是 {tuple(logits.shape)}；"
                         "试试 logits[0, -1]：第 0 句、最后一个位置")
    if not logits.is_floating_point() or logits.isnan().any():
        raise ValueError(f"logits 应是没有 nan 的小数，现在是 {logits.dtype}，有 {int(logits.isnan().sum())} 个 nan；"
                         "检查是不是把编号当成了 logits")


def with_temperature(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """每个打分除以温度；temperature > 0，小于 1 更尖，大于 1 更平

    例: with_temperature(torch.tensor([0., 2.]), 2.0) -> tensor([0., 1.])
    """
    check_logits(logits)
    if not temperature > 0:
        raise ValueError(f"温度应大于 0，现在是 {temperature}；每次都想要第一名时不用温度，写 do_sample=False")
    return logits / temperature


def keep_top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """只留打分最高的 k 个（并列的都留），其余记成 -inf；1 ≤ k ≤ 词表大小

    例: keep_top_k(torch.tensor([0., 2., 1.]), 2) -> tensor([-inf, 2., 1.])
    """
    check_logits(logits)
    if not 1 <= k <= len(logits):
        raise ValueError(f"k 应在 1 到词表大小 {len(logits)} 之间，现在是 {k}；常用 20 或 50")
    return logits.masked_fill(logits < logits.topk(k).values[-1], -torch.inf)


def keep_top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """从概率最大的开始留，直到留下的概率加起来够 p；0 < p ≤ 1，至少留一个

    例: keep_top_p(torch.tensor([0., 2., 1.]), 0.6) -> tensor([-inf, 2., -inf])
    出处: Holtzman 等 2020, The Curious Case of Neural Text Degeneration
    """
    check_logits(logits)
    if not 0 < p <= 1:
        raise ValueError(f"p 应大于 0、不超过 1，现在是 {p}；常用 0.8 或 0.9")
    probabilities, order = torch.softmax(logits, dim=-1).sort(descending=True)
    before = probabilities.cumsum(-1) - probabilities  # 排在它前面的概率之和
    drop = order[before >= p] if p < 1 else order[:0]
    return logits.index_fill(0, drop, -torch.inf)


def penalize_repetition(logits: torch.Tensor, seen: Sequence[int], penalty: float) -> torch.Tensor:
    """已经出现过的编号扣分：正的打分除以 penalty，负的乘以 penalty；penalty > 0，1 是不扣

    例: penalize_repetition(torch.tensor([2., -2., 1.]), [0, 1], 2.0) -> tensor([1., -4., 1.])
    出处: Keskar 等 2019, CTRL 第 4.1 节
    """
    check_logits(logits)
    if not penalty > 0:
        raise ValueError(f"重复惩罚应大于 0，现在是 {penalty}；1 是不惩罚，常用 1.1")
    ids = torch.as_tensor(seen, dtype=torch.long).unique()
    if len(ids) and not (ids.min() >= 0 and ids.max() < len(logits)):
        raise ValueError(f"编号应在 0 到 {len(logits) - 1} 之间，现在有 {int(ids.min())} 到 {int(ids.max())}；"
                         "检查编号和模型是不是同一套")
    score = logits[ids]
    return logits.index_copy(0, ids, torch.where(score < 0, score * penalty, score / penalty))


def top_candidates(logits: torch.Tensor, k: int = 5, temperature: float = 1.0) -> list[tuple[int, float]]:
    """下一个词元的前 k 名：(编号, 概率)，从大到小

    例: top_candidates(torch.tensor([0., 2., 1.]), k=1) -> [(1, 0.665...)]
    """
    scores = with_temperature(logits, temperature)
    if not 1 <= k <= len(logits):
        raise ValueError(f"k 应在 1 到词表大小 {len(logits)} 之间，现在是 {k}；常用 5 或 10")
    probabilities, ids = torch.softmax(scores, dim=-1).topk(k)
    return list(zip(ids.tolist(), probabilities.tolist(), strict=True))


def draw(logits: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """按 softmax 的概率抽一个编号；generator 固定了种子，结果就固定"""
    check_logits(logits)
    return torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator).item()


def stages(logits: torch.Tensor, seen: Sequence[int], penalty: float = 1.0, temperature: float = 1.0, top_k: int = 0,
           top_p: float = 1.0) -> dict[str, torch.Tensor]:
    """按 generate 的次序一样一样地用上：名称 → 用过以后的 logits；最后一项就是抽签用的

    top_k=0 是不用 top-k；别的参数见上面各个函数
    例: list(stages(torch.tensor([0., 2.]), [])) -> ["原来", "重复惩罚", "温度", "top-k", "top-p"]
    """
    penalized = penalize_repetition(logits, seen, penalty)
    scaled = with_temperature(penalized, temperature)
    kept = keep_top_k(scaled, top_k) if top_k else scaled
    return dict(zip(STAGES, (logits, penalized, scaled, kept, keep_top_p(kept, top_p)), strict=True))


def surprise(probability: float) -> float:
    """看到一个概率是 probability 的词元有多意外，单位比特：概率减半，多 1 比特；0 < probability ≤ 1

    例: surprise(0.25) -> 2.0
    出处: Shannon 1948, A Mathematical Theory of Communication
    """
    if not 0 < probability <= 1:
        raise ValueError(f"概率应大于 0、不超过 1，现在是 {probability}；概率是 0 的词元永远不会出现")
    return math.log2(1 / probability)
