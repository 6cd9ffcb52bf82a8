"""下一个词元：拖动温度、top-k、top-p、重复惩罚，看概率怎样变；抽一个，退一个，分出几支

出处: notebooks/05_next_token.ipynb 第 7 节；计算在 helpers.sampling 里，画面在 next_token.js 里
"""
from helpers.sampling import STAGES
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import question_ids
from helpers.widgets.source import Source
from helpers.widgets.view import View

HOTTEST = 1.5  # 再高，教学小模型就常抽中没有训练过的编号，见它的模型卡
MOST_WRITTEN = 40  # 一支最多写几个词元
OFF = {"penalty": 1.0, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
TRY = ("人工智能未来会取代人类吗？", "写一句诗", "什么是词元", "你好", "讲个笑话")  # 教学小模型在好几处拿不准的


class NextToken(View):
    """下一个词元的概率，可以操作

    tokenizer、model: 一对；question: 先问什么；seed: 抽签的种子
    例: NextToken(tokenizer, model)
    """
    name = "next_token"

    def __init__(self, tokenizer, model, question: str = TRY[0], seed: int = 14) -> None:
        source = Source(tokenizer, model, seed)
        super().__init__(source, question=question, settings=OFF, most=MOST_WRITTEN, hottest=HOTTEST, samples=TRY)

    def still(self) -> Shown:
        question = self.given["question"]
        ids = question_ids(self.source.tokenizer, question)
        found = self.source.next(ids, OFF)
        rows = []
        for row in found["rows"]:
            shares = [f"{share:.2f}" for share in row["shares"]]
            rows.append((row["label"], row["id"], *shares))
        intro = f"问题：{question}　温度 1.0，top-k 0，top-p 1.0，重复惩罚 1.0"
        return vertical(paragraph(intro), grid(("词元", "编号", *STAGES), rows))
