"""helpers.fast.probe、choose：算错的、算不了的内核不用，按检查点存放的类型量和选"""
import os
import subprocess
import sys

from helpers.errors import ModelError
from helpers.fast import choose, kernels, probe
from helpers.fast.probe import Timing

import pytest
import torch

SIZES = [(64, 32)]


@pytest.fixture(autouse=True)
def short(own_cache, monkeypatch):
    """每个测试用自己的缓存文件夹，一种行数只量两次"""
    monkeypatch.setattr(probe, "PATIENCE", 0.0)


class Saturating(kernels.Stored):
    """像没有 VNNI 的 CPU：u8 × s8 的乘积两个两个加进 16 位，放不下就停在最大值"""
    top = 2**15 - 1

    def parts(self, x):
        zero = x.float().amin().clamp_max(0)
        step = (x.float().amax().clamp_min(0) - zero) / 255
        u8 = ((x.float() - zero) / step).round()
        out = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            s8, scale = kernels.rows_to_int8(weight.float())
            pairs = (u8[..., None, :] * s8.float()).unflatten(-1, (-1, 2)).sum(dim=-1)
            total = pairs.clamp(-self.top - 1, self.top).sum(dim=-1) * step * scale
            out.append(total + zero * (s8.float().sum(dim=1) * scale) + bias.float())
        return out


@pytest.mark.parametrize("top, right", [(2**15 - 1, False), (50_000, False), (2 * 255 * 127, True)])
def test_a_saturating_kernel_is_left_out(monkeypatch, top, right):
    monkeypatch.setattr(Saturating, "top", top)  # 50_000：只有两端的值才放不下
    assert ("算得不对" in probe.reason_not(Saturating)) != right


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="FBGEMM 只在 x86 上")
def test_int8_is_right_without_vnni():
    code = ("from helpers.fast import kernels, probe\n"
            "for kernel in (kernels.Int8, kernels.Int8OneDnn):\n"
            "    print(kernels.saturates(kernel.engine), probe.error(kernel) < 0.03)")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "FBGEMM_ENABLE_INSTRUCTIONS": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"})
    assert done.stdout.split() == ["True", "True"] * 2, done.stderr


def test_a_wrong_kernel_is_left_out_with_a_reason():
    class Wrong(kernels.Stored):
        def parts(self, x):
            return [out * 1.1 for out in super().parts(x)]

    class Missing(kernels.Stored):
        def parts(self, x):
            raise NotImplementedError

    class Nothing(kernels.Stored):
        def parts(self, x):
            return [out * float("nan") for out in super().parts(x)]

    assert all("算得不对" in probe.reason_not(kernel) for kernel in (Wrong, Nothing))
    assert "算不了" in probe.reason_not(Missing)
    assert not probe.reason_not(kernels.Stored)


def test_sixteen_bits_never_shorten_float32():
    assert "不准" in probe.reason_not(kernels.Half, torch.float32)
    assert not probe.reason_not(kernels.Floats, torch.float32)


@pytest.mark.parametrize("dtype", (torch.float32, torch.float16, torch.bfloat16), ids=str)
def test_the_probe_uses_the_stored_dtype(dtype):
    seen = set()

    class Watched(kernels.Stored):
        def parts(self, x):
            seen.update({x.dtype, *(weight.dtype for weight in self.weights)})
            return super().parts(x)

    assert probe.timing(Watched, SIZES, dtype).seconds and seen == {dtype}


def config(dtype=torch.bfloat16):
    from transformers import Qwen2Config

    return Qwen2Config(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                       num_key_value_heads=1, dtype=dtype)


def test_each_dtype_is_remembered_apart(monkeypatch):
    asked = []
    monkeypatch.setattr(probe, "timing", lambda kernel, sizes, dtype: asked.append(dtype) or Timing({1: 1.0}))
    for dtype in (torch.float16, torch.float32, torch.float16):
        assert probe.timings(config(dtype), ["Stored"])["Stored"].seconds == {1: 1.0}
    assert asked == [torch.float16, torch.float32]


def test_what_fails_on_the_real_shapes_is_a_reason_and_is_tried_again(monkeypatch):
    class Fussy(kernels.Stored):
        def __init__(self, weights, biases):
            super().__init__(weights, biases)
            if weights[0].shape[1] == 32:
                raise RuntimeError("no room")

    monkeypatch.setitem(probe.KERNELS, "Fussy", Fussy)
    assert "形状上算不了（RuntimeError）" in probe.timings(config(), ["Fussy"])["Fussy"].reason
    monkeypatch.setitem(probe.KERNELS, "Fussy", kernels.Stored)
    assert probe.timings(config(), ["Fussy"])["Fussy"].seconds


@pytest.mark.parametrize("kernel, shape", [(kernels.Int8Weights, (64, 40)), (kernels.Int4, (64, 48)),
                                           (kernels.Int4, (40, 64))])
def test_shapes_that_a_kernel_cannot_take(kernel, shape):
    with pytest.raises(ModelError, match="应是 .* 的倍数，现在是"):
        kernel([torch.randn(shape)], [None])
    if not probe.reason_not(kernel):
        assert "的倍数" in probe.timing(kernel, [shape], torch.bfloat16).reason


