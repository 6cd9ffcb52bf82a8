"""思考：Qwen3 这样的模型先写一段思考，写到 </think> 才开始回答；Qwen2.5 和教学小模型不思考，写的全是回答

<think>、</think> 各是一个词元；没有这两个词元的分词器，下面的函数把写的都当作回答
出处: notebooks/02_quickstart.ipynb 第 4 节；Qwen 的文档 Quickstart，https://qwen.readthedocs.io
"""
from torch import Tensor
from transformers import TextStreamer

OPENING = "<think>"
CLOSING = "</think>"
GREETING = [{"role": "user", "content": "你好"}]
UNFINISHED = "（想到一半就停了，还没有回答；要么让它多写一些词元，要么让它不思考：套模板时加 enable_thinking=False）"


def tag_id(tokenizer, tag: str) -> int | None:
    """<think> 或 </think> 的编号；分词器里没有这个词元是 None

    例: tag_id(tokenizer, "</think>") -> 151668（Qwen3），None（Qwen2.5）
    """
    number = tokenizer.convert_tokens_to_ids(tag)
    if number == tokenizer.unk_token_id:
        return None
    return number


def thinks(tokenizer) -> bool | None:
    """什么也不设置时，模板让模型先思考再回答吗；模板没有 enable_thinking 这个开关是 None

    例: thinks(tokenizer) -> True（Qwen3），False（Qwen3.5-0.8B），None（Qwen2.5）
    """
    default = greeted(tokenizer)
    on = greeted(tokenizer, enable_thinking=True)
    off = greeted(tokenizer, enable_thinking=False)
    if on == off:
        return None
    return default == on


def forgets_thoughts(tokenizer) -> bool:
    """模板不把从前的思考给模型看吗（Qwen3 是这样）；不思考的模型没有可忘的，是 False"""
    if tag_id(tokenizer, CLOSING) is None:
        return False
    before = {"role": "assistant", "content": f"{OPENING}\n想\n{CLOSING}\n\n答"}
    text = tokenizer.apply_chat_template([*GREETING, before, *GREETING], tokenize=False)
    return CLOSING not in text


def greeted(tokenizer, **switch) -> str:
    """“你好”套上模板的文字；switch 交给模板"""
    return tokenizer.apply_chat_template(GREETING, add_generation_prompt=True, tokenize=False, **switch)


def still_thinking(tokenizer, ids: list[int], length: int) -> bool:
    """停在思考里吗：打开了思考，还没有写到 </think>

    ids: 一行编号，前 length 个是问题；有的模板（Qwen3.5）替模型写好 <think> 和换行，所以从问题的最后两个看起
    """
    opening = tag_id(tokenizer, OPENING)
    closing = tag_id(tokenizer, CLOSING)
    thinking = False
    for token_id in ids[max(length - 2, 0):]:
        if token_id == opening:
            thinking = True
        elif token_id == closing:
            thinking = False
    return thinking


def thought_and_answer(tokenizer, ids: Tensor, length: int) -> tuple[str, str]:
    """model.generate 给的一行编号 → (思考, 回答)，在最后一个 </think> 处分开

    ids: 形状 (n,)，前 length 个是问题
    没有思考，思考是空的；想到一半就停了，回答是一句说明（UNFINISHED）
    例: thought_and_answer(tokenizer, pred[0], 25) -> ("", "不会完全取代。……")
    """
    row = ids.tolist()
    written = row[length:]
    if still_thinking(tokenizer, row, length):
        return plain_thought(tokenizer, written), UNFINISHED
    closing = tag_id(tokenizer, CLOSING)
    start = 0  # 回答从写出的第几个开始
    if closing in written:
        start = len(written) - written[::-1].index(closing)
    answer = tokenizer.decode(written[start:], skip_special_tokens=True)
    return plain_thought(tokenizer, written[:start]), answer.lstrip("\n")


def plain_thought(tokenizer, ids: list[int]) -> str:
    """思考的文字，去掉两头的标记和换行"""
    text = tokenizer.decode(ids, skip_special_tokens=True)
    return text.removeprefix(OPENING).removesuffix(CLOSING).strip("\n")


class AnswerStreamer(TextStreamer):
    """边写边显示写出的；先思考再回答的模型，思考和回答各加一个标题，想到一半就停了也说一句

    例: model.generate(**inputs, streamer=AnswerStreamer(tokenizer))
    """

    def __init__(self, tokenizer) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.headings = {}
        if tag_id(tokenizer, CLOSING) is not None:
            self.headings = {OPENING: "【思考】", CLOSING: "【回答】"}
        self.ids = []
        self.length = 0  # 问题有几个词元

    def put(self, value: Tensor) -> None:
        """generate 先给问题，再一个一个地给写出的"""
        new = value.flatten().tolist()
        self.ids += new
        if self.next_tokens_are_prompt:
            self.length = len(new)
            if self.unfinished():
                print(self.headings[OPENING])
        super().put(value)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """显示写好的一段；标记换成标题。一个标记是一个词元，不会断成两段"""
        for tag, heading in self.headings.items():
            text = text.replace(tag, heading)
        super().on_finalized_text(text, stream_end)
        if stream_end and self.unfinished():
            print(UNFINISHED)

    def unfinished(self) -> bool:
        """停在思考里吗"""
        return still_thinking(self.tokenizer, self.ids, self.length)
