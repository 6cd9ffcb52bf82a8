"""练习“参数有多少个”：从 config 的几个数算出 Qwen2 的参数个数

出处: notebooks/04_model_loading.ipynb 第 4 节
"""
from functools import cache, partial

from helpers.exercises.comparing import Case, as_lists, check_function
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
    (133, 101, 3, 7, 7, 300_001, False),  # 八千多万个，末尾是 9：float32 记不住
    (3584, 18_944, 28, 28, 4, 152_064, False),  # Qwen2.5-7B，比 2 的 32 次方还大
]
HINTS = ("把课文 04 第 4 节的四部分照这个 config 再数一遍；课文里有一部分“不用数”，看看这里什么时候要数",
         "输出层和词嵌入共用一张表，看 tie_word_embeddings；K、V 有多宽，先问一个头有多宽，再问它们有几个头")
SOLUTION = """def count_parameters(config):
    h = config["hidden_size"]
    head = h // config["num_attention_heads"]  # 一个头有多宽
    kv = head * config["num_key_value_heads"]  # K 和 V 有多宽
    layer = h * h + h  # Q：矩阵和偏置
    layer += 2 * (h * kv + kv)  # K 和 V
    layer += h * h  # O：没有偏置
    layer += 3 * h * config["intermediate_size"]  # 前馈
    layer += 2 * h  # 归一化
    total = config["vocab_size"] * h + config["num_hidden_layers"] * layer + h  # 末尾还有一个归一化
    if not config["tie_word_embeddings"]:
        total += config["vocab_size"] * h  # 输出层另有一张表
    return total"""
WHY = ("一个模型还没有下载，看 config.json 就知道它要多少内存。共不共用那张表，差别可以很大："
       "Qwen2.5-0.5B 共用，要是不共用，会从 4.9 亿变成 6.3 亿个。")
HARDER = "找一个别的 Qwen2.5 的 config.json（例如 7B 的，它不共用），数一数，和模型说明页上写的比"


def exercise() -> Exercise:
    """这道题；正确的个数由 meta 设备上搭的 Qwen2ForCausalLM 给出"""
    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS)

    return Exercise("参数有多少个", "04 第 4 节", 0, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=10)


@cache
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

def is_dict(got, case):
    return isinstance(got, dict)


def is_not_a_number(got, case):
    return not isinstance(as_lists(got), int | float)


def is_no_count(got, case):
    return as_lists(got) != int(as_lists(got))


def is_the_example(got, case):
    return as_lists(got) == 494_032_768


def count_parts(config, q_bias=1, kv_bias=1, o_bias=0, output=1, matrices=3, norms=2, last_norms=1):
    """照课文一部分一部分数；换掉一样就是一种错法"""
    width = config["hidden_size"]
    head_width = width // config["num_attention_heads"]
    kv_width = head_width * config["num_key_value_heads"]
    embedding = config["vocab_size"] * width
    if not config["tie_word_embeddings"]:
        embedding *= 2
    layer = (1 + output) * width * width + 2 * width * kv_width
    layer += (q_bias + o_bias) * width
    layer += 2 * kv_bias * kv_width
    layer += matrices * width * config["intermediate_size"]
    layer += norms * width
    return embedding + config["num_hidden_layers"] * layer + last_norms * width


def count_changed(**changes):
    """把 config 的几项看错了的数法"""
    return lambda config: count_parts(config | changes)


def count_wide(config):
    return count_parts(config | {"num_key_value_heads": config["num_attention_heads"]})


def count_one_head(config):
    return count_parts(config | {"num_key_value_heads": 1})


def count_undivided(config):
    """忘了除以头数：把整个宽度当成一个头的"""
    return count_parts(config | {"num_attention_heads": 1})


def count_swapped(config):
    """两种头看反了"""
    return count_parts(config | {
        "num_attention_heads": config["num_key_value_heads"],
        "num_key_value_heads": config["num_attention_heads"],
    })


def count_shared_width(config):
    """K、V 的宽度当成了整个宽度除以 K、V 的头数"""
    return count_parts(config | {"num_attention_heads": config["num_key_value_heads"], "num_key_value_heads": 1})


def count_heads_of_64(config):
    """一个头当成 64 宽，Qwen2.5-0.5B 正好是这样"""
    return count_parts(config | {"num_key_value_heads": 64 * config["num_key_value_heads"],
                                 "num_attention_heads": config["hidden_size"]})


