"""合并演示：一段文字的字节，一步一步合成词元，可以拖动、可以播放

出处: notebooks/03_tokenization.ipynb 第 5 节；计算在 helpers.bpe 里
"""
from functools import partial
from html import escape

import ipywidgets as widgets

from helpers.bpe import MOST_BYTES, Merge, merge_steps
from helpers.tables import Shown, grid
from helpers.tokens import chip, piece
from helpers.widgets.view import View, html_table, row

MOST_ROWS = 8
HEADS = ("步", "合并", "合并以后")


class Merging(View):
    """一段怎样合成，可以操作

    tokenizer: 分词器；ids: 一段的编号，helpers.bpe.segments 的一项
    例: Merging(tokenizer, segments(tokenizer, "你好")[0])
    """

    def __init__(self, tokenizer, ids: list[int]) -> None:
        super().__init__()
        self.tokenizer, self.ids, self.steps, self.why = tokenizer, [], [], ""
        self.step = widgets.IntSlider(0, min=0, max=1, description="合并到第几步", style={"description_width": "7em"},
                                      layout=widgets.Layout(width="26em", max_width="100%"))
        self.play = widgets.Play(0, min=0, max=1, interval=700, show_repeat=False)
        widgets.link((self.play, "value"), (self.step, "value"))
        self.parts = widgets.HTML()
        self.on(self.step, self.draw)
        self.box = widgets.VBox([row(self.play, self.step), self.message, self.parts])
        self.start(ids)

    def start(self, ids: list[int]) -> None:
        """换成 ids 这一段，从第 0 步开始；还是原来那一段就停在原来那一步"""
        if ids != self.ids:
            self.act(partial(self.restart, ids))

    def restart(self, ids: list[int]) -> str:
        """换成 ids 这一段，滑块回到 0，末端是最后一步"""
        self.ids, (self.steps, self.why) = ids, self.merges(ids)
        last = len(self.steps) - 1
        self.play.playing = False
        self.step.value = 0
        self.step.max = self.play.max = max(1, last)  # 滑块的两端不能相同
        self.step.disabled = self.play.disabled = last < 1
        return self.draw()

    def merges(self, ids: list[int]) -> tuple[list[Merge], str]:
        """一段的每一步；不能演示时是空的，和一句为什么"""
        if ids[0] in self.tokenizer.added_tokens_decoder:
            return [], "这是附加词元，整个写在词表里，不来自合并"
        data = b"".join(piece(self.tokenizer, token_id).bytes for token_id in ids[:MOST_BYTES + 1])
        if len(data) > MOST_BYTES:
            return [], (f"合并只演示不超过 {MOST_BYTES} 个字节的段，这一段更长（{len(ids)} 个词元）；"
                        "选别的段，或者把文字改短")
        return merge_steps(self.tokenizer, data), ""

    def draw(self) -> str:
        """画滑块指的那一步，返回这一步做了什么"""
        if not self.steps:
            self.parts.value = ""
            return self.why
        number = min(self.step.value, len(self.steps) - 1)
        now = self.steps[number]
        boxes = "│".join(chip(p, i, "★" if i == now.at else "") for i, p in enumerate(now.parts))
        self.parts.value = wrapped(boxes)
        return self.said(number)

    def said(self, number: int) -> str:
        """第 number 步做了什么，一句话"""
        now, left = self.steps[number], len(self.steps) - 1 - number
        end = "" if left else f"。没有可以合的了：这一段是 {len(now.parts)} 个词元"
        if now.at is None:
            return f"第 0 步：一个字节一块，共 {len(now.parts)} 块{end or '；每一步合次序表里最靠前的一对'}"
        return (f"第 {number} 步（共 {len(self.steps) - 1} 步）：次序表{self.joined(number)}，"
                f"还有 {len(now.parts)} 块{end}")

    def joined(self, number: int) -> str:
        """第 number 步（从 1 数）合了哪两块，是次序表的第几条"""
        now = self.steps[number]
        left, right = self.steps[number - 1].parts[now.at:now.at + 2]
        return f"第 {now.rank} 条，{left.label} 和 {right.label} 合成 ★{now.parts[now.at].label}"

    def rows(self) -> list[tuple[str, str, str]]:
        """一行一步；步数太多时只要开头和末尾的"""
        found = [(str(i), self.joined(i) if i else "一个字节一块", "│".join(p.label for p in step.parts))
                 for i, step in enumerate(self.steps)]
        half, hidden = MOST_ROWS // 2, len(found) - MOST_ROWS
        return [*found[:half], ("…", f"中间还有 {hidden} 步", "…"), *found[-half:]] if hidden > 0 else found

    def picture(self) -> Shown:
        if not self.steps:
            return Shown(f"<p>{self.why}</p>", self.why)
        rows = self.rows()
        cells = [[escape(text).replace("│", "│<wbr>") for text in texts] for texts in rows]
        return Shown(html_table(list(HEADS), cells, ["6%", "34%", "60%"]), grid(HEADS, rows).text)


def wrapped(html: str) -> str:
    """一串彩色的块，很长的块也在框里换行"""
    return f'<div style="line-height:1.4;overflow-wrap:anywhere">{html}</div>'
