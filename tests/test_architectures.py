"""Qwen3 和 Llama 的形状：各讲里说的不同是真的，格子和 helpers 算的也对"""
import contextlib
import io
import json
import math
import re
from pathlib import Path

from helpers.download import usable
from helpers.download.checkpoint import check_checkpoint
from helpers.errors import ModelError
from helpers.fast import ways
from helpers.fast.linear import TwoWayLinear
from helpers.generation import cache_bytes, cache_factors, steps, stop_ids
from helpers.inside import attention, lens, token_name
from helpers.model import locate
from helpers.network import network_chart
from helpers.pipeline import chart, run
from helpers.widgets.attention import Attention
from helpers.widgets.guess import Guess
from helpers.widgets.lens import Lens
from helpers.widgets.next_token import NextToken
from helpers.widgets.race import Race
from helpers.widgets.slow_motion import SlowMotion

import broken_folders
import pytest
import torch
from architectures import saved_again
from pages import NOTEBOOKS, cells, markdown
from shapes import QWEN2, QWEN3, on_meta
from swapped import swapped
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

ASKED = "什么是词元"
MODEL_PAGE = NOTEBOOKS.parent / "classroom" / "model.md"
MESSAGES = [{"role": "user", "content": ASKED}]
LLAMA_1B = LlamaConfig(hidden_size=2_048, intermediate_size=8_192, num_hidden_layers=16, num_attention_heads=32,
                       num_key_value_heads=8, vocab_size=128_256, tie_word_embeddings=True)
LLAMA_8B = LlamaConfig(hidden_size=4_096, intermediate_size=14_336, num_hidden_layers=32, num_attention_heads=32,
                       num_key_value_heads=8, vocab_size=128_256, tie_word_embeddings=False)


class Loaded:
    """一个检查点：文件夹、分词器、模型（float32，留下注意力权重），套了模板的问题"""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", attn_implementation="eager")
        self.config = self.model.config
        self.inputs = self.tokenizer.apply_chat_template(
            MESSAGES,
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        self.ids = self.inputs.input_ids
        self.count = self.ids.shape[1]

    def run(self, name: str, ids: list[str], **more) -> dict:
        """运行一本笔记本的几格，返回里面的名称，"said" 是打印的话；more: 还要有的名称"""
        sources = {}
        for cell in cells(f"{name}.ipynb"):
            sources[cell["id"]] = "".join(cell["source"])
        space = {"folder": self.folder, "tokenizer": self.tokenizer, "model": self.model, "torch": torch, "math": math}
        space |= more
        printed = io.StringIO()
        with torch.inference_mode(), contextlib.redirect_stdout(printed):
            for cell_id in ids:
                exec(sources[cell_id], space)
        return space | {"said": printed.getvalue()}


@pytest.fixture(scope="module")
def both(qwen3_folder, llama_folder):
    return {"qwen3": Loaded(qwen3_folder), "llama": Loaded(llama_folder)}


@pytest.fixture(scope="module")
def sharded_folder(llama_folder, tmp_path_factory):
    """Llama 形状的检查点，权重分成几个文件"""
    folder = saved_again(llama_folder, tmp_path_factory.mktemp("分片"), "10MB")
    assert not (folder / "model.safetensors").exists()
    return folder


@pytest.fixture
def choose_model(monkeypatch, own_cache):
    """choose_model(文件夹)：COURSE_MODEL 是它；试用在这个进程里做"""
    monkeypatch.setattr(usable, "run_trial", usable.use_once)
    return lambda folder: monkeypatch.setenv("COURSE_MODEL", str(folder))


@pytest.fixture(params=["qwen3", "llama"])
def loaded(request, both):
    """两个检查点，一个一个地"""
    return both[request.param]


def integers(text: str) -> list[int]:
    """一段话里的整数，逗号去掉"""
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)]


def file_header(folder: Path) -> dict:
    """safetensors 的文件头"""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return header


# 检查点自己

