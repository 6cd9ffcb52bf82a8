"""Sphinx 的设置：直接读项目里的笔记本，显示已经保存的输出，不运行；网页用到的一切都在网页的文件夹里

由 build.py 使用，源文件夹是项目的根目录
"""
import json
import logging
import re
import shutil
from pathlib import Path

import cards
import jieba
import passages
from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent.parent
TOCTREE = """
```{{toctree}}
:hidden:
:caption: {caption}

{pages}
```
"""
SHORT = 8  # 几个字以内的格子不会挤坏
PAGES = {}  # 写过的各页的正文，搜索页用
CHAPTERS = {  # 左栏；不在这里的不做成网页
    "第 14 周": ["notebooks/0[1-4]_*", "notebooks/week14_*"],
    "第 15 周": ["notebooks/0[5-8]_*", "notebooks/week15_*"],
    "选读和附录": ["notebooks/09_*", "notebooks/10_*", "notebooks/glossary*", "helpers/tiny/checkpoint/README*"],
    "给老师": ["classroom/guide*", "classroom/*.md"],
}

project = html_title = "Hugging Face 模型加载与推理"
author = ""
language = "zh_CN"
root_doc = "README"
include_patterns = ["README.md", *(pattern for patterns in CHAPTERS.values() for pattern in patterns)]
exclude_patterns = [".*", "**/.*", "site", "tests"]
extensions = ["myst_nb", "sphinx.ext.mathjax"]

nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-svg.js"

html_theme = "sphinx_book_theme"
html_theme_options = {"home_page_in_toc": True, "use_download_button": False, "use_fullscreen_button": False,
                      "navbar_persistent": [], "search_bar_text": "搜索"}
html_context = {"default_mode": "auto"}
html_use_index = False
html_favicon = "icon.svg"
html_extra_path = ["index.html"]
html_css_files = ["course.css"]
html_js_files = ["search.js"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_search_language = "zh"


def glossary_terms() -> list[str]:
    """术语表第一列：搜索时当作一个词，不再切开"""
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([\u4e00-\u9fff]+)", text, flags=re.M)[1:]


def files(patterns: list[str]) -> list[Path]:
    """一章的各页，按文件名的次序，不重复"""
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return list(dict.fromkeys(found))


def contents() -> str:
    """左栏的目录"""
    text = ""
    for caption, patterns in CHAPTERS.items():
        pages = [path.relative_to(ROOT).with_suffix("").as_posix() for path in files(patterns)]
        text += TOCTREE.format(caption=caption, pages="\n".join(pages))
    return text


def all_cards() -> str:
    """首页的卡片，每一章一组"""
    text = ""
    for caption, patterns in CHAPTERS.items():
        grid = cards.grid(files(patterns), ROOT)
        text += f"\n### {caption}\n{grid}" if grid else ""
    return text


def draw_outputs(text: str) -> str:
    """笔记本里是流程图的输出，改写成正文里那样的 mermaid 代码块"""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            source = output.get("data", {}).pop("text/vnd.mermaid", None)
            if source is not None:
                output["data"]["text/markdown"] = f"```mermaid\n{''.join(source)}\n```"
    return json.dumps(notebook)


def read(app: Sphinx, name: str, source: list[str]) -> None:
    """每读一页调用一次：首页换上卡片，加上目录；笔记本换掉流程图"""
    if name == root_doc:
        source[0] = cards.replace_table(source[0], all_cards()) + contents()
    elif app.env.doc2path(name).suffix == ".ipynb":
        source[0] = draw_outputs(source[0])


def mark_long_cells(body: str) -> str:
    """表格里字多的格子记上 data-long：它们不能挤得太窄，字少的可以。例: <td>不会</td> 不变"""
    def marked(match: re.Match) -> str:
        opening, text = match.groups()
        words = re.sub(r"<.*?>|\s", "", text)
        return f"{opening} data-long>{text}" if len(words) > SHORT else match[0]
    return re.sub(r"(<t[dh]\b[^>]*)>(.*?)(?=</t[dh]>)", marked, body, flags=re.S)


def add_passages(app: Sphinx, pages: dict[str, list[dict]]) -> None:
    """搜索页带上全部正文；它在各页之后才写"""
    file = app.outdir / "_static" / "passages.js"
    file.write_text(passages.script(pages), encoding="utf-8")
    app.add_js_file(file.name)


def write(app: Sphinx, name: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """每写一页调用一次：有流程图的才带上 3.6 MB 的 mermaid，有互动视图的才带上它们的脚本"""
    body = mark_long_cells(context.get("body", ""))
    context["body"] = body
    if doctree is not None:
        PAGES[name] = passages.sections(doctree)
    if name == "search":
        add_passages(app, PAGES)
    if "highlight-mermaid" in body:
        app.add_js_file("mermaid/mermaid.min.js")
        app.add_js_file("diagrams.js")
    if 'class="live-view"' in body:
        app.add_js_file("live.js")
        app.add_css_file("live/views.css")


def copy_pictures(app: Sphinx, error: Exception | None) -> None:
    """README 的短片写成 <picture>（要求“减少动画”的人看静的一张），Sphinx 不认得，自己复制到原来的位置"""
    images = Path("notebooks", "images")
    shutil.copytree(ROOT / images, app.outdir / images, dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    from pygments.lexers.special import TextLexer

    jieba.setLogLevel(logging.WARNING)
    for term in glossary_terms():
        jieba.add_word(term)
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", read)
    app.connect("html-page-context", write)
    app.connect("build-finished", copy_pictures)
