"""聊天：几轮对话，旁边是模型真正得到的词元；一个 KV cache 一直带着走，每轮只读没有读过的

出处: notebooks/06_writing.ipynb 第 8 节；画面在 chat.js 里
"""
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from itertools import pairwise

from helpers.generation import (
    HELLO,
    THINK_END,
    THINK_START,
    cache_bytes,
    forgets_thoughts,
    greedy,
    still_thinking,
    tag_id,
    thinks,
)
from helpers.sampling import STAGES, draw, stages
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import check_text, pieces
from helpers.widgets.source import Source, shared_start
from helpers.widgets.view import View

import torch
from torch import Tensor

EXAMPLE = ("写一句诗", "再写一句")  # 静态的图里问的两句
EXAMPLE_MOST = 20  # 例子里一个回答至多几个词元
MOST_REPLY = 512  # 一个回答最多几个词元
AT_ONCE = 64  # 一次读几个：读得再长，说停也停得下来
HEAD = 40  # 一条消息开头画几个词元，
TAIL = 12  # 末尾画几个，中间的不画
KEPT = {"top_k": 20, "top_p": 0.8}  # 温度不是 0 时抽签只留这些：Qwen2.5 自己的设置，也是 Qwen3 不思考时的
THINKING_KEPT = {"top_k": 20, "top_p": 0.95}  # Qwen3 思考时的，
THINKING_HEAT = 0.6  # 和温度；贪心会没完没了地重复
NEXT = {"role": "user", "content": "下一句"}
TWO_ROUNDS = [*HELLO, {"role": "assistant", "content": "你好"}, NEXT]  # 一问，一答，再一问


