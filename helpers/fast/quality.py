"""质量：换一种做法，下一个词元的概率变了多少——与 float32 逐处比，读和写分开比

读：一次前向读完整段；写：有了缓存，一次送一个词元。两样用的做法不同，差多少也不同。
要在真正训练过的 Qwen 上量：教学小模型里没有特别大的数，什么做法在它上面都显得很准
"""
from dataclasses import dataclass

from helpers.tokens import question_ids

import torch

PROSE = """秋天的北京很短。银杏叶黄了没几天，一场风就把它们吹满了街道，扫街的人一边扫，
一边抱怨，孩子们却专挑叶子厚的地方踩。有人说，机器学习就像教孩子认叶子：不用告诉他什么叫锯齿、什么叫叶脉，看得多了，他自己会分。可是孩子看十片就会，机器要看十万片，
这中间差的是什么，到今天也没有人说得清楚。"""
CODE = '''def mean(numbers):
    """Return the arithmetic mean of a non-empty list"""
    if not numbers:
        raise ValueError("mean() needs at least one number")
    return sum(numbers) / len(numbers)


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1
'''
QUESTIONS = ("什么是机器学习？", "写一首关于秋天的短诗。", "用 Python 写一个冒泡排序。")
ANSWER = 60      # 每个回答写几个词元
FIRST = 4        # 写的时候，前几个词元先一起读进去


@dataclass(frozen=True)
class Quality:
    """与 float32 比：top1 第一名相同的比例，0–1；kl 概率分布的 KL 散度（各处平均，奈特）；positions 比了几处"""
    top1: float
    kl: float
    positions: int


def passages(model, tokenizer) -> list[torch.Tensor]:
    """要比的几段，形状都是 (1, n)：一段中文，一段代码，几个问题连同 model 自己贪心写的回答"""
    found = [tokenizer(text, return_tensors="pt").input_ids for text in (PROSE, CODE)]
    for question in QUESTIONS:
        ids = torch.tensor([question_ids(tokenizer, question)])
        found.append(model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=ANSWER, do_sample=False))
    return found


@torch.inference_mode()
def reading(model, ids: torch.Tensor) -> torch.Tensor:
    """一次读完，每一处的对数概率，形状 (n, 词表大小)"""
    return model(ids, use_cache=False).logits[0].float().log_softmax(dim=-1)


@torch.inference_mode()
def writing(model, ids: torch.Tensor) -> torch.Tensor:
    """先读 FIRST 个，其余一个一个地送，每一处的对数概率，形状 (n - FIRST, 词表大小)"""
    past = model(ids[:, :FIRST], use_cache=True).past_key_values
    found = []
    for position in range(FIRST, ids.shape[1]):
        out = model(ids[:, position:position + 1], past_key_values=past, use_cache=True)
        found.append(out.logits[0, -1].float().log_softmax(dim=-1))
    return torch.stack(found)


def compared(want: torch.Tensor, got: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """逐处比两组对数概率：KL 散度和第一名是否相同，形状都是 (处数,)"""
    kl = (want.exp() * (want - got)).sum(dim=-1)
    same = want.argmax(dim=-1) == got.argmax(dim=-1)
    return kl, same


def references(exact, some: list[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """要比的几段和标准答案：(编号, exact 在每一处的对数概率)；只算一次，各种做法都与它比

    exact: 同一个检查点，float32；一处的对数概率约 0.6 MB（词表 × 4 字节）
    """
    return [(ids, reading(exact, ids)) for ids in some]


def quality(model, wanted: list[tuple[torch.Tensor, torch.Tensor]], way) -> Quality:
    """model 与标准答案差多少

    wanted: references 给出的；way: reading 或 writing
    例: quality(model, references(exact, passages(exact, tokenizer)), writing).kl -> 0.001
    """
    kls = []
    same = []
    for ids, want in wanted:
        got = way(model, ids)
        kl, agree = compared(want[-len(got):], got)  # 写的时候，开头几处没有
        kls.append(kl)
        same.append(agree)
    kl = torch.cat(kls)
    top1 = torch.cat(same).float().mean()
    return Quality(float(top1), max(0.0, float(kl.mean())), len(kl))
