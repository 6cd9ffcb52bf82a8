"""logit lens：每层每个位置会说出什么，一层一层地填

出处: notebooks/10_inside.ipynb 第 6 节；计算在 helpers.inside 里，画面在 lens.js 里
"""
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.widgets.inside_source import InsideSource
from helpers.widgets.view import View

SPREAD = 0.005  # 第一名的概率比它小，就只写分散


class Lens(View):
    """logit lens：每层每个位置的第一名；与最后一层相同的记 ✓

    tokenizer、model: 一对；text: 先看什么。例: Lens(tokenizer, model)
    """
    name = "lens"

    def __init__(self, tokenizer, model, text: str = "人工智能未来会取代人类吗？") -> None:
        source = InsideSource(tokenizer, model)
        super().__init__(source, text=text, spread=SPREAD)

    def still(self) -> Shown:
        pieces = self.source.positions(self.given["text"], True)
        ids = [piece["id"] for piece in pieces]
        column = [row[-1] for row in self.source.lens(ids)]
        last = len(column) - 1
        answer = column[last]
        intro = (f"第 {len(ids)} 个词元 {pieces[-1]['label']} 后面，"
                 f"模型最后答 {answer['label']} {answer['share']:.2f}")
        rows = []
        for number, cell in enumerate(column):
            same = cell["id"] == answer["id"]
            label = cell["label"]
            if cell["share"] < SPREAD and not same:
                label = "分散"
            mark = "✓" if same and number < last else ""
            rows.append((str(number), label, f"{cell['share']:.2f}", mark))
        note = f"✓：与最后一行相同；分散：第一名也不到 {SPREAD}。第 0 行只查了词嵌入，第 {last} 行就是模型的输出"
        table = grid(("过了几层", "第一名", "概率", ""), rows)
        return vertical(paragraph(intro), table, paragraph(note))
