"""练习“KV cache 占多少字节”：由形状算出来，与真的缓存比

出处: notebooks/06_writing.ipynb 第 5 节
"""
import math
from functools import partial

from helpers.exercises.comparing import Case, Wrong, as_lists, check_function
from helpers.exercises.exercise import Exercise

SECONDS_FOR_A_REAL_ONE = 20
HINTS = ("先想一个词元在一层里存了什么，是几个数；再想有几层，有几个词元，每个数几字节",
         "一层里存 key 和 value 两份，每份有几个 KV 头，每个头 hidden_size // num_attention_heads 个数")
WHY = ("缓存随长度一直涨：Qwen2.5-0.5B 写满 32,768 个词元是 403 MB，四十个人一起用就比权重大得多。"
       "KV 头只有 2 个，不是 14 个，省下的就是这里的 7 倍")
HARDER = "你的电脑空着 4 GB 内存，一批 8 个问题，Qwen2.5-0.5B 每个最多能写多长？"
SOLUTION = """def kv_cache_bytes(config, tokens, bytes_each):
    head_dim = config.hidden_size // config.num_attention_heads
    per_token = config.num_hidden_layers * 2 * config.num_key_value_heads * head_dim * bytes_each
    return tokens * per_token"""


def exercise() -> Exercise:
    """这道题；正确的字节数由真的 past_key_values 给出"""
    def test(answer):
        for case in cases():
            check_function(answer, [case], FORMS, SLIPS, is_close)
            if has_changed_config(None, case):
                raise Wrong(f"结果对了，可是 {CHANGED}\n这次的输入：{case.where}")

    return Exercise("KV cache 占多少字节", "06 第 5 节", 9, test, HINTS, SOLUTION, WHY, HARDER, stars=2,
                    minutes=6)


def is_close(got: object, want: float) -> bool:
    """是数，也相同吗；12288.0 和单个的张量也行"""
    value = as_lists(got)
    return type(value) in (int, float) and math.isclose(value, want)


def cases() -> list[Case]:
    """几个真的小模型（有一个的 KV 头和头一样多，有一个只有 1 个）、Qwen2.5-0.5B 写满上下文和写五个词元

    KV 头不总是 2 个，才分得清它和 key、value 的 2
    """
    wide = shaped(5, 96, 6, 2)
    narrow = shaped(3, 48, 6, 3)
    single = shaped(3, 64, 4, 1)
    equal = shaped(2, 64, 4, 4)
    qwen = shaped(24, 896, 14, 2)
    return [
        case(wide, 7, 8, real_cache_bytes(wide, 7, 8)),  # 8 字节：少了一半、没有乘字节、总当作 2 字节，才分得开
        case(narrow, 22, 2, real_cache_bytes(narrow, 22, 2)),
        case(single, 1, 2, real_cache_bytes(single, 1, 2)),
        case(equal, 3, 2, real_cache_bytes(equal, 3, 2)),
        case(qwen, 32_768, 2, 402_653_184),
        case(qwen, 5, 4, 122_880),
        case(qwen, 5, 2, 61_440),
        case(shaped(27, 868, 14, 7), 32_767, 2, 1_535_854_824),
        case(shaped(80, 8192, 64, 8), 131_071, 4, 85_898_690_560),  # 72B 的形状，比 2 的 32 次方还大
        case(shaped(80, 8192, 64, 8), 5, 2, 1_638_400),
    ]


def shaped(layers: int, hidden_size: int, heads: int, kv_heads: int):
    """一个形状的 config；和缓存无关的都很小"""
    from transformers import Qwen2Config

    return Qwen2Config(
        num_hidden_layers=layers,
        hidden_size=hidden_size,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        vocab_size=16,
        intermediate_size=16,
    )


def case(config, tokens: int, bytes_each: int, expected: int) -> Case:
    """一组输入；照 72B 的形状真的搭一个模型（在 meta 设备上）的，也算得完"""
    return Case((config, tokens, bytes_each), expected, described(config, tokens, bytes_each), SECONDS_FOR_A_REAL_ONE)


def described(config, tokens: int, bytes_each: int) -> str:
    """一组输入怎样说给学生听"""
    return (f"num_hidden_layers={config.num_hidden_layers}，"
            f"hidden_size={config.hidden_size}，"
            f"num_attention_heads={config.num_attention_heads}，"
            f"num_key_value_heads={config.num_key_value_heads}，"
            f"{tokens=}，{bytes_each=}")


