"""互动视图的问题由谁回答：这里是内核里的分词器和模型；静态网页上是 classroom/site/live，方法的名字一样

每个方法收普通的数和文字，给普通的数和文字（要送到网页里）；计算都在 helpers 的各个文件里
"""
from collections.abc import Iterator

from helpers import bpe
from helpers.generation import keeps_every_token, steps, stop_ids
from helpers.sampling import STAGES, draw, stages
from helpers.tokens import check_text, neighbours, normalized, piece, question_ids

import torch
from torch import Tensor
from transformers import DynamicCache

MOST_CUT = 10_000  # 显微镜里最多看几个字符
MOST_POSITIONS = 64  # 模型里面最多看几个词元
BEST_SHOWN = 6  # 画概率最大的几个


def plain(tokenizer, token_id: int) -> dict:
    """一个词元，画面要的样子；词表末尾空着的编号没有文字，写成 #151700 这样

    例: plain(tokenizer, 198) -> {"id": 198, "label": "↵", "hex": "0a", "special": False}
    """
    if token_id >= len(tokenizer):
        return {"id": token_id, "label": f"#{token_id}", "hex": "", "special": False}
    found = piece(tokenizer, token_id)
    special = token_id in tokenizer.added_tokens_decoder
    return {"id": token_id, "label": found.label, "hex": found.bytes.hex(" "), "special": special}


class TextSource:
    """只要分词器的：切分、合并、邻居、套模板"""

    def __init__(self, tokenizer) -> None:
        self.tokenizer = tokenizer

    def cut(self, text: str) -> dict:
        """文字 → 规范化以后的文字，各段的词元；空的、不完整的、太长的报 ValueError"""
        if len(text) > MOST_CUT:
            raise ValueError(f"文字应不超过 {MOST_CUT} 个字符，现在有 {len(text)} 个；删短再试，下面还是上一段")
        segments = [self._pieces(ids) for ids in bpe.segments(self.tokenizer, text)]
        return {"text": normalized(self.tokenizer, text), "segments": segments}

    def merges(self, ids: list[int]) -> dict:
        """一段的编号 → 从字节合起的每一步；不能演示的，obstacle 说为什么"""
        data = self.tokenizer.decode(ids).encode()
        if ids[0] in self.tokenizer.added_tokens_decoder:
            return {"obstacle": "这是附加词元，整个写在词表里，不来自合并", "steps": []}
        if len(data) > bpe.MOST_BYTES:
            obstacle = (f"合并只演示不超过 {bpe.MOST_BYTES} 个字节的段，这一段有 {len(data)} 个；"
                        "选别的段，或者把文字改短")
            return {"obstacle": obstacle, "steps": []}
        taken = []
        for step in bpe.merge_steps(self.tokenizer, data):
            parts = [{"label": part.label, "hex": part.bytes.hex(" "), "id": part.id} for part in step.parts]
            taken.append({"at": step.at, "rank": step.rank, "parts": parts})
        return {"obstacle": None, "steps": taken}

    def near(self, token_id: int) -> list[dict]:
        """词表里编号挨着的词元，连它自己"""
        near = neighbours(self.tokenizer, token_id)
        return self._pieces([found.id for found in near])

    def ask(self, question: str) -> list[dict]:
        """问题套上对话模板以后的词元；空的、太长的报 ValueError"""
        return self._pieces(question_ids(self.tokenizer, question))

    def positions(self, text: str, template: bool) -> list[dict]:
        """文字（套上模板）的词元，1 到 MOST_POSITIONS 个；空的、不完整的、太长的报 ValueError"""
        check_text(text.strip())
        if template:
            messages = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) > MOST_POSITIONS:
            raise ValueError(
                f"应是 1 到 {MOST_POSITIONS} 个词元（模板也算），现在有 {len(ids)} 个；"
                "缩短再试，下面还是上一段文字")
        return self._pieces(ids)

    def _pieces(self, ids: list[int]) -> list[dict]:
        return [plain(self.tokenizer, token_id) for token_id in ids]


