"""练习“参数有多少个”：少数、多数一样，各有自己的话"""
import math

from helpers.exercises.week14 import count_parameters, gigabytes

import numpy as np
import pytest
import torch
from answers import accepted, refused
from transformers import Qwen2Config, Qwen2ForCausalLM

QWEN = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True}


@pytest.fixture(scope="module")
def exercise():
    return count_parameters.exercise()


def solved():
    space: dict = {}
    exec(count_parameters.SOLUTION, space)
    return space["count_parameters"]


# ---- 对的 ----

def shapes(c):
    """每个张量的形状"""
    h = c["hidden_size"]
    m = c["intermediate_size"]
    kv = h * c["num_key_value_heads"] // c["num_attention_heads"]
    attention = [(h, h), (h,), (kv, h), (kv,), (kv, h), (kv,), (h, h)]
    layer = [*attention, (m, h), (m, h), (h, m), (h,), (h,)]
    tables = [(c["vocab_size"], h)]
    if not c["tie_word_embeddings"]:
        tables = tables * 2
    return [*tables, (h,), *layer * c["num_hidden_layers"]]


def by_shapes(c):
    return float(sum(map(math.prod, shapes(c))))


def by_numpy(c):
    return np.array([math.prod(shape) for shape in shapes(c)]).sum()


def by_tensor(c):
    return torch.tensor([math.prod(shape) for shape in shapes(c)]).sum()


def by_building(c):
    with torch.device("meta"):
        model = Qwen2ForCausalLM(Qwen2Config(**c))
    return sum(tensor.numel() for tensor in model.parameters())


def layer_by_layer(c):
    one = c | {"num_hidden_layers": 1}
    none = c | {"num_hidden_layers": 0}
    if c["num_hidden_layers"] == 0:
        tables = 1 if c["tie_word_embeddings"] else 2
        return tables * c["vocab_size"] * c["hidden_size"] + c["hidden_size"]
    if c["num_hidden_layers"] == 1:
        return by_shapes(one)
    return layer_by_layer(none) + c["num_hidden_layers"] * (by_shapes(one) - layer_by_layer(none))


RIGHT = [solved(), by_shapes, by_numpy, by_tensor, by_building, layer_by_layer]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, answer):
    accepted(exercise, answer)


# ---- 错的 ----

def lessons_parts(c):
    """课文里的写法：四部分，不看共不共用"""
    h = c["hidden_size"]
    layers = c["num_hidden_layers"]
    kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
    return {"词嵌入": c["vocab_size"] * h, "注意力": layers * (2 * h * h + h + 2 * (h * kv + kv)),
            "前馈": layers * 3 * h * c["intermediate_size"], "归一化": layers * 2 * h + h}


def without(name, times=1):
    """少数一样"""
    def answer(c):
        h = c["hidden_size"]
        layers = c["num_hidden_layers"]
        kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
        parts = {
            "table": c["vocab_size"] * h,
            "q bias": layers * h,
            "kv bias": layers * 2 * kv,
            "biases": layers * (h + 2 * kv),
            "o": layers * h * h,
            "matrix": layers * h * c["intermediate_size"],
            "norm": layers * h,
            "norms": layers * 2 * h,
            "last": h,
            "all norms": layers * 2 * h + h,
        }
        return by_shapes(c) - times * parts[name]
    return answer


def kv_width(c):
    return c["hidden_size"] // c["num_attention_heads"] * c["num_key_value_heads"]


def with_kv_width(c, width):
    """K、V 的宽度算错了"""
    one_wider = 2 * (c["hidden_size"] + 1) * c["num_hidden_layers"]
    return by_shapes(c) + (width - kv_width(c)) * one_wider


def with_forward_biases(c):
    return by_shapes(c) + c["num_hidden_layers"] * (2 * c["intermediate_size"] + c["hidden_size"])


def with_o_bias(c):
    return by_shapes(c) + c["num_hidden_layers"] * c["hidden_size"]


def wide(c):
    return by_shapes(c | {"num_key_value_heads": c["num_attention_heads"]})


def one_head(c):
    return by_shapes(c | {"num_key_value_heads": 1})


def undivided(c):
    return by_shapes(c | {"num_attention_heads": 1})


def one_layer(c):
    return by_shapes(c | {"num_hidden_layers": 1})


def tied(c):
    return by_shapes(c | {"tie_word_embeddings": True})


