"""你来当模型：先押下一个词元是哪一个、有几成把握，再看模型的概率，比谁更少意外

出处: notebooks/05_next_token.ipynb 第 3 节；意外的比特数在 helpers.sampling.surprise 里
"""
import random
from html import escape
from statistics import fmean

from helpers.generation import Step, steps, stop_ids
from helpers.pipeline import shorten
from helpers.sampling import surprise
from helpers.tables import Shown, text_lines, vertical
from helpers.tokens import check_text, piece, question_ids
from helpers.widgets.plain_view import BLUE, ORANGE, Panel, bar, html_table, row, text_field

import ipywidgets as widgets
import torch
from torch import Tensor

MOST_GUESSED = 200  # 一段文字最多几个词元
GIVEN_TOKENS = 3  # 没有问题时先给出几个词元
OPTIONS = 6
LABEL_LENGTH = 16
GIVEN_TEXTS = {  # 名称 → (问题, 文字)；前两段是教学小模型背过的（开头有几种背法，它拿不准），第三段它没有见过
    "课程的问题": ("人工智能未来会取代人类吗？",
              "短期内不会。人工智能会改变很多职业，但它没有自己的愿望，怎样使用它由人类社会一起决定。"),
    "诗": ("写一句诗", "春天来的时候没有敲门，只是推开了所有的窗。"),
    "日常的话": ("", "今天下午我们在机房上课，老师带着大家把模型下载到自己的电脑上。")}
FIRST_TEXT = "课程的问题"
OWN_TEXT = "自己写的"
ONCE_MORE = "改好再试，现在猜的还是上一段"
YOU = "你"
MODEL = "模型"
EVEN = "六个均分"
EQUAL = 0.005  # 平均差得比它还少就算打平，单位比特
COLUMN_WIDTHS = ["30%", "35%", "35%"]


def shares(logits: Tensor, options: list[int]) -> dict[int, float]:
    """只在 options 里分的概率：编号 → 概率，加起来是 1；用 64 位数算，再小的概率也不会变成 0

    例: shares(torch.tensor([0., 2., 1.]), [0, 2]) -> {0: 0.268..., 2: 0.731...}
    """
    probabilities = logits[options].double().softmax(dim=-1)
    return dict(zip(options, probabilities.tolist(), strict=True))


def stake(options: list[int], choice: int, sure: float) -> dict[int, float]:
    """押 choice，把握 sure（0 到 1）：编号 → 概率，剩下的平均分给别的候选

    例: stake([7, 8, 9], 8, 0.6) -> {7: 0.2, 8: 0.6, 9: 0.2}
    """
    left = (1 - sure) / (len(options) - 1)
    return dict.fromkeys(options, left) | {choice: sure}


