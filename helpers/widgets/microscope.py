"""汉字显微镜：一段文字的字符、字节、词元；选一个词元，看它那一段怎样从字节合成，看它在词表里的邻居

出处: notebooks/03_tokenization.ipynb；计算在 helpers.tokens 和 helpers.bpe 里，画面在 microscope.js 里
"""
from helpers.pipeline import shorten
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import painted, piece
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
        segments = cut["segments"]
        ids = [found["id"] for segment in segments for found in segment]
        drawn = [piece(self.source.tokenizer, token_id) for token_id in ids[:MOST_DRAWN]]
        intro = (f"文字：{shorten(text)}　"
                 f"{len(text)} 个字符，{len(text.encode())} 个字节，{len(ids)} 个词元，"
                 f"每个字符 {len(ids) / len(text):.2f} 个词元")
        first = [found["id"] for found in segments[0]]
        return vertical(
            paragraph(intro),
            painted(drawn),
            paragraph(f"第 1 段（共 {len(segments)} 段），从字节合起"),
            merge_table(self.source.merges(first)),
            gap="\n\n")


def merge_table(merges: dict) -> Shown:
    """一段的合并，一步一行；步数太多时只要开头和末尾的"""
    if merges["obstacle"]:
        return paragraph(merges["obstacle"])
    steps = merges["steps"]
    rows = []
    for number, step in enumerate(steps):
        labels = "│".join(part["label"] for part in step["parts"])
        rows.append((str(number), what(steps, number), labels))
    hidden = len(rows) - 2 * EDGE_STEPS
    if hidden > 0:
        rows[EDGE_STEPS:-EDGE_STEPS] = [("…", f"中间还有 {hidden} 步", "…")]
    return grid(("步", "合并", "合并以后"), rows)


def what(steps: list[dict], number: int) -> str:
    """第 number 步合了哪两块，是次序表的第几条"""
    if number == 0:
        return "一个字节一块"
    step = steps[number]
    at = step["at"]
    left, right = steps[number - 1]["parts"][at:at + 2]
    joined = step["parts"][at]
    return f"第 {step['rank']} 条，{left['label']} 和 {right['label']} 合成 ★{joined['label']}"
