"""helpers.fast.ways：每种做法都算得对；8 位、4 位的误差只有该有的那么大"""
import os
import subprocess
import sys
import threading

from helpers.fast import ways
from helpers.fast.choose import ALL, ERRORS

import pytest
import torch
from torch.nn import functional as F

NEEDS_FBGEMM = pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines,
                                  reason="FBGEMM 只在 x86 上")


def numbers(*size, seed=14):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("name", ALL)
def test_every_way_multiplies_and_adds_the_bias(name, rows):
    way = ALL[name]
    if rows > 1 and way in (ways.Int8,):
        rows = 1  # 输入一行一个比例，只用在一行上
    weight = (numbers(48, 128) * 0.05).bfloat16()
    bias = numbers(48, seed=1).bfloat16()
    x = numbers(1, rows, 128, seed=2).bfloat16()
    want = F.linear(x.float(), weight.float(), bias.float())
    got = way(weight, bias)(x)
    assert got.dtype == x.dtype
    assert got.shape == want.shape
    assert (got.float() - want).norm() / want.norm() < ERRORS[way.bits]
    without = way(weight, None)(x).float()
    assert (without + bias.float() - want).norm() / want.norm() < ERRORS[way.bits]


def test_onednn_is_on_again_after_two_threads():
    made = ways.WithoutOneDnn(numbers(64, 128).bfloat16(), None)
    x = numbers(1, 1, 128).bfloat16()

    def work():
        for _ in range(300):
            made(x)

    threads = [threading.Thread(target=work) for _ in range(2)]
    before = torch._C._get_mkldnn_enabled()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch._C._get_mkldnn_enabled() == before


def test_onednn_is_on_again_after_an_error():
    made = ways.WithoutOneDnn(numbers(64, 128), None)
    before = torch._C._get_mkldnn_enabled()
    with pytest.raises(RuntimeError):
        made(numbers(1, 7))
    assert torch._C._get_mkldnn_enabled() == before


@pytest.mark.parametrize("way, shape, dtype", [
    (ways.Half, (64, 128), torch.float32), (ways.Half, (64, 40), torch.bfloat16), (ways.Int8, (64, 40), torch.bfloat16),
    (ways.Int8Weights, (64, 40), torch.bfloat16), (ways.Int4, (64, 48), torch.bfloat16),
    (ways.Int4, (40, 64), torch.bfloat16)])
def test_what_a_way_cannot_take(way, shape, dtype):
    assert not way.fits(torch.zeros(shape, dtype=dtype))


@pytest.mark.parametrize("size", [1, 2, 16, 128])
def test_rotation_is_orthogonal_and_spreads_one_large_number(size):
    turn = ways.rotation(size)
    assert torch.allclose(turn @ turn.T, torch.eye(size), atol=1e-5)
    one = torch.zeros(size)
    one[0] = 1.0
    assert torch.allclose((one @ turn).abs(), torch.full((size,), size ** -0.5))


@pytest.mark.parametrize("inputs, size", [(896, 128), (4864, 128), (64, 64), (48, 16), (7, 1)])
def test_block_size(inputs, size):
    assert ways.block_size(inputs) == size


@NEEDS_FBGEMM
def test_an_outlier_in_the_input_does_not_drown_the_others():
    """一个数是别的一百倍：不转方向时，8 位的输入给别的数只剩几级"""
    weight = numbers(64, 128) * 0.1
    x = numbers(1, 128, seed=3)
    x[0, 3] = 100.0
    weight[:, 3] = 0.0  # 只看别的数还准不准
    want = F.linear(x, weight)
    turned = ways.Int8(weight, None)
    straight = ways.prepack(*ways.to_int8(weight), None)
    turned_error = (turned(x) - want).norm() / want.norm()
    straight_error = (torch.ops.quantized.linear_dynamic(x, straight, turned.narrow) - want).norm() / want.norm()
    assert turned_error < straight_error / 1.5


@NEEDS_FBGEMM
def test_int8_is_right_without_vnni():
    code = ("import torch\nfrom helpers.fast import ways\n"
            "weight = 1 - 0.1 * torch.rand(64, 128)\nx = 1 - 0.1 * torch.rand(1, 128)\n"
            "want = torch.nn.functional.linear(x, weight)\n"
            "print(ways.saturates(), float((ways.Int8(weight, None)(x) - want).norm() / want.norm()) < 0.03)")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "FBGEMM_ENABLE_INSTRUCTIONS": "avx2"})
    assert done.stdout.split() == ["True", "True"], done.stderr


def back(way, weight):
    """量化以后的权重，变回小数：一个一个单位向量地乘"""
    eye = torch.eye(weight.shape[1], dtype=torch.bfloat16)
    return torch.cat([way(row[None]) for row in eye]).float().T


def test_integers_fit_the_rounded_scales():
    """比例存成 16 位，先舍入比例再算整数，才不会整组偏"""
    weight = torch.rand(256, 128, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.9
    groups = weight.unflatten(1, (-1, ways.GROUP))
    low = groups.amin(dim=2, keepdim=True)
    scale = (groups.amax(dim=2, keepdim=True) - low) / 15
    late = ways.Int4(weight, None)
    late.table = torch.cat([scale, low + 8 * scale], dim=2).transpose(0, 1).contiguous().bfloat16()
    late_numbers = ((groups - low) / scale).round().flatten(1).to(torch.int32)
    late.packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(late_numbers, 1)
    error = (back(ways.Int4(weight, None), weight) - weight).norm()
    assert error < 0.95 * (back(late, weight) - weight).norm()


def test_a_row_of_zeros_stays_zero():
    weight = numbers(64, 128)
    weight[5] = 0.0
    x = numbers(1, 128).bfloat16()
    for way in (ways.Int8Weights, ways.Int4):
        assert way(weight.bfloat16(), None)(x)[0, 5] == 0
