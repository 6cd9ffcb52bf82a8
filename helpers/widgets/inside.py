"""模型里面：选层、选头、选位置，看它看前面哪里（Attention）；看每层会说出什么（Lens）

出处: notebooks/09_inside.ipynb；计算都在 helpers.inside 里
"""
from html import escape

import ipywidgets as widgets
import torch

from helpers.inside import LensTable, attention, lens, strongest, token_name
from helpers.tables import Shown
from helpers.tokens import check_text
from helpers.widgets.view import BUSY, LINE, View, bar, row

MOST_TOKENS, SHOWN, SPREAD = 64, 11, 0.005
QUESTION = "人工智能未来会取代人类吗？"
RANKS = "①②③"
STICKY = "position:sticky;background:var(--jp-layout-color1, Canvas)"  # 不透明，才盖得住滚过去的格子
TINT = "background:rgba(0, 114, 178, .2)"  # 半透明，深色背景上字也看得清；旁边总有 ▼、✓ 或名次


class Inside(View):
    """两个视图共用的：一段文字，套不套对话模板，看哪个位置；换文字才算一次前向，别的控件只重画"""

    def __init__(self, tokenizer, model, text: str = QUESTION) -> None:
        super().__init__()
        self.tokenizer, self.model = tokenizer, model
        self.text = widgets.Text(text, description="文字", continuous_update=False,
                                 layout=widgets.Layout(width="34em", max_width="100%"))
        self.template = widgets.Checkbox(True, description="套对话模板", indent=False,
                                         layout=widgets.Layout(width="auto"))
        self.position = widgets.IntSlider(1, min=1, max=1, description="第几个词元", continuous_update=True,
                                          layout=widgets.Layout(width="34em", max_width="100%"))
        self.shown = widgets.HTML(layout=widgets.Layout(width="100%"))
        for control, action in ((self.text, self.read), (self.template, self.read), (self.position, self.refresh)):
            self.on(control, action)
        self.box = widgets.VBox([row(self.text, self.template), *self.controls(), self.position, self.message,
                                 self.shown])
        self.read()
        self.say("")

    def controls(self) -> list[widgets.Widget]:
        """这个视图自己的控件，放在位置滑块上面"""
        return []

    def compute(self, input_ids: torch.Tensor) -> None:
        """一次前向，留下要显示的数；input_ids: 形状 (1, n)"""
        raise NotImplementedError

    def draw(self) -> Shown:
        """照现在的控件画，不再算前向"""
        raise NotImplementedError

    def read(self) -> None:
        """文字或模板变了：分词，算一次前向，看最后一个位置"""
        text = self.text.value
        check_text(text.strip())
        if self.template.value:
            messages = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if not 0 < len(ids) <= MOST_TOKENS:
            raise ValueError(f"应是 1 到 {MOST_TOKENS} 个词元（模板也算），现在有 {len(ids)} 个；"
                             f"{'缩短' if ids else '写几个字'}再试，下面还是上一段文字")
        self.compute(torch.tensor([ids]))
        self.names = [token_name(self.tokenizer, i) for i in ids]
        self.position.max = len(ids)  # 先改上限，再改值：一起发的话，网页可能先照旧的上限截断
        self.position.value = len(ids)
        self.refresh()

    @property
    def at(self) -> int:
        """选中的位置，从 0 数"""
        return self.position.value - 1

    def refresh(self) -> None:
        """重画"""
        self.shown.value = self.draw().html

    def picture(self) -> Shown:
        return self.draw()


class Attention(Inside):
    """选一层、一个头、一个位置，看它把权重给了前面的哪些词元

    tokenizer、model: 一对，加载时写 attn_implementation="eager"，否则报 ValueError；text: 先看什么
    例: Attention(tokenizer, model)
    """

    def controls(self) -> list[widgets.Widget]:
        config = self.model.config
        heads = [(f"第 {i} 个头", i) for i in range(1, config.num_attention_heads + 1)]
        self.layer = widgets.IntSlider(1, min=1, max=config.num_hidden_layers, description="第几层",
                                       continuous_update=True)
        self.head = widgets.Dropdown(options=[("所有的头平均", 0), *heads], description="哪个头",
                                     layout=widgets.Layout(width="16em"))
        for control in (self.layer, self.head):
            self.on(control, self.refresh)
        return [row(self.layer, self.head)]

    def compute(self, input_ids: torch.Tensor) -> None:
        self.weights = attention(self.model, input_ids)

    def chosen(self) -> torch.Tensor:
        """选中的那一行权重，只到自己为止，形状 (位置 + 1,)"""
        weights = self.weights[self.layer.value - 1]
        weights = weights[self.head.value - 1] if self.head.value else weights.mean(dim=0)
        return weights[self.at, :self.at + 1]

    def draw(self) -> Shown:
        weights, at = self.chosen(), self.at
        ranks = {i: RANKS[rank] for rank, i in enumerate(strongest(weights))}
        head = f"第 {self.head.value} 个头" if self.head.value else f"{self.weights.shape[1]} 个头平均"
        title = f"第 {self.layer.value} 层，{head}：第 {at + 1} 个词元 {self.names[at]} 看它自己和前面的"
        cells = [(i, self.names[i], share, ranks.get(i, "")) for i, share in enumerate(weights.tolist())]
        lines = [f"{i + 1} {label} {share:.2f} {rank}".rstrip() for i, label, share, rank in cells]
        grid = "".join(self.cell(*cell) for cell in cells)
        style = "display:grid;grid-template-columns:repeat(auto-fill,minmax(20em,1fr));max-width:64em;padding:0"
        return Shown(f'<p>{escape(title)}</p><ol style="{style};list-style:none;margin:0;line-height:1.5">{grid}</ol>',
                     "\n".join([title, *lines]))

    @staticmethod
    def cell(i: int, label: str, share: float, rank: str) -> str:
        """一个词元：第几个，名字，条，数，名次"""
        style = f"{LINE};{TINT if rank else ''};margin:0;padding:1px 6px;display:flex;align-items:center;gap:.5em"
        return (f'<li style="{style}"><span style="width:40%;overflow-wrap:anywhere">{i + 1} {escape(label)}</span>'
                f'<span style="flex:1;white-space:nowrap">{bar(share, f"{share:.2f}")} <b>{rank}</b></span></li>')


