"""你来当模型：先押下一个词元是哪一个、有几成把握，再看模型的概率，比谁更少意外

出处: notebooks/05_generation.ipynb 第 2 节；意外的比特数在 helpers.sampling.surprise 里
"""
import random
from html import escape

import ipywidgets as widgets
import torch

from helpers.generation import Step, steps, stop_ids
from helpers.pipeline import shorten
from helpers.sampling import surprise, top_candidates
from helpers.tables import Shown
from helpers.tokens import check_text, piece, question_ids
from helpers.widgets.view import BLUE, ORANGE, View, bar, button, html_table, row

MOST_TOKENS, GIVEN, OPTIONS, MOST_LABEL = 200, 3, 6, 16
TEXTS = {  # 名称 → (问题, 文字)；前两段是教学小模型背过的（第一段的开头它拿不准），第三段它没有见过
    "课程的问题": ("人工智能未来会取代人类吗？",
              "短期内不会。人工智能会改变很多职业，但它没有自己的愿望，怎样使用它由人类社会一起决定。"),
    "诗": ("写一句诗", "春天来的时候没有敲门，只是推开了所有的窗。"),
    "日常的话": ("", "今天下午我们在机房上课，老师带着大家把模型下载到自己的电脑上。")}
OWN, ONCE_MORE = "自己写的", "改好再试，现在猜的还是上一段"
LINES = "line-height:1.8;white-space:pre-wrap;overflow-wrap:anywhere"


def shares(logits: torch.Tensor, options: list[int]) -> dict[int, float]:
    """只在 options 里分的概率：编号 → 概率，加起来是 1；用 64 位数算，再小的概率也不会变成 0

    例: shares(torch.tensor([0., 2., 1.]), [0, 2]) -> {0: 0.268..., 2: 0.731...}
    """
    return {options[place]: p for place, p in sorted(top_candidates(logits[options].double(), len(options)))}


def stake(options: list[int], choice: int, sure: float) -> dict[int, float]:
    """押 choice，把握 sure（0 到 1）：编号 → 概率，剩下的平均分给别的候选

    例: stake([7, 8, 9], 8, 0.6) -> {7: 0.2, 8: 0.6, 9: 0.2}
    """
    return {i: sure if i == choice else (1 - sure) / (len(options) - 1) for i in options}


