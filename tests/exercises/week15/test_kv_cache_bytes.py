"""练习“KV cache 占多少字节”：五样里少乘一样、多乘一样，各有自己的话"""
import math

from helpers.exercises.week15 import kv_cache_bytes

import numpy
import pytest
import torch
from answers import accepted, refused
from week15_solutions import solved


def product(config, tokens, bytes_each, **changes: int):
    """五样和词元个数相乘；换掉一样就是一种错法"""
    parts = {
        "both": 2,
        "layers": config.num_hidden_layers,
        "heads": config.num_key_value_heads,
        "width": config.hidden_size // config.num_attention_heads,
        "tokens": tokens,
        "bytes_each": bytes_each,
    }
    return math.prod((parts | changes).values())


# ---- 对的 ----

def divided_at_the_end(config, tokens, bytes_each):
    numbers = 2 * tokens * config.num_hidden_layers * config.num_key_value_heads * config.hidden_size
    return numbers * bytes_each / config.num_attention_heads


def as_tensor(config, tokens, bytes_each):
    return torch.tensor(product(config, tokens, bytes_each))


def as_numpy(config, tokens, bytes_each):
    return numpy.int64(product(config, tokens, bytes_each))


def layer_by_layer(config, tokens, bytes_each):
    total = 0
    for _ in range(config.num_hidden_layers):
        for _ in ("key", "value"):
            shape = (config.num_key_value_heads, tokens, config.hidden_size // config.num_attention_heads)
            total += math.prod(shape) * bytes_each
    return total


def by_a_real_cache(config, tokens, bytes_each):
    return kv_cache_bytes.real_cache_bytes(config, tokens, bytes_each)


# ---- 错的 ----

def one_of_both(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, both=1)


def one_layer(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, layers=1)


def all_heads(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, heads=config.num_attention_heads)


def whole_hidden_size(config, tokens, bytes_each):
    return 2 * config.num_hidden_layers * config.hidden_size * tokens * bytes_each


def hidden_size_as_width(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, width=config.hidden_size)


def one_token(config, tokens, bytes_each):
    return product(config, 1, bytes_each)


def always_two_bytes(config, tokens, bytes_each):
    return product(config, tokens, 2)


def numbers_not_bytes(config, tokens, bytes_each):
    return product(config, tokens, 1)


def megabytes(config, tokens, bytes_each):
    return product(config, tokens, bytes_each) / 1e6


def the_notebooks_example(config, tokens, bytes_each):
    return 12_288


def the_layers_of_qwen(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, layers=24)


def as_text(config, tokens, bytes_each):
    return f"{product(config, tokens, bytes_each)} 字节"


def each_layer(config, tokens, bytes_each):
    return [product(config, tokens, bytes_each, layers=1)] * config.num_hidden_layers


def one_too_few(config, tokens, bytes_each):
    return product(config, tokens - 1, bytes_each)


def three_of_both(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, both=3)


def heads_taken_for_the_two(config, tokens, bytes_each):
    """KV 头的个数乘了两次：碰巧是 2 个的时候才对"""
    return product(config, tokens, bytes_each, both=config.num_key_value_heads)


def two_only_for_several_heads(config, tokens, bytes_each):
    return product(config, tokens, bytes_each, both=min(2, config.num_key_value_heads))


class Equal(int):
    """说自己和什么都相等"""
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


def equal_to_everything(config, tokens, bytes_each):
    return Equal(7)


def other_when_all_heads_are_kept(config, tokens, bytes_each):
    right = config.num_hidden_layers * 2 * config.num_key_value_heads * tokens * bytes_each
    right *= config.hidden_size // config.num_attention_heads
    if config.num_key_value_heads == config.num_attention_heads:
        return right // config.num_key_value_heads
    return right


def writes_into_the_config(config, tokens, bytes_each):
    config.hidden_size //= config.num_attention_heads
    return config.num_hidden_layers * 2 * config.num_key_value_heads * config.hidden_size * bytes_each * tokens


def times(number, place):
    """有一个数写死了"""
    def answer(config, tokens, bytes_each):
        sizes = {"head": config.hidden_size // config.num_attention_heads, "kv": config.num_key_value_heads}
        sizes[place] = number
        return config.num_hidden_layers * 2 * sizes["head"] * sizes["kv"] * tokens * bytes_each
    return answer


def right_times(number):
    """正确的乘上一个数"""
    return lambda *inputs: solved(8)(*inputs) * number


RIGHT = [solved(8), divided_at_the_end, as_tensor, as_numpy, layer_by_layer, by_a_real_cache]
WRONG = [
    (lambda config, tokens, bytes_each: int(numpy.float32(solved(8)(config, tokens, bytes_each))), "应得到"),
    (writes_into_the_config, "config 应保持原样"),
    (lambda config, tokens, bytes_each: 12_288 * tokens, "写死了"),
    (times(64, "head"), "写死了"),
    (times(2, "kv"), "写死了"),
    (right_times(8), "现在是位"),
    (right_times(1 / 1024), "不是 KB"),
    (right_times(1 / 1000), "不是 KB"),
    (right_times(1 / 2 ** 20), "不是 MB"),
    (right_times(1e-9), "不是 GB"),
    (right_times(2), "正好多了一倍"),
    (lambda config, tokens, bytes_each: numpy.int32(product(config, tokens, bytes_each) & 0x7FFFFFFF), "应得到"),
    (other_when_all_heads_are_kept, "应得到"),
    (one_of_both, "两份"),
    (one_layer, "只算了一层"),
    (all_heads, "不是全部的头"),
    (whole_hidden_size, "也不是整个 hidden_size"),
    (hidden_size_as_width, "现在像是没有除"),
    (one_token, "再乘词元的个数"),
    (always_two_bytes, "不总是 2"),
    (numbers_not_bytes, "再乘每个数的字节"),
    (megabytes, "不是 MB"),
    (as_text, "不写单位"),
    (each_layer, "现在是一列"),
    (one_too_few, "少算了一个词元"),
    (three_of_both, "应得到"),
    (two_only_for_several_heads, "少了一半"),
    (heads_taken_for_the_two, "应得到"),
    (equal_to_everything, "应得到"),
    (the_notebooks_example, "写死了"),
    (the_layers_of_qwen, "写死了"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[8], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[8], answer, says)


@pytest.mark.parametrize("tokens, size", [(1, 12_288), (32_768, 402_653_184)])
def test_the_real_cache_of_qwen(tokens, size):
    qwen = kv_cache_bytes.shaped(24, 896, 14, 2)
    assert kv_cache_bytes.real_cache_bytes(qwen, tokens, 2) == size


def test_checking_leaves_the_students_random_seed_alone():
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    kv_cache_bytes.real_cache_bytes(kv_cache_bytes.shaped(1, 16, 2, 1), 2, 2)
    assert torch.rand(1) == before