class Source(TextSource):
    """分词器和模型一起：下一个词元的概率，抽一个，写下去"""

    def __init__(self, tokenizer, model, seed: int = 14) -> None:
        super().__init__(tokenizer)
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)
        self.read: list[int] = []  # KV cache 里已经有哪些编号
        self.cache = None
        self.logits = None  # 读完它们以后的 logits

    def next(self, ids: list[int], settings: dict) -> dict:
        """ids 后面那个词元：每用上一样设置以后，概率最大的几个各有多少

        settings: penalty、temperature、top_k、top_p；shares 里 0 是去掉了
        """
        found = stages(self._logits(ids), ids, **settings)
        logits = torch.stack(list(found.values()))
        probabilities = logits.softmax(dim=-1)  # 形状 (几步, 词表大小)
        best = probabilities[[0, -1]].topk(BEST_SHOWN).indices.flatten().tolist()
        rows = []
        for token_id in dict.fromkeys(best):
            shares = probabilities[:, token_id].tolist()
            rows.append(self._named(token_id) | {"shares": shares})
        return {"stages": list(STAGES), "rows": rows}

    def draw(self, ids: list[int], settings: dict) -> dict:
        """按用上全部设置以后的概率抽一个"""
        *_, logits = stages(self._logits(ids), ids, **settings).values()
        token_id = draw(logits, self.generator)
        return self._chosen(token_id, logits)

    def write(self, ids: list[int], options: dict) -> Iterator[dict]:
        """每次选第一名，一个一个地写，写出结束词元或满 count 个为止；options: count"""
        for step in steps(self.model, torch.tensor([ids]), options["count"]):
            yield self._chosen(step.token_id, step.logits)

    def _chosen(self, token_id: int, logits: Tensor) -> dict:
        """选中的一个，和选它时的概率"""
        probabilities = logits.softmax(dim=-1)
        return self._named(token_id) | {"share": probabilities[token_id].item()}

    def _named(self, token_id: int) -> dict:
        """一个词元；stop: 写出它就停"""
        stop = token_id in stop_ids(self.model)
        return plain(self.tokenizer, token_id) | {"stop": stop}

    def _logits(self, ids: list[int]) -> Tensor:
        """ids 后面那个词元的 logits，形状 (词表大小,)；前面和上一次相同的部分不再算，全都相同（拖动滑块）就不算"""
        if ids != self.read:
            self._feed(ids[self._reuse(ids):])
        return self.logits

    @torch.inference_mode()
    def _feed(self, ids: list[int]) -> Tensor:
        """接着 KV cache 里的读 ids；最后一个位置的 logits，形状 (词表大小,)"""
        before = self.read
        self.read = []  # 算到一半出了错，下一次就从头读
        fed = torch.tensor([ids])
        out = self.model(input_ids=fed, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.logits = out.logits[0, -1].to(torch.float32, copy=True)
        self.read = before + ids
        return self.logits

    def _reuse(self, ids: list[int]) -> int:
        """KV cache 只留下开头和 ids 相同的，最后一个总要重读；留下了几个"""
        same = self._reusable(ids[:-1])
        if same == 0:
            self.cache = DynamicCache(config=self.model.config)
        elif same < len(self.read):
            self.cache.crop(same - len(self.read))  # 负数：去掉末尾几个
        self.read = self.read[:same]
        return same

    def _reusable(self, ids: list[int]) -> int:
        """读过的里，开头几个和 ids 相同、留得下来：后面还有不同的，而这种缓存去不掉末尾，就一个也留不下"""
        same = shared_start(self.read, ids)
        if same < len(self.read) and not keeps_every_token(self.cache):
            return 0
        return same


def shared_start(left: list[int], right: list[int]) -> int:
    """两列编号开头有几个相同。例: shared_start([5, 7, 9], [5, 7, 8, 9]) -> 2"""
    for count, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return count
    return min(len(left), len(right))
