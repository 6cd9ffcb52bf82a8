"""质量：换一种算法，回答会变多少——在教学小模型和它没训练过的问法上，与 float32 逐个词元比

出处: notebooks/07_speed.ipynb；随机的权重上量出来的没有意义，所以用训练过的教学小模型
"""
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from helpers.tiny import TINY
from helpers.tokens import question_ids

import torch

PROMPTS, LENGTH = 24, 24  # 用几个问题、每个回答比几个词元


@dataclass(frozen=True)
class Quality:
    """top1: 第一名与 float32 相同的比例，0–1；kl: 概率分布与 float32 的 KL 散度（平均，奈特）；positions: 比了几处"""
    top1: float
    kl: float
    positions: int


@cache
def reference(folder: Path, prompts: int):
    """float32 的模型，和它照 fresh.txt 的问题贪心地写的回答：(模型, [(问题的编号, 回答的编号), ...])"""
    from helpers.tiny import questions

    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = questions.fresh(questions.read())
    texts = [text for text, _ in asked[::max(1, len(asked) // prompts)]][:prompts]
    out = []
    for text in texts:
        ids = torch.tensor([question_ids(tokenizer, text)])
        out.append((ids, answer(model, ids)[0]))
    return model, out


@torch.inference_mode()
def answer(model, ids: torch.Tensor, said: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """回答的编号和每一处的对数概率；said 给出时不自己选，照它写"""
    past, fed, tokens, logs = None, ids, [], []
    for step in range(LENGTH if said is None else len(said)):
        out = model(fed, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = out.past_key_values
        logs.append(out.logits[0, -1].float().log_softmax(dim=-1))
        tokens.append(logs[-1].argmax() if said is None else said[step])
        fed = tokens[-1].view(1, 1)
        if said is None and int(tokens[-1]) in (model.config.eos_token_id, 151_643):
            break
    return torch.stack(tokens), torch.stack(logs)


@torch.inference_mode()
def expected(model, ids: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """照着 said 写，每一处的对数概率，形状 (个数, 词表大小)：一次前向全部算出来，比一个一个地写快得多"""
    fed = torch.cat([ids, said[None, :-1]], dim=1)
    return model(fed, use_cache=False, logits_to_keep=len(said)).logits[0].float().log_softmax(dim=-1)


def quality(model, folder: Path = TINY, prompts: int = PROMPTS) -> Quality:
    """model（由 folder 加载，用要比的算法）与 float32 差多少：照 float32 的回答一个一个词元地写，比每一处的概率

    folder: 检查点，默认教学小模型；prompts: 用几个问题，≥ 1，否则报 ValueError
    例: quality(load(TINY, Recipe(Int8, Int8))) -> Quality(top1=0.99..., kl=0.00..., positions=...)
    """
    if isinstance(prompts, bool) or not isinstance(prompts, int) or prompts < 1:
        raise ValueError(f"prompts 应是不小于 1 的整数，现在是 {prompts!r}；改大再试")
    same, kl, positions = 0, 0.0, 0
    exact, answers = reference(folder, prompts)
    for ids, said in answers:
        want, got = expected(exact, ids, said), answer(model, ids, said)[1]
        same += int((got.argmax(dim=-1) == want.argmax(dim=-1)).sum())
        kl += float((want.exp() * (want - got)).sum())
        positions += len(said)
    return Quality(same / positions, max(0.0, kl / positions), positions)