def count_four_times_as_wide(config):
    return count_parts(config | {"intermediate_size": 4 * config["hidden_size"]})


def count_forward_biases(config):
    biases = 2 * config["intermediate_size"] + config["hidden_size"]
    return count_parts(config) + config["num_hidden_layers"] * biases


def count_output_bias(config):
    return count_parts(config) + config["vocab_size"]


def count_positions(config):
    return count_parts(config) + 32_768 * config["hidden_size"]


def count_bytes(config):
    return 2 * count_parts(config)


FORMS = {
    is_dict: "应得到一个整数，现在是字典；把各部分加起来",
    is_the_example: "494032768 是例子的答案，这次的 config 是别的形状；各个数都从 config 里取",
    is_no_count: "应得到一个整数，现在是小数；个数不用换成百万，算宽度的除法用 //",
    is_not_a_number: "应得到一个整数，现在是别的；把各部分加起来再 return",
}
SLIPS = {
    count_changed(tie_word_embeddings=False):
        "tie_word_embeddings 是 True 时，输出层和词嵌入是同一张表，应只数一次，现在数了两次",
    count_changed(tie_word_embeddings=True):
        "tie_word_embeddings 是 False 时，输出层另有一张和词嵌入一样大的表，现在没有数；加上它",
    count_changed(vocab_size=0): "词嵌入没有数；它有 vocab_size × hidden_size 个",
    partial(count_parts, q_bias=0, kv_bias=0): "Q、K、V 的偏置没有数；它们各再加一行数",
    partial(count_parts, q_bias=0):
        "每层少了 hidden_size 个：是 Q 的偏置没有数，还是两个归一化只数了一个？一样一样地对",
    partial(count_parts, kv_bias=0): "K、V 的偏置没有数；有偏置的是 Q、K、V 三样",
    partial(count_parts, o_bias=1): "O 没有偏置，现在多数了；有偏置的只是 Q、K、V",
    partial(count_parts, output=0): "注意力有四个矩阵，现在少了一个：O 没有数",
    partial(count_parts, kv_bias=0.5): "K 和 V 各有一个偏置，现在一共只数了一个",
    partial(count_parts, norms=3, last_norms=0): "末尾的归一化应只数一次，现在每层都数了；它在所有的层以后",
    partial(count_parts, norms=3): "每层有两个归一化，现在数了三个",
    partial(count_parts, norms=4, last_norms=2): "归一化只有一行数，没有偏置，现在数了两行",
    count_forward_biases: "前馈网络的三个矩阵都没有偏置，现在数了",
    count_output_bias: "输出层没有偏置，现在数了",
    count_positions: "Qwen2 没有位置的表，现在数了；位置是旋转出来的，没有参数",
    count_four_times_as_wide: "前馈的宽度应看 intermediate_size，现在像是当成了 hidden_size 的 4 倍",
    count_swapped: "两种头看反了：一个头有多宽，看 num_attention_heads；K、V 有几个头，看 num_key_value_heads",
    count_shared_width: "K、V 的宽度不是 hidden_size 除以 num_key_value_heads；先算一个头有多宽，再乘 K、V 有几个头",
    count_heads_of_64: "一个头有多宽应由 config 算，现在像是当成了 64",
    count_changed(vocab_size=151_936): "词表有多大应看 config，现在像是当成了 151936",
    count_changed(num_hidden_layers=24): "有几层应看 config，现在像是当成了 24 层",
    count_wide: "K、V 应比 Q 窄，现在数成一样宽；宽度看 num_key_value_heads",
    count_one_head: "K、V 有 num_key_value_heads 个头，现在只数了一个",
    count_undivided: "K、V 的宽度像是没有除以 num_attention_heads；先算一个头有多宽",
    partial(count_parts, last_norms=0): "末尾的归一化没有数；所有的层以后还有一个",
    partial(count_parts, norms=0): "每层的两个归一化没有数；加上它们",
    partial(count_parts, norms=0, last_norms=0): "归一化都没有数；每层两个，末尾一个",
    partial(count_parts, matrices=2): "前馈网络有三个矩阵，现在只数了两个；再加一个",
    count_changed(num_hidden_layers=1): "应数全部的层，现在只数了一层；乘 num_hidden_layers",
    count_bytes: "这像是字节数，应是参数的个数；不用乘每个数的字节",
}
