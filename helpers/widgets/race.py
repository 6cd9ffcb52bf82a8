"""有没有 KV cache 的比赛：同一个问题、同样的贪心，两条赛道同时写，看快多少、写的是不是一样

出处: notebooks/06_writing.ipynb 第 4 节；生成在 helpers.generation.steps 里，画面在 race.js 里
"""
from collections.abc import Callable, Iterator

from helpers.generation import greedy, steps, stop_ids
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.widgets.source import Source
from helpers.widgets.view import View

import torch


def without_stops(model) -> Callable[[torch.Tensor], int]:
    """贪心，但不选结束词元：话说完了也接着写，两条赛道才一样长"""
    stops = torch.tensor(sorted(stop_ids(model)), dtype=torch.long)
    return lambda logits: greedy(logits.index_fill(0, stops, -torch.inf))


class RaceSource(Source):
    """两条赛道轮流写"""

    def race(self, ids: list[int], options: dict) -> Iterator[dict]:
        """谁用的时间少就轮到谁写下一个，所以任何时候两边用掉的时间都差不多；options: count（各写几个）

        每写一个给出 lane（0 有缓存，1 没有）、fed（送进几个）、seconds（这一次前向的秒数）、written（到现在写出的文字）
        """
        choose = without_stops(self.model)
        tensor = torch.tensor([ids])
        next(steps(self.model, tensor, 1))  # 第一次计算要准备内存，不算在成绩里
        lanes = [steps(self.model, tensor, options["count"], choose, use_cache) for use_cache in (True, False)]
        spent = [0.0, 0.0]
        written = [[], []]
        going = [0, 1]
        while going:
            lane = min(going, key=spent.__getitem__)
            step = next(lanes[lane])
            spent[lane] += step.seconds
            written[lane].append(step.token_id)
            if len(written[lane]) == options["count"]:
                going.remove(lane)
            text = self.tokenizer.decode(written[lane], skip_special_tokens=True)
            yield {"lane": lane, "id": step.token_id, "fed": step.fed, "seconds": step.seconds, "written": text}


class Race(View):
    """有没有 KV cache 的比赛，边写边看

    tokenizer、model: 一对；question: 问什么，连同模板至多 200 个词元；count: 各写几个词元，10 到 200
    例: Race(tokenizer, model, count=100)
    """
    name = "race"

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？", count: int = 100) -> None:
        source = RaceSource(tokenizer, model)
        super().__init__(source, question=question, count=count)

    def still(self) -> Shown:
        question = self.given["question"]
        count = self.given["count"]
        first = len(self.source.ask(question))
        last = first + count - 1
        intro = f"问题：{question}　连同模板 {first} 个词元，各写 {count} 个"
        rows = [
            ("有 KV cache", f"第 1 轮 {first} 个，以后每轮 1 个", last),
            ("没有 KV cache", f"第 1 轮 {first} 个，每轮多 1 个，最后一轮 {last} 个", sum(range(first, last + 1)))]
        return vertical(paragraph(intro), grid(("赛道", "每一轮送进模型的词元", "一共送进"), rows))