def test_qwen3_has_wide_heads_and_their_norms(both):
    loaded = both["qwen3"]
    config = loaded.config
    attn = loaded.model.model.layers[0].self_attn
    width = config.num_attention_heads * config.head_dim
    assert width != config.hidden_size
    assert attn.q_norm.weight.shape == (config.head_dim,)
    assert attn.k_norm.weight.shape == (config.head_dim,)
    assert attn.q_proj.bias is None


def test_llama_has_a_table_more_and_no_norms_of_heads(both):
    loaded = both["llama"].model
    attn = loaded.model.layers[0].self_attn
    assert loaded.lm_head.weight is not loaded.model.embed_tokens.weight
    assert attn.q_proj.bias is None
    assert not hasattr(attn, "q_norm")
    rope = loaded.config.rope_parameters
    assert rope["rope_theta"] == 500_000


def test_thinking_is_switched_off_by_an_empty_thought(both):
    tokenizer = both["qwen3"].tokenizer
    ask = {"add_generation_prompt": True, "tokenize": False}
    usual = tokenizer.apply_chat_template(MESSAGES, **ask)
    on = tokenizer.apply_chat_template(MESSAGES, **ask, enable_thinking=True)
    off = tokenizer.apply_chat_template(MESSAGES, **ask, enable_thinking=False)
    assert usual.endswith("<|im_start|>assistant\n")
    assert on == usual
    assert off == usual + "<think>\n\n</think>\n\n"
    assert tokenizer.convert_tokens_to_ids(["<think>", "</think>"]) == [151_667, 151_668]


def test_old_thoughts_are_left_out(both):
    tokenizer = both["qwen3"].tokenizer
    said = {"role": "assistant", "content": "<think>\n想一想\n</think>\n\n好"}
    text = tokenizer.apply_chat_template([*MESSAGES, said], tokenize=False)
    assert text.endswith("<|im_start|>assistant\n好<|im_end|>\n")


def test_the_tokenizers_work(loaded):
    tokenizer = loaded.tokenizer
    text = "人工智能，hello 123 龘"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert len(tokenizer) <= loaded.config.vocab_size
    assert tokenizer.eos_token_id in stop_ids(loaded.model)


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
    said = "一层 12 个（Qwen3 没有三个偏置，多 `q_norm`、`k_norm`，是 11 个；Llama 也没有偏置，是 9 个）"
    assert said in markdown("04_model_loading.ipynb")


def test_bytes_of_cache_of_one_token():
    ours = QWEN2.num_hidden_layers * 2 * QWEN2.num_key_value_heads * 64 * 2
    theirs = QWEN3.num_hidden_layers * 2 * QWEN3.num_key_value_heads * QWEN3.head_dim * 2
    assert theirs == 114_688
    assert round(theirs / ours, 1) == 9.3
    said = markdown("06_writing.ipynb")
    assert "28 层，8 个 KV 头，每头 128 个数，16 位：每个词元 114,688 字节，是 Qwen2.5-0.5B 的 9.3 倍" in said
    for kind, config in ((Qwen2ForCausalLM, QWEN2), (LlamaForCausalLM, LLAMA_1B), (LlamaForCausalLM, LLAMA_8B)):
        attn = on_meta(kind, config).model.layers[0].self_attn
        assert attn.head_dim == config.hidden_size // config.num_attention_heads


def test_how_many_scores():
    assert "Qwen3 也是 151,936，Llama 3 是 128,256" in markdown("05_next_token.ipynb")
    assert QWEN3.vocab_size == 151_936
    assert LLAMA_1B.vocab_size == 128_256


def test_a_changed_model_type_is_refused(qwen3_folder, tmp_path, monkeypatch, own_cache):
    """第 09 讲：Qwen3 的检查点改成 qwen2，q_norm、k_norm 没有地方放"""
    monkeypatch.setattr(usable, "run_trial", usable.use_once)
    for path in qwen3_folder.iterdir():
        (tmp_path / path.name).hardlink_to(path)
    change = broken_folders.config(model_type="qwen2", architectures=["Qwen2ForCausalLM"])
    change(tmp_path)
    with pytest.raises(ModelError, match="权重"):
        locate(tmp_path)


