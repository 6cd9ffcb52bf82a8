"""第 15 周的练习交给学生的模型：只能做前向；generate 是不是贪心；一个模型只算一次的东西"""
import time
from collections.abc import Callable
from functools import wraps
from weakref import WeakKeyDictionary

ONE_TEXT = 20  # 量一次前向时送进去几个词元
NEARLY = 0  # 照表写的小模型里，总有一个的打分只比第一名少一点点
NOT_GREEDY = "generate 现在是抽样、用了 num_beams，或者惩罚了重复：do_sample=False 和 repetition_penalty=1.0 都要留着"


class ForwardOnly:
    """包着模型，前向时不记梯度；没有 generate，题目要学生自己写循环"""

    def __init__(self, model):
        self._wrapped = model

    def __call__(self, *inputs, **named):
        import torch

        with torch.no_grad():
            return self._wrapped(*inputs, **named)

    def __getattr__(self, name: str):
        if name == "generate":
            raise RuntimeError("这一题要自己写循环，不能用 model.generate")
        return getattr(self._wrapped, name)


def table_model(following: dict[int, int], other: int, ends: list[int]):
    """照表写的小模型：写过 a，下一个总是 following[a]；表里没有的，下一个是 other

    注意力和前馈什么也不加，只看刚写的那一个；ends: 写出哪几个就停，生成设置里写着，别的设置和 Qwen 一样
    例: table_model({3: 4}, 5, [9]) 写过 3 就写 4，写过 4 就写 5
    """
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        num_hidden_layers=1,
        hidden_size=8,
        num_attention_heads=1,
        num_key_value_heads=1,
        intermediate_size=8,
        eos_token_id=ends[0],
    )
    with torch.random.fork_rng(devices=[]):
        model = Qwen2ForCausalLM(config).eval()
    layer = model.model.layers[0]
    with torch.no_grad():
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        write_table(model, following, other)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.7,
        top_k=20,
        top_p=0.8,
        repetition_penalty=1.1,
        eos_token_id=ends,
        pad_token_id=ends[-1],
    )
    return model


def write_table(model, following: dict[int, int], other: int) -> None:
    """把表写进词嵌入和输出层：表里的第 i 项占第 i 维，别的词元都占第 0 维"""
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    embedding.zero_()
    head.zero_()
    embedding[:, 0] = 1
    head[other, 0] = 1
    for place, (before, after) in enumerate(following.items(), 1):
        embedding[before] = 0
        embedding[before, place] = 1
        head[after, place] = 1
        head[NEARLY, place] = 0.99999  # 差一点点的，编号最小


def once_a_model(function: Callable) -> Callable:
    """function(model, …)：同一个模型、同样的参数只算一次；模型没有人用了，记着的也放掉，不占着它的内存

    functools.cache 会一直留着模型：学生重新运行加载的那一格，旧的一份就还在内存里
    例: once_a_model(forward_seconds)(model) 第二次马上就有
    """
    known = WeakKeyDictionary()

    @wraps(function)
    def remembered(model, *others):
        results = known.setdefault(model, {})
        if others not in results:
            results[others] = function(model, *others)
        return results[others]

    return remembered


@once_a_model
def forward_seconds(model) -> float:
    """这台电脑上送进 20 个词元的一次前向要几秒；一个模型只量一次，头一次的比以后的长，当作上限正好

    例: forward_seconds(model) -> 0.01
    """
    import torch

    input_ids = torch.arange(ONE_TEXT)[None]
    start = time.perf_counter()
    ForwardOnly(model)(input_ids)
    return time.perf_counter() - start


def make_it_pad(tokenizer) -> None:
    """没有填充的词元的分词器（Llama 3），和课文 06 一样，用结束词元填充"""
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token


def is_greedy(model, named: dict) -> bool:
    """这样运行 model.generate(**named)，是贪心、写明了不惩罚重复吗；没有写的，看模型自己的 generation_config

    例: is_greedy(model, {"do_sample": False, "repetition_penalty": 1.2}) -> False
    """
    def setting(name: str):
        if name in named:
            return named[name]
        given = getattr(named.get("generation_config"), name, None)
        if given is not None:
            return given
        return getattr(model.generation_config, name, None)

    if setting("do_sample") and setting("top_k") != 1:
        return False
    if setting("num_beams") not in (None, 1):
        return False
    return setting("repetition_penalty") == 1
