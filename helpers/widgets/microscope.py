"""汉字显微镜：一段文字的字符、字节、词元；选一个词元，看它的邻居，看它那一段怎样合成

出处: notebooks/03_tokenization.ipynb；计算都在 helpers.tokens 和 helpers.bpe 里
"""
from dataclasses import dataclass
from functools import partial
from html import escape

import ipywidgets as widgets

from helpers.bpe import segments
from helpers.pipeline import shorten
from helpers.tables import Shown, grid
from helpers.tokens import COLORS, Piece, check_text, letters, letters_in, neighbours, normalized, painted, piece
from helpers.widgets.merging import Merging, wrapped
from helpers.widgets.view import View, bar, html_table, row

MOST_TEXT, MOST_TOKENS, MOST_LETTERS, FIRST_LETTERS, MOST_LABEL, MOST_HEX = 10_000, 60, 200, 6, 16, 59
LETTER_HEADS = ("字符", "码位", "UTF-8 字节")


@dataclass(frozen=True)
class Sample:
    """切好的一段文字：打进来的，规范化以后的，各段的编号，最前面的词元（比画的多 3 个，好认出半个字）"""
    typed: str
    text: str
    segments: list[list[int]]
    found: list[Piece]

    @property
    def count(self) -> int:
        """一共几个词元"""
        return sum(map(len, self.segments))

    @property
    def drawn(self) -> int:
        """画几个词元"""
        return min(self.count, MOST_TOKENS)

    @property
    def share(self) -> float:
        """平均每个字符几个词元"""
        return self.count / len(self.text)

    def segment(self, at: int) -> int:
        """第 at 个词元在第几段，都从 0 数"""
        return next(i for i in range(len(self.segments)) if sum(map(len, self.segments[:i + 1])) > at)


def sample(tokenizer, text: str) -> Sample:
    """切一段文字；不是文字、空的、不完整的、超过 MOST_TEXT 个字符的，报 TypeError 或 ValueError"""
    check_text(text)
    if len(text) > MOST_TEXT:
        raise ValueError(f"文字应不超过 {MOST_TEXT} 个字符，现在有 {len(text)} 个；删短再试，下面还是上一段")
    parts = segments(tokenizer, text)
    ids = [token_id for part in parts for token_id in part]
    return Sample(text, normalized(tokenizer, text), parts, [piece(tokenizer, i) for i in ids[:MOST_TOKENS + 3]])


