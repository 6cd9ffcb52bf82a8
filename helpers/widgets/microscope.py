"""汉字显微镜：一段文字的字符、字节、词元；选一个词元，看它那一段怎样从字节合成，看它在词表里的邻居

出处: notebooks/03_tokenization.ipynb；计算在 helpers.tokens 和 helpers.bpe 里，画面在 microscope.js 里
"""
from itertools import pairwise

from helpers.pipeline import shorten
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import painted, pieces
from helpers.widgets.source import TextSource
from helpers.widgets.view import View

MOST_DRAWN = 60  # 最多画几个词元
EDGE_STEPS = 4  # 静态图里，合并的开头和末尾各写几步
SAMPLES = ("犇骉麤，真多", "你好啊", "👩‍👩‍👧 一家人", "Hello, 世界")


class Microscope(View):
    """汉字显微镜，可以操作

    tokenizer: 分词器；text: 先看哪段文字
    例: Microscope(tokenizer, "犇骉麤")
    """
    name = "microscope"

    def __init__(self, tokenizer, text: str = "人工智能未来会取代人类吗？") -> None:
        source = TextSource(tokenizer)
        super().__init__(source, text=text, most=MOST_DRAWN, samples=SAMPLES)

    def still(self) -> Shown:
        cut = self.source.cut(self.given["text"])
        text = cut["text"]
        found = pieces(self.source.tokenizer, text)
        intro = (f"文字：{shorten(text)}　"
                 f"{len(text)} 个字符，{len(text.encode())} 个字节，{len(found)} 个词元，"
                 f"每个字符 {len(found) / len(text):.2f} 个词元")
        segments = cut["segments"]
        first = [piece["id"] for piece in segments[0]]
        return vertical(
            paragraph(intro),
            painted(found[:MOST_DRAWN]),
            paragraph(f"第 1 段（共 {len(segments)} 段），从字节合起"),
            merge_table(self.source.merges(first)),
            gap="\n\n")


def merge_table(merges: dict) -> Shown:
    """一段的合并，一步一行：合了哪两块，是次序表的第几条；步数太多时只要开头和末尾的"""
    if merges["obstacle"]:
        return paragraph(merges["obstacle"])
    rows = [(0, "一个字节一块", labels(merges["steps"][0]))]
    for before, step in pairwise(merges["steps"]):
        at = step["at"]
        left, right = before["parts"][at:at + 2]
        joined = step["parts"][at]
        what = f"第 {step['rank']} 条，{left['label']} 和 {right['label']} 合成 ★{joined['label']}"
        rows.append((len(rows), what, labels(step)))
    hidden = len(rows) - 2 * EDGE_STEPS
    if hidden > 0:
        rows[EDGE_STEPS:-EDGE_STEPS] = [("…", f"中间还有 {hidden} 步", "…")]
    return grid(("步", "合并", "合并以后"), rows)


def labels(step: dict) -> str:
    """一步以后的各块"""
    return "│".join(part["label"] for part in step["parts"])
