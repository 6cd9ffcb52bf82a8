"""helpers.fast 的边角：各种缓存、hook、空问题、两个线程，都与 transformers 原来的一样或说清楚"""
import threading

from helpers.fast import kernels
from helpers.fast.cache import GrowingLayer
from helpers.fast.linear import Recipe
from helpers.fast.load import load
from helpers.tiny import TINY

import pytest
import torch
from transformers import DynamicCache


@pytest.fixture(scope="module")
def fast():
    return load(TINY, Recipe(kernels.Floats, kernels.Floats))


IDS = torch.tensor([[108386, 103924, 99489, 36993, 11319]])


def test_a_cache_without_config_and_one_from_inference_mode(fast, model):
    wanted = model.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=5, do_sample=False)
    assert torch.equal(fast.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=5, do_sample=False,
                                     past_key_values=DynamicCache()), wanted)
    with torch.inference_mode():
        past = fast(IDS[:, :3]).past_key_values
    assert torch.equal(fast.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=5, do_sample=False,
                                     past_key_values=past), wanted)


def test_after_a_crop_the_old_tensors_stay():
    layer, token = GrowingLayer(), torch.ones(1, 1, 1, 2)
    layer.update(token, token)
    before, _ = layer.update(token, token)
    layer.crop(-1)
    layer.update(2 * token, 2 * token)
    assert before[0, 0, 1, 0] == 1


def test_hooks_on_the_head_are_called(fast):
    seen = []
    handle = fast.lm_head.register_forward_hook(lambda *given: seen.append(1))
    fast(IDS)
    handle.remove()
    assert seen == [1]


@pytest.mark.parametrize("shape", [(1, 0), (2, 0), (0, 3)])
def test_empty_questions(fast, shape):
    empty = torch.zeros(shape, dtype=torch.long)
    for call in (fast, fast.generate):
        with pytest.raises(ValueError, match="至少一个词元"):
            call(empty)


def test_onednn_is_on_again_after_two_threads():
    made = kernels.Vector([torch.randn(64, 128).bfloat16()], [None])
    x = torch.randn(1, 1, 128).bfloat16()
    threads = [threading.Thread(target=lambda: [made(x) for _ in range(300)]) for _ in range(2)]
    before = torch._C._get_mkldnn_enabled()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch._C._get_mkldnn_enabled() == before


@pytest.mark.parametrize("keep", [0, 1, 3, -2, slice(1, 4, 2), torch.tensor([3, 0]),
                                  torch.tensor([True, False, True, False, True])], ids=str)
def test_kept_positions_equal_the_stock_models(fast, model, keep):
    with torch.inference_mode():
        got, want = (each(IDS, logits_to_keep=keep).logits for each in (fast, model))
    assert got.shape == want.shape and torch.allclose(got.float(), want, atol=0.02, rtol=1e-3)


@pytest.mark.parametrize("keep", [torch.tensor([[1, 2], [3, 4]]), torch.tensor(1), 1.5, None, [1, 2]], ids=str)
def test_other_kept_positions_are_refused(fast, keep):
    with pytest.raises(ValueError, match="logits_to_keep 应是整数、切片或一维的编号，现在是"):
        fast(IDS, logits_to_keep=keep)