class Guess(Panel):
    """猜下一个词元，和模型比谁更少意外

    每一轮有六个候选：真正的下一个，和模型最看好的另外五个。你和模型都只在这六个里分概率，比的才是同一件事：
    你知道真正的那个就在六个里，模型却给整个词表十几万个词元都分了概率；不收回它分给别处的概率，它就吃亏。

    tokenizer、model: 一对；text: 猜哪段文字，至多 200 个词元，不写就用第一段现成的；seed: 打乱候选次序的种子
    question: 文字是哪个问题的回答，从第 1 个词元猜起；空着就没有问题，先给出 3 个词元
    例: Guess(tokenizer, model)
    """

    def __init__(self, tokenizer, model, text: str | None = None, question: str = "", seed: int = 14) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = model
        self.seed = seed
        name = OWN_TEXT
        if text is None:
            name = FIRST_TEXT
            question, text = GIVEN_TEXTS[name]
        self.build(name, question)
        self.start(text)

    def build(self, name: str, question: str) -> None:
        """控件，从上到下，和它们的动作"""
        self.given = widgets.Dropdown(options=[*GIVEN_TEXTS, OWN_TEXT], value=name, description="猜哪段")
        self.question = text_field(question, "问题", "空着就没有问题，文字从第 4 个词元猜起")
        self.text = text_field("", "自己写", "写好按回车，文字就藏起来，换同桌来猜")
        self.written = widgets.HTML()
        self.choice = widgets.RadioButtons(description="下一个是", layout=widgets.Layout(width="auto"))
        self.sure = widgets.IntSlider(60, min=20, max=95, step=5, description="把握（%）")
        self.bars = widgets.HTML()
        self.score = widgets.HTML()
        buttons = row(
            self.button("下注", "押左边选的词元，然后看模型的概率", self.place),
            self.button("下一个", "接上真正的词元，猜它后面的一个", self.go_on),
            self.button("重来", "从这段文字的开头重新猜", self.restart))
        self.on(self.given, self.take_given)
        self.on(self.question, self.restart)
        self.on(self.text, self.take_own)
        self.box = widgets.VBox([
            row(self.given, self.question),
            self.text,
            self.written,
            row(self.choice, self.sure),
            buttons,
            self.message,
            self.bars,
            self.score])

    def take_given(self) -> str | None:
        """换成一段现成的文字"""
        if self.given.value == OWN_TEXT:
            return "在“自己写”里写一段，写好按回车"
        self.question.value, text = GIVEN_TEXTS[self.given.value]
        self.start(text)

    def take_own(self) -> str:
        """换成自己写的文字，然后把它藏起来"""
        self.start(self.text.value)
        self.text.value = ""
        self.given.value = OWN_TEXT
        return f"收到了，要猜 {len(self.rest)} 个词元；文字已经藏起来"

    def restart(self) -> None:
        """照现在的问题从头猜原来那段"""
        self.start(self.source)

    def start(self, text: str) -> None:
        """照现在的问题从头猜 text；不能用就报错，还是原来那一轮"""
        before, rest = self.split(text)
        truths = iter(rest)  # 照着文字写
        reading = steps(
            self.model,
            torch.tensor([before]),
            max_new_tokens=len(rest),
            choose=lambda _: next(truths))
        first = next(reading)
        self.source = text
        self.asked = self.question.value.strip()
        self.reading = reading
        self.rest = rest
        self.shown = [] if self.asked else before  # 要猜的词元前面，画出哪些
        self.shuffle = random.Random(self.seed)
        self.bits = {YOU: [], MODEL: [], EVEN: []}  # 谁 → 每一轮的意外
        self.deal(first)

    def split(self, text: str) -> tuple[list[int], list[int]]:
        """文字 → (先给模型看的编号, 要猜的编号)；太短、太长、中间有结束词元时报 ValueError"""
        check_text(text.strip())
        question = self.question.value
        asked = question_ids(self.tokenizer, question) if question.strip() else []
        given = 0 if asked else GIVEN_TOKENS
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if not given < len(ids) <= MOST_GUESSED:
            raise ValueError(f"文字应有 {given + 1} 到 {MOST_GUESSED} 个词元，现在有 {len(ids)} 个；{ONCE_MORE}")
        stops = stop_ids(self.model).intersection(ids[:-1])
        if stops:
            raise ValueError(f"结束词元应只在文字的末尾，现在中间有 {self.name(min(stops))}；{ONCE_MORE}")
        return asked + ids[:given], ids[given:]

    def deal(self, step: Step) -> None:
        """发一轮的候选"""
        options = self.options(step)
        self.truth = step.token_id
        self.theirs = shares(step.logits, options)
        self.yours = {}  # 下注以后才有
        self.choice.options = [
            (f"{number}　{self.name(token_id)}", token_id)
            for number, token_id in enumerate(options, start=1)]
        self.choice.value = None
        self.refresh()

    def options(self, step: Step) -> list[int]:
        """真正的下一个和模型最看好的另外五个，打乱"""
        scores = step.logits[:len(self.tokenizer)]  # 词表的末尾是空着的编号，没有文字
        best = scores.topk(OPTIONS).indices.tolist()
        different = dict.fromkeys([step.token_id, *best])
        options = sorted(list(different)[:OPTIONS])
        self.shuffle.shuffle(options)
        return options

    def place(self) -> str:
        """下注：记下各人的意外，亮出概率"""
        chosen = self.choice.value
        if self.yours:
            raise ValueError("每一轮应只下一次注，这一轮已经下过；按“下一个”接着猜，或者按“重来”")
        if chosen is None:
            raise ValueError("下注前应选一个词元，现在还没有选；在“下一个是”里选，再拖动把握")
        sure = self.sure.value / 100
        self.yours = stake(list(self.theirs), chosen, sure)
        guesses = {YOU: self.yours, MODEL: self.theirs, EVEN: dict.fromkeys(self.theirs, 1 / OPTIONS)}
        for who, guess in guesses.items():
            bits = surprise(guess[self.truth])
            self.bits[who].append(bits)
        self.refresh()
        said = "猜对了" if chosen == self.truth else "没猜中"
        said += f"，是 {self.name(self.truth)}"
        if self.finished():
            said += "；这段文字猜完了，按“重来”，或者换一段"
        return said

    def finished(self) -> bool:
        """每一个都下过注了"""
        return len(self.bits[YOU]) == len(self.rest)

    def go_on(self) -> None:
        """接上真正的词元，猜下一个"""
        if not self.yours:
            raise ValueError("应先下注，再看下一个，现在还没有下注；选一个词元，按“下注”")
        if self.finished():
            raise ValueError(f"这段文字只有 {len(self.rest)} 个词元要猜，已经猜完；按“重来”，或者换一段")
        self.shown.append(self.truth)
        self.deal(next(self.reading))

    def refresh(self) -> None:
        """重画：写到哪里，条形（下注以后才有），得分"""
        placed = bool(self.yours)
        self.choice.disabled = placed
        self.sure.disabled = placed
        self.written.value = passage_html(self.written_text())
        self.bars.value = self.bars_html() if placed else ""
        self.score.value = self.score_shown().html

    def name(self, token_id: int) -> str:
        label = piece(self.tokenizer, token_id).label
        return shorten(label, LABEL_LENGTH)

    def written_text(self) -> str:
        """问题，已经写出的词元；最后是要猜的 ？，下注以后是 ★ 真正的那个"""
        names = [self.name(token_id) for token_id in self.shown]
        if self.yours:
            names.append(f"★{self.name(self.truth)}")
        else:
            names.append("？")
        text = "│".join(names)
        if self.asked:
            return f"问题：{self.asked}\n回答：{text}"
        return f"文字：{text}"

    def bars_html(self) -> str:
        """六个候选：模型的概率，你的概率；最后一行是各自的意外"""
        rows = []
        for label, token_id in self.choice.options:
            star = "★" if token_id == self.truth else ""
            arrow = "▸" if token_id == self.choice.value else ""
            theirs = bar_of(self.theirs[token_id], BLUE)
            yours = bar_of(self.yours[token_id], ORANGE)
            rows.append([escape(f"{star}{arrow} {label}"), theirs, yours])
        theirs = f"<b>{self.bits[MODEL][-1]:.2f}</b>"
        yours = f"<b>{self.bits[YOU][-1]:.2f}</b>"
        rows.append(["看到 ★ 的意外（比特）", theirs, yours])
        return html_table(["★ 真正的下一个　▸ 你选的", "模型的概率", "你的概率"], rows, COLUMN_WIDTHS)

    def leader(self) -> str:
        """谁领先，领先多少"""
        if not self.bits[YOU]:
            return "还没有下注"
        ahead = fmean(self.bits[MODEL]) - fmean(self.bits[YOU])
        if abs(ahead) < EQUAL:
            return "打平"
        who = YOU if ahead > 0 else MODEL
        return f"{who}领先，平均每个词元少 {abs(ahead):.2f} 比特"

    def score_shown(self) -> Shown:
        """猜了几个，谁领先，各人的得分"""
        said = f"猜了 {len(self.bits[YOU])} / {len(self.rest)} 个：{self.leader()}"
        rows = []
        for who, bits in self.bits.items():
            total = f"{sum(bits):.2f}"
            average = f"{fmean(bits):.2f}" if bits else "—"
            rows.append([who, total, average])
        table = html_table(["", "意外一共（比特）", "平均每个词元（比特）"], rows, COLUMN_WIDTHS)
        html = f"<p>{said}（意外越少越好）</p>{table}"
        text = text_lines([[said], *rows])
        return Shown(html, text)

    def picture(self) -> Shown:
        labels = [label.replace("　", " ", 1) for label, _ in self.choice.options]
        intro = "\n".join([
            "你来当模型：下一个词元是哪一个，有几成把握？",
            self.written_text(),
            "候选：" + "　".join(labels)])
        passage = Shown(passage_html(intro), intro)
        return vertical(passage, self.score_shown())


def passage_html(text: str) -> str:
    """一段文字，换行照原样"""
    return f'<div style="line-height:1.8;white-space:pre-wrap;overflow-wrap:anywhere">{escape(text)}</div>'


def bar_of(probability: float, color: str) -> str:
    return bar(probability, f"{probability:.2f}", color)