class Microscope(View):
    """汉字显微镜，可以操作

    tokenizer: 分词器；text: 先看哪段文字
    例: Microscope(tokenizer, "犇骉麤")
    """

    def __init__(self, tokenizer, text: str = "人工智能未来会取代人类吗？") -> None:
        super().__init__()
        self.tokenizer, self.at = tokenizer, 0
        self.first, self.second = sample(tokenizer, text), None
        self.styles = [widgets.ButtonStyle(button_color=color, text_color="#111") for color in COLORS]
        self.shape = widgets.Layout(width="auto", max_width="100%")
        self.pool: list[widgets.Button] = []
        self.build(text)
        self.draw()

    def build(self, text: str) -> None:
        """控件和它们的动作"""
        wide = widgets.Layout(width="27em", max_width="100%")
        self.text = widgets.Textarea(text, description="文字", rows=2, layout=wide)
        self.other = widgets.Textarea("", description="另一段", placeholder="空着就不比较", rows=2, layout=wide)
        half = widgets.Layout(flex="1 1 22em", min_width="0", align_self="flex-start")
        self.counts, self.more, self.compared = (widgets.HTML() for _ in range(3))
        self.letters, self.detail, self.around = widgets.HTML(), widgets.HTML(layout=half), widgets.HTML(layout=half)
        self.tokens = row()
        self.merging = Merging(self.tokenizer, self.first.segments[0])
        for control in (self.text, self.other):
            self.on(control, self.read)
        self.box = widgets.VBox([
            row(self.text, self.other), self.message, self.counts, self.letters,
            widgets.HTML("<b>词元</b>（选一个；▶ 是选中的）"), self.tokens, self.more, self.compared,
            row(self.detail, self.around), widgets.HTML("<b>选中的词元那一段，从字节合起</b>"), self.merging.box])

    def read(self) -> None:
        """照两个框里的文字重新切；切不了就报错，画面还是上一段的"""
        first = sample(self.tokenizer, self.text.value)
        self.second = sample(self.tokenizer, self.other.value) if self.other.value else None
        self.first, self.at = first, min(self.at, first.drawn - 1)
        self.draw()

    def draw(self) -> None:
        """重画所有的东西；按钮不够就多备几个，打字时只改上面的字"""
        first, second = self.first, self.second
        self.counts.value, self.letters.value = self.counts_html(), self.letters_html()
        self.more.value = left_out(first.count, MOST_TOKENS, "个词元没有画")
        self.compared.value = "" if second is None else (
            f"<b>另一段的词元</b>{wrapped(painted(second.found[:MOST_TOKENS]).html)}"
            f"{left_out(second.count, MOST_TOKENS, '个词元没有画')}")
        for number in range(len(self.pool), first.drawn):
            style = self.styles[number % len(self.styles)]
            self.pool.append(widgets.Button(style=style, layout=self.shape, tooltip=f"第 {number + 1} 个词元"))
            self.on(self.pool[number], partial(self.choose, number))
        self.tokens.children = self.pool[:first.drawn]
        self.show()

    def choose(self, number: int) -> str:
        """选第 number 个词元（从 0 数）"""
        if number >= self.first.drawn:
            raise ValueError(f"应选前 {self.first.drawn} 个词元里的一个，现在是第 {number + 1} 个；"
                             "文字变短了，重新选一个")
        self.at = number
        self.show()
        return f"选了第 {number + 1} 个词元：{shorten(self.first.found[number].label, MOST_LABEL)}"

    def show(self) -> None:
        """画选中的词元：▶，它的情况，邻居，它那一段的合并"""
        for number, button in enumerate(self.tokens.children):
            p = self.first.found[number]
            button.description = f"{'▶ ' if number == self.at else ''}{shorten(p.label, MOST_LABEL)}　{p.id}"
        self.detail.value, self.around.value = self.detail_html(), self.around_html()
        self.merging.start(self.first.segments[self.first.segment(self.at)])

    def counts_html(self) -> str:
        """每段文字一行：字符、字节、词元各几个"""
        samples = {"文字": self.first} | ({"另一段": self.second} if self.second else {})
        most = max(s.share for s in samples.values())
        rows = [[name, str(len(s.text)), str(len(s.text.encode())), str(s.count), bar(s.share / most, f"{s.share:.2f}")]
                for name, s in samples.items()]
        return html_table(["", "字符", "字节", "词元", "每个字符几个词元"], rows, ["12%", "14%", "14%", "14%", "46%"])

    def letters_html(self) -> str:
        """字符 → 码位 → 字节，放在可以滚动的框里"""
        text = self.first.text
        rows = [list(map(escape, cells)) for cells in letters(text[:MOST_LETTERS])]
        changed = "" if text == self.first.typed else (
            f"<p>分词器先做 NFC 规范化，这段文字变了：打进来 {len(self.first.typed)} 个字符，变成 {len(text)} 个</p>")
        return (f'<div tabindex="0" style="max-height:12em;overflow:auto">'
                f"{html_table(list(LETTER_HEADS), rows, ['25%', '25%', '50%'])}</div>{changed}"
                f"{left_out(len(text), MOST_LETTERS, '个字符没有列出')}")

    def detail_html(self) -> str:
        """选中的词元：编号、字节、是不是整个的字符、在哪一段"""
        p, number = self.first.found[self.at], self.first.segment(self.at)
        ids = self.first.segments[number]
        cut = "│".join(piece(self.tokenizer, i).label for i in ids[:MOST_TOKENS])
        where = f"第 {number + 1} 段（共 {len(self.first.segments)} 段）：{shorten(cut)}，{len(ids)} 个词元"
        rows = [["编号", str(p.id)], ["字节", f"{shorten(p.bytes.hex(' '), MOST_HEX)}（{len(p.bytes)} 个）"],
                ["字符", self.wholeness()], ["所在的段", where]]
        return html_table(["选中的词元", f"▶ {escape(shorten(p.label))}"],
                          [[name, escape(text)] for name, text in rows], ["30%", "70%"])

    def wholeness(self) -> str:
        """选中的词元是整个的字符，还是半个字"""
        touched = letters_in(self.first.found, self.at)
        if self.first.found[self.at].id in self.tokenizer.added_tokens_decoder:
            return f"附加词元，{len(touched)} 个字符是一个整体"
        if all(first == 1 and last == size for _, first, last, size in touched):
            return f"完整的 {len(touched)} 个字符"
        parts = [f"{letter} 的第 {'–'.join(map(str, sorted({first, last})))} 个字节（共 {size} 个）"
                 for letter, first, last, size in touched]
        return f"不完整，有半个字：{'，'.join(parts)}"

    def around_html(self) -> str:
        """选中的词元在词表里的邻居"""
        here = self.first.found[self.at].id
        rows = [[f"{'▶ ' if p.id == here else ''}{p.id}", escape(shorten(p.label, MOST_LABEL)),
                 shorten(p.bytes.hex(" "), MOST_HEX)]
                for p in neighbours(self.tokenizer, here)]
        return html_table(["词表里的邻居", "词元", "字节"], rows, ["30%", "30%", "40%"])

    def picture(self) -> Shown:
        first = self.first
        intro = (f"文字：{shorten(first.text)}　{len(first.text)} 个字符，{len(first.text.encode())} 个字节，"
                 f"{first.count} 个词元，每个字符 {first.share:.2f} 个词元")
        shown, hidden = letters(first.text[:FIRST_LETTERS]), len(first.text) - FIRST_LETTERS
        more = [("…", f"还有 {hidden} 个", "…")] if hidden > 0 else []
        title = f"第 {first.segment(self.at) + 1} 段（共 {len(first.segments)} 段），从字节合起"
        parts = [painted(first.found[:MOST_TOKENS]), grid(LETTER_HEADS, shown + more), Shown(f"<p>{title}</p>", title),
                 self.merging.picture()]
        return Shown(wrapped(f"<p>{escape(intro)}</p>" + "".join(part.html for part in parts)),
                     "\n\n".join([intro, *(part.text for part in parts)]))


def left_out(count: int, most: int, what: str) -> str:
    """放不下的有几个。例: left_out(70, 60, "个词元没有画") -> "<p>还有 10 个词元没有画</p>" """
    return f"<p>还有 {count - most} {what}</p>" if count > most else ""