def real_cache_bytes(config, tokens: int, bytes_each: int) -> int:
    """真的搭一个模型，送进 tokens 个词元，数它的 past_key_values 有几个字节；bytes_each: 2、4 或 8

    在 meta 设备上：张量只有形状，不占内存，也不动学生的随机数种子
    """
    import torch
    from transformers import Qwen2ForCausalLM

    dtype = {2: torch.bfloat16, 4: torch.float32, 8: torch.float64}[bytes_each]
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config).to(dtype)
        input_ids = torch.zeros(1, tokens).long()
        cache = model(input_ids).past_key_values
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def right_bytes(config, tokens: int, bytes_each: int) -> int:
    """正确的字节数"""
    head_dim = config.hidden_size // config.num_attention_heads
    width = config.num_key_value_heads * head_dim
    layer = 2 * width * bytes_each
    return tokens * config.num_hidden_layers * layer


# ---- 常见的错误 ----

def always_two_bytes(config, tokens, bytes_each):
    return right_bytes(config, tokens, 2)


def store_only_keys(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / 2


def count_one_layer(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / config.num_hidden_layers


def store_all_heads(config, tokens, bytes_each):
    one_head = right_bytes(config, tokens, bytes_each) / config.num_key_value_heads
    return one_head * config.num_attention_heads


def take_hidden_size_as_width(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) * config.num_attention_heads


def count_one_token(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / tokens


def count_numbers(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / bytes_each


def width_of_a_head_is_64(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / (config.hidden_size // config.num_attention_heads) * 64


def layers_are_24(config, tokens, bytes_each):
    return count_one_layer(config, tokens, bytes_each) * 24


def kv_heads_are_2(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) / config.num_key_value_heads * 2


def width_and_kv_heads_of_qwen(config, tokens, bytes_each):
    return config.num_hidden_layers * 2 * 2 * 64 * tokens * bytes_each


def all_of_qwen(config, tokens, bytes_each):
    return 24 * 2 * 2 * 64 * tokens * bytes_each


def all_of_qwen_in_two_bytes(config, tokens, bytes_each):
    return all_of_qwen(config, tokens, 2)


def the_example(config, tokens, bytes_each):
    return 12_288


def give_other_unit(config, tokens, bytes_each, unit):
    return right_bytes(config, tokens, bytes_each) / unit


def count_twice(config, tokens, bytes_each):
    return right_bytes(config, tokens, bytes_each) * 2


def one_token_less(config, tokens, bytes_each):
    return right_bytes(config, tokens - 1, bytes_each)


def has_changed_config(got, case):
    return described(*case.inputs) != case.where


def is_list(got, case):
    return isinstance(as_lists(got), list)


def is_text(got, case):
    return isinstance(got, str)


CHANGED = "config 应保持原样，现在它的数变了：把算出来的放进自己的变量，不要写回 config"
FIXED = "像是写死了 Qwen2.5-0.5B 的数：换一个模型，层数、头的宽度、KV 头的个数就不同，都要从 config 来"
FORMS = {
    has_changed_config: CHANGED,
    is_list: "应是一个数，现在是一列；各层、各样要加起来或乘起来",
    is_text: "应是一个数，现在是文字；不写单位",
}
SLIPS = {
    always_two_bytes: "bytes_each 不总是 2：每个数占几个字节，照传入的算",
    store_only_keys: "少了一半：每层存 key 和 value 两份",
    count_one_layer: "只算了一层：每一层都有自己的 key 和 value",
    store_all_heads: "大了：存的只有 num_key_value_heads 个头，不是全部的头，也不是整个 hidden_size",
    take_hidden_size_as_width: "大了：一个头的宽度是 hidden_size ÷ num_attention_heads，现在像是没有除",
    count_one_token: "这是 1 个词元的；再乘词元的个数",
    count_numbers: "这是数的个数；再乘每个数的字节",
    count_twice: "正好多了一倍：key 和 value 一共两份，只乘一个 2",
    one_token_less: "像是少算了一个词元：tokens 个都在缓存里",
    width_of_a_head_is_64: FIXED,
    layers_are_24: FIXED,
    kv_heads_are_2: FIXED,
    width_and_kv_heads_of_qwen: FIXED,
    all_of_qwen: FIXED,
    all_of_qwen_in_two_bytes: FIXED,
    the_example: FIXED,
    partial(give_other_unit, unit=1 / 8): "单位应是字节，现在是位：一个字节是 8 位，bytes_each 已经是字节",
    partial(give_other_unit, unit=1000): "单位应是字节，不是 KB",
    partial(give_other_unit, unit=1024): "单位应是字节，不是 KB（KiB）",
    partial(give_other_unit, unit=1e6): "单位应是字节，不是 MB",
    partial(give_other_unit, unit=2 ** 20): "单位应是字节，不是 MB（MiB）",
    partial(give_other_unit, unit=1e9): "单位应是字节，不是 GB",
    partial(give_other_unit, unit=2 ** 30): "单位应是字节，不是 GB（GiB）",
}
