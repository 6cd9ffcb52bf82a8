"""表格：在笔记本里是网页，在终端和静态页里是文字

出处: notebooks 里的各张表
"""
from dataclasses import dataclass
from html import escape


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
    wrong = next((row for row in rows if len(row) != len(heads)), None)
    if wrong is not None:
        raise ValueError(f"每行应有 {len(heads)} 格（{'、'.join(heads)}），现在有一行是 {wrong}；补齐再试")
    body = "".join(f"<tr>{html_row(row, 'td')}</tr>" for row in rows)
    text = "\n".join(" │ ".join(map(str, row)) for row in [heads, *rows])
    return Shown(f"<table><thead><tr>{html_row(heads, 'th')}</tr></thead><tbody>{body}</tbody></table>", text)


def html_row(cells: tuple[str, ...], tag: str) -> str:
    """一行格子的 HTML；tag 是 td 或 th"""
    return "".join(f'<{tag} style="text-align:left">{escape(str(cell))}</{tag}>' for cell in cells)
