"""下一个词元：拖动温度、top-k、top-p、重复惩罚，看概率怎样变；抽一个，退一个，分出几支

出处: notebooks/05_generation.ipynb 第 6 节；计算都在 helpers.sampling 里
"""
from html import escape

import ipywidgets as widgets
import torch

from helpers.generation import check_ids, steps, stop_ids
from helpers.sampling import STAGES, draw, stages, top_candidates
from helpers.tables import Shown
from helpers.tokens import piece, question_ids
from helpers.widgets.view import ORANGE, View, bar, button, html_table, row

MOST_WRITTEN, MOST_BRANCHES, SHOWN = 40, 6, 6
NAMES = "ABCDEF"


class NextToken(View):
    """下一个词元的概率，可以操作

    tokenizer、model: 一对；question: 先问什么；seed: 抽签的种子
    例: NextToken(tokenizer, model)
    """

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？", seed: int = 14) -> None:
        super().__init__()
        self.tokenizer, self.model = tokenizer, model
        self.generator = torch.Generator().manual_seed(seed)
        self.scores: dict[tuple[int, ...], torch.Tensor] = {}  # 算过的位置 → logits，拖动滑块时不用再算
        self.build(question)
        self.restart()

    def build(self, question: str) -> None:
        """控件和它们的动作"""
        wide = widgets.Layout(width="34em", max_width="100%")
        self.question = widgets.Text(question, description="问题", continuous_update=False, layout=wide)
        slider = {"continuous_update": True, "style": {"description_width": "5.5em"}}
        self.penalty = widgets.FloatSlider(1.0, min=1.0, max=2.0, step=0.05, description="重复惩罚", **slider)
        self.temperature = widgets.FloatSlider(1.0, min=0.1, max=2.0, step=0.1, description="温度", **slider)
        self.top_k = widgets.IntSlider(0, min=0, max=50, description="top-k（0 不用）", continuous_update=True,
                                       style={"description_width": "8em"})
        self.top_p = widgets.FloatSlider(1.0, min=0.05, max=1.0, step=0.05, description="top-p（1 不用）",
                                         continuous_update=True, style={"description_width": "8em"})
        self.draw = button("抽一个", "按最右一列的概率抽下一个词元")
        self.back = button("退一个", "退回一个词元；退掉的还留着")
        self.finish = button("接着写完", "从这里起每次选第一名，直到结束")
        self.clear = button("重来", "清空所有的分支")
        self.choice = widgets.Dropdown(description="换成", layout=widgets.Layout(width="18em"))
        self.take_choice = button("选它", "接上左边选的词元；和原来写的不同就另起一支")
        self.branch = widgets.ToggleButtons(description="哪一支", style={"button_width": "3em"})
        self.bars, self.written = widgets.HTML(), widgets.HTML()
        for control in (self.penalty, self.temperature, self.top_k, self.top_p):
            self.on(control, self.refresh)
        for control, action in ((self.question, self.restart), (self.draw, self.draw_one), (self.back, self.go_back),
                                (self.finish, self.write_on), (self.clear, self.restart),
                                (self.take_choice, self.choose), (self.branch, self.switch)):
            self.on(control, action)
        self.box = widgets.VBox([
            self.question, row(self.penalty, self.temperature), row(self.top_k, self.top_p),
            row(self.draw, self.back, self.choice, self.take_choice, self.finish, self.clear),
            self.message, self.bars, self.branch, self.written])

    def restart(self) -> None:
        """照现在的问题从头开始，只有一支，还没有写"""
        self.asked = question_ids(self.tokenizer, self.question.value)
        self.branches, self.now, self.at = [[]], 0, 0
        self.scores.clear()
        self.refresh()

    def ids(self) -> list[int]:
        """问题加上现在这一支写到光标为止的编号；写完了就不算结束词元，看的是它自己的概率"""
        return self.asked + self.branches[self.now][:self.at - self.done()]

    def logits(self) -> torch.Tensor:
        """光标处的 logits，形状 (词表大小,)"""
        key = tuple(self.ids())
        if key not in self.scores:
            input_ids = torch.tensor([key])
            check_ids(self.model, input_ids)
            with torch.inference_mode():
                self.scores[key] = self.model(input_ids=input_ids).logits[0, -1].float()
        return self.scores[key]

    def stages(self) -> dict[str, torch.Tensor]:
        """光标处的 logits，一样一样地用上滑块的设置"""
        return stages(self.logits(), self.ids(), self.penalty.value, self.temperature.value, self.top_k.value,
                      self.top_p.value)

    def refresh(self) -> None:
        """重画：条形、候选、各支"""
        table = self.table()
        self.bars.value = self.bars_html(table)
        self.choice.options = [(f"{self.name(i)}　{p[-1]:.2f}", i) for i, p in table]
        self.choice.index = 0
        self.branch.options = [(NAMES[i], i) for i in range(len(self.branches))]
        self.branch.value = self.now
        self.written.value = self.written_html()

    def table(self) -> list[tuple[int, list[float]]]:
        """候选：(编号, 每一步以后的概率)，原来的前几名在先，后来挤进前几名的在后"""
        after = {name: torch.softmax(scores, dim=-1) for name, scores in self.stages().items()}
        first, last = list(after.values())[0], list(after.values())[-1]
        ids = list(dict.fromkeys(first.topk(SHOWN).indices.tolist() + last.topk(SHOWN).indices.tolist()))
        return [(i, [p[i].item() for p in after.values()]) for i in ids if first[i] > 0.0005 or last[i] > 0.0005]

    def name(self, token_id: int) -> str:
        return piece(self.tokenizer, token_id).label

    def done(self) -> bool:
        """光标前面已经是结束词元"""
        written = self.branches[self.now][:self.at]
        return bool(written) and written[-1] in stop_ids(self.model)

    def take(self, token_id: int) -> str:
        """光标处接上 token_id：与后面留着的相同就前进，不同就另起一支；返回要说的话"""
        branch = self.branches[self.now]
        if self.done():
            raise ValueError("这一支已经写完（结束词元）；退一个，或者换一支")
        if self.at >= MOST_WRITTEN:
            raise ValueError(f"一支最多写 {MOST_WRITTEN} 个词元；退几个，或者按“重来”")
        if branch[self.at:self.at + 1] == [token_id]:
            said = "和原来写的一样"
        elif self.at == len(branch):
            branch.append(token_id)
            said = ""
        else:
            said = self.fork(token_id)
        self.at += 1
        return said

    def fork(self, token_id: int) -> str:
        """从光标处另起一支"""
        if len(self.branches) == MOST_BRANCHES:
            raise ValueError(f"最多 {MOST_BRANCHES} 支，已经满了；换一支接着写，或者按“重来”")
        self.branches.append([*self.branches[self.now][:self.at], token_id])
        self.now = len(self.branches) - 1
        return f"另起一支 {NAMES[self.now]}，原来的还留着"

    def draw_one(self) -> str:
        """按最后的概率抽一个，接上"""
        scores = list(self.stages().values())[-1]
        token_id = draw(scores, self.generator)
        best = top_candidates(scores, 4)
        said = self.take(token_id)
        marks = [f"{'★' if i == token_id else ''}{self.name(i)} {p:.2f}" for i, p in best if p > 0]
        if token_id not in dict(best):
            marks.append(f"★{self.name(token_id)} {torch.softmax(scores, dim=-1)[token_id]:.2f}")
        self.refresh()
        return f"抽中（★）：{'　'.join(marks)}{'；' + said if said else ''}"

    def go_back(self) -> str:
        """光标退一个；退掉的留在这一支里"""
        if not self.at:
            return "已经在回答的开头，没有可退的；按“抽一个”往前写"
        self.at -= 1
        self.refresh()
        return f"退掉了 {self.name(self.branches[self.now][self.at])}，它还留在这一支里"

    def choose(self) -> str:
        """接上选的候选"""
        token_id = self.choice.value
        said = self.take(token_id)
        self.refresh()
        return f"选了 {self.name(token_id)}" + (f"；{said}" if said else "")

    def switch(self) -> None:
        """换到另一支，光标在它的末尾"""
        self.now = self.branch.value
        self.at = len(self.branches[self.now])
        self.refresh()

    def write_on(self) -> str:
        """从光标起每次选第一名，直到结束或写满"""
        if self.done() or self.at >= MOST_WRITTEN:
            raise ValueError("这一支已经写完；退几个再接着写，或者换一支")
        said = ""
        for step in steps(self.model, torch.tensor([self.ids()]), MOST_WRITTEN - self.at):
            said = self.take(step.token_id) or said
            self.written.value = self.written_html()
        self.refresh()
        return "写完了" + (f"；{said}" if said.startswith("另起") else "")

    def bars_html(self, table: list[tuple[int, list[float]]]) -> str:
        heads = ["词元", "编号", *STAGES]
        rows = [[escape(self.name(i)), str(i), *(self.cell(p) for p in shares)] for i, shares in table]
        return html_table(heads, rows, ["15%", "10%"] + ["15%"] * 5)

    @staticmethod
    def cell(share: float) -> str:
        return bar(share, f"{share:.2f}") if share > 0 else "去掉"

    def written_html(self) -> str:
        """各支并排：▶ 是现在这一支，光标后面的放在括号里"""
        lines = [self.line(number, branch) for number, branch in enumerate(self.branches)]
        return "".join(f'<div style="line-height:1.8;overflow-wrap:anywhere">{line}</div>' for line in lines)

    def line(self, number: int, branch: list[int]) -> str:
        here = number == self.now
        at = self.at if here else len(branch)
        before, after = ("│".join(escape(self.name(i)) for i in part) for part in (branch[:at], branch[at:]))
        mark = f'<b style="color:{ORANGE}">▶</b>' if here else "　"
        return f"{mark} <b>{NAMES[number]}</b>　{before or '（还没有写）' if not after else before}" + (
            f"（退掉的：{after}）" if after else "")

    def picture(self) -> Shown:
        table = self.table()
        heads = " │ ".join(["词元", "编号", *STAGES])
        rows = [" │ ".join([self.name(i), str(i), *(f"{p:.2f}" if p > 0 else "去掉" for p in shares)])
                for i, shares in table]
        intro = f"问题：{self.question.value}　温度 {self.temperature.value}，top-k {self.top_k.value}，" \
                f"top-p {self.top_p.value}，重复惩罚 {self.penalty.value}"
        return Shown(f"<p>{escape(intro)}</p>{self.bars_html(table)}{self.written_html()}",
                     "\n".join([intro, heads, *rows]))
