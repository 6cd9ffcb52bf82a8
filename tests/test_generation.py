"""generation：与 model.generate 逐个词元相同，缓存不改变结果，坏输入说清楚"""
import math

from helpers import generation

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

PROMPTS = ["什么是词元", "为什么第一次运行这么慢", "你好", "随便一句没学过的话 xyz"]


def asked(tokenizer, text):
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                         return_tensors="pt", return_dict=True)


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_step_keeps_one_row_and_not_the_whole_forward(model, input_ids, use_cache):
    for step in generation.steps(model, input_ids, 3, use_cache=use_cache):
        assert step.logits.untyped_storage().nbytes() == model.config.vocab_size * 4


@pytest.mark.parametrize("text", PROMPTS)
@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_is_generate(model, tokenizer, text, use_cache):
    inputs = asked(tokenizer, text)
    theirs = model.generate(**inputs, max_new_tokens=40, do_sample=False)[0, inputs.input_ids.shape[1]:]
    ours = list(generation.steps(model, inputs.input_ids, 40, use_cache=use_cache))
    assert [step.token_id for step in ours] == theirs.tolist()


def test_the_cache_saves_work(model, tokenizer):
    ids = asked(tokenizer, "什么是词元").input_ids
    n = ids.shape[1]
    assert [step.fed for step in generation.steps(model, ids, 4)] == [n, 1, 1, 1]
    assert [step.fed for step in generation.steps(model, ids, 4, use_cache=False)] == [n, n + 1, n + 2, n + 3]


def test_cache_bytes_by_hand(model, tokenizer):
    ids = asked(tokenizer, "什么是词元").input_ids
    cache = model(input_ids=ids, use_cache=True).past_key_values
    c = model.config
    head = c.hidden_size // c.num_attention_heads
    assert generation.cache_bytes(cache) == c.num_hidden_layers * 2 * c.num_key_value_heads * head * 4 * ids.shape[1]


def test_each_step_says_how_big_the_cache_is(model, tokenizer):
    ids = asked(tokenizer, "什么是词元").input_ids
    n = ids.shape[1]
    caches = []
    for step in generation.steps(model, ids, 4):
        written = torch.tensor([[s.token_id for s in caches]], dtype=torch.long)
        cache = model(input_ids=torch.cat([ids, written], dim=1), use_cache=True).past_key_values
        assert step.cache_bytes == generation.cache_bytes(cache) > 0
        assert step.seconds > 0
        caches.append(step)
    assert [step.cache_bytes for step in generation.steps(model, ids, 4, use_cache=False)] == [0] * 4
    assert [s.cache_bytes for s in caches] == [math.prod(generation.cache_factors(model, n + i).values())
                                               for i in range(4)]


def test_cache_factors_follow_the_checkpoint(model):
    assert generation.cache_factors(model, 25) == {"层": 6, "key 和 value": 2, "KV 头": 2, "每个头的宽度": 32,
                                                   "词元": 25, "每个数的字节": 4}
    config = Qwen2Config(vocab_size=50, hidden_size=84, intermediate_size=8, num_hidden_layers=3,
                         num_attention_heads=14, num_key_value_heads=2)
    other = Qwen2ForCausalLM(config).to(torch.bfloat16)
    step = next(generation.steps(other, torch.tensor([[1, 2, 3, 4]]), 1))
    assert step.cache_bytes == math.prod(generation.cache_factors(other, 4).values()) == 3 * 2 * 2 * 6 * 4 * 2


def test_stop_ids(model):
    assert generation.stop_ids(model) == {151643, 151645}


@pytest.mark.parametrize("ids, says", [
    (torch.tensor([1, 2]), r"\(1, n\)"), (torch.zeros(2, 3, dtype=torch.long), r"\(1, n\)"),
    (torch.zeros(1, 0, dtype=torch.long), r"\(1, n\)"), (torch.tensor([[0.5]]), "整数"),
    (torch.tensor([[-1]]), "151935"), (torch.tensor([[151936]]), "151935"),
    (torch.zeros(1, 5000, dtype=torch.long), "缩短")])
def test_bad_ids(model, ids, says):
    with pytest.raises(ValueError, match=says) as error:
        list(generation.steps(model, ids, 1))
    assert "应" in str(error.value)
    assert "现在" in str(error.value)


def test_bad_types_and_counts(model):
    with pytest.raises(TypeError, match="张量"):
        list(generation.steps(model, [1, 2], 1))
    with pytest.raises(ValueError, match="1 或更大"):
        list(generation.steps(model, torch.tensor([[1]]), 0))