class ChatSource(Source):
    """一条条消息和 KV cache：哪些读过，哪些要读，一个一个地写回答

    读过的以套了模板的编号为准：回答重新切分，和当初写出的编号不同时，从不同的那个起重读；
    模板去掉从前的思考（Qwen3）也一样。缓存去不掉末尾（Qwen3.5）时，从头读起
    """

    def __init__(self, tokenizer, model) -> None:
        super().__init__(tokenizer, model)
        self.openings = self._openings()

    def look(self, messages: list[dict], limit: int) -> dict:
        """再说一句时，这些消息套上模板是哪些词元，其中几个在 KV cache 里；只看，不计算"""
        self._check_limit(limit)
        ids = self._earlier(messages)
        return self._shown(ids, self._reusable(ids))

    def reply(self, messages: list[dict], options: dict) -> Iterator[dict]:
        """读没有读过的，再一个一个地写回答

        messages: 最后一条是 user 的；options: limit（最多几个词元）、temperature（0 是贪心）、seed、
        reuse（False 就从头读起）、thinking（先思考再回答吗，没有或 None 照模板自己的）
        依次给出：asked（套上模板的样子）、read（读了几个）、写出的各个词元、end（为什么停）
        """
        start = time.perf_counter()
        thinking = options.get("thinking")
        ids = self._fitting(messages, options["limit"], thinking)
        choose = chooser(options["temperature"], options["seed"], bool(thinking))
        if not options["reuse"]:
            self.clear()
        before = len(self.read)
        same = shared_start(self.read, ids[:-1])
        reused = self._reuse(ids)
        asked = self._shown(ids, reused)
        asked["cut"] = before - reused
        asked["lost"] = same - reused  # 开头相同、却留不下来的
        asked["typed"] = self._typed(messages[-1]["content"])
        yield {"asked": asked}
        for at in range(reused, len(ids), AT_ONCE):
            logits = self._feed(ids[at:at + AT_ONCE])
            yield {"read": len(self.read) - reused}
        room = min(MOST_REPLY, options["limit"] - len(ids))
        for token in self._parted(self._written(logits, choose, room), ids):
            yield token | {"seconds": time.perf_counter() - start}
        yield {"end": self._end(token, options["limit"])}

    def clear(self) -> None:
        """丢掉 KV cache，下一轮从头读起"""
        self.cache = None
        self.read = []

    def _written(self, logits: Tensor, choose: Callable, room: int) -> Iterator[dict]:
        """写出的各个词元，至多 room 个；text 是它带来的完整的字，半个字等下一个词元"""
        letters = getincrementaldecoder("utf-8")(errors="replace")
        for _ in range(room):
            token = self._named(choose(logits))
            token["text"] = ""
            token["cache_bytes"] = self._bytes()
            if token["stop"]:
                yield token
                return
            data = bytes.fromhex(token["hex"])
            token["text"] = letters.decode(data)
            yield token
            logits = self._feed([token["id"]])

    def _parted(self, tokens: Iterator[dict], ids: list[int]) -> Iterator[dict]:
        """写出的各个词元；thinking: 它属于思考（连两头的标记）。ids: 前面的编号，Qwen3.5 的模板替它打开了思考"""
        thinking = still_thinking(self.tokenizer, ids, len(ids))
        opening = tag_id(self.tokenizer, THINK_START)
        closing = tag_id(self.tokenizer, THINK_END)
        for token in tokens:
            if token["id"] == opening:
                thinking = True
            yield token | {"thinking": thinking}
            if token["id"] == closing:
                thinking = False

    def _end(self, last: dict, limit: int) -> str:
        """为什么停：stop 写出了结束词元，limit 到了上限，most 写满了"""
        if last["stop"]:
            return "stop"
        if len(self.read) >= limit:
            return "limit"
        return "most"

    def _fitting(self, messages: list[dict], limit: int, thinking: bool | None) -> list[int]:
        """要读的编号；问的是空的，或者放不下，报 ValueError"""
        check_text(messages[-1]["content"].strip())
        self._check_limit(limit)
        ids = self._templated(messages, writing=True, thinking=thinking)
        if len(ids) < limit:
            return ids
        cure = "写短些，或者把上限调大"
        if any(message["role"] == "assistant" for message in messages):
            cure = "按“忘掉开头”，或者写短些"
        raise ValueError(
            f"上限是 {limit} 个词元，还要留一个写回答；"
            f"前面的话、这一句和模板一共 {len(ids)} 个，放不下；{cure}")

    def _check_limit(self, limit: int) -> None:
        longest = self.model.config.max_position_embeddings
        if limit not in range(1, longest + 1):
            raise ValueError(f"上限应是 1 到 {longest} 的整数（这个模型最多读 {longest} 个词元），现在是 {limit}")

    def _templated(self, messages: list[dict], writing: bool, thinking: bool | None = None) -> list[int]:
        """消息 → 套了模板的编号；writing: 替助手开好头；thinking: 让它先思考吗，None 照模板自己的"""
        for message in messages:
            check_text(message["content"], empty=True)
        if not messages:
            return []
        switch = {}
        if thinking is not None:
            switch["enable_thinking"] = thinking
        inputs = self.tokenizer.apply_chat_template(messages, add_generation_prompt=writing, return_dict=True, **switch)
        return inputs.input_ids

    def _earlier(self, messages: list[dict]) -> list[int]:
        """后面再有一句时，这些消息的编号：最后一个回答有没有思考，Qwen3 的模板要看后面还有没有话"""
        if not messages:
            return []
        ids = self._templated([*messages, NEXT], writing=False)
        starts = self._starts(ids)
        if not starts:
            return self._templated(messages, writing=False)
        return ids[:starts[-1]]

    def _starts(self, ids: list[int]) -> list[int]:
        """各条消息从第几个词元（从 0 数）开始；模板不用附加词元开头的，找不到"""
        return [at for at, token_id in enumerate(ids) if token_id in self.openings]

    def _openings(self) -> set[int]:
        """打开一条消息的附加词元：消息多了一条，模板添上的第一个。例: {151644}，Qwen2.5 的 <|im_start|>"""
        found = set()
        for count in (1, 2):
            before = self._templated(TWO_ROUNDS[:count], writing=False)
            after = self._templated(TWO_ROUNDS[:count + 1], writing=False)
            found.add(after[shared_start(before, after)])
        return found & self.tokenizer.added_tokens_decoder.keys()

    def _typed(self, text: str) -> list[str]:
        """学生自己写进消息里的附加词元：放进模板，它们就是真的。例: ["<|im_end|>"]"""
        found = []
        for piece in pieces(self.tokenizer, text):
            special = piece.id in self.tokenizer.added_tokens_decoder
            if special and piece.text not in found:
                found.append(piece.text)
        return found

    def _shown(self, ids: list[int], reused: int) -> dict:
        """画面要的样子：一条消息一行；reused: 前几个在 KV cache 里"""
        edges = sorted({0, *self._starts(ids), len(ids)})
        rows = []
        for start, stop in pairwise(edges):
            rows.append(self._row(ids[start:stop], start))
        return {"count": len(ids), "reused": reused, "rows": rows, "cache_bytes": self._bytes()}

    def _bytes(self) -> int:
        """KV cache 占几个字节；还没有读过是 0"""
        if not self.read:
            return 0
        return cache_bytes(self.cache)

    def _row(self, ids: list[int], start: int) -> dict:
        """一条消息：从第几个词元（从 0 数）开始，有几个，开头和末尾的样子"""
        count = len(ids)
        tail_at = max(HEAD, count - TAIL)
        head = self._pieces(ids[:HEAD])
        tail = self._pieces(ids[tail_at:])
        return {"start": start, "count": count, "head": head, "tail": tail}


