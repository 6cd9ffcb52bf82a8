"""生成：一次前向得到 logits，选一个词元，接在后面，再来一次

出处: notebooks/06_writing.ipynb 第 1、2、4 节；贪心时与 model.generate 逐个相同（tests/test_generation.py）
"""
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer


@dataclass(frozen=True)
class Step:
    """生成的一步：选中的编号、选它时的 logits（形状 (词表大小,)，float32）、这一步送进模型几个词元、
    前向计算用了几秒、算完以后 KV cache 占几个字节（不用 KV cache 时是 0）"""
    token_id: int
    logits: Tensor
    fed: int
    seconds: float
    cache_bytes: int


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
