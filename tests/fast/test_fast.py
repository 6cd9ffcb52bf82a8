"""helpers.fast：各种内核、平直的前向、加载，与 transformers 原来的比"""
from helpers.fast import kernels, probe
from helpers.fast.cache import GrowingLayer, growing
from helpers.fast.linear import Recipe
from helpers.fast.load import load
from helpers.fast.standin import SMALL, make
from helpers.tiny import TINY

import pytest
import torch
from transformers import AutoModelForCausalLM, DynamicCache, TextIteratorStreamer
from transformers import Qwen2ForCausalLM as Stock

EXACT = Recipe(kernels.Floats, kernels.Floats)
WORK = [name for name, kernel in probe.KERNELS.items() if not probe.reason_not(kernel)]


@pytest.fixture(scope="module")
def fast():
    """教学小模型，平直的前向，float32 计算"""
    return load(TINY, EXACT)


@pytest.fixture(scope="module")
def questions(tokenizer):
    """长短不同的几个问题，左边填充"""
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                           add_generation_prompt=True)
             for text in ("什么是词元", "你好", "为什么温度越高回答越乱")]
    return tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")


@pytest.fixture(scope="module")
def one(tokenizer):
    """一个问题，没有填充"""
    return tokenizer.apply_chat_template([{"role": "user", "content": "什么是词元"}], add_generation_prompt=True,
                                         return_tensors="pt", return_dict=True)


def write(model, inputs, **options):
    return model.generate(**inputs, **{"max_new_tokens": 12, "do_sample": False, **options})


def test_is_an_ordinary_model(fast):
    assert isinstance(fast, Stock) and type(fast).__name__ == "Qwen2ForCausalLM"


def test_logits_equal_the_stock_models(fast, model, questions, one):
    for inputs in (questions, one):
        with torch.inference_mode():
            want, got = model(**inputs).logits, fast(**inputs).logits
        seen = inputs["attention_mask"].bool()
        assert torch.allclose(got.float()[seen], want[seen], atol=0.02, rtol=1e-3)


@pytest.mark.parametrize("options", [
    {}, {"num_beams": 3, "num_return_sequences": 2}, {"repetition_penalty": 1.3}, {"use_cache": False},
    {"cache_implementation": "static"}], ids=str)
def test_greedy_tokens_are_identical(fast, model, questions, options):
    assert torch.equal(write(fast, questions, **options), write(model, questions, **options))


def test_sampling_with_the_same_seed_is_identical(fast, model, one):
    def sample(each):
        torch.manual_seed(3)
        return write(each, one, do_sample=True, num_return_sequences=3, temperature=1.2, top_k=20)
    assert torch.equal(sample(fast), sample(model))


def test_streaming_scores_and_cache(fast, model, tokenizer, one):
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    out = write(fast, one, streamer=streamer, return_dict_in_generate=True, output_logits=True)
    assert "".join(streamer) == tokenizer.decode(out.sequences[0, one.input_ids.shape[1]:], skip_special_tokens=True)
    want = write(model, one, return_dict_in_generate=True, output_logits=True)
    assert all(torch.allclose(a, b, atol=0.02, rtol=1e-3) for a, b in zip(out.logits, want.logits, strict=True))
    longer = torch.cat([out.sequences, out.sequences[:, -1:]], dim=1)
    rest = fast.generate(longer, past_key_values=out.past_key_values, max_new_tokens=5, do_sample=False)
    assert torch.equal(rest, model.generate(longer, max_new_tokens=5, do_sample=False))


def test_a_second_block_of_tokens_after_the_cache(fast, model, one):
    ids = one.input_ids
    with torch.inference_mode():
        past = fast(ids[:, :3]).past_key_values
        got = fast(ids[:, 3:], past_key_values=past).logits
        want = model(ids).logits[:, 3:]
    assert torch.allclose(got.float(), want, atol=0.02, rtol=1e-3) and past.get_seq_length() == ids.shape[1]


def test_intermediate_results_and_hooks_still_work(fast, one):
    seen = []
    with torch.inference_mode():
        out = fast(**one, output_hidden_states=True)
        handle = fast.model.layers[1].register_forward_hook(lambda *_: seen.append(1))
        fast(**one)
        handle.remove()
    assert len(out.hidden_states) == len(fast.model.layers) + 1 and seen == [1]
    assert fast.plain({}, None, None, one.input_ids, None)  # 取过中间结果以后，仍走平直的路
    assert fast(**one, labels=one.input_ids).loss > 0


@pytest.mark.parametrize("name", WORK)
def test_every_kernel_in_the_whole_model(name, model, one, questions):
    kernel = probe.KERNELS[name]
    fast = load(TINY, Recipe(kernel, kernels.Stored if kernel.lines else kernel, 2))
    assert torch.equal(write(fast, one), write(model, one))
    with torch.inference_mode():
        past = fast(one.input_ids[:, :-1]).past_key_values
        got, want = fast(one.input_ids[:, -1:], past_key_values=past).logits[0, -1].float(), model(**one).logits[0, -1]
    assert (got.softmax(-1) - want.softmax(-1)).abs().sum() < {16: 0.001, 8: 0.02, 4: 0.1}[kernel.bits]
    write(fast, questions)


def test_the_growing_cache_equals_the_dynamic_one():
    torch.manual_seed(0)
    plain, grown = DynamicCache(), DynamicCache()
    blocks = [torch.randn(2, 2, size, 4) for size in (3, 1, 1, 400, 1)]
    for block in blocks:
        for cache in (plain, grown):
            cache.update(block, -block, 0)
        assert growing(grown, 1) and type(grown.layers[0]) is GrowingLayer
        assert torch.equal(grown.layers[0].keys, plain.layers[0].keys)
        assert torch.equal(grown.layers[0].values, plain.layers[0].values)
    for cache in (plain, grown):
        cache.crop(-2)
        cache.reorder_cache(torch.tensor([1, 1]))
        cache.update(blocks[1], blocks[1], 0)
    assert torch.equal(grown.layers[0].keys, plain.layers[0].keys)


def test_two_answers_from_one_cropped_cache_do_not_mix():
    layer = GrowingLayer()
    layer.update(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    first, _ = layer.update(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2))
    layer.crop(-1)
    second, _ = layer.update(torch.full((1, 1, 1, 2), 2.0), torch.zeros(1, 1, 1, 2))
    assert second[0, 0, 2, 0] == 2 and second.shape == first.shape


def test_bfloat16_with_grouped_heads(tmp_path):
    folder = make(tmp_path / "small", SMALL)
    stock = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    ids = torch.arange(20)[None] * 37
    for one_kernel in (kernels.Stored, kernels.Half):
        fast = load(folder, Recipe(one_kernel, kernels.Stored))
        with torch.inference_mode():
            want = stock(ids).logits
            past = fast(ids[:, :-1]).past_key_values
            got = fast(ids[:, -1:], past_key_values=past).logits
        assert past.layers[0].keys.dtype == torch.bfloat16
        assert (got[0, -1].float() - want[0, -1]).norm() / want[0, -1].norm() < 0.02


def test_a_batch_does_not_copy_the_weights(fast, questions):
    from torch.profiler import ProfilerActivity, profile

    for options in ({}, {"output_hidden_states": True}):  # 平直的路和 transformers 的路
        with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
            fast(**questions, logits_to_keep=1, **options)
        largest = max(event.cpu_memory_usage for event in seen.events())
        assert largest < 1.5 * 4 * fast.lm_head.weight.numel()  # 最大的一块：转成 float32 的词表层，不是每句一份
