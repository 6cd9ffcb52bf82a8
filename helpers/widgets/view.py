"""互动视图共用的部分：一个视图是一个 Python 文件（算什么）和一个同名的 .js 文件（画什么、怎样动）

画面用问答的办法要数据：网页发来（方法、参数），这里在另一个线程里照着算，一步一步地送回去。
同一份 .js 也在静态网页上用，那里回答它的是网页自己的模型（classroom/site/live）。
出处: anywidget 文档；在 notebooks/03、05、06、07、10 里用到
"""
import json
import threading
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from anywidget import AnyWidget
from traitlets import Dict, Unicode

HERE = Path(__file__).parent
COMMON = "view"  # view.js、view.css：各个视图共用的


def text_of(file: str) -> str:
    """helpers/widgets 里一个文件的文字"""
    return (HERE / file).read_text(encoding="utf-8")


def own_script(name: str) -> str:
    """一个视图自己的 JavaScript，去掉开头的 import：共用的和它放在一起，不用导入"""
    _, body = text_of(f"{name}.js").split(f'from "./{COMMON}.js";\n')
    return body


def own_style(name: str) -> str:
    """一个视图自己的 CSS，只管它自己：一页上有几个视图也不会串"""
    return text_of(f"{name}.css").replace(".live ", f".live[data-view={name}] ")


def script(name: str) -> str:
    """一个视图的全部 JavaScript：共用的在前，自己的在后，合成一个模块"""
    return f'{text_of(f"{COMMON}.js")}{own_script(name)}\nexport default lab(show, "{name}");\n'


def style(name: str) -> str:
    """一个视图的全部 CSS：共用的在前，自己的在后"""
    return text_of(f"{COMMON}.css") + own_style(name)


class View(AnyWidget):
    """一个互动视图：有内核时可以操作，没有时是一张静态的图；写在单元格最后一行就会显示

    子类设 name（.js 文件的名字），实现 still()：静态的图，给没有内核的页面，给看不见的人，也给 nbval 比较
    source: 回答画面的问题，画面只能叫它的公开方法；given: 画面一开始用的数
    """
    name = ""
    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    picture = Unicode().tag(sync=True)
    given = Dict().tag(sync=True)

    def __init__(self, source, **given) -> None:
        super().__init__(given=given, _esm=script(self.name), _css=style(self.name))
        self.source = source
        self.known = (None, None)  # 静态的图问的，和它的结果
        self.turn = threading.Lock()  # 一次只算一件事
        self.stopped = set()  # 哪几次提问不用再算了
        self.shown = self.still()
        self.picture = self.shown.html
        self.on_msg(self.receive)

    def first(self, *asked) -> dict | tuple:
        """静态的图问 source 的（方法，参数），结果记着：画面一开始问的也是它，不用再算；一步一步的是全部的步骤"""
        method, *inputs = asked
        result = getattr(self.source, method)(*inputs)
        if isinstance(result, Iterator):
            result = tuple(result)
        self.known = (asked, result)
        return result

    def receive(self, _, message: dict, __) -> None:
        """收到画面的一次提问，或者“停”；在另一个线程里算，内核就还能收到“停”"""
        if message["method"] == "stop":
            self.stopped.add(message["id"])
            return
        threading.Thread(target=self.reply, args=(message,), daemon=True).start()

    def reply(self, message: dict) -> None:
        """算一次提问，把结果（或者一句中文的错误）送回画面"""
        number = message["id"]
        with self.turn:
            try:
                result = self.answer(message["method"], message["inputs"])
                if isinstance(result, Iterator | tuple):
                    result = self.stream(number, result)
                self.send({"id": number, "result": result})
            except Exception as error:  # 视图里的任何错误都要说给学生听，不能让画面一直等
                self.send({"id": number, "error": str(error)})
            self.stopped.discard(number)

    def answer(self, method: str, inputs: list):
        """source 的一个方法的结果；ready 只问内核在不在；不是公开的方法就报 ValueError"""
        if method == "ready":
            return True
        asked, result = self.known
        if asked == (method, *inputs):
            return result
        if method.startswith("_") or not hasattr(self.source, method):
            raise ValueError(f"画面只能问 {type(self.source).__name__} 会的，现在问的是 {method}")
        return getattr(self.source, method)(*inputs)

    def stream(self, number: int, results: Iterable) -> None:
        """一步一步地送回去，说停就停"""
        for step in results:
            self.send({"id": number, "step": step})
            if number in self.stopped:
                return

    def _repr_mimebundle_(self, **_) -> dict:
        data, _ = super()._repr_mimebundle_()
        given = escape(json.dumps(self.given, ensure_ascii=False))
        html = f'<div class="live-view" data-view="{self.name}" data-given="{given}">{self.picture}</div>'
        return data | {"text/html": html, "text/plain": self.shown.text}
