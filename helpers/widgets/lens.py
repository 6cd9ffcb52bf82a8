"""logit lens：每层每个位置会说出什么，画成一张可以移动的表

出处: notebooks/10_inside.ipynb 第 6 节；计算在 helpers.inside 里
"""
from html import escape

from helpers.inside import lens, token_name
from helpers.tables import Shown, paragraph, table_html, text_lines, vertical
from helpers.widgets.plain_view import BUSY, LINE
from helpers.widgets.position_view import TINT, PositionView

from torch import Tensor

MOST_COLUMNS = 11
SPREAD = 0.005  # 第一名的概率比它小，就只写分散
STICKY = "position:sticky;background:var(--jp-layout-color1, Canvas)"  # 不透明，才盖得住滚过去的格子
LENS_CELL = f"{LINE};padding:1px 5px;text-align:left;min-width:3.8em;overflow-wrap:anywhere"
LENS_TABLE = '<table style="font-size:.85em;border-collapse:separate;border-spacing:0;line-height:1.35">'


class Lens(PositionView):
    """logit lens：每层每个位置的第一名；与最后一层相同的记 ✓

    tokenizer、model: 一对；text: 先看什么。例: Lens(tokenizer, model)
    """

    def compute(self, input_ids: Tensor) -> None:
        self.table = lens(self.model, input_ids, each=self.progress)
        self.last = len(self.table.ids) - 1  # 最后一行，就是模型的输出

    def progress(self, done: int, total: int) -> None:
        """算的时候说算到哪里了"""
        self.say(f"{BUSY}算完 {done} 行，一共 {total} 行")

    def picture(self) -> Shown:
        lines = [self.heads(), *self.rows()]
        html = scrolled_table(*lines)
        return vertical(
            paragraph(self.summary()),
            Shown(html, text_lines(lines)),
            paragraph(self.note()))

    def summary(self) -> str:
        """选中的位置：最后答什么，几层已经这样答，从哪层起不再变"""
        at = self.at
        answer = self.said(self.last, at)
        same = self.table.agree[:-1, at].sum()
        settled = self.table.settled(at)
        return (f"{self.chosen} 后面，模型最后答 {answer}；"
                f"前面 {self.last} 行里有 {same} 行的第一名已经是它，"
                f"过了 {settled} 层以后不再变")

    def said(self, i: int, at: int) -> str:
        """第 i 行在 at 这个位置的第一名和概率；第一名都很小、又不是最后的答案时只写分散，它是谁没有意义"""
        table = self.table
        share = table.probabilities[i, at, 0]
        agrees = table.agree[i, at]
        if share < SPREAD and not agrees:
            return f"分散 {share:.2f}"
        token_id = table.ids[i, at, 0].item()
        name = token_name(self.tokenizer, token_id)
        mark = ""
        if agrees and i < self.last:
            mark = " ✓"
        return f"{name} {share:.2f}{mark}"

    def columns(self) -> range:
        """显示哪些位置：到选中的为止的 MOST_COLUMNS 个，开头不够就往后补"""
        start = max(0, self.position.value - MOST_COLUMNS)
        stop = min(start + MOST_COLUMNS, len(self.names))
        return range(start, stop)

    def heads(self) -> list[str]:
        """表头：每列是第几个词元，▼ 是选中的"""
        heads = ["过了几层"]
        for at in self.columns():
            mark = "▼" if at == self.at else ""
            name = self.names[at]
            heads.append(f"{mark}{at + 1} {name}")
        return heads

    def rows(self) -> list[list[str]]:
        """一层一行：过了几层，每个位置的第一名"""
        rows = []
        for i in range(self.last + 1):
            said = [self.said(i, at) for at in self.columns()]
            rows.append([str(i), *said])
        rows[0][0] += " 词嵌入"
        rows[-1][0] += " 输出"
        return rows

    def note(self) -> str:
        """记号的意思，还有几个位置没有画"""
        note = f"✓：与最后一行相同；分散：第一名也不到 {SPREAD}"
        count = len(self.names)
        if count > MOST_COLUMNS:
            note += f"；只画出 {MOST_COLUMNS} 个位置（一共 {count} 个），用滑块移动"
        return note


def scrolled_table(heads: list[str], *rows: list[str]) -> str:
    """表格：在自己的框里滚动，第一行和第一列不动"""
    corner, *others = heads
    top = fixed_cell(corner, "top:0;left:0;z-index:2")
    for text in others:
        top += fixed_cell(text, "top:0;z-index:1")
    body = [lens_row(*texts) for texts in rows]
    table = table_html(LENS_TABLE, f"<tr>{top}</tr>", body)
    return f'<div tabindex="0" style="overflow:auto;max-height:28em;max-width:100%">{table}</div>'


def lens_row(side: str, *texts: str) -> str:
    """一行；与最后一行相同的格子加底色"""
    cells = fixed_cell(side, "left:0")
    for text in texts:
        tint = TINT if text.endswith("✓") else ""
        cells += lens_cell("td", text, tint)
    return f"<tr>{cells}</tr>"


def fixed_cell(text: str, edges: str) -> str:
    """滚动时不动的一格；edges: 靠着哪边"""
    return lens_cell("th", text, f"{STICKY};{edges}")


def lens_cell(tag: str, text: str, style: str) -> str:
    """一格，在第一个空格处换行"""
    broken = escape(text).replace(" ", "<br>", 1)
    return f'<{tag} style="{LENS_CELL};{style}">{broken}</{tag}>'
