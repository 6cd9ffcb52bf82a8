"""首页上的卡片，一本笔记本一张；上面的话都来自那本笔记本的第一格，不另写一遍"""
import json
import re
from pathlib import Path

GRID = """
```{{rst-class}} lessons
{items}
```
"""
CARD = """
- [{title}]({link})

  {outcome}

  *{minutes}*
{picture}"""


def picture(notebook: dict) -> str:
    """输出里的第一张图，一段 Markdown；没有图就是空的"""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            if png is not None:
                return f"\n  ![](data:image/png;base64,{''.join(png).replace(chr(10), '')})\n"
    return ""


def card(path: Path, root: Path) -> str:
    """一张卡片：题目、学完你能（第一条）、几分钟、图。例: "- [01　环境安装：……](notebooks/01_setup.ipynb) …"
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    opening = "".join(notebook["cells"][0]["source"])
    title = opening.splitlines()[0].removeprefix("# ")
    outcome = re.search(r"^- (.+)$", opening, flags=re.M)[1]
    minutes = re.search(r"^\*\*时间\*\*：(\d+ 分钟)", opening, flags=re.M)[1]
    link = path.relative_to(root).as_posix()
    return CARD.format(title=title, link=link, outcome=outcome, minutes=minutes, picture=picture(notebook))


def grid(paths: list[Path], root: Path) -> str:
    """几本笔记本的卡片，一段 Markdown；没有笔记本就是空的"""
    items = [card(path, root) for path in paths if path.suffix == ".ipynb"]
    return GRID.format(items="".join(items)) if items else ""


def replace_table(readme: str, cards: str) -> str:
    """README 的“课程地图”搬到“两条命令”前面，表格换成卡片：打开网页的人还不想安装"""
    start = "## 两条命令\n"
    section = re.search(r"^## 课程地图\n.*?(?=^## )", readme, flags=re.M | re.S)[0]
    with_cards = re.sub(r"(^\|.*\n)+", lambda table: cards, section, flags=re.M)
    return readme.replace(section, "").replace(start, with_cards + start)
