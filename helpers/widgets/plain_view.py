"""互动视图共用的部分：控件连到动作，坏输入变成一句话，没有内核时的静态图

出处: ipywidgets 文档的 Widget Events；在 notebooks/03、05、06、07、10 里用到
"""
import threading
from collections.abc import Callable
from html import escape

from helpers.tables import Shown, row_html, table_html

import ipywidgets as widgets

BLUE = "#0072B2"  # 与橙色色盲也分得清（Okabe-Ito）；颜色旁边总有数或记号
ORANGE = "#D55E00"
LINE = "border:1px solid var(--jp-border-color1, #bbb)"
CELL = f"{LINE};padding:2px 6px;text-align:left;overflow-wrap:anywhere"
TABLE = "border-collapse:collapse;table-layout:fixed;width:100%;max-width:64em;line-height:1.5"
BUSY = "⏳ 正在计算……"
Action = Callable[[], str | None]  # 返回要在消息行里说的话，没有就不说


class Panel:
    """一个互动视图：有内核时是可以操作的部件，没有时是第一张静态的图；写在单元格最后一行就会显示

    子类建好控件以后设 self.box（整个部件），用 self.on 把控件连到动作，实现 picture（静态的图）
    """

    def __init__(self) -> None:
        self.message = widgets.HTML(layout=widgets.Layout(min_height="2em"))
        self.lock = threading.Lock()  # JupyterLab 4.4 起，控件的消息会在不同的线程里到来
        self.owner = None  # 哪个线程正在做动作

    def picture(self) -> Shown:
        """现在的样子，画成不能操作的网页和文字"""
        raise NotImplementedError

    def on(self, control: widgets.Widget, action: Action) -> None:
        """control 的值变了（按钮是按下了）就做 action

        action 出错时把错误写在消息行里，部件照常可用；动作自己改控件的值不会再引起动作
        """
        def changed(_) -> None:
            self.act(action)

        if isinstance(control, widgets.Button):
            control.on_click(changed)
        else:
            control.observe(changed, "value")

    def button(self, text: str, tip: str, action: Action) -> widgets.Button:
        """一个按钮：上面的字，鼠标停在上面时的说明，按下做什么"""
        made = button(text, tip)
        self.on(made, action)
        return made

    def act(self, action: Action) -> None:
        """做一个动作，先说正在计算，做完说结果或错误；别的线程里的动作排队等它，一个也不丢"""
        thread = threading.get_ident()
        if self.owner == thread:
            return
        with self.lock:
            self.owner = thread
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

    def _repr_mimebundle_(self, **_) -> dict:
        shown = self.picture()
        still = {"text/html": shown.html, "text/plain": shown.text}
        return self.box._repr_mimebundle_() | still


def button(text: str, tip: str) -> widgets.Button:
    """一个按钮：上面的字，鼠标停在上面时的说明"""
    snug = widgets.Layout(width="auto")
    return widgets.Button(description=text, tooltip=tip, layout=snug)


def text_field(value: str, label: str, hint: str = "\u200b") -> widgets.Text:
    """一个输入框，左边写 label，空着时里面写 hint（不写是零宽空格）；按回车或离开它时才算改了"""
    wide = widgets.Layout(width="34em", max_width="100%")
    return widgets.Text(value, description=label, placeholder=hint, continuous_update=False, layout=wide)


def row(*controls: widgets.Widget) -> widgets.HBox:
    """排成一行，放不下就换行"""
    wrapping = widgets.Layout(flex_flow="row wrap", align_items="center")
    return widgets.HBox(controls, layout=wrapping)


def bar(share: float, text: str, color: str = BLUE) -> str:
    """一条横着的条：长度是 share（0 到 1），后面写 text。例: bar(0.48, "0.48")"""
    width = 60 * min(1.0, share)
    return (f'<span style="display:inline-block;vertical-align:middle;height:.8em;width:{width:.0f}%;'
            f'background:{color}"></span> {escape(text)}')


def html_table(heads: list[str], rows: list[list[str]], widths: list[str]) -> str:
    """有格线的表格的 HTML：格子里已经是 HTML；widths 是每列的宽度，例如 ["20%", "80%"]"""
    columns = "".join(f'<col style="width:{width}">' for width in widths)
    opening = f'<table style="{TABLE}"><colgroup>{columns}</colgroup>'
    head = row_html(heads, "th", CELL)
    body = [row_html(cells, "td", CELL) for cells in rows]
    return table_html(opening, head, body)
