"""注意力：选一层、一个头、一个位置，看它看前面哪里

出处: notebooks/10_inside.ipynb 第 3 节；计算在 helpers.inside 里
"""
from html import escape

from helpers.inside import attention, strongest
from helpers.tables import Shown, paragraph, vertical
from helpers.widgets.plain_view import LINE, bar, row
from helpers.widgets.position_view import TINT, PositionView

from ipywidgets import Dropdown, IntSlider, Layout, Widget
from torch import Tensor, cat

ITEMS = ("display:grid;grid-template-columns:repeat(auto-fill,minmax(20em,1fr));max-width:64em;"
         "padding:0;list-style:none;margin:0;line-height:1.5")
ITEM = "margin:0;padding:1px 6px;display:flex;align-items:center;gap:.5em"


class Attention(PositionView):
    """选一层、一个头、一个位置，看它把权重给了前面的哪些词元

    tokenizer、model: 一对，加载时写 attn_implementation="eager"，否则报 ValueError；text: 先看什么
    例: Attention(tokenizer, model)
    """

    def controls(self) -> list[Widget]:
        config = self.model.config
        count = config.num_attention_heads
        heads = [f"第 {i + 1} 个头" for i in range(count)]
        self.heads = [f"{count} 个头平均", *heads]
        self.layer = IntSlider(
            1, min=1,
            max=config.num_hidden_layers,
            description="第几层")
        self.head = Dropdown(
            options=["所有的头平均", *heads],
            description="哪个头",
            layout=Layout(width="16em"))
        self.on(self.layer, self.draw)
        self.on(self.head, self.draw)
        return [row(self.layer, self.head)]

    def compute(self, input_ids: Tensor) -> None:
        heads = attention(self.model, input_ids)
        average = heads.mean(dim=1, keepdim=True)
        self.weights = cat([average, heads], dim=1)  # 第 0 个是平均，与 self.heads 一样

    def seen(self) -> Tensor:
        """选中的那一行权重，只到自己为止，形状 (位置 + 1,)"""
        weights = self.weights[self.layer.value - 1, self.head.index]
        return weights[self.at, :self.position.value]

    def title(self) -> str:
        """哪一层、哪个头、谁在看"""
        head = self.heads[self.head.index]
        return f"第 {self.layer.value} 层，{head}：{self.chosen} 看它自己和前面的"

    def picture(self) -> Shown:
        weights = self.seen()
        ranks = ranks_of(weights)
        texts = []
        items = ""
        for i, weight in enumerate(weights.tolist()):
            name = f"{i + 1} {self.names[i]}"
            rank = ranks.get(i, "")
            text = f"{name} {weight:.2f} {rank}"
            texts.append(text.rstrip())
            items += item_html(name, weight, rank)
        title = paragraph(self.title())
        text = "\n".join(texts)
        html = f'<ol style="{ITEMS}">{items}</ol>'
        return vertical(title, Shown(html, text))


def ranks_of(weights: Tensor) -> dict[int, str]:
    """权重最大的三个位置和它们的名次。例: {13: "①", 0: "②", 1: "③"}"""
    return dict(zip(strongest(weights), "①②③", strict=False))


def item_html(name: str, weight: float, rank: str) -> str:
    """被看的一个词元：名字，条，数，名次；有名次的加底色"""
    tint = TINT if rank else ""
    share = bar(weight, f"{weight:.2f}")
    return (f'<li style="{LINE};{tint};{ITEM}">'
            f'<span style="width:40%;overflow-wrap:anywhere">{escape(name)}</span>'
            f'<span style="flex:1;white-space:nowrap">{share} <b>{rank}</b></span>'
            "</li>")
