"""生成：一次前向得到 logits，选一个词元，接在后面，再来一次

有的模型（Qwen3）先写一段思考，写到 </think> 才开始回答；Qwen2.5 和教学小模型不思考，写的全是回答
出处: notebooks/06_writing.ipynb 第 1、2、4 节，02_quickstart.ipynb 第 4 节；贪心时与 model.generate 逐个相同
（tests/test_generation.py）；思考见 Qwen 的文档 Quickstart，https://qwen.readthedocs.io
"""
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import TextStreamer
from transformers.cache_utils import DynamicLayer

THINK_START = "<think>"  # 各是一个词元；没有它们的分词器，写的都当作回答
THINK_END = "</think>"
HELLO = [{"role": "user", "content": "你好"}]
UNFINISHED = "（想到一半就停了，还没有回答；要么让它多写一些词元，要么让它不思考：套模板时加 enable_thinking=False）"


@dataclass(frozen=True)
class Step:
    """生成的一步：选中的编号、选它时的 logits（形状 (词表大小,)，float32）、这一步送进模型几个词元、
    前向计算用了几秒、算完以后 KV cache 占几个字节（不用 KV cache 时是 0）"""
    token_id: int
    logits: Tensor
    fed: int
    seconds: float
    cache_bytes: int


# 一步一步地写

def check_ids(model, input_ids: Tensor) -> None:
    """input_ids 应是形状 (1, n)、n ≥ 1 的整数张量，编号在词表里，长度放得进上下文，否则报 TypeError 或 ValueError"""
    if not isinstance(input_ids, Tensor):
        kind = type(input_ids).__name__
        raise TypeError(f"input_ids 应是张量，现在是 {kind}；分词时写 return_tensors=\"pt\"")
    n = input_ids.numel()
    shape = tuple(input_ids.shape)
    if shape != (1, n) or n == 0:
        raise ValueError(
            f"input_ids 的形状应是 (1, n)、n 至少是 1，现在是 {shape}；"
            "一维的用 [None] 加一维")
    if input_ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"编号应是整数，现在是 {input_ids.dtype}；检查是不是把 logits 当成了编号")
    low = int(input_ids.min())
    high = int(input_ids.max())
    last = model.config.vocab_size - 1
    if low < 0 or high > last:
        raise ValueError(
            f"编号应在 0 到 {last} 之间，"
            f"现在有 {low} 到 {high}；检查分词器和模型是不是一对")
    limit = model.config.max_position_embeddings
    if n > limit:
        raise ValueError(f"输入应不超过 {limit} 个词元，现在有 {n} 个；把文字缩短再试")


def stop_ids(model) -> set[int]:
    """写出哪些编号就停：生成设置里的 eos_token_id，可能是一个、几个或没有

    例: stop_ids(model) -> {151643, 151645}
    """
    ids = model.generation_config.eos_token_id
    if ids is None:
        return set()
    if isinstance(ids, int):
        return {ids}
    return set(ids)


def greedy(logits: Tensor) -> int:
    """每次选打分最高的。例: greedy(torch.tensor([0., 2., 1.])) -> 1"""
    return logits.argmax().item()


@torch.inference_mode()
def steps(model, input_ids: Tensor, max_new_tokens: int, choose: Callable = greedy,
          use_cache: bool = True) -> Iterator[Step]:
    """一步一步地生成，写出结束词元（也算一步）或满 max_new_tokens 步为止

    input_ids: 形状 (1, n)；max_new_tokens: ≥ 1；choose: logits → 编号，默认贪心
    use_cache: 用 KV cache 时，第一步以后每步只送进 1 个词元
    例: [step.token_id for step in steps(model, inputs.input_ids, 20)]
    """
    check_ids(model, input_ids)
    if not isinstance(max_new_tokens, int) or max_new_tokens < 1:
        raise ValueError(f"max_new_tokens 应是 1 或更大的整数，现在是 {max_new_tokens!r}；例如 50")
    stops = stop_ids(model)
    fed = input_ids
    cache = None
    for _ in range(max_new_tokens):
        start = time.perf_counter()
        out = model(input_ids=fed, past_key_values=cache, use_cache=use_cache)
        seconds = time.perf_counter() - start
        logits = out.logits[0, -1].to(torch.float32, copy=True)  # 复制出来，前面各个位置的就不留了
        token_id = choose(logits)
        cache = out.past_key_values  # 不用 KV cache 时是 None
        yield Step(token_id, logits, fed.shape[1], seconds, cache_bytes(cache))
        if token_id in stops:
            return
        new = torch.tensor([[token_id]])
        fed = new if use_cache else torch.cat([fed, new], dim=1)


