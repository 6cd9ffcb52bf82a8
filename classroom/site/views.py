"""互动视图在网页上要的脚本和样式：和笔记本里是同一份（helpers/widgets 里的 .js、.css），只是合成一个普通的脚本，
从 U 盘双击打开的网页不能用模块
"""
from pathlib import Path

WIDGETS = Path(__file__).parent.parent.parent / "helpers" / "widgets"
COMMON = "view"


def names() -> list[str]:
    """有画面的视图。例: "next_token" 在里面"""
    return sorted(path.stem for path in WIDGETS.glob("*.js") if path.stem != COMMON)


def script() -> str:
    """全部视图：liveViews.next_token 是画“下一个词元”的函数，参数是 (元素, 回答它的, 一开始的数)"""
    shared = plain((WIDGETS / f"{COMMON}.js").read_text(encoding="utf-8"))
    parts = [shared, "const views = {};"]
    for name in names():
        own = plain((WIDGETS / f"{name}.js").read_text(encoding="utf-8"))
        parts.append(f"views.{name} = (() => {{\n{own}\nreturn show;\n}})();")
    body = "\n".join(parts)
    return f"window.liveViews = (() => {{\n{body}\nreturn views;\n}})();\n"


def plain(module: str) -> str:
    """模块 → 放进函数里的代码：去掉 import 那几行和 export 这个词"""
    lines = [line.removeprefix("export ") for line in module.splitlines() if not line.startswith("import ")]
    return "\n".join(lines)


def styles() -> str:
    """全部视图的样式，共用的在前"""
    shared = (WIDGETS / f"{COMMON}.css").read_text(encoding="utf-8")
    own = [scoped(name) for name in names()]
    return shared + "\n".join(own)


def scoped(name: str) -> str:
    """一个视图自己的样式，只管它自己"""
    text = (WIDGETS / f"{name}.css").read_text(encoding="utf-8")
    return text.replace(".live ", f".live[data-view={name}] ")
