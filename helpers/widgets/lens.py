"""logit lens：每层每个位置会说出什么，一层一层地填

出处: notebooks/10_inside.ipynb 第 6 节；计算在 helpers.inside 里，画面在 lens.js 里
"""
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.widgets.inside_source import InsideSource
from helpers.widgets.view import View

MOST_COLUMNS = 11  # 静态图里画几个位置
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
        rows = list(self.source.lens([piece["id"] for piece in pieces]))
        start = max(0, len(pieces) - MOST_COLUMNS)
        heads = [f"{place + 1} {piece['label']}" for place, piece in enumerate(pieces)][start:]
        heads[-1] = f"▼{heads[-1]}"
        table = []
        for number, row in enumerate(rows):
            cells = [said(cell, last) for cell, last in zip(row, rows[-1], strict=True)]
            if number == len(rows) - 1:
                cells = [cell.removesuffix(" ✓") for cell in cells]
            table.append([str(number), *cells[start:]])
        table[0][0] += " 词嵌入"
        table[-1][0] += " 输出"
        note = f"✓：与最后一行相同；分散：第一名也不到 {SPREAD}"
        if start:
            note += f"；只画出 {MOST_COLUMNS} 个位置（一共 {len(pieces)} 个）"
        return vertical(paragraph(summary(pieces, rows)), grid(["过了几层", *heads], table), paragraph(note))


def said(cell: dict, last: dict) -> str:
    """一格：第一名和概率；和最后一行相同的加 ✓；都很小、又不是最后的答案时只写分散，它是谁没有意义"""
    same = cell["id"] == last["id"]
    if cell["share"] < SPREAD and not same:
        return f"分散 {cell['share']:.2f}"
    text = f"{cell['label']} {cell['share']:.2f}"
    if same:
        text += " ✓"
    return text


def summary(pieces: list[dict], rows: list[list[dict]]) -> str:
    """最后一个位置：最后答什么，几层已经这样答，从哪层起不再变"""
    answers = [row[-1]["id"] for row in rows]
    same = [answer == answers[-1] for answer in answers]
    settled = 0
    for number, agrees in enumerate(same):
        if not agrees:
            settled = number + 1
    answer = rows[-1][-1]
    return (f"第 {len(pieces)} 个词元 {pieces[-1]['label']} 后面，模型最后答 {answer['label']} {answer['share']:.2f}；"
            f"前面 {len(rows) - 1} 行里有 {sum(same[:-1])} 行的第一名已经是它，过了 {settled} 层以后不再变")
