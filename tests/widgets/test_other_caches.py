"""视图用别的缓存：线性注意力的状态去不掉末尾，去不掉就从头读，回答和没有缓存时一样；字节数里有状态"""
import math

from helpers.generation import cache_bytes, cache_factors, keeps_every_token
from helpers.widgets.chat import ChatSource
from helpers.widgets.slow_motion import SlowSource

import pytest
import torch
from qwen3_like import hybrid
from talks import asked, fresh, templated
from transformers import DynamicCache, Qwen3Config

STATES = 3 * (2 * 8 * 8 + 4 * 48) * 4  # 三层的状态：两个头各 8 × 8，卷积记着的 4 个位置各 48 个数，float32
OPTIONS = {"limit": 60, "temperature": 0, "seed": 14, "reuse": True}


@pytest.fixture(scope="module")
def state_model():
    return hybrid()


@pytest.fixture
def source(tokenizer, state_model):
    return ChatSource(tokenizer, state_model)


def turn(source, messages: list[dict], **options) -> tuple[dict, list[dict]]:
    """一轮：asked，写出的词元"""
    taken = list(source.reply(messages, OPTIONS | options))
    return taken[0]["asked"], [step for step in taken if "id" in step]


def test_a_state_goes_on_while_nothing_is_cut_off(source, tokenizer, state_model):
    ids = templated(tokenizer, asked("你好"))
    source._reuse(ids)
    source._feed(ids)
    longer = ids + tokenizer("写一句诗").input_ids
    assert source._reuse(longer) == len(ids)
    ours = source._feed(longer[len(ids):])
    theirs = state_model(torch.tensor([longer])).logits[0, -1]
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_what_a_state_cannot_forget_is_read_again(source, tokenizer, state_model):
    first, written = turn(source, asked("你好"))
    assert first["lost"] == 0
    messages = asked("写一句诗", *asked("你好"), {"role": "assistant", "content": "嗯"})  # 不是它写的回答
    assert source.look(messages[:-1], 60)["reused"] == 0
    second, tokens = turn(source, messages)
    assert second["reused"] == 0
    assert second["lost"] == first["count"]
    assert second["cut"] == first["count"] + len(written)
    ids = templated(tokenizer, messages)
    assert [token["id"] for token in tokens] == fresh(state_model, ids, len(tokens))
    assert source.cache.get_seq_length() == len(source.read)


def test_the_same_question_again_is_read_again(source, tokenizer, state_model):
    """退回再抽：普通的缓存只重读最后一个"""
    turn(source, asked("你好"))
    found, tokens = turn(source, asked("你好"))
    assert found["reused"] == 0
    assert found["lost"] == found["count"] - 1
    ids = templated(tokenizer, asked("你好"))
    written = [token["id"] for token in tokens]
    assert written == fresh(state_model, ids, len(tokens))


def test_the_bytes_are_those_of_the_states_and_the_keys(source):
    _, tokens = turn(source, asked("你好"))
    *_, before, last = tokens
    grown = last["cache_bytes"] - before["cache_bytes"]
    assert grown == 1 * 2 * 1 * 8 * 4  # 一层普通的，key 和 value，一个头，宽 8，float32
    assert cache_bytes(source.cache) == STATES + grown * len(source.read)


def test_the_slow_motion_says_what_the_states_take(tokenizer, state_model):
    *_, last = SlowSource(tokenizer, state_model).frames("你好", 2)
    run = last["run"]
    ids = templated(tokenizer, asked("你好"))
    factors = cache_factors(state_model, len(ids) + 1)
    total = run["sizes"][-1]
    assert math.prod(factors.values()) == total - STATES
    said = run["frames"][-1]["rows"]["KV cache"]
    assert said.endswith(f" + {STATES:,}（线性注意力的状态，不随词元增加）")


def test_which_caches_keep_every_token(state_model, model):
    assert keeps_every_token(DynamicCache(config=model.config))
    assert not keeps_every_token(DynamicCache(config=state_model.config))
    window = Qwen3Config(num_hidden_layers=2, use_sliding_window=True, sliding_window=8, max_window_layers=1)
    assert not keeps_every_token(DynamicCache(config=window))
