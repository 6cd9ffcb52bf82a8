"""汉字显微镜：一段文字的字符、字节、词元；选一个词元，看它的邻居，看它那一段怎样合成

出处: notebooks/03_tokenization.ipynb；计算都在 helpers.tokens 和 helpers.bpe 里
"""
from functools import partial
from html import escape

from helpers.bpe import segments
from helpers.pipeline import shorten
from helpers.tables import Shown, escaped, grid, paragraph, vertical
from helpers.tokens import TOKEN_COLORS, Piece, letters, letters_in, neighbours, normalized, painted, piece
from helpers.widgets.merging import Merging, wrapped
from helpers.widgets.plain_view import Panel, bar, html_table, row

from ipywidgets import HTML, Button, ButtonStyle, Layout, Textarea, VBox

MOST_TEXT = 10_000  # 最多看几个字符
MOST_DRAWN = 60  # 最多画几个词元
MOST_LETTERS = 200  # 最多列几个字符
FIRST_LETTERS = 6  # 静态图里列几个字符
LETTER_HEADS = ["字符", "码位", "UTF-8 字节"]


class CutText:
    """切好的一段文字：规范化以后的，各段的编号，每个词元在第几段，最前面的词元，字符、字节、词元各几个

    不是文字、空的、不完整的、超过 MOST_TEXT 个字符的，报 TypeError 或 ValueError
    """

    def __init__(self, tokenizer, text: str) -> None:
        self.text = normalized(tokenizer, text)
        if len(text) > MOST_TEXT:
            raise ValueError(f"文字应不超过 {MOST_TEXT} 个字符，现在有 {len(text)} 个；删短再试，下面还是上一段")
        self.segments = segments(tokenizer, text)
        ids = []
        self.places = []
        for number, segment in enumerate(self.segments):
            ids += segment
            self.places += [number] * len(segment)
        front = ids[:MOST_DRAWN + 3]  # 比画的多 3 个，好认出半个字
        self.pieces = [piece(tokenizer, token_id) for token_id in front]
        self.drawn = self.pieces[:MOST_DRAWN]
        self.undrawn = left_out(len(ids) - MOST_DRAWN, "个词元没有画")
        self.counts = [len(self.text), len(self.text.encode()), len(ids)]
        self.share = len(ids) / len(self.text)  # 平均每个字符几个词元


