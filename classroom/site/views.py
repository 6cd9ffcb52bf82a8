"""互动视图在网页上要的脚本和样式：和笔记本里是同一份（helpers/widgets 里的 .js、.css），只是合成一个普通的脚本，
从 U 盘双击打开的网页不能用模块
"""
from helpers.widgets.view import COMMON, HERE, own_script, own_style, text_of


def names() -> list[str]:
    """有画面的视图。例: "next_token" 在里面"""
    return sorted(path.stem for path in HERE.glob("*.js") if path.stem != COMMON)


def script() -> str:
    """全部视图：liveViews.next_token 是画“下一个词元”的函数，参数是 (元素, 回答它的, 一开始的数)"""
    parts = [text_of(f"{COMMON}.js"), "const views = {};"]
    for name in names():
        parts.append(f"views.{name} = (() => {{\n{own_script(name)}\nreturn show;\n}})();")
    body = "\n".join(parts).replace("\nexport function", "\nfunction")  # 不是模块，不能 export
    return f"window.liveViews = (() => {{\n{body}\nreturn views;\n}})();\n"


def styles() -> str:
    """全部视图的样式，共用的在前"""
    own = [own_style(name) for name in names()]
    return text_of(f"{COMMON}.css") + "\n".join(own)
