"""logit lens：每层每个位置会说出什么，一层一层地填

出处: notebooks/10_inside.ipynb 第 6 节；计算在 helpers.inside 里，画面在 lens.js 里
"""
from collections.abc import Iterator

from helpers.inside import lens_rows, token_name
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.widgets.source import Source
from helpers.widgets.view import View

import torch

SPREAD = 0.005  # 第一名的概率比它小，就只写分散


class LensSource(Source):
    """每一层会说什么"""

    def lens(self, ids: list[int]) -> Iterator[list[dict]]:
        """一层一层地：每个位置会说什么、概率多大；第 0 行只查了词嵌入，最后一行是模型的输出"""
        for best, probabilities in lens_rows(self.model, torch.tensor([ids])):
            row = []
            for token_id, share in zip(best[:, 0].tolist(), probabilities[:, 0].tolist(), strict=True):
                row.append({"id": token_id, "label": token_name(self.tokenizer, token_id), "share": share})
            yield row


class Lens(View):
    """logit lens：每层每个位置的第一名；与最后一层相同的记 ✓

    tokenizer、model: 一对；text: 先看什么。例: Lens(tokenizer, model)
    """
    name = "lens"

    def __init__(self, tokenizer, model, text: str = "人工智能未来会取代人类吗？") -> None:
        source = LensSource(tokenizer, model)
        super().__init__(source, text=text, spread=SPREAD)

    def still(self) -> Shown:
        pieces = self.source.positions(self.given["text"], True)
        ids = [piece["id"] for piece in pieces]
        column = [row[-1] for row in self.first("lens", ids)]
        last = len(column) - 1
        answer = column[last]
        intro = (f"第 {len(ids)} 个词元 {pieces[-1]['label']} 后面，"
                 f"模型最后答 {answer['label']} {answer['share']:.2f}")
        rows = []
        for number, cell in enumerate(column):
            label = cell["label"]
            mark = ""
            if cell["id"] == answer["id"]:
                mark = "✓"
            elif cell["share"] < SPREAD:
                label = "分散"
            rows.append([number, label, f"{cell['share']:.2f}", mark])
        rows[last][-1] = ""
        note = f"✓：与最后一行相同；分散：第一名也不到 {SPREAD}。第 0 行只查了词嵌入，第 {last} 行就是模型的输出"
        table = grid(("过了几层", "第一名", "概率", ""), rows)
        return vertical(paragraph(intro), table, paragraph(note))
