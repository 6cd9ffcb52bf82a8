"""注意力：选一个词元，看它把权重给了前面的哪些；每一层每一个头都可以点

出处: notebooks/10_inside.ipynb 第 3 节；计算在 helpers.inside 里，画面在 attention.js 里
"""
from helpers.inside import attention, strongest
from helpers.tables import Shown, paragraph, vertical
from helpers.widgets.source import Source
from helpers.widgets.view import View

import torch


class AttentionSource(Source):
    """一段文字的注意力权重；头 0 是所有的头平均"""
    seen: list[int] | None = None  # 上一次算的是哪些编号：换一个头、一个位置，不用再算

    def looks(self, ids: list[int], query: int) -> list:
        """第 query 个位置（从 0 数）看它自己和前面的：[层][头][位置] 的权重"""
        return self._weights(ids)[:, :, query, :query + 1].tolist()

    def attention_map(self, ids: list[int], layer: int, head: int) -> list:
        """一层（从 0 数）一个头的整张图：[谁在看][看谁]"""
        return self._weights(ids)[layer, head].tolist()

    def _weights(self, ids: list[int]) -> torch.Tensor:
        """形状 (层数, 头数 + 1, n, n)；留四位小数：画面用不着更多，送得快"""
        if ids != self.seen:
            heads = attention(self.model, torch.tensor([ids]))
            average = heads.mean(dim=1, keepdim=True)
            self.weights = torch.cat([average, heads], dim=1).round(decimals=4)
            self.seen = ids
        return self.weights


class Attention(View):
    """选一层、一个头、一个位置，看它把权重给了前面的哪些词元

    tokenizer、model: 一对，加载时写 attn_implementation="eager"，否则报 ValueError；text: 先看什么
    例: Attention(tokenizer, model)
    """
    name = "attention"

    def __init__(self, tokenizer, model, text: str = "人工智能未来会取代人类吗？") -> None:
        source = AttentionSource(tokenizer, model)
        super().__init__(source, text=text)

    def still(self) -> Shown:
        pieces = self.source.positions(self.given["text"], True)
        ids = [piece["id"] for piece in pieces]
        average, *heads = self.source.looks(ids, len(ids) - 1)[0]
        ranks = dict(zip(strongest(torch.tensor(average)), "①②③", strict=False))
        last = f"第 {len(ids)} 个词元 {pieces[-1]['label']}"
        lines = [f"第 1 层，{len(heads)} 个头平均：{last} 看它自己和前面的"]
        for place, weight in enumerate(average):
            line = f"{place + 1} {pieces[place]['label']} {weight:.2f} {ranks.get(place, '')}"
            lines.append(line.rstrip())
        return vertical(*map(paragraph, lines))