class Lens(Inside):
    """logit lens：每层每个位置的第一名；与最后一层相同的记 ✓

    tokenizer、model: 一对；text: 先看什么。例: Lens(tokenizer, model)
    """

    def compute(self, input_ids: torch.Tensor) -> None:
        self.table: LensTable = lens(self.model, input_ids, each=self.progress)

    def progress(self, done: int, total: int) -> None:
        self.say(f"{BUSY}算完 {done} 行，一共 {total} 行")

    def columns(self) -> range:
        """显示哪些位置：到选中的为止的 SHOWN 个，开头不够就往后补"""
        stop = min(len(self.names), max(self.position.value, SHOWN))
        return range(max(0, stop - SHOWN), stop)

    def summary(self) -> str:
        """选中的位置：最后答什么，几层已经这样答，从哪层起不再变"""
        at, rows = self.at, len(self.table.ids)
        agreeing = int(self.table.agree[:-1, at].sum())
        return (f"第 {at + 1} 个词元 {self.names[at]} 后面，模型最后答 {self.said(rows - 1, at)}；"
                f"前面 {rows - 1} 行里有 {agreeing} 行的第一名已经是它，过了 {self.table.settled(at)} 层以后不再变")

    def said(self, i: int, at: int) -> str:
        """第 i 行在 at 这个位置的第一名和概率；第一名都很小、又不是最后的答案时只写分散，它是谁没有意义"""
        share, agrees = self.table.probabilities[i, at, 0].item(), self.table.agree[i, at].item()
        label = token_name(self.tokenizer, self.table.ids[i, at, 0].item()) if agrees or share >= SPREAD else "分散"
        return f"{label} {share:.2f}{' ✓' if agrees and i < len(self.table.ids) - 1 else ''}"

    def draw(self) -> Shown:
        columns, rows, at = self.columns(), len(self.table.ids), self.at
        heads = ["过了几层", *(f"{'▼' if i == at else ''}{i + 1} {self.names[i]}" for i in columns)]
        sides = ["0 词嵌入", *(str(i) for i in range(1, rows - 1)), f"{rows - 1} 输出"]
        cells = [[side, *(self.said(i, at) for at in columns)] for i, side in enumerate(sides)]
        note = f"✓：与最后一行相同；分散：第一名也不到 {SPREAD}"
        if len(columns) < len(self.names):
            note += f"；只画出 {len(columns)} 个位置（一共 {len(self.names)} 个），用滑块移动"
        html = f"<p>{escape(self.summary())}</p>{self.html(heads, cells)}<p>{escape(note)}</p>"
        return Shown(html, "\n".join([self.summary(), *(" │ ".join(line) for line in [heads, *cells]), note]))

    @staticmethod
    def html(heads: list[str], rows: list[list[str]]) -> str:
        """表格：在自己的框里滚动，第一行和第一列不动"""
        corner, *others = heads
        top = td(corner, f"{STICKY};top:0;left:0;z-index:2", "th")
        top += "".join(td(text, f"{STICKY};top:0;z-index:1", "th") for text in others)
        lines = [td(side, f"{STICKY};left:0", "th") + "".join(td(text, TINT if text.endswith("✓") else "")
                                                              for text in texts) for side, *texts in rows]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return (f'<div tabindex="0" style="overflow:auto;max-height:28em;max-width:100%"><table style="font-size:.85em;'
                f'border-collapse:separate;border-spacing:0;line-height:1.35"><thead><tr>{top}</tr></thead>'
                f"<tbody>{body}</tbody></table></div>")


def td(text: str, style: str, tag: str = "td") -> str:
    """一格，在第一个空格处换行"""
    return (f'<{tag} style="{LINE};padding:1px 5px;text-align:left;min-width:3.8em;overflow-wrap:anywhere;{style}">'
            f"{'<br>'.join(escape(text).split(' ', 1))}</{tag}>")
