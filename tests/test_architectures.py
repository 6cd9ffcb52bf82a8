"""Qwen3 和 Llama 的形状：各讲里说的不同是真的，格子和 helpers 算的也对"""
import contextlib
import io
import json
import math
import re
from pathlib import Path

from helpers.download import usable
from helpers.errors import ModelError
from helpers.fast import ways
from helpers.fast.linear import TwoWayLinear
from helpers.generation import cache_bytes, cache_factors, steps, stop_ids
from helpers.inside import attention, lens, token_name
from helpers.model import locate
from helpers.network import network_chart
from helpers.pipeline import run
from helpers.widgets.attention import Attention
from helpers.widgets.guess import Guess
from helpers.widgets.lens import Lens
from helpers.widgets.next_token import NextToken
from helpers.widgets.race import Race
from helpers.widgets.slow_motion import SlowMotion

import pytest
import torch
from pages import cells, markdown
from swapped import swapped
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

BOTH = pytest.mark.parametrize("kind", ["qwen3", "llama"])
MESSAGES = [{"role": "user", "content": "什么是词元"}]
QWEN2 = Qwen2Config(hidden_size=896, intermediate_size=4_864, num_hidden_layers=24, num_attention_heads=14,
                    num_key_value_heads=2, vocab_size=151_936, tie_word_embeddings=True)
QWEN3 = Qwen3Config(hidden_size=1_024, intermediate_size=3_072, num_hidden_layers=28, num_attention_heads=16,
                    num_key_value_heads=8, head_dim=128, vocab_size=151_936, tie_word_embeddings=True)
LLAMA_1B = LlamaConfig(hidden_size=2_048, intermediate_size=8_192, num_hidden_layers=16, num_attention_heads=32,
                       num_key_value_heads=8, vocab_size=128_256, tie_word_embeddings=True)
LLAMA_8B = LlamaConfig(hidden_size=4_096, intermediate_size=14_336, num_hidden_layers=32, num_attention_heads=32,
                       num_key_value_heads=8, vocab_size=128_256, tie_word_embeddings=False)


class Loaded:
    """一个检查点：文件夹、分词器、模型（float32，留下注意力权重）"""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", attn_implementation="eager")
        self.inputs = self.tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, return_tensors="pt",
                                                         return_dict=True)


@pytest.fixture(scope="module")
def loaded(qwen3_folder, llama_folder):
    return {"qwen3": Loaded(qwen3_folder), "llama": Loaded(llama_folder)}


def said_by(name: str, ids: list[str], space: dict) -> str:
    """运行一本笔记本的几格，返回打印的话；space: 以前已有的名称，新的也放在里面"""
    sources = {cell["id"]: "".join(cell["source"]) for cell in cells(f"{name}.ipynb")}
    printed = io.StringIO()
    with torch.inference_mode(), contextlib.redirect_stdout(printed):
        for cell_id in ids:
            exec(sources[cell_id], space)
    return printed.getvalue()


def numbers(text: str) -> list[int]:
    """一段话里的整数，逗号去掉"""
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)]


def on_meta(kind, config):
    with torch.device("meta"):
        return kind(config)


def header_of(folder: Path) -> dict:
    """safetensors 的文件头"""
    data = (folder / "model.safetensors").read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    return header


# 检查点自己

def test_the_two_have_what_makes_them_different(loaded):
    one = loaded["qwen3"].model
    config = one.config
    attn = one.model.layers[0].self_attn
    assert config.num_attention_heads * config.head_dim != config.hidden_size
    assert attn.q_norm.weight.shape == attn.k_norm.weight.shape == (config.head_dim,)
    assert attn.q_proj.bias is None
    other = loaded["llama"].model
    assert other.lm_head.weight is not other.model.embed_tokens.weight
    assert other.model.layers[0].self_attn.q_proj.bias is None
    assert not hasattr(other.model.layers[0].self_attn, "q_norm")
    assert other.config.rope_parameters["rope_theta"] == 500_000


def test_thinking_is_switched_off_by_an_empty_thought(loaded):
    tokenizer = loaded["qwen3"].tokenizer
    ask = {"add_generation_prompt": True, "tokenize": False}
    thinking = tokenizer.apply_chat_template(MESSAGES, **ask)
    assert thinking.endswith("<|im_start|>assistant\n")
    assert tokenizer.apply_chat_template(MESSAGES, **ask, enable_thinking=True) == thinking
    assert tokenizer.apply_chat_template(MESSAGES, **ask, enable_thinking=False) == thinking + "<think>\n\n</think>\n\n"
    assert tokenizer.convert_tokens_to_ids(["<think>", "</think>"]) == [151_667, 151_668]
    said = {"role": "assistant", "content": "<think>\n想一想\n</think>\n\n好"}
    assert "想一想" not in tokenizer.apply_chat_template([*MESSAGES, said], tokenize=False)