def untied(c):
    return by_shapes(c | {"tie_word_embeddings": False})


def pops(c):
    count = by_shapes(c)
    c.pop("vocab_size")
    return count


WRONG = [
    (lambda c: int(np.float32(by_shapes(c))), "应得到"),
    (lambda c: np.int32(int(by_shapes(c)) & 0x7FFFFFFF), "应得到"),
    (lambda c: by_shapes(c | {"num_hidden_layers": min(c["num_hidden_layers"], 24)}), "当成了 24 层"),
    (lambda c: by_shapes(c | {"num_hidden_layers": 24}), "当成了 24 层"),
    (lambda c: by_shapes(c | {"vocab_size": 151_936}), "当成了 151936"),
    (lambda c: by_shapes(c | {"intermediate_size": 4 * c["hidden_size"]}), "的 4 倍"),
    (lambda c: with_kv_width(c, c["num_attention_heads"] * (c["hidden_size"] // c["num_key_value_heads"])), "看反了"),
    (lambda c: with_kv_width(c, c["hidden_size"] // c["num_key_value_heads"]), "先算一个头有多宽"),
    (lambda c: with_kv_width(c, 64 * c["num_key_value_heads"]), "当成了 64"),
    (lambda c: by_shapes(c) - c["num_hidden_layers"] * kv_width(c), "一共只数了一个"),
    (lambda c: by_shapes(c) + (c["num_hidden_layers"] - 1) * c["hidden_size"], "现在每层都数了"),
    (lambda c: by_shapes(c) + c["num_hidden_layers"] * c["hidden_size"] + 1, "应得到"),
    (lambda c: by_shapes(c) + (2 * c["num_hidden_layers"] + 1) * c["hidden_size"], "现在数了两行"),
    (with_forward_biases, "前馈网络的三个"),
    (lambda c: by_shapes(c) + c["vocab_size"] * (not c["tie_word_embeddings"]), "输出层没有偏置"),
    (lambda c: by_shapes(c) + 32_768 * c["hidden_size"], "没有位置的表"),
    (lambda c: by_shapes(c) / 1e6, "现在是小数"),
    (lessons_parts, "现在是字典"),
    (lambda c: str(by_shapes(c)), "现在是别的"),
    (lambda c: [by_shapes(c)], "现在是别的"),
    (lambda c: sum(lessons_parts(c).values()), "现在没有数；加上它"),
    (tied, "现在没有数；加上它"),
    (untied, "数了两次"),
    (without("table"), "词嵌入没有数"),
    (without("biases"), "Q、K、V 的偏置没有数"),
    (without("q bias"), "是 Q 的偏置没有数"),
    (without("kv bias"), "K、V 的偏置没有数"),
    (without("o"), "O 没有数"),
    (without("matrix"), "只数了两个"),
    (without("norm"), "还是两个归一化只数了一个"),
    (without("norms"), "两个归一化没有数"),
    (without("last"), "末尾的归一化没有数"),
    (without("all norms"), "归一化都没有数"),
    (with_o_bias, "O 没有偏置"),
    (wide, "K、V 应比 Q 窄"),
    (one_head, "现在只数了一个"),
    (undivided, "没有除以"),
    (one_layer, "只数了一层"),
    (lambda c: 2 * by_shapes(c), "字节数"),
    (lambda c: 494_032_768, "例子的答案"),
    (lambda c: by_shapes(c) + 1, "应得到"),
    (pops, "保持原样"),
    (lambda c: c["num_heads"], "KeyError"),
    (lambda c: None, "忘了 return"),
]


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    refused(exercise, answer, says)


def test_unanswered(exercise):
    assert exercise.check(...).mark == "○"
    assert exercise.check(lambda config: ...).mark == "○"


# ---- 参照本身 ----

def test_the_example_and_what_is_said_after_it():
    assert solved()(QWEN) == gigabytes.PARAMETERS == by_building(QWEN)
    assert by_building(QWEN | {"tie_word_embeddings": False}) == pytest.approx(6.3e8, rel=0.01)


def test_what_the_slips_change_is_right_when_nothing_is_changed():
    for case in count_parameters.cases():
        assert count_parameters.count_parts(*case.inputs) == case.expected


def test_both_kinds_of_tables_are_asked():
    assert {case.inputs[0]["tie_word_embeddings"] for case in count_parameters.cases()} == {True, False}
