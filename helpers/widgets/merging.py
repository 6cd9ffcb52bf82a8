"""合并演示：一段文字的字节，一步一步合成词元，可以拖动、可以播放

出处: notebooks/03_tokenization.ipynb 第 5 节；计算在 helpers.bpe 里
"""
from helpers.bpe import MOST_BYTES, Merge, merge_steps
from helpers.tables import Shown, escaped, paragraph, text_lines
from helpers.tokens import chip
from helpers.widgets.plain_view import Panel, html_table, row

from ipywidgets import HTML, IntSlider, Layout, Play, VBox, link

EDGE_STEPS = 4  # 静态图里，开头和末尾各画几步


class Merging(Panel):
    """一段怎样合成，可以操作

    tokenizer: 分词器；ids: 一段的编号，helpers.bpe.segments 的一项
    例: Merging(tokenizer, segments(tokenizer, "你好")[0])
    """

    def __init__(self, tokenizer, ids: list[int]) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.ids = []
        self.play = Play(0, min=0, max=1, interval=700, show_repeat=False)
        self.step = IntSlider(
            0, min=0, max=1,
            description="合并到第几步",
            style={"description_width": "7em"},
            layout=Layout(width="26em", max_width="100%"))
        link((self.play, "value"), (self.step, "value"))
        self.parts = HTML()
        self.box = VBox([
            row(self.play, self.step),
            self.message,
            self.parts])
        self.on(self.step, self.draw)
        self.start(ids)

    def start(self, ids: list[int]) -> None:
        """换成 ids 这一段，从第 0 步开始；还是原来那一段就停在原来那一步"""
        if ids != self.ids:
            self.ids = ids
            self.act(self.restart)

    def restart(self) -> str:
        """算这一段的每一步；停下来，滑块回到 0，末端是最后一步"""
        data = self.tokenizer.decode(self.ids).encode()
        self.obstacle = self.why_not(len(data))
        self.steps = []
        if self.obstacle is None:
            self.steps = merge_steps(self.tokenizer, data)
        last = len(self.steps) - 1
        self.play.playing = False
        self.step.value = 0
        for control in (self.step, self.play):
            control.max = max(1, last)  # 滑块的两端不能相同
            control.disabled = last < 1
        return self.draw()

    def why_not(self, size: int) -> str | None:
        """有 size 个字节的这一段为什么不能演示；能演示是 None"""
        if self.ids[0] in self.tokenizer.added_tokens_decoder:
            return "这是附加词元，整个写在词表里，不来自合并"
        if size > MOST_BYTES:
            return (f"合并只演示不超过 {MOST_BYTES} 个字节的段，"
                    f"这一段更长（{len(self.ids)} 个词元）；"
                    "选别的段，或者把文字改短")
        return None

    def draw(self) -> str:
        """画滑块指的那一步，返回这一步做了什么"""
        if self.obstacle:
            self.parts.value = ""
            return self.obstacle
        number = min(self.step.value, len(self.steps) - 1)
        self.parts.value = chips_html(self.steps[number])
        return self.said(number)

    def said(self, number: int) -> str:
        """第 number 步做了什么，一句话"""
        last = len(self.steps) - 1
        count = len(self.steps[number].parts)
        what = self.what(number)
        said = f"第 {number} 步（共 {last} 步）：次序表{what}，还有 {count} 块"
        more = ""
        if number == 0:
            said = f"第 0 步：{what}，共 {count} 块"
            more = "；每一步合次序表里最靠前的一对"
        if number == last:
            more = f"。没有可以合的了：这一段是 {count} 个词元"
        return said + more

    def what(self, number: int) -> str:
        """第 number 步合了哪两块，是次序表的第几条"""
        if number == 0:
            return "一个字节一块"
        now = self.steps[number]
        before = self.steps[number - 1]
        left, right = before.parts[now.at:now.at + 2]
        joined = now.parts[now.at]
        return f"第 {now.rank} 条，{left.label} 和 {right.label} 合成 ★{joined.label}"

    def rows(self) -> list[list]:
        """一行一步：第几步，合了什么，各块；步数太多时只要开头和末尾的"""
        rows = []
        for number, step in enumerate(self.steps):
            labels = "│".join(part.label for part in step.parts)
            rows.append([number, self.what(number), labels])
        hidden = len(rows) - 2 * EDGE_STEPS
        if hidden > 0:
            more = ["…", f"中间还有 {hidden} 步", "…"]
            rows[EDGE_STEPS:-EDGE_STEPS] = [more]
        return rows

    def picture(self) -> Shown:
        if self.obstacle:
            return paragraph(self.obstacle)
        heads = ["步", "合并", "合并以后"]
        rows = self.rows()
        cells = [escaped(texts) for texts in rows]
        html = html_table(heads, cells, ["6%", "34%", "60%"])
        text = text_lines([heads, *rows])
        return Shown(html.replace("│", "│<wbr>"), text)  # 可以在竖线后面换行


def chips_html(step: Merge) -> str:
    """一步以后的各块，彩色的；★ 是刚合出来的"""
    chips = []
    for number, part in enumerate(step.parts):
        mark = "★" if number == step.at else ""
        chips.append(chip(part, number, mark))
    return wrapped("│".join(chips))


def wrapped(html: str) -> str:
    """一串彩色的块，很长的块也在框里换行"""
    return f'<div style="line-height:1.4;overflow-wrap:anywhere">{html}</div>'
