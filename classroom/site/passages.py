"""搜索结果里的摘要从哪里来：每一页正文的每一段，连同它在哪一节；没有菜单、代码和输出

写成搜索页要的 passages.js；不用读别的网页，所以从 U 盘打开也有摘要
"""
import json
from collections.abc import Iterator

from docutils import nodes

WHOLE = (nodes.paragraph, nodes.list_item, nodes.row)  # 一段：一个自然段、列表的一项，或者表格的一行
ELSEWHERE = (nodes.section, nodes.title, nodes.literal_block, nodes.thead)


def is_cell(node: nodes.Node) -> bool:
    """代码单元格，连同它的输出"""
    return isinstance(node, nodes.container) and "cell" in node["classes"]


def texts(node: nodes.Element) -> Iterator[str]:
    """node 的各段，一段一行；不进下一级的小节"""
    for child in node.children:
        if isinstance(child, ELSEWHERE) or is_cell(child):
            continue
        if isinstance(child, WHOLE):
            yield " ".join(child.astext().split())
        elif isinstance(child, nodes.Element):
            yield from texts(child)


def sections(page: nodes.document) -> list[dict]:
    """一页的各节，第一节是整页，它的 id 空着

    例: [{"id": "", "title": "03　分词：……", "texts": ["说出一段文字……", …]}, {"id": "id1", "title": "1　一句话……", …}]
    """
    found = []
    for section in page.findall(nodes.section):
        name = section["ids"][0] if found else ""
        title = section.next_node(nodes.title).astext()
        found.append({"id": name, "title": title, "texts": list(texts(section))})
    return found


def script(pages: dict[str, list[dict]]) -> str:
    """搜索页的脚本。例: script({"README": […]}) 是 "window.coursePassages = {…};" """
    return f"window.coursePassages = {json.dumps(pages, ensure_ascii=False)};\n"
