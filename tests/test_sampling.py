"""sampling 的每一步：手算的例子，与 transformers 的处理器相同，坏输入"""
from helpers import sampling

import pytest
import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

INF = torch.inf
SMALL = torch.tensor([0.0, 2.0, 1.0])


def random_logits(seed: int, size: int = 1000) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 4


def test_by_hand():
    assert sampling.with_temperature(SMALL, 2.0).tolist() == [0.0, 1.0, 0.5]
    assert sampling.keep_top_k(SMALL, 2).tolist() == [-INF, 2.0, 1.0]
    assert sampling.keep_top_p(SMALL, 0.6).tolist() == [-INF, 2.0, -INF]  # 概率 0.09、0.67、0.24
    assert sampling.keep_top_p(SMALL, 0.7).tolist() == [-INF, 2.0, 1.0]
    assert sampling.penalize_repetition(torch.tensor([2.0, -2.0, 1.0]), [0, 1, 1], 2.0).tolist() == [1.0, -4.0, 1.0]
    assert sampling.top_candidates(SMALL, k=1) == [(1, pytest.approx(0.665, abs=1e-3))]


@pytest.mark.parametrize("seed", range(5))
def test_the_same_as_transformers(seed):
    logits = random_logits(seed)
    ids = torch.tensor([[3, 7, 7, 500]])
    pairs = [
        (sampling.with_temperature(logits, 0.7), TemperatureLogitsWarper(0.7)),
        (sampling.keep_top_k(logits, 20), TopKLogitsWarper(20)),
        (sampling.keep_top_p(logits, 0.8), TopPLogitsWarper(0.8)),
        (sampling.penalize_repetition(logits, ids[0].tolist(), 1.1), RepetitionPenaltyLogitsProcessor(1.1))]
    for ours, theirs in pairs:
        assert torch.allclose(ours, theirs(ids, logits[None])[0])


@pytest.mark.parametrize("p", [0.001, 0.5, 0.999, 1.0])
def test_top_p_keeps_just_enough(p):
    probabilities = torch.softmax(random_logits(9), dim=-1)
    kept = probabilities[sampling.keep_top_p(random_logits(9), p) > -INF]
    assert kept.sum() >= p - 1e-4
    assert kept.sum() - kept.min() < p


def test_draw_follows_the_probabilities_and_the_seed():
    generator = torch.Generator().manual_seed(0)
    drawn = [sampling.draw(SMALL, generator) for _ in range(3000)]
    shares = [drawn.count(i) / 3000 for i in range(3)]
    assert shares == pytest.approx(torch.softmax(SMALL, dim=-1).tolist(), abs=0.03)
    assert sampling.draw(sampling.keep_top_k(SMALL, 1)) == 1


@pytest.mark.parametrize("call, says", [
    (lambda: sampling.with_temperature(SMALL, 0), "温度应大于 0"),
    (lambda: sampling.with_temperature(SMALL, -1), "温度应大于 0"),
    (lambda: sampling.with_temperature(SMALL, float("nan")), "温度应大于 0"),
    (lambda: sampling.keep_top_k(SMALL, 0), "k 应在 1 到"), (lambda: sampling.keep_top_k(SMALL, 4), "词表大小 3"),
    (lambda: sampling.top_candidates(SMALL, 9), "词表大小 3"),
    (lambda: sampling.keep_top_p(SMALL, 0), "p 应大于 0"), (lambda: sampling.keep_top_p(SMALL, 1.5), "不超过 1"),
    (lambda: sampling.penalize_repetition(SMALL, [0], 0), "重复惩罚应大于 0"),
    (lambda: sampling.penalize_repetition(SMALL, [3], 1.1), "编号应在 0 到 2"),
    (lambda: sampling.penalize_repetition(SMALL, [-1], 1.1), "编号应在 0 到 2"),
    (lambda: sampling.draw(torch.zeros(1, 2, 3)), "一维"), (lambda: sampling.draw(torch.zeros(0)), "一维"),
    (lambda: sampling.draw(torch.tensor([1, 2])), "小数"), (lambda: sampling.draw(torch.tensor([float("nan")])), "nan"),
])
def test_bad_values(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "应" in str(error.value)
    assert "现在" in str(error.value)


def test_a_list_is_not_logits():
    with pytest.raises(TypeError, match="张量"):
        sampling.draw([0.1, 0.2])


def test_stages_are_what_generate_uses():
    logits = random_logits(3)
    seen = [1, 5, 7]
    settings = {"penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8}
    ids = torch.tensor([seen])
    row = RepetitionPenaltyLogitsProcessor(1.1)(ids, logits[None])
    for warper in (TemperatureLogitsWarper(0.7), TopKLogitsWarper(20), TopPLogitsWarper(0.8)):
        row = warper(ids, row)
    done = sampling.stages(logits, seen, **settings)
    assert list(done) == ["原来", "重复惩罚", "温度", "top-k", "top-p"]
    assert torch.equal(done["top-p"], row[0])
    assert torch.equal(done["原来"], logits)
    assert all(torch.equal(scores, logits) for scores in sampling.stages(logits, seen).values())


def test_surprise_in_bits():
    assert [sampling.surprise(p) for p in (1.0, 0.5, 0.25)] == [0, 1, 2]
    for p in (0.0, 1.1):
        with pytest.raises(ValueError, match="概率应大于 0"):
            sampling.surprise(p)
