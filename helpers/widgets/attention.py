"""注意力：选一个词元，看它把权重给了前面的哪些；每一层每一个头都可以点

出处: notebooks/10_inside.ipynb 第 3 节；计算在 helpers.inside 里，画面在 attention.js 里
"""
from helpers.inside import strongest
from helpers.tables import Shown, paragraph, vertical
from helpers.widgets.inside_source import InsideSource
from helpers.widgets.view import View

import torch


class Attention(View):
    """选一层、一个头、一个位置，看它把权重给了前面的哪些词元

    tokenizer、model: 一对，加载时写 attn_implementation="eager"，否则报 ValueError；text: 先看什么
    例: Attention(tokenizer, model)
    """
    name = "attention"

    def __init__(self, tokenizer, model, text: str = "人工智能未来会取代人类吗？") -> None:
        source = InsideSource(tokenizer, model)
        super().__init__(source, text=text, heads=model.config.num_attention_heads)

    def still(self) -> Shown:
        pieces = self.source.positions(self.given["text"], True)
        ids = [piece["id"] for piece in pieces]
        weights = self.source.looks(ids, len(ids) - 1)[0][0]
        ranks = dict(zip(strongest(torch.tensor(weights)), "①②③", strict=False))
        last = f"第 {len(ids)} 个词元 {pieces[-1]['label']}"
        lines = [f"第 1 层，{self.given['heads']} 个头平均：{last} 看它自己和前面的"]
        for place, (piece, weight) in enumerate(zip(pieces, weights, strict=True)):
            line = f"{place + 1} {piece['label']} {weight:.2f} {ranks.get(place, '')}"
            lines.append(line.rstrip())
        return vertical(*map(paragraph, lines))