# KV cache

def cache_bytes(past_key_values) -> int:
    """缓存占多少字节：各层存的张量加起来，通常就是 key 和 value；没有 KV cache（None）是 0"""
    if past_key_values is None:
        return 0
    total = 0
    for layer in past_key_values.layers:
        for tensor in stored(layer):
            total += tensor.nbytes
    return total


def stored(layer) -> list[Tensor]:
    """缓存的一层存着的张量：key 和 value；线性注意力的层没有它们，存的是大小不变的状态

    出处: transformers.cache_utils 的 DynamicLayer 和 LinearAttentionLayer
    """
    if hasattr(layer, "recurrent_states"):
        return [*layer.conv_states.values(), *layer.recurrent_states.values()]
    return [layer.keys, layer.values]


def keeps_every_token(past_key_values) -> bool:
    """每一层都存着每个词元自己的 key 和 value 吗？是，才能去掉末尾几个词元，留下前面的

    线性注意力（Qwen3.5 的大多数层）把读过的都揉进一个状态，滑动窗口只留最近的：读过就去不掉了
    """
    return all(type(layer) is DynamicLayer for layer in past_key_values.layers)


def cache_factors(model, tokens: int) -> dict[str, int]:
    """KV cache 的字节数由哪些数相乘：名称 → 数；有线性注意力的层不存 key 和 value，不算在“层”里

    tokens: 存了几个词元，≥ 0
    例: math.prod(cache_factors(model, 25).values()) -> 存了 25 个词元时的字节数
    出处: notebooks/06_writing.ipynb 第 5 节
    """
    config = model.config
    head_dim = getattr(config, "head_dim", None)
    if head_dim is None:
        head_dim = config.hidden_size // config.num_attention_heads
    kinds = getattr(config, "layer_types", None) or []
    return {
        "层": config.num_hidden_layers - kinds.count("linear_attention"),
        "key 和 value": 2,
        "KV 头": config.num_key_value_heads,
        "每个头的宽度": head_dim,
        "词元": tokens,
        "每个数的字节": model.dtype.itemsize,
    }


# 先思考再回答的模型

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
    if tag_id(tokenizer, THINK_END) is None:
        return False
    before = {"role": "assistant", "content": f"{THINK_START}\n想\n{THINK_END}\n\n答"}
    text = tokenizer.apply_chat_template([*HELLO, before, *HELLO], tokenize=False)
    return THINK_END not in text


def greeted(tokenizer, **switch) -> str:
    """“你好”套上模板的文字；switch 交给模板"""
    return tokenizer.apply_chat_template(HELLO, add_generation_prompt=True, tokenize=False, **switch)


def still_thinking(tokenizer, ids: list[int], length: int) -> bool:
    """停在思考里吗：打开了思考，还没有写到 </think>

    ids: 一行编号，前 length 个是问题；有的模板（Qwen3.5）替模型写好 <think> 和换行，所以从问题的最后两个看起
    """
    opening = tag_id(tokenizer, THINK_START)
    closing = tag_id(tokenizer, THINK_END)
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
    closing = tag_id(tokenizer, THINK_END)
    start = 0  # 回答从写出的第几个开始
    if closing in written:
        start = len(written) - written[::-1].index(closing)
    answer = tokenizer.decode(written[start:], skip_special_tokens=True)
    return plain_thought(tokenizer, written[:start]), answer.lstrip("\n")


def plain_thought(tokenizer, ids: list[int]) -> str:
    """思考的文字，去掉两头的标记和换行"""
    text = tokenizer.decode(ids, skip_special_tokens=True)
    return text.removeprefix(THINK_START).removesuffix(THINK_END).strip("\n")


class AnswerStreamer(TextStreamer):
    """边写边显示写出的；先思考再回答的模型，思考和回答各加一个标题，想到一半就停了也说一句

    例: model.generate(**inputs, streamer=AnswerStreamer(tokenizer))
    """

    def __init__(self, tokenizer) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.headings = {}
        if tag_id(tokenizer, THINK_END) is not None:
            self.headings = {THINK_START: "【思考】", THINK_END: "【回答】"}
        self.ids = []
        self.length = 0  # 问题有几个词元

    def put(self, value: Tensor) -> None:
        """generate 先给问题，再一个一个地给写出的"""
        new = value.flatten().tolist()
        self.ids += new
        if self.next_tokens_are_prompt:
            self.length = len(new)
            if self.unfinished():
                print(self.headings[THINK_START])
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