# 各讲里的格子

def test_lesson_04_counts_any_model(loaded):
    header = file_header(loaded.folder)
    after = loaded.run("04_model_loading", ["count-any"], header=header)
    built, stored = integers(after["said"])[-2:]
    assert built == stored
    assert built == loaded.model.num_parameters()


LESSON_04 = ["cell-103", "cell-106", "cell-108", "cell-101", "cell-115", "cell-110", "count-any"]


def test_lesson_04_reads_the_small_model_when_the_weights_are_saved_again(both, sharded_folder, choose_model):
    choose_model(sharded_folder)
    assert locate() == sharded_folder
    after = both["llama"].run("04_model_loading", LESSON_04)
    assert after["folder"] == locate("tiny")
    assert after["said"].startswith("你的模型把权重分成了几个文件")
    assert "照 config 搭的 20,925,568 个，文件里 20,925,568 个" in after["said"]


def test_lesson_04_reads_the_chosen_model(both, llama_folder, choose_model):
    choose_model(llama_folder)
    after = both["llama"].run("04_model_loading", LESSON_04)
    assert after["folder"] == llama_folder
    assert after["said"].startswith("llama")


def test_the_weights_saved_again_become_one_file(sharded_folder, tmp_path):
    said = 'model.save_pretrained(新文件夹, max_shard_size="100GB")'
    assert said in MODEL_PAGE.read_text(encoding="utf-8")
    whole = saved_again(sharded_folder, tmp_path, "100GB")
    assert check_checkpoint(whole) == whole
    assert (whole / "model.safetensors").exists()


def test_lesson_05_guesses_among_all_ids(loaded):
    size = loaded.config.vocab_size
    logits = torch.zeros(size)
    after = loaded.run("05_next_token", ["cell-28"], logits=logits)
    assert after["said"].startswith(f"困惑度 {size:,}，")


def test_lesson_06_reckons_the_bytes_of_the_cache(loaded):
    out = loaded.model(**loaded.inputs, use_cache=True)
    cache = out.past_key_values
    after = loaded.run("06_writing", ["cell-31"], cache=cache)
    tokens, by_hand, counted = integers(after["said"])
    assert tokens == loaded.count
    assert by_hand == counted
    assert counted == cache_bytes(cache)
    factors = cache_factors(loaded.model, tokens)
    assert counted == math.prod(factors.values())


def test_lesson_06_writes_what_generate_writes(loaded):
    after = loaded.run("06_writing", ["cell-03", "cell-05", "cell-07"])
    assert after["stops"] == stop_ids(loaded.model)
    assert after["said"].endswith("每一个都相同吗？ True\n")


def test_lesson_06_pads_without_a_token_for_it(both):
    loaded = both["llama"]
    tokenizer = AutoTokenizer.from_pretrained(loaded.folder)
    assert tokenizer.pad_token is None
    after = loaded.run("06_writing", ["cell-03", "cell-33", "cell-36"], tokenizer=tokenizer)
    assert tokenizer.pad_token == "<|eot_id|>"
    assert after["said"].startswith("left 每句的最后一个词元")
    padded = after["batch"].input_ids[0, 0].item()
    assert padded == tokenizer.eos_token_id
    assert after["batch"].attention_mask[0].tolist()[0] == 0


def test_lesson_06_reads_anew_what_the_template_has_changed(both):
    loaded = both["qwen3"]
    changing = AutoTokenizer.from_pretrained(loaded.folder)
    template = changing.chat_template
    changing.chat_template = template.replace("lstrip('\\n')", "replace(said, '好')")  # 以前的回答全换掉
    assert changing.chat_template != template
    after = loaded.run("06_writing", ["cell-chat-start", "cell-chat-2"], tokenizer=changing)
    assert re.findall(r"缓存里有 (\d+) 个", after["said"]) == ["0", "0"]