@BOTH
def test_the_tokenizers_work(kind, loaded):
    tokenizer = loaded[kind].tokenizer
    text = "人工智能，hello 123 龘"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    assert len(tokenizer) <= loaded[kind].model.config.vocab_size
    assert stop_ids(loaded[kind].model) >= {tokenizer.eos_token_id}


# 各讲里的数

def test_how_many_parameters():
    assert on_meta(Qwen3ForCausalLM, QWEN3).num_parameters() == 596_049_920
    assert on_meta(Qwen2ForCausalLM, QWEN2).num_parameters() == 494_032_768
    assert QWEN3.num_attention_heads * QWEN3.head_dim == 2_048 > QWEN3.hidden_size == 1_024
    said = markdown("04_model_loading.ipynb")
    assert "16 个头 × 128 = 2,048，比宽度 1,024 还大" in said
    assert "一共 596,049,920 个" in said
    small = on_meta(LlamaForCausalLM, LLAMA_1B)
    large = on_meta(LlamaForCausalLM, LLAMA_8B)
    assert small.num_parameters() == 1_235_814_400
    assert large.num_parameters() == 8_030_261_248
    assert small.lm_head.weight is small.model.embed_tokens.weight
    assert large.lm_head.weight is not large.model.embed_tokens.weight


def test_how_many_tensors_in_a_layer():
    counts = []
    for kind, config in ((Qwen2ForCausalLM, QWEN2), (Qwen3ForCausalLM, QWEN3), (LlamaForCausalLM, LLAMA_1B)):
        layer = on_meta(kind, config).model.layers[0]
        counts.append(len(list(layer.parameters())))
    assert counts == [12, 11, 9]
    said = "一层 12 个（Qwen3 没有三个偏置，多两个归一化，是 11 个；Llama 也没有偏置，是 9 个）"
    assert said in markdown("04_model_loading.ipynb")


def test_bytes_of_cache_of_one_token():
    ours = QWEN2.num_hidden_layers * 2 * QWEN2.num_key_value_heads * 64 * 2
    theirs = QWEN3.num_hidden_layers * 2 * QWEN3.num_key_value_heads * QWEN3.head_dim * 2
    assert theirs == 114_688
    assert round(theirs / ours, 1) == 9.3
    said = markdown("06_writing.ipynb")
    assert "28 层，8 个 KV 头，每头 128 个数，16 位：每个词元 114,688 字节，是 Qwen2.5-0.5B 的 9.3 倍" in said
    for config in (QWEN2, LLAMA_1B, LLAMA_8B):
        with torch.device("meta"):
            width = config.hidden_size // config.num_attention_heads
            assert getattr(config, "head_dim", width) == width


def test_how_many_scores():
    assert "Qwen3 也是 151,936，Llama 3 是 128,256" in markdown("05_next_token.ipynb")
    assert QWEN3.vocab_size == 151_936
    assert LLAMA_1B.vocab_size == 128_256


def test_a_changed_model_type_is_refused(qwen3_folder, tmp_path, monkeypatch, own_cache):
    """第 09 讲：Qwen3 的检查点改成 qwen2，q_norm、k_norm 没有地方放"""
    monkeypatch.setattr(usable, "run_trial", usable.use_once)
    for path in qwen3_folder.iterdir():
        (tmp_path / path.name).hardlink_to(path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="权重"):
        locate(tmp_path)


# 各讲里的格子

@BOTH
def test_lesson_04_counts_any_model(kind, loaded):
    folder = loaded[kind].folder
    space = {"folder": folder, "header": header_of(folder), "torch": torch, "math": math}
    said = said_by("04_model_loading", ["count-any"], space)
    built, stored = numbers(said)[-2:]
    assert built == stored == loaded[kind].model.num_parameters()


@BOTH
def test_lesson_05_guesses_among_all_ids(kind, loaded):
    size = loaded[kind].model.config.vocab_size
    said = said_by("05_next_token", ["cell-28"], {"logits": torch.zeros(size), "math": math})
    assert said.startswith(f"困惑度 {size:,}，")


@BOTH
def test_lesson_06_reckons_the_bytes_of_the_cache(kind, loaded):
    model = loaded[kind].model
    cache = model(**loaded[kind].inputs, use_cache=True).past_key_values
    said = said_by("06_writing", ["cell-31"], {"model": model, "cache": cache})
    tokens, by_hand, counted = numbers(said)
    assert tokens == loaded[kind].inputs.input_ids.shape[1]
    assert by_hand == counted == cache_bytes(cache)
    factors = cache_factors(model, tokens)
    assert counted == math.prod(factors.values())


