"""互动视图共用的部分：控件连到动作，坏输入变成一句话，没有内核时的静态图

出处: ipywidgets 文档的 Widget Events；在 notebooks/03、05、06、09 里用到
"""
import threading
from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from helpers.tables import Shown

BLUE, ORANGE = "#0072B2", "#D55E00"  # 色盲也分得清（Okabe-Ito）；颜色旁边总有数或记号
LINE = "border:1px solid var(--jp-border-color1, #bbb)"
BUSY = "⏳ 正在计算……"


class View:
    """一个互动视图：有内核时是可以操作的部件，没有时是第一张静态的图；写在单元格最后一行就会显示

    子类建好控件以后设 self.box（整个部件），用 self.on 把控件连到动作，实现 picture（静态的图）
    """

    def __init__(self) -> None:
        self.message = widgets.HTML(layout=widgets.Layout(min_height="2em"))
        self.lock, self.owner = threading.Lock(), None  # JupyterLab 4.4 起，控件的消息会在不同的线程里到来

    def picture(self) -> Shown:
        """现在的样子，画成不能操作的网页和文字"""
        raise NotImplementedError

    def on(self, control: widgets.Widget, action: Callable[[], str | None]) -> None:
        """control 的值变了（按钮是按下了）就做 action；action 返回要在消息行里说的话，没有就不说

        action 出错时把错误写在消息行里，部件照常可用；动作自己改控件的值不会再引起动作
        """
        if isinstance(control, widgets.Button):
            control.on_click(lambda _: self.act(action))
        else:
            control.observe(lambda _: self.act(action), "value")

    def act(self, action: Callable[[], str | None]) -> None:
        """做一个动作，先说正在计算，做完说结果或错误；别的线程里的动作排队等它，一个也不丢"""
        if self.owner == threading.get_ident():
            return
        with self.lock:
            self.owner = threading.get_ident()
            self.say(BUSY)
            try:
                self.say(action() or "")
            except Exception as error:  # 部件里的任何错误都要说给学生听，不能让部件停下来
                self.say(f"⚠ {error}")
            finally:
                self.owner = None

    def say(self, text: str) -> None:
        """在消息行里写一句话（屏幕朗读软件也会读）"""
        self.message.value = f'<div role="status" style="white-space:pre-wrap">{escape(text)}</div>'

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        first = self.picture()
        return {**self.box._repr_mimebundle_(), "text/html": first.html, "text/plain": first.text}


def button(text: str, tip: str) -> widgets.Button:
    """一个按钮：上面的字，鼠标停在上面时的说明"""
    return widgets.Button(description=text, tooltip=tip, layout=widgets.Layout(width="auto"))


def row(*controls: widgets.Widget) -> widgets.HBox:
    """排成一行，放不下就换行"""
    return widgets.HBox(controls, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def bar(share: float, text: str, color: str = BLUE) -> str:
    """一条横着的条：长度是 share（0 到 1），后面写 text。例: bar(0.48, "0.48")"""
    width = max(0.0, min(1.0, share)) * 60
    return (f'<span style="display:inline-block;vertical-align:middle;height:.8em;width:{width:.0f}%;'
            f'background:{color}"></span> {escape(text)}')


def html_table(heads: list[str], rows: list[list[str]], widths: list[str] | None = None) -> str:
    """表格的 HTML：格子里已经是 HTML；widths 是每列的宽度，例如 ["20%", "80%"]"""
    columns = "".join(f'<col style="width:{width}">' for width in widths or [])
    cell = f'style="{LINE};padding:2px 6px;text-align:left;overflow-wrap:anywhere"'
    top = "".join(f"<th {cell}>{head}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td {cell}>{text}</td>" for text in texts) + "</tr>" for texts in rows)
    return (f'<table style="border-collapse:collapse;table-layout:{"fixed" if widths else "auto"};'
            f'width:{"100%" if widths else "auto"};max-width:64em;line-height:1.5"><colgroup>{columns}</colgroup>'
            f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>")
