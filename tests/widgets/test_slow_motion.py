"""慢动作流水线：每一格的数和 Run、transformers 一致；静态图固定；画面的动作在 tests/browser 里测"""
import math
import re

from helpers.fast.standin import SMALL
from helpers.generation import cache_bytes
from helpers.pipeline import frames, run
from helpers.widgets.slow_motion import SlowMotion, SlowSource

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

QUESTION = "人工智能未来会取代人类吗？"
MOST = 6


@pytest.fixture(scope="module")
def news(tokenizer, model):
    return list(SlowSource(tokenizer, model).frames(QUESTION, MOST))


@pytest.fixture(scope="module")
def made(news):
    return news[-1]["run"]


@pytest.fixture(scope="module")
def result(tokenizer, model):
    return run(tokenizer, model, QUESTION, MOST)


def test_every_step_is_reported(news):
    assert [each["count"] for each in news[:-1]] == [1, 2, 3, 4, 5, 6, 6]


def test_the_frames_are_of_this_very_run(made, tokenizer, result):
    wanted = frames(tokenizer, result)
    assert len(made["frames"]) == len(wanted) == 5 + 4 * 5
    for frame, whole in zip(made["frames"], wanted, strict=True):
        assert (frame["name"], frame["step"]) == (whole.name, whole.step_index)
        assert frame["rows"]["阶段"].startswith(f"第 {whole.step_index + 1} 步 · ")
        assert set(frame["boxes"]) == set("ABCDE")
    assert made["frames"][3]["moving"] == "不会"
    assert made["frames"][-1]["rows"]["出来"].endswith("（写满了 6 步，停）")


def test_shapes_by_hand(made, model, result):
    n = result.input_ids.shape[1]
    size = model.config.vocab_size
    assert made["frames"][2]["rows"]["形状"] == f"input_ids (1, {n}) → logits (1, {n}, {size})"
    assert made["frames"][6]["rows"]["形状"] == f"input_ids (1, 1) → logits (1, 1, {size})"


@torch.inference_mode()
def test_the_cache_is_as_big_as_the_measured_one(made, model, result):
    ids = torch.cat([result.input_ids, torch.tensor([[step.token_id for step in result.steps]])], dim=1)
    n = result.input_ids.shape[1]
    for frame in made["frames"]:
        said = frame["rows"]["KV cache"]
        tokens = n + frame["step"] - (frame["name"] in "AB")
        if tokens < n:
            assert said.startswith("0 字节")
            continue
        measured = cache_bytes(model(input_ids=ids[:, :tokens], use_cache=True).past_key_values)
        total, product = said.split(" 字节 = ")
        factors = [int(factor) for factor in re.findall(r"(\d+)（", product)]
        assert int(total.replace(",", "")) == measured == math.prod(factors)
        assert tokens in factors


def test_the_times_are_the_runs(made):
    names = list(made["seconds"])
    assert [made["frames"][place]["time"] for place in (0, 2, 4, 6)] == [names[0], names[1], names[3], names[2]]
    assert len(made["forwards"]) == len(made["sizes"]) == MOST


def test_a_stop_token_ends_it(tokenizer, model):
    *_, last = SlowSource(tokenizer, model).frames(QUESTION, 40)
    assert last["run"]["frames"][-1]["rows"]["出来"].endswith("（写出了结束词元，停）")


def test_the_picture_has_no_times(tokenizer, model):
    view = SlowMotion(tokenizer, model)
    still = view.still()
    assert still == SlowMotion(tokenizer, model).still()
    assert "▶ 输入文本　人工智能未来会取代人类吗？" in still.text
    assert "阶段 │ 第 1 步 · 输入文本" in still.text
    assert "KV cache 的增长（字节）：第 1 步以后 76,800，以后每步多 3,072" in still.text
    assert "毫秒" not in still.html


@pytest.mark.parametrize("question, said", [("", "现在是空的"), ("好" * 10_000, "应不超过 200 个词元"),
                                            ("a\ud800b", "半个字符")])
def test_a_bad_question_is_a_sentence(tokenizer, model, question, said):
    with pytest.raises(ValueError, match=said):
        SlowMotion(tokenizer, model, question)


@pytest.mark.parametrize("question", ["😀😀", "\x00\x07", "<|im_end|>", "<b>粗</b>", "%%{init: {}}%%"])
def test_odd_questions_work(tokenizer, model, question):
    assert "<b>粗" not in SlowMotion(tokenizer, model, question, 2).still().html


def test_a_model_without_a_stop_token(tokenizer):
    torch.manual_seed(0)
    config = Qwen2Config(**SMALL | {"eos_token_id": None, "bos_token_id": None})
    model = Qwen2ForCausalLM(config).eval()
    model.generation_config.eos_token_id = None
    *_, last = SlowSource(tokenizer, model).frames("你好", 3)
    assert last["run"]["frames"][-1]["rows"]["出来"].endswith("（写满了 3 步，停）")