@BOTH
def test_lesson_06_writes_what_generate_writes(kind, loaded):
    one = loaded[kind]
    space = {"tokenizer": one.tokenizer, "model": one.model, "torch": torch}
    said = said_by("06_writing", ["cell-03", "cell-05", "cell-07"], space)
    assert space["stops"] == stop_ids(one.model)
    assert said.endswith("每一个都相同吗？ True\n")


def test_lesson_06_reads_anew_what_the_template_has_changed(loaded):
    one = loaded["qwen3"]
    cut = AutoTokenizer.from_pretrained(one.folder)
    cut.chat_template = cut.chat_template.replace("lstrip('\\n')", "replace(said, '好')")  # 以前的回答全换掉
    said = said_by("06_writing", ["cell-chat-start", "cell-chat-2"], {"tokenizer": cut, "model": one.model})
    assert re.findall(r"缓存里有 (\d+) 个", said) == ["0", "0"]


@BOTH
def test_lesson_07_and_run_start_once(kind, loaded):
    one = loaded[kind]
    result = run(one.tokenizer, one.model, "什么是词元", 2)
    assert result.input_ids.tolist() == one.inputs.input_ids.tolist()
    space = {"tokenizer": one.tokenizer, "model": one.model, "question": "什么是词元"}
    said = said_by("07_pipeline", ["cell-19"], space)
    assert numbers(said)[-1] == one.inputs.input_ids.shape[1]


@BOTH
def test_lesson_08_reads_a_table_of_its_own_only_row_by_row(kind, loaded):
    model = loaded[kind].model
    said = said_by("08_speed", ["cell-04"], {"model": model})
    weights = numbers(said)[0]
    read = model.lm_head.weight.numel()
    for layer in model.model.layers:
        for part in layer.parameters():
            if part.ndim == 2:
                read += part.numel()
    assert weights == read


@BOTH
def test_lesson_08_swaps_every_matrix(kind, loaded):
    one = loaded[kind]
    plain = AutoModelForCausalLM.from_pretrained(one.folder)
    fast = swapped(AutoModelForCausalLM.from_pretrained(one.folder), ways.OneDnnPacked)
    parts = [module for module in fast.modules() if isinstance(module, TwoWayLinear)]
    assert len(parts) == 7 * fast.config.num_hidden_layers + 1
    with torch.inference_mode():
        right = plain(**one.inputs).logits
        gap = (fast(**one.inputs).logits - right).abs().max()
    assert gap <= 0.02 * right.abs().max()


@BOTH
def test_lesson_10_computes_the_weights_of_a_head(kind, loaded):
    one = loaded[kind]
    input_ids = one.inputs.input_ids
    with torch.inference_mode():
        out = one.model(input_ids=input_ids, output_attentions=True, output_hidden_states=True)
    names = [token_name(one.tokenizer, token_id) for token_id in input_ids[0].tolist()]
    space = {"model": one.model, "out": out, "n": input_ids.shape[1], "names": names, "config": one.model.config,
             "torch": torch}
    ids = ["cell-07", "cell-09", "in-12", "in-16", "cell-11", "cell-13", "in-22", "in-24", "in-26"]
    said = said_by("10_inside", ids, space)
    assert "每一步都做 0.00" in said
    before_any_layer = said.splitlines()[0]
    assert before_any_layer.startswith("过了 0 层，3 个")  # 三条消息，每条的开头有一个换行
    assert before_any_layer.endswith("[0.0, 0.0, 0.0]")


# 各个 helpers 和视图

@BOTH
def test_the_inside_of_both(kind, loaded):
    one = loaded[kind]
    maps = attention(one.model, one.inputs.input_ids)
    assert maps.shape[1] == one.model.config.num_attention_heads
    assert (maps.sum(dim=-1) - 1).abs().max() < 1e-5
    first = next(steps(one.model, one.inputs.input_ids, 1))
    assert lens(one.model, one.inputs.input_ids).ids[-1, -1, 0] == first.token_id


@BOTH
def test_the_chart_of_the_network_has_every_tensor(kind, loaded):
    chart = network_chart(header_of(loaded[kind].folder)).source
    assert ("q_norm" in chart) == (kind == "qwen3")
    assert ("文件里没有它" in chart) == (kind == "qwen3")
    assert "bias" not in chart


@BOTH
@pytest.mark.parametrize("view", [Attention, Guess, Lens, NextToken, Race, SlowMotion])
def test_the_views_have_a_picture(kind, view, loaded):
    one = loaded[kind]
    shown = view(one.tokenizer, one.model)._repr_mimebundle_()
    assert len(shown["text/html"]) > 100
    assert len(shown["text/plain"]) > 10
