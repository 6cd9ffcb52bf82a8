"""你来当模型：先押下一个词元是哪一个、有几成把握，再看模型的概率，比谁更少意外

出处: notebooks/05_next_token.ipynb 第 3 节；意外的比特数在 helpers.sampling.surprise 里，画面在 guess.js 里
"""
import random

from helpers.generation import stop_ids
from helpers.pipeline import shorten
from helpers.sampling import surprise
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import check_text, piece, question_ids
from helpers.widgets.source import Source
from helpers.widgets.view import View

import torch
from torch import Tensor

MOST_GUESSED = 200  # 一段文字最多几个词元
GIVEN_TOKENS = 3  # 没有问题时先给出几个词元
OPTIONS = 6
BEST_OF = 60  # 从前几名里找没有半个字的
LABEL_LENGTH = 16
GIVEN_TEXTS = {  # 名称 → (问题, 文字)；前两段是教学小模型背过的（开头有几种背法，它拿不准），第三段它没有见过
    "课程的问题": ("人工智能未来会取代人类吗？",
              "短期内不会。人工智能会改变很多职业，但它没有自己的愿望，怎样使用它由人类社会一起决定。"),
    "诗": ("写一句诗", "春天来的时候没有敲门，只是推开了所有的窗。"),
    "日常的话": ("", "今天下午我们在机房上课，老师带着大家把模型下载到自己的电脑上。"),
}
FIRST_TEXT = "课程的问题"
EXAMPLE_TEXT = "诗"  # 静态图里的例子
SURE = 0.6  # 例子里的把握，也是把握的滑块一开始的样子
ONCE_MORE = "改好再试，现在猜的还是上一段"


class GuessSource(Source):
    """一段文字的每一轮"""

    @torch.inference_mode()
    def rounds(self, question: str, text: str, seed: int) -> dict:
        """照 text 猜下去的每一轮：六个候选（真正的那个，和模型最看好的另外五个，打乱），模型给它们的概率和意外

        question: text 是哪个问题的回答，从第 1 个词元猜起；空着就没有问题，先给出 3 个词元
        太短、太长、中间有结束词元时报 ValueError
        """
        before, rest = self._split(question, text)
        out = self.model(input_ids=torch.tensor([before + rest[:-1]]))
        logits = out.logits[0, len(before) - 1:].float()  # 形状 (要猜几个, 词表大小)
        shuffle = random.Random(seed)
        rounds = [self._round(scores, truth, shuffle) for scores, truth in zip(logits, rest, strict=True)]
        asked = question.strip()
        shown = []
        if not asked:
            shown = self._pieces(before)
        return {"asked": asked, "shown": shown, "rounds": rounds}

    def _split(self, question: str, text: str) -> tuple[list[int], list[int]]:
        """文字 → (先给模型看的编号, 要猜的编号)"""
        check_text(text.strip())
        asked = []
        given = GIVEN_TOKENS
        if question.strip():
            asked = question_ids(self.tokenizer, question)
            given = 0
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if not given < len(ids) <= MOST_GUESSED:
            raise ValueError(f"文字应有 {given + 1} 到 {MOST_GUESSED} 个词元，现在有 {len(ids)} 个；{ONCE_MORE}")
        stops = stop_ids(self.model).intersection(ids[:-1])
        if stops:
            name = piece(self.tokenizer, min(stops)).label
            raise ValueError(f"结束词元应只在文字的末尾，现在中间有 {name}；{ONCE_MORE}")
        return asked + ids[:given], ids[given:]

    def _round(self, scores: Tensor, truth: int, shuffle: random.Random) -> dict:
        """一轮；概率只在六个候选里分，加起来是 1"""
        options = self._options(scores, truth)
        shuffle.shuffle(options)
        shares = scores[options].double().softmax(dim=-1).tolist()  # 64 位：再小的概率也不会变成 0
        rows = []
        for token_id, share in zip(options, shares, strict=True):
            label = shorten(piece(self.tokenizer, token_id).label, LABEL_LENGTH)
            rows.append({"id": token_id, "label": label, "share": share})
        bits = surprise(shares[options.index(truth)])
        return {"truth": truth, "options": rows, "bits": bits}

    def _options(self, scores: Tensor, truth: int) -> list[int]:
        """真正的下一个，和模型最看好的另外五个；半个字的不要，它一看就不是"""
        best = scores[:len(self.tokenizer)].topk(BEST_OF).indices.tolist()  # 词表末尾空着的编号没有文字
        others = []
        for token_id in best:
            text = piece(self.tokenizer, token_id).text
            if token_id != truth and "�" not in text:
                others.append(token_id)
        return sorted([truth, *others[:OPTIONS - 1]])


class Guess(View):
    """猜下一个词元，和模型比谁更少意外

    每一轮有六个候选：真正的下一个，和模型最看好的另外五个。你和模型都只在这六个里分概率，比的才是同一件事：
    你知道真正的那个就在六个里，模型却给整个词表十几万个词元都分了概率；不收回它分给别处的概率，它就吃亏。

    tokenizer、model: 一对；text: 猜哪段文字，至多 200 个词元，不写就用第一段现成的；seed: 打乱候选次序的种子
    question: 文字是哪个问题的回答，从第 1 个词元猜起；空着就没有问题，先给出 3 个词元
    例: Guess(tokenizer, model)
    """
    name = "guess"

    def __init__(self, tokenizer, model, text: str | None = None, question: str = "", seed: int = 14) -> None:
        if text is None:
            question, text = GIVEN_TEXTS[FIRST_TEXT]
        source = GuessSource(tokenizer, model)
        super().__init__(source, question=question, text=text, seed=seed, texts=GIVEN_TEXTS)

    def still(self) -> Shown:
        found = self.first("rounds", self.given["question"], self.given["text"], self.given["seed"])
        shown = [piece["label"] for piece in found["shown"]]
        written = "│".join([*shown, "？"])
        begun = [f"文字：{written}"]
        if found["asked"]:
            begun = [f"问题：{found['asked']}", f"回答：{written}"]
        rounds = found["rounds"]
        options = "候选："
        for number, option in enumerate(rounds[0]["options"], start=1):
            options += f"{number} {option['label']}　"
        score = f"猜了 0 / {len(rounds)} 个：还没有下注"
        lines = ["你来当模型：下一个词元是哪一个，有几成把握？", *begun, options.rstrip(), score]
        return vertical(*map(paragraph, lines), *self._example())

    def _example(self) -> list[Shown]:
        """另一段文字的第一轮，押对了、揭晓以后的样子：没有内核的人也看得到怎样算输赢"""
        question, text = GIVEN_TEXTS[EXAMPLE_TEXT]
        found = self.source.rounds(question, text, self.given["seed"])["rounds"][0]
        rest = (1 - SURE) / (OPTIONS - 1)
        rows = []
        for option in found["options"]:
            right = option["id"] == found["truth"]
            label = f"★ {option['label']}" if right else option["label"]
            yours = SURE if right else rest
            rows.append((label, f"{option['share']:.2f}", f"{yours:.2f}"))
        intro = f"例：问题“{question}”的回答，第 1 个词元是哪一个？有六成把握，下注以后揭晓（★ 是真正的）"
        even = surprise(1 / OPTIONS)
        end = f"意外：你 {surprise(SURE):.2f} 比特，模型 {found['bits']:.2f}，六个均分 {even:.2f}；越少越好"
        return [paragraph(intro), grid(("候选", "模型的概率", "你的概率"), rows), paragraph(end)]
