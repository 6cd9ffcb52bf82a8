"""generation：与 model.generate 逐个词元相同，缓存不改变结果，坏输入说清楚"""
import pytest
import torch

from helpers import generation

PROMPTS = ["什么是词元", "为什么第一次运行这么慢", "你好", "随便一句没学过的话 xyz"]


def asked(tokenizer, text):
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                         return_tensors="pt", return_dict=True)


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
    assert "应" in str(error.value) and "现在" in str(error.value)


def test_bad_types_and_counts(model):
    with pytest.raises(TypeError, match="张量"):
        list(generation.steps(model, [1, 2], 1))
    with pytest.raises(ValueError, match="1 或更大"):
        list(generation.steps(model, torch.tensor([[1]]), 0))
