"""表格：在笔记本里是网页，在终端和静态页里是文字

出处: notebooks 里的各张表
"""
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

LEFT = "text-align:left"


@dataclass(frozen=True)
class Shown:
    """能显示成网页、也能显示成文字的结果；在单元格最后一行写它就会显示"""
    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def grid(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Shown:
    """表头和几行字 → 表格；每行的格数应与表头相同，否则报 ValueError"""
    for row in rows:
        if len(row) != len(heads):
            names = "、".join(heads)
            raise ValueError(f"每行应有 {len(heads)} 格（{names}），现在有一行是 {row}；补齐再试")
    head = row_html(escaped(heads), "th", LEFT)
    body = [row_html(escaped(row), "td", LEFT) for row in rows]
    html = table_html("<table>", head, body)
    text = text_lines([heads, *rows])
    return Shown(html, text)


def escaped(cells: Iterable) -> list[str]:
    """格子里的字转义成 HTML；不是字的先变成字"""
    return [escape(str(cell)) for cell in cells]


def text_lines(rows: Iterable) -> str:
    """几行格子 → 文字，一行一行。例: text_lines([("你好", 108386)]) -> "你好 │ 108386" """
    return "\n".join(" │ ".join(map(str, row)) for row in rows)


def table_html(opening: str, head: str, body: list[str]) -> str:
    """整张表的 HTML；opening: 开头的标签；head、body: 表头和各行，都是 <tr>…</tr>"""
    lines = "".join(body)
    return f"{opening}<thead>{head}</thead><tbody>{lines}</tbody></table>"


def row_html(cells: list[str], tag: str, style: str) -> str:
    """一行的 HTML；cells: 格子里的 HTML；tag: 每格是 td 还是 th；style: 每格的样式"""
    opening = f'<{tag} style="{style}">'
    joined = "".join(f"{opening}{cell}</{tag}>" for cell in cells)
    return f"<tr>{joined}</tr>"


def paragraph(text: str) -> Shown:
    """一句话，自己一段"""
    return Shown(f"<p>{escape(text)}</p>", text)


def vertical(*parts: Shown, gap: str = "\n") -> Shown:
    """几样东西，从上到下；gap: 文字之间隔什么"""
    html = "".join(part.html for part in parts)
    text = gap.join(part.text for part in parts)
    return Shown(html, text)