class Microscope(Panel):
    """汉字显微镜，可以操作

    tokenizer: 分词器；text: 先看哪段文字
    例: Microscope(tokenizer, "犇骉麤")
    """

    def __init__(self, tokenizer, text: str = "人工智能未来会取代人类吗？") -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.first = CutText(tokenizer, text)
        self.second = None
        self.at = 0
        wide = Layout(width="27em", max_width="100%")
        self.text = Textarea(text, description="文字", rows=2, layout=wide)
        self.other = Textarea(description="另一段", placeholder="空着就不比较", rows=2, layout=wide)
        self.on(self.text, self.read)
        self.on(self.other, self.read)
        self.counts = HTML()
        self.letters = HTML()
        self.buttons = self.token_buttons()
        self.tokens = row()
        self.more = HTML()
        self.compared = HTML()
        half = Layout(flex="1 1 22em", min_width="0", align_self="flex-start")
        self.detail = HTML(layout=half)
        self.around = HTML(layout=half)
        self.merging = Merging(tokenizer, self.first.segments[0])
        self.box = VBox([
            row(self.text, self.other),
            self.message,
            self.counts,
            self.letters,
            HTML("<b>词元</b>（选一个；▶ 是选中的）"),
            self.tokens,
            self.more,
            self.compared,
            row(self.detail, self.around),
            HTML("<b>选中的词元那一段，从字节合起</b>"),
            self.merging.box])
        self.draw()

    def token_buttons(self) -> list[Button]:
        """够用的按钮，底色轮换；打字时只改上面的字"""
        styles = [ButtonStyle(button_color=color, text_color="#111") for color in TOKEN_COLORS]
        shape = Layout(width="auto", max_width="100%")
        buttons = []
        for number in range(MOST_DRAWN):
            button = Button(
                tooltip=f"第 {number + 1} 个词元",
                style=styles[number % len(styles)],
                layout=shape)
            self.on(button, partial(self.choose, number))
            buttons.append(button)
        return buttons

    def read(self) -> None:
        """照两个框里的文字重新切；切不了就报错，画面还是上一段的"""
        first = CutText(self.tokenizer, self.text.value)
        second = None
        if self.other.value:
            second = CutText(self.tokenizer, self.other.value)
        self.first = first
        self.second = second
        self.at = min(self.at, len(first.drawn) - 1)
        self.draw()

    def choose(self, number: int) -> str:
        """选第 number 个词元（从 0 数）"""
        count = len(self.first.drawn)
        if number >= count:
            raise ValueError(
                f"应选前 {count} 个词元里的一个，现在是第 {number + 1} 个；"
                "文字变短了，重新选一个")
        self.at = number
        self.show()
        return f"选了第 {number + 1} 个词元：{short_label(self.chosen)}"

    @property
    def chosen(self) -> Piece:
        """选中的词元"""
        return self.first.pieces[self.at]

    @property
    def place(self) -> int:
        """选中的词元在第几段，从 0 数"""
        return self.first.places[self.at]

    @property
    def ids(self) -> list[int]:
        """选中的词元那一段的编号"""
        return self.first.segments[self.place]

    def draw(self) -> None:
        """重画所有的东西"""
        self.counts.value = self.counts_html()
        self.letters.value = self.letters_html()
        self.tokens.children = self.buttons[:len(self.first.drawn)]
        self.more.value = self.first.undrawn
        self.compared.value = self.compared_html()
        self.show()

    def show(self) -> None:
        """画选中的词元：▶，它的情况，邻居，它那一段的合并"""
        for number, found in enumerate(self.first.drawn):
            mark = "▶ " if number == self.at else ""
            button = self.buttons[number]
            button.description = f"{mark}{short_label(found)}　{found.id}"
        self.detail.value = self.detail_html()
        self.around.value = self.around_html()
        self.merging.start(self.ids)

    def counts_html(self) -> str:
        """每段文字一行：字符、字节、词元各几个；条与最长的比"""
        texts = {"文字": self.first}
        if self.second:
            texts["另一段"] = self.second
        most = max(cut.share for cut in texts.values())
        rows = []
        for name, cut in texts.items():
            share = bar(cut.share / most, f"{cut.share:.2f}")
            rows.append([name, *cut.counts, share])
        heads = ["", "字符", "字节", "词元", "每个字符几个词元"]
        widths = ["12%", "14%", "14%", "14%", "46%"]
        return html_table(heads, rows, widths)

    def letters_html(self) -> str:
        """字符 → 码位 → 字节，放在可以滚动的框里"""
        text = self.first.text
        listed = letters(text[:MOST_LETTERS])
        rows = [escaped(letter) for letter in listed]
        table = html_table(LETTER_HEADS, rows, ["25%", "25%", "50%"])
        hidden = left_out(len(text) - MOST_LETTERS, "个字符没有列出")
        return (f'<div tabindex="0" style="max-height:12em;overflow:auto">{table}</div>'
                f"{self.normalized_html()}{hidden}")

    def normalized_html(self) -> str:
        """规范化改了文字，就说改了；没有改是空的"""
        typed = self.text.value
        kept = self.first.text
        if typed == kept:
            return ""
        return ("<p>分词器先做 NFC 规范化，这段文字变了："
                f"打进来 {len(typed)} 个字符，变成 {len(kept)} 个</p>")

    def compared_html(self) -> str:
        """另一段的词元；没有另一段是空的"""
        if self.second is None:
            return ""
        tokens = wrapped(painted(self.second.drawn).html)
        return f"<b>另一段的词元</b>{tokens}{self.second.undrawn}"

    def detail_html(self) -> str:
        """选中的词元：编号、字节、是不是整个的字符、在哪一段"""
        chosen = self.chosen
        facts = {
            "编号": chosen.id,
            "字节": f"{short_bytes(chosen)}（{len(chosen.bytes)} 个）",
            "字符": self.wholeness(),
            "所在的段": self.segment()}
        rows = [escaped(fact) for fact in facts.items()]
        heads = ["选中的词元", f"▶ {escape(shorten(chosen.label))}"]
        return html_table(heads, rows, ["30%", "70%"])

    def wholeness(self) -> str:
        """选中的词元是整个的字符，还是半个字"""
        touched = letters_in(self.first.pieces, self.at)
        count = len(touched)
        if self.chosen.id in self.tokenizer.added_tokens_decoder:
            return f"附加词元，{count} 个字符是一个整体"
        sizes = sum(size for _, _, _, size in touched)
        if sizes == len(self.chosen.bytes):
            return f"完整的 {count} 个字符"
        parts = "，".join(part_of_letter(*part) for part in touched)
        return f"不完整，有半个字：{parts}"

    def segment(self) -> str:
        """选中的词元那一段：第几段，切成哪些词元"""
        labels = []
        for token_id in self.ids[:MOST_DRAWN]:
            found = piece(self.tokenizer, token_id)
            labels.append(found.label)
        cut = shorten("│".join(labels))
        return f"{self.segment_name()}：{cut}，{len(self.ids)} 个词元"

    def segment_name(self) -> str:
        """第几段。例: "第 1 段（共 2 段）" """
        return f"第 {self.place + 1} 段（共 {len(self.first.segments)} 段）"

    def around_html(self) -> str:
        """选中的词元在词表里的邻居"""
        rows = []
        for near in neighbours(self.tokenizer, self.chosen.id):
            mark = "▶ " if near == self.chosen else ""
            rows.append([
                f"{mark}{near.id}",
                escape(short_label(near)),
                short_bytes(near)])
        heads = ["词表里的邻居", "词元", "字节"]
        return html_table(heads, rows, ["30%", "30%", "40%"])

    def picture(self) -> Shown:
        first = self.first
        letter_count, byte_count, token_count = first.counts
        intro = (f"文字：{shorten(first.text)}　"
                 f"{letter_count} 个字符，{byte_count} 个字节，{token_count} 个词元，"
                 f"每个字符 {first.share:.2f} 个词元")
        shown = vertical(
            paragraph(intro),
            painted(first.drawn),
            first_letters(first.text),
            paragraph(f"{self.segment_name()}，从字节合起"),
            self.merging.picture(),
            gap="\n\n")
        return Shown(wrapped(shown.html), shown.text)


def short_label(found: Piece) -> str:
    """词元的样子，太长就截断"""
    return shorten(found.label, 16)


def short_bytes(found: Piece) -> str:
    """词元的字节，十六进制，太长就截断"""
    return shorten(found.bytes.hex(" "), 59)


def part_of_letter(letter: str, first: int, last: int, size: int) -> str:
    """一个字符的哪几个字节。例: part_of_letter("麤", 1, 2, 3) -> "麤 的第 1–2 个字节（共 3 个）" """
    which = str(first)
    if last > first:
        which += f"–{last}"
    return f"{letter} 的第 {which} 个字节（共 {size} 个）"


def first_letters(text: str) -> Shown:
    """最前面的几个字符 → 码位 → 字节"""
    rows = letters(text[:FIRST_LETTERS])
    hidden = len(text) - FIRST_LETTERS
    if hidden > 0:
        rows.append(("…", f"还有 {hidden} 个", "…"))
    return grid(LETTER_HEADS, rows)


def left_out(hidden: int, what: str) -> str:
    """放不下的有几个，HTML。例: left_out(10, "个词元没有画") -> "<p>还有 10 个词元没有画</p>" """
    if hidden <= 0:
        return ""
    return f"<p>还有 {hidden} {what}</p>"