class Guess(View):
    """猜下一个词元，和模型比谁更少意外

    每一轮有六个候选：真正的下一个，和模型最看好的另外五个。你和模型都只在这六个里分概率，比的才是同一件事：
    你知道真正的那个就在六个里，模型却给整个词表十几万个词元都分了概率；不收回它分给别处的概率，它就吃亏。

    tokenizer、model: 一对；text: 猜哪段文字，至多 200 个词元，不写就用第一段现成的；seed: 打乱候选次序的种子
    question: 文字是哪个问题的回答，从第 1 个词元猜起；空着就没有问题，先给出 3 个词元
    例: Guess(tokenizer, model)
    """

    def __init__(self, tokenizer, model, text: str | None = None, question: str = "", seed: int = 14) -> None:
        super().__init__()
        self.tokenizer, self.model, self.seed = tokenizer, model, seed
        name = next(iter(TEXTS)) if text is None else OWN
        asked, self.source = TEXTS.get(name, (question, text))
        self.build(name, asked)
        self.restart()

    def build(self, name: str, question: str) -> None:
        """控件和它们的动作"""
        wide = widgets.Layout(width="34em", max_width="100%")
        self.given = widgets.Dropdown(options=[*TEXTS, OWN], value=name, description="猜哪段")
        self.question = widgets.Text(question, description="问题", continuous_update=False, layout=wide,
                                     placeholder="空着就没有问题，文字从第 4 个词元猜起")
        self.text = widgets.Text("", description="自己写", continuous_update=False, layout=wide,
                                 placeholder="写好按回车，文字就藏起来，换同桌来猜")
        self.choice = widgets.RadioButtons(description="下一个是", layout=widgets.Layout(width="auto"))
        self.sure = widgets.IntSlider(60, min=20, max=95, step=5, description="把握（%）")
        self.bet = button("下注", "押左边选的词元，然后看模型的概率")
        self.next = button("下一个", "接上真正的词元，猜它后面的一个")
        self.again = button("重来", "从这段文字的开头重新猜")
        self.written, self.bars, self.score = widgets.HTML(), widgets.HTML(), widgets.HTML()
        for control, action in ((self.given, self.take_given), (self.question, self.restart), (self.text, self.take),
                                (self.bet, self.place), (self.next, self.go_on), (self.again, self.restart)):
            self.on(control, action)
        self.box = widgets.VBox([
            row(self.given, self.question), self.text, self.written, row(self.choice, self.sure),
            row(self.bet, self.next, self.again), self.message, self.bars, self.score])

    def take_given(self) -> str | None:
        if self.given.value == OWN:
            return "在“自己写”里写一段，写好按回车"
        self.question.value, text = TEXTS[self.given.value]
        self.restart(text)

    def take(self) -> str:
        """换成自己写的文字，然后把它藏起来"""
        self.restart(self.text.value)
        self.text.value, self.given.value = "", OWN
        return f"收到了，要猜 {len(self.rest)} 个词元；文字已经藏起来"

    def restart(self, text: str | None = None) -> None:
        """照现在的问题从头猜 text，不写就是原来那段；不能用就报错，还是原来那一轮"""
        text = self.source if text is None else text
        before, rest = self.split(text)
        truths = iter(rest)
        reading = steps(self.model, torch.tensor([before]), len(rest), choose=lambda _: next(truths))  # 照着文字写
        first = next(reading)
        self.source, self.reading, self.before, self.rest = text, reading, before, rest
        self.asked, self.shuffle, self.bits = self.question.value.strip(), random.Random(self.seed), []
        self.deal(first)

    def split(self, text: str) -> tuple[list[int], list[int]]:
        """文字 → (先给模型看的编号, 要猜的编号)；太短、太长、中间有结束词元时报 ValueError"""
        check_text(text.strip())
        check_text(self.question.value, empty=True)
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        asked = question_ids(self.tokenizer, self.question.value) if self.question.value.strip() else []
        given = 0 if asked else GIVEN
        if not given < len(ids) <= MOST_TOKENS:
            raise ValueError(f"文字应有 {given + 1} 到 {MOST_TOKENS} 个词元，现在有 {len(ids)} 个；{ONCE_MORE}")
        if stops := stop_ids(self.model).intersection(ids[:-1]):
            raise ValueError(f"结束词元应只在文字的末尾，现在中间有 {self.name(min(stops))}；{ONCE_MORE}")
        return asked + ids[:given], ids[given:]

    def deal(self, step: Step) -> None:
        """发一轮的候选：真正的下一个和模型最看好的另外五个，打乱"""
        best = step.logits[:len(self.tokenizer)].topk(OPTIONS).indices.tolist()
        options = sorted([step.token_id, *[i for i in best if i != step.token_id][:OPTIONS - 1]])
        self.shuffle.shuffle(options)
        self.truth, self.theirs, self.yours, self.picked = step.token_id, shares(step.logits, options), {}, None
        self.choice.options = [(f"{n}　{self.name(i)}", i) for n, i in enumerate(options, 1)]
        self.choice.value = None
        self.refresh()

    def place(self) -> str:
        """下注：记下两边的意外，亮出概率"""
        if self.yours:
            raise ValueError("每一轮应只下一次注，这一轮已经下过；按“下一个”接着猜，或者按“重来”")
        if self.choice.value is None:
            raise ValueError("下注前应选一个词元，现在还没有选；在“下一个是”里选，再拖动把握")
        self.picked = self.choice.value
        self.yours = stake(list(self.theirs), self.picked, self.sure.value / 100)
        even = dict.fromkeys(self.theirs, 1 / OPTIONS)
        self.bits.append([surprise(p[self.truth]) for p in (self.yours, self.theirs, even)])
        self.refresh()
        end = "" if len(self.bits) < len(self.rest) else "；这段文字猜完了，按“重来”，或者换一段"
        return f"{'猜对了' if self.picked == self.truth else '没猜中'}，是 {self.name(self.truth)}{end}"

    def go_on(self) -> None:
        if not self.yours:
            raise ValueError("应先下注，再看下一个，现在还没有下注；选一个词元，按“下注”")
        if len(self.bits) == len(self.rest):
            raise ValueError(f"这段文字只有 {len(self.rest)} 个词元要猜，已经猜完；按“重来”，或者换一段")
        self.deal(next(self.reading))

    def refresh(self) -> None:
        """重画：写到哪里，条形（下注以后才有），得分"""
        self.choice.disabled = self.sure.disabled = bool(self.yours)
        self.written.value = f'<div style="{LINES}">{escape(self.written_text())}</div>'
        self.score.value = self.score_html()
        self.bars.value = self.bars_html() if self.yours else ""

    def name(self, token_id: int) -> str:
        return shorten(piece(self.tokenizer, token_id).label, MOST_LABEL)

    def written_text(self) -> str:
        """问题，已经写出的词元；最后是要猜的 ？，下注以后是 ★ 真正的那个"""
        shown = self.rest[:len(self.bits) - bool(self.yours)]
        names = [self.name(i) for i in ([] if self.asked else self.before) + shown]
        now = f"★{self.name(self.truth)}" if self.yours else "？"
        return (f"问题：{self.asked}\n回答：" if self.asked else "文字：") + "│".join([*names, now])

    def bars_html(self) -> str:
        """六个候选：模型的概率，你的概率；最后一行是各自的意外"""
        rows = [[escape(f"{'★' if i == self.truth else ''}{'▸' if i == self.picked else ''} {n}　{self.name(i)}"),
                 bar(p, f"{p:.2f}", BLUE), bar(self.yours[i], f"{self.yours[i]:.2f}", ORANGE)]
                for n, (i, p) in enumerate(self.theirs.items(), 1)]
        yours, theirs, _ = self.bits[-1]
        rows.append(["看到 ★ 的意外（比特）", f"<b>{theirs:.2f}</b>", f"<b>{yours:.2f}</b>"])
        return html_table(["★ 真正的下一个　▸ 你选的", "模型的概率", "你的概率"], rows, ["30%", "35%", "35%"])

    def scores(self) -> list[list[str]]:
        count, totals = len(self.bits), [sum(part) for part in zip(*self.bits, strict=True)] or [0.0] * 3
        return [[who, f"{total:.2f}", f"{total / count:.2f}" if count else "—"]
                for who, total in zip(("你", "模型", "六个均分"), totals, strict=True)]

    def said(self) -> str:
        count = len(self.bits)
        ahead = sum(theirs - yours for yours, theirs, _ in self.bits) / max(count, 1)
        who = ("还没有下注" if not count else "打平" if abs(ahead) < 0.005 else
               f"{'你' if ahead > 0 else '模型'}领先，平均每个词元少 {abs(ahead):.2f} 比特")
        return f"猜了 {count} / {len(self.rest)} 个：{who}"

    def score_html(self) -> str:
        table = html_table(["", "意外一共（比特）", "平均每个词元（比特）"], self.scores(), ["30%", "35%", "35%"])
        return f"<p>{self.said()}（意外越少越好）</p>{table}"

    def picture(self) -> Shown:
        options = "　".join(label.replace("　", " ", 1) for label, _ in self.choice.options)
        intro = f"你来当模型：下一个词元是哪一个，有几成把握？\n{self.written_text()}\n候选：{options}"
        return Shown(f'<div style="{LINES}">{escape(intro)}</div>{self.score_html()}',
                     "\n".join([intro, self.said(), *(" │ ".join(cells) for cells in self.scores())]))