class LateInt8(kernels.Int8Weights):
    """先算整数，再舍入比例"""

    def pack(self, weight, bias):
        values, scale = kernels.rows_to_int8(weight)
        return values, scale.to(self.compute), bias


class LateInt4(kernels.Int4):
    """先算整数，再舍入比例和零点"""

    def pack(self, weight, bias):
        groups = weight.unflatten(1, (-1, self.group))
        low, high = groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)
        scale = (high - low) / 15
        values = ((groups - low) / scale).round().flatten(1).to(torch.int32)
        both = torch.cat([scale, low + 8 * scale], dim=2).transpose(0, 1).contiguous().to(self.compute)
        return torch.ops.aten._convert_weight_to_int4pack_for_cpu(values, 1), both, bias


@pytest.mark.parametrize("kernel, late", [(kernels.Int8Weights, LateInt8), (kernels.Int4, LateInt4)])
def test_integers_fit_the_rounded_scales(kernel, late):
    weight = torch.rand(256, 128, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.9
    one_hot = torch.eye(128, dtype=kernel.compute)[None]
    errors = [float((made([weight], [None])(one_hot)[0].float().T - weight).norm()) for made in (kernel, late)]
    assert errors[0] < 0.95 * errors[1]


def table(**seconds):
    """内核的名称 → 一行和 512 行的秒数"""
    return {name: Timing({1: one, 4: one, 16: one, 40: many, 512: many}) for name, (one, many) in seconds.items()}


def test_close_ones_take_no_second_copy():
    found = table(Stored=(3, 8), Vector=(1.05, 9), Half=(1, 20), Floats=(9, 30))
    assert choose.recipe(16, found)[:2] == ("Vector", "Stored")
    found = table(Stored=(3, 8), Vector=(1.2, 9), Half=(1, 20), Floats=(9, 30))
    assert choose.recipe(16, found)[0] == "Half"
    found = table(Int8=(2, 4), Int8OneDnn=(1, 3.9), Int8Weights=(3, 9), Stored=(3, 3.8), Floats=(9, 30))
    assert choose.recipe(8, found)[:2] == ("Int8OneDnn", "Stored")  # 差一点也不用量化的来读


@pytest.mark.parametrize("bits, names", [(8, ("Int8", "Int8OneDnn", "Int8Weights")), (4, ("Int4",))])
def test_a_question_is_never_read_with_quantized_numbers(bits, names):
    """写和读都是量化的快得多，读还是用原来的"""
    found = table(Stored=(9, 9), Floats=(9, 8), **dict.fromkeys(names, (1, 1)))
    assert choose.recipe(bits, found)[1] == "Floats"


def test_what_each_way_needs():
    million = 1_000_000
    assert choose.needs("Int4", "Int4", 8 * million, 99) - choose.SPARE == 5 * million  # 4 位和每组的两个数
    assert choose.needs("Int8", "Stored", million, 4 * million) - choose.SPARE == 5 * million
    assert choose.needs("Stored", "Floats", million, 4 * million) - choose.SPARE == 4 * million


def test_little_memory_keeps_only_the_stored_weights():
    found = table(Stored=(3, 8), Vector=(1, 9), Half=(2, 1), Floats=(9, 30))
    tight = choose.choose(16, found, 494_000_000, 1e9, 1.9e9)
    assert tight.recipe.many is kernels.Stored and "只放一份权重" in tight.explanation


def test_the_explanation_names_the_stored_width():
    found = table(Stored=(3, 8), Vector=(2, 9), Half=(9, 20), Floats=(9, 30))
    assert choose.choose(16, found, 1_000, 4_000, 8e9, width=32).explanation.startswith("32 位")


@pytest.mark.parametrize("size", [1, 2, 16, 128])
def test_rotation_is_orthogonal_and_spreads_one_large_number(size):
    turn = kernels.rotation(size)
    assert torch.allclose(turn @ turn.T, torch.eye(size), atol=1e-5)
    one = torch.zeros(size)
    one[0] = 1.0
    assert torch.allclose((one @ turn).abs(), torch.full((size,), size ** -0.5))


@pytest.mark.parametrize("inputs, size", [(896, 128), (4864, 128), (64, 64), (48, 16), (7, 1)])
def test_block_size(inputs, size):
    assert kernels.block_size(inputs) == size


def test_an_outlier_in_the_input_does_not_drown_the_others():
    """一个数是别的一百倍：不转方向时，8 位的输入给别的数只剩几级"""
    generator = torch.Generator().manual_seed(14)
    weight = torch.randn(64, 128, generator=generator) * 0.1
    x = torch.randn(1, 128, generator=generator)
    x[0, 3] = 100.0
    weight[:, 3] = 0.0  # 只看别的数还准不准
    want = torch.nn.functional.linear(x, weight)
    turned = kernels.Int8([weight], [None])
    straight = kernels.prepack(*kernels.rows_to_int8(weight), None, turned.engine)
    turned_error = (turned(x) - want).norm() / want.norm()
    straight_error = (torch.ops.quantized.linear_dynamic(x, straight, turned.narrow) - want).norm() / want.norm()
    assert turned_error < straight_error / 1.5
