"""下一个词元：拖动温度、top-k、top-p、重复惩罚，看概率怎样变；抽一个，退一个，分出几支

出处: notebooks/05_next_token.ipynb 第 7 节；计算都在 helpers.sampling 里
"""
from html import escape

from helpers.generation import steps, stop_ids
from helpers.sampling import STAGES, draw, stages
from helpers.tables import Shown, paragraph, text_lines, vertical
from helpers.tokens import piece, question_ids
from helpers.widgets.view import ORANGE, View, bar, html_table, row, text_field

import ipywidgets as widgets
import torch
from torch import Tensor

MOST_WRITTEN = 40
HOTTEST = 1.5  # 再高，教学小模型就常抽中没有训练过的编号，见它的模型卡
BRANCH_NAMES = "ABCDEF"
BEST = 6  # 画概率最大的几个
SMALLEST = 0.0005  # 概率比它还小的不画
DRAWN_FROM = 4  # 抽中以后说出概率最大的几个
BAR_HEADS = ["词元", "编号", *STAGES]
BAR_WIDTHS = ["15%", "10%", "15%", "15%", "15%", "15%", "15%"]


class NextToken(View):
    """下一个词元的概率，可以操作

    tokenizer、model: 一对；question: 先问什么；seed: 抽签的种子
    例: NextToken(tokenizer, model)
    """

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？", seed: int = 14) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)
        self.build(question)
        self.restart()
        self.connect()

    def build(self, question: str) -> None:
        """控件，从上到下"""
        self.question = text_field(question, "问题")
        self.build_sliders()
        self.choice = widgets.Dropdown(description="换成", layout=widgets.Layout(width="18em"))
        self.bars = widgets.HTML()
        self.branch = widgets.ToggleButtons(description="哪一支", style={"button_width": "3em"})
        self.answers = widgets.HTML()
        buttons = row(
            self.button("抽一个", "按最右一列的概率抽下一个词元", self.draw_one),
            self.button("退一个", "退回一个词元；退掉的还留着", self.go_back),
            self.choice,
            self.button("选它", "接上左边选的词元；和原来写的不同就另起一支", self.choose),
            self.button("接着写完", "从这里起每次选第一名，直到结束", self.write_on),
            self.button("重来", "清空所有的分支", self.restart))
        self.box = widgets.VBox([
            self.question,
            row(self.penalty, self.temperature),
            row(self.top_k, self.top_p),
            buttons,
            self.message,
            self.bars,
            self.branch,
            self.answers])

    def build_sliders(self) -> None:
        """四个滑块：范围和步长"""
        narrow = {"description_width": "5.5em"}
        wide = {"description_width": "8em"}
        self.penalty = widgets.FloatSlider(
            1.0, min=1.0, max=2.0, step=0.05, description="重复惩罚", style=narrow)
        self.temperature = widgets.FloatSlider(
            1.0, min=0.1, max=HOTTEST, step=0.1, description="温度", style=narrow)
        self.top_k = widgets.IntSlider(
            0, min=0, max=50, description="top-k（0 不用）", style=wide)
        self.top_p = widgets.FloatSlider(
            1.0, min=0.05, max=1.0, step=0.05, description="top-p（1 不用）", style=wide)

    def connect(self) -> None:
        """控件的值变了做什么"""
        self.on(self.question, self.restart)
        self.on(self.branch, self.switch)
        for slider in (self.penalty, self.temperature, self.top_k, self.top_p):
            self.on(slider, self.refresh)

    def restart(self) -> None:
        """照现在的问题从头开始，只有一支，还没有写"""
        self.asked = tuple(question_ids(self.tokenizer, self.question.value))
        self.branches = {"A": ()}  # 每一支的编号，连同退掉的
        self.now = "A"
        self.written = ()  # 现在这一支写出的编号
        self.known = {}  # 算过的编号 → logits，拖动滑块时不用再算
        self.refresh()

    def name(self, token_id: int) -> str:
        return piece(self.tokenizer, token_id).label

    def ended(self) -> bool:
        """现在这一支已经写出结束词元"""
        return not stop_ids(self.model).isdisjoint(self.written)

    def ids(self) -> tuple[int, ...]:
        """问题加上现在这一支写出的编号；写完了就不算结束词元，看的是它自己的概率"""
        ids = self.asked + self.written
        return ids[:-1] if self.ended() else ids

    def logits_after(self, ids: tuple[int, ...]) -> Tensor:
        """ids 后面那个词元的 logits，形状 (词表大小,)"""
        if ids not in self.known:
            step = next(steps(self.model, torch.tensor([ids]), max_new_tokens=1))
            self.known[ids] = step.logits
        return self.known[ids]

    def stages(self) -> dict[str, Tensor]:
        """下一个词元的 logits，一样一样地用上滑块的设置"""
        ids = self.ids()
        return stages(
            self.logits_after(ids),
            ids,
            self.penalty.value,
            self.temperature.value,
            self.top_k.value,
            self.top_p.value)

    def candidates(self) -> dict[int, list[float]]:
        """编号 → 每一步设置以后的概率；原来的前几名在先，后来挤进前几名的在后"""
        logits = torch.stack(list(self.stages().values()))
        probabilities = logits.softmax(dim=-1)  # 形状 (几步, 词表大小)
        best = probabilities[[0, -1]].topk(BEST).indices.flatten()
        found = {}
        for token_id in best.tolist():
            shares = probabilities[:, token_id].tolist()
            if max(shares[0], shares[-1]) > SMALLEST:
                found[token_id] = shares
        return found

    def take(self, token_id: int) -> str:
        """接上 token_id：与退掉的相同就前进，不同就另起一支；返回还要补上的话"""
        self.check_room()
        said = ""
        written = (*self.written, token_id)
        branch = self.branches[self.now]
        if branch[:len(written)] == written:
            said = "；和原来写的一样"
        elif branch == self.written:
            self.branches[self.now] = written
        else:
            self.fork(written)
            said = self.forked()
        self.written = written
        return said

    def check_room(self) -> None:
        """现在这一支应还能往下写，否则报 ValueError"""
        if self.ended():
            raise ValueError("这一支已经写完（结束词元）；退一个，或者换一支")
        if len(self.written) >= MOST_WRITTEN:
            raise ValueError(f"一支最多写 {MOST_WRITTEN} 个词元；退几个，或者按“重来”")

    def fork(self, written: tuple[int, ...]) -> None:
        """另起一支"""
        count = len(self.branches)
        if count == len(BRANCH_NAMES):
            raise ValueError(f"最多 {count} 支，已经满了；换一支接着写，或者按“重来”")
        self.now = BRANCH_NAMES[count]
        self.branches[self.now] = written

    def forked(self) -> str:
        return f"；另起一支 {self.now}，原来的还留着"

    def draw_one(self) -> str:
        """按最后的概率抽一个，接上"""
        logits = self.stages()[STAGES[-1]]
        drawn = draw(logits, self.generator)
        said = self.take(drawn)
        self.refresh()
        return f"抽中（★）：{self.drawn_from(logits, drawn)}{said}"

    def drawn_from(self, logits: Tensor, drawn: int) -> str:
        """概率最大的几个和抽中的那个（★），各有多大概率"""
        probabilities = logits.softmax(dim=-1)
        best = probabilities.topk(DRAWN_FROM).indices.tolist()
        shown = []
        for token_id in dict.fromkeys([*best, drawn]):
            share = probabilities[token_id]
            if share > 0:
                mark = "★" if token_id == drawn else ""
                shown.append(f"{mark}{self.name(token_id)} {share:.2f}")
        return "　".join(shown)

    def go_back(self) -> str:
        """退一个；退掉的留在这一支里"""
        if not self.written:
            return "已经在回答的开头，没有可退的；按“抽一个”往前写"
        *written, undone = self.written
        self.written = tuple(written)
        self.refresh()
        return f"退掉了 {self.name(undone)}，它还留在这一支里"

    def choose(self) -> str:
        """接上选的候选"""
        chosen = self.choice.value
        said = self.take(chosen)
        self.refresh()
        return f"选了 {self.name(chosen)}{said}"

    def switch(self) -> None:
        """换到选的那一支"""
        self.now = self.branch.value
        self.written = self.branches[self.now]
        self.refresh()

    def write_on(self) -> str:
        """从这里起每次选第一名，直到结束或写满"""
        self.check_room()
        before = self.now
        room = MOST_WRITTEN - len(self.written)
        for step in steps(self.model, torch.tensor([self.ids()]), room):
            self.take(step.token_id)
            self.answers.value = self.answers_html()
        self.refresh()
        said = "" if self.now == before else self.forked()
        return f"写完了{said}"

    def refresh(self) -> None:
        """重画：条形、候选、各支"""
        found = self.candidates()
        self.bars.value = self.table(found).html
        self.choice.options = [
            (f"{self.name(token_id)}　{shares[-1]:.2f}", token_id)
            for token_id, shares in found.items()]
        self.choice.index = 0
        self.branch.options = list(self.branches)
        self.branch.value = self.now
        self.answers.value = self.answers_html()

    def table(self, found: dict[int, list[float]]) -> Shown:
        """候选，一行一个；网页里的概率画成条"""
        html = []
        text = [BAR_HEADS]
        for token_id, shares in found.items():
            name = self.name(token_id)
            bars = map(share_html, shares)
            numbers = map(share_text, shares)
            html.append([escape(name), str(token_id), *bars])
            text.append([name, token_id, *numbers])
        return Shown(html_table(BAR_HEADS, html, BAR_WIDTHS), text_lines(text))

    def answers_html(self) -> str:
        """各支并排"""
        return "".join(map(self.branch_html, self.branches))

    def branch_html(self, name: str) -> str:
        """一支：现在这一支前面是 ▶，退掉的放在括号里"""
        mark = "　"
        written = self.branches[name]
        undone = ()
        if name == self.now:
            mark = f'<b style="color:{ORANGE}">▶</b>'
            undone = written[len(self.written):]
            written = self.written
        line = f"{mark} <b>{name}</b>　{self.names_html(written)}"
        if undone:
            line += f"（退掉的：{self.names_html(undone)}）"
        elif not written:
            line += "（还没有写）"
        return f'<div style="line-height:1.8;overflow-wrap:anywhere">{line}</div>'

    def names_html(self, ids: tuple[int, ...]) -> str:
        return escape("│".join(map(self.name, ids)))

    def picture(self) -> Shown:
        intro = (f"问题：{self.question.value}　"
                 f"温度 {self.temperature.value}，"
                 f"top-k {self.top_k.value}，"
                 f"top-p {self.top_p.value}，"
                 f"重复惩罚 {self.penalty.value}")
        table = self.table(self.candidates())
        above = vertical(paragraph(intro), table)
        return Shown(above.html + self.answers_html(), above.text)


def share_html(share: float) -> str:
    text = share_text(share)
    return bar(share, text) if share else text


def share_text(share: float) -> str:
    return f"{share:.2f}" if share else "去掉"