def test_lesson_07_starts_once(loaded):
    after = loaded.run("07_pipeline", ["cell-19"], question=ASKED)
    assert after["ids"] == loaded.ids[0].tolist()
    assert after["ends"] == stop_ids(loaded.model)


def test_a_run_starts_once(loaded):
    result = run(loaded.tokenizer, loaded.model, ASKED, 2)
    assert result.input_ids.tolist() == loaded.ids.tolist()


@pytest.mark.parametrize("kind, said", [("qwen3", "Qwen 模型"), ("llama", "Llama 模型")])
def test_the_chart_names_the_family_of_the_model(kind, said, both):
    loaded = both[kind]
    result = run(loaded.tokenizer, loaded.model, ASKED, 1)
    assert f'C{{"{said}<br/>' in chart(loaded.tokenizer, result).source


def test_lesson_08_reads_a_table_of_its_own_only_row_by_row(loaded):
    after = loaded.run("08_speed", ["cell-04"])
    read = loaded.model.lm_head.weight.numel()
    for layer in loaded.model.model.layers:
        for part in layer.parameters():
            if part.ndim == 2:
                read += part.numel()
    assert after["weights"] == read


def test_lesson_08_swaps_every_matrix(loaded):
    plain = AutoModelForCausalLM.from_pretrained(loaded.folder)
    again = AutoModelForCausalLM.from_pretrained(loaded.folder)
    fast = swapped(again, ways.OneDnnPacked)
    parts = [module for module in fast.modules() if isinstance(module, TwoWayLinear)]
    assert len(parts) == 7 * loaded.config.num_hidden_layers + 1
    with torch.inference_mode():
        right = plain(**loaded.inputs).logits
        ours = fast(**loaded.inputs).logits
    gap = (ours - right).abs().max()
    assert gap <= 0.02 * right.abs().max()


def test_lesson_10_computes_the_weights_of_a_head(loaded):
    with torch.inference_mode():
        out = loaded.model(input_ids=loaded.ids, output_attentions=True, output_hidden_states=True)
    names = [token_name(loaded.tokenizer, token_id) for token_id in loaded.ids[0].tolist()]
    path = ["cell-07", "cell-09", "in-12", "in-16", "cell-11", "cell-13", "in-22", "in-24", "in-26"]
    after = loaded.run("10_inside", path, out=out, n=loaded.count, names=names, config=loaded.config)
    assert "每一步都做 0.00" in after["said"]
    before_any_layer = after["said"].splitlines()[0]
    assert before_any_layer.startswith("过了 0 层，3 个")  # 三条消息，每条的开头有一个换行
    assert before_any_layer.endswith("[0.0, 0.0, 0.0]")


# 各个 helpers 和视图

def test_attention_and_the_lens(loaded):
    maps = attention(loaded.model, loaded.ids)
    sums = maps.sum(dim=-1)
    assert maps.shape[1] == loaded.config.num_attention_heads
    assert (sums - 1).abs().max() < 1e-5
    first = next(steps(loaded.model, loaded.ids, 1))
    found = lens(loaded.model, loaded.ids)
    assert found.ids[-1, -1, 0] == first.token_id


@pytest.mark.parametrize("kind, norms, shared", [("qwen3", True, True), ("llama", False, False)])
def test_the_chart_of_the_network_has_every_tensor(kind, norms, shared, both):
    header = file_header(both[kind].folder)
    chart = network_chart(header).source
    assert ("q_norm" in chart) == norms
    assert ("文件里没有它" in chart) == shared
    assert "bias" not in chart


@pytest.mark.parametrize("view", [Attention, Guess, Lens, NextToken, Race, SlowMotion])
def test_the_views_have_a_picture(view, loaded):
    shown = view(loaded.tokenizer, loaded.model)._repr_mimebundle_()
    assert len(shown["text/html"]) > 100
    assert len(shown["text/plain"]) > 10