def chooser(temperature: float, seed: int, thinking: bool = False) -> Callable[[Tensor], int]:
    """logits → 编号：温度 0 是贪心，别的按种子抽签（先只留 top-k 20、top-p 0.8，思考时 0.95）；负的报 ValueError"""
    if temperature == 0:
        return greedy
    limits = KEPT
    if thinking:
        limits = THINKING_KEPT
    generator = torch.Generator().manual_seed(seed)

    def drawn(logits: Tensor) -> int:
        kept = stages(logits, [], temperature=temperature, **limits)
        return draw(kept[STAGES[-1]], generator)

    return drawn


class Chat(View):
    """和模型聊几轮，看它真正得到了什么

    tokenizer、model: 一对；limit: 最多几个词元，不写就是模型的上限；seed: 第一次抽签的种子
    例: Chat(tokenizer, model, limit=200)
    """
    name = "chat"

    def __init__(self, tokenizer, model, limit: int | None = None, seed: int = 14) -> None:
        source = ChatSource(tokenizer, model)
        longest = model.config.max_position_embeddings
        if limit is None:
            limit = longest
        source._check_limit(limit)
        thinking = thinks(tokenizer)
        heat = 0
        if thinking:
            heat = THINKING_HEAT
        super().__init__(source, limit=limit, longest=longest, seed=seed, most=MOST_REPLY, samples=EXAMPLE,
                         thinking=thinking, forgets=forgets_thoughts(tokenizer), temperature=heat)

    def still(self) -> Shown:
        messages = []
        rows = []
        for number, question in enumerate(EXAMPLE, 1):
            messages.append({"role": "user", "content": question})
            answer, figures = self._turn(messages)
            messages.append({"role": "assistant", "content": answer})
            name = f"第 {number} 轮"
            rows.append((name, question, answer, *figures))
        self.source.clear()
        heads = ("", "你", "模型", "重用 KV cache", "新读", "写出")
        intro = f"两轮的例子（贪心，各写至多 {EXAMPLE_MOST} 个词元）；要自己聊，在笔记本里运行这一格"
        return vertical(paragraph(intro), grid(heads, rows))

    def _turn(self, messages: list[dict]) -> tuple[str, list[str]]:
        """例子里的一轮：回答；重用、新读、写出各几个词元"""
        options = {"limit": self.given["longest"], "temperature": 0, "seed": 0, "reuse": True}
        if self.given["thinking"] is not None:
            options["thinking"] = False  # 二十个词元想不完
        asked = None
        tokens = []
        for step in self.source.reply(messages, options):
            asked = step.get("asked", asked)
            if "id" in step:
                tokens.append(step)
            if len(tokens) == EXAMPLE_MOST:
                break
        answer = "".join(token["text"] for token in tokens)
        reused = asked["reused"]
        new = asked["count"] - reused
        return answer, [str(reused), str(new), str(len(tokens))]
