"""练习“参数有多少个”：从 config 的几个数算出 Qwen2 的参数个数

出处: notebooks/04_model_loading.ipynb 第 4 节
"""
from functools import partial

from helpers.exercises.comparing import Case, check_function
from helpers.exercises.exercise import Exercise

CONFIG_KEYS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
               "vocab_size", "tie_word_embeddings")
SHAPES = [  # 几种小形状：各种头数，共用和不共用输出层
    (36, 57, 5, 6, 2, 114, True),
    (36, 15, 2, 6, 1, 120, False),
    (18, 74, 3, 3, 3, 255, True),
    (112, 13, 5, 8, 2, 299, False),
    (10, 59, 1, 1, 1, 303, True),
    (168, 34, 5, 14, 2, 95, False),
]
HINTS = ("照课文 04 第 4 节的四部分数：词嵌入、注意力、前馈、归一化；再看输出层要不要单独数",
         "K、V 的宽度是 hidden_size // num_attention_heads * num_key_value_heads；Q、K、V 有偏置，O 没有")
SOLUTION = """def count_parameters(config):
    h, m = config["hidden_size"], config["intermediate_size"]
    kv = h // config["num_attention_heads"] * config["num_key_value_heads"]  # K 和 V 的宽度
    attention = (h * h + h) + 2 * (h * kv + kv) + h * h  # Q、K、V 有偏置，O 没有
    layer = attention + 3 * h * m + 2 * h  # 前馈三个矩阵，归一化两行
    tables = 1 if config["tie_word_embeddings"] else 2  # 不共用时，输出层另有一张
    return tables * config["vocab_size"] * h + config["num_hidden_layers"] * layer + h  # 末尾一个归一化"""


def exercise() -> Exercise:
    """这道题；正确的个数由 meta 设备上搭的 Qwen2ForCausalLM 给出"""
    def test(answer):
        check_function(answer, cases(), {}, SLIPS)

    return Exercise("参数有多少个", "04 第 4 节", 13, test, HINTS, SOLUTION)


def cases() -> list[Case]:
    """SHAPES 里的每一种形状"""
    return [case(shape) for shape in SHAPES]


def case(shape):
    """一组输入"""
    config = dict(zip(CONFIG_KEYS, shape, strict=True))
    sizes = [f"{key} {value}" for key, value in config.items()]
    where = "config 是 " + "，".join(sizes)
    return Case((config,), model_parameters(config), where)


def model_parameters(config):
    """transformers 在 meta 设备上搭出来的参数个数"""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    with torch.device("meta"):
        model = Qwen2ForCausalLM(Qwen2Config(**config))
    return model.num_parameters()


# ---- 常见的错误 ----

def count_parts(config, biases=1, o_biases=0, matrices=3, norms=2, last_norms=1):
    """照课文一部分一部分数；换掉一样就是一种错法"""
    width = config["hidden_size"]
    head_width = width // config["num_attention_heads"]
    kv_width = head_width * config["num_key_value_heads"]
    embedding = config["vocab_size"] * width
    if not config["tie_word_embeddings"]:
        embedding *= 2
    layer = 2 * width * (width + kv_width)  # Q 和 O，K 和 V
    layer += biases * (width + 2 * kv_width)
    layer += o_biases * width
    layer += matrices * width * config["intermediate_size"]
    layer += norms * width
    return embedding + config["num_hidden_layers"] * layer + last_norms * width


def count_changed(**changes):
    """把 config 的几项看错了的数法"""
    return lambda config: count_parts(config | changes)


def count_wide(config):
    return count_parts(config | {"num_key_value_heads": config["num_attention_heads"]})


SLIPS = {
    count_changed(tie_word_embeddings=False):
        "tie_word_embeddings 是 True 时，输出层和词嵌入是同一张表，应只数一次，现在数了两次",
    count_changed(tie_word_embeddings=True):
        "tie_word_embeddings 是 False 时，输出层另有一张和词嵌入一样大的表，现在没有数；加上它",
    count_changed(vocab_size=0): "词嵌入没有数；它有 vocab_size × hidden_size 个",
    partial(count_parts, biases=0): "Q、K、V 的偏置没有数；它们各再加一行数",
    partial(count_parts, o_biases=1): "O 没有偏置，现在多数了；有偏置的只是 Q、K、V",
    count_wide: "K、V 应比 Q 窄，现在数成一样宽；宽度看 num_key_value_heads",
    partial(count_parts, last_norms=0): "末尾的归一化没有数；所有的层以后还有一个",
    partial(count_parts, norms=1): "每层有两个归一化，现在只数了一个；再加一个",
    partial(count_parts, norms=0): "每层的两个归一化没有数；加上它们",
    partial(count_parts, norms=0, last_norms=0): "归一化都没有数；每层两个，末尾一个",
    partial(count_parts, matrices=2): "前馈网络有三个矩阵，现在只数了两个；再加一个",
}
