"""Sphinx 的设置：直接读项目里的笔记本，显示已经保存的输出，不运行；网页用到的一切都在网页的文件夹里

由 build.py 使用，源文件夹是项目的根目录
"""
import json
import logging
import re
from pathlib import Path

import jieba
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent.parent
TOCTREE = """
```{{toctree}}
:hidden:
:caption: {caption}

{pages}
```
"""
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


def contents() -> str:
    """左栏的目录，每一章按文件名的次序"""
    text = ""
    for caption, patterns in CHAPTERS.items():
        files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
        pages = dict.fromkeys(path.relative_to(ROOT).with_suffix("").as_posix() for path in files)
        text += TOCTREE.format(caption=caption, pages="\n".join(pages))
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
    """每读一页调用一次：首页加上目录，笔记本换掉流程图"""
    if name == root_doc:
        source[0] += contents()
    elif app.env.doc2path(name).suffix == ".ipynb":
        source[0] = draw_outputs(source[0])


def write(app: Sphinx, name: str, template: str, context: dict, doctree: object) -> None:
    """每写一页调用一次：有流程图的才带上 3.6 MB 的 mermaid，有互动视图的才带上它们的脚本"""
    body = context.get("body", "")
    if "highlight-mermaid" in body:
        app.add_js_file("mermaid/mermaid.min.js")
        app.add_js_file("diagrams.js")
    if 'class="live-view"' in body:
        app.add_js_file("live.js")
        app.add_css_file("live/views.css")


def setup(app: Sphinx) -> None:
    from pygments.lexers.special import TextLexer

    jieba.setLogLevel(logging.WARNING)
    for term in glossary_terms():
        jieba.add_word(term)
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", read)
    app.connect("html-page-context", write)
