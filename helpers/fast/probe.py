"""试跑：每种内核在真正的形状上要几秒；先在一个小层上对答案，算不了或算错的不用

出处: notebooks/08_speed.ipynb：不看 CPU 的名称，只看量出来的
"""
import time
from collections.abc import Iterator
from dataclasses import dataclass

from helpers.errors import ModelError
from helpers.fast import kernels, remembered

import torch
from torch.nn import functional as F

KERNELS = {kernel.__name__: kernel for kernel in (
    kernels.Stored, kernels.Vector, kernels.Floats, kernels.Half, kernels.Int8, kernels.Int8OneDnn,
    kernels.Int8Weights, kernels.Int4)}
ERRORS = {16: 0.02, 8: 0.03, 4: 0.2}  # 与 float32 的相对误差最多多少才算对
ROWS = (1, 4, 16, 40, 512)            # 生成、几个问题、四十个问题、读一个长问题
PATIENCE = 1.0                        # 一种内核一种行数最多量几秒


@dataclass(frozen=True)
class Timing:
    """一种内核的结果：行数 → 一层要几秒；不能用时 seconds 是空的，reason 说为什么"""
    seconds: dict[int, float]
    reason: str = ""


def error(kernel: type, dtype: torch.dtype = torch.bfloat16) -> float:
    """一种内核在小层上与 float32 的最大相对误差；两组数：有正有负的，都在范围顶端的（中间的和最大）"""
    generator = torch.Generator().manual_seed(14)
    draws = (lambda *size: torch.randn(size, generator=generator),
             lambda *size: 1 - 0.1 * torch.rand(size, generator=generator))
    return float(torch.stack([wrong for draw in draws for wrong in errors(draw, kernel, dtype)]).max())  # nan 算最大


def errors(draw, kernel: type, dtype: torch.dtype) -> Iterator[torch.Tensor]:
    """用 draw 给出的数，1 行和 5 行各一个相对误差"""
    weights = [draw(size, 128) * 0.05 for size in (128, 64)]
    biases = [draw(size) * 0.1 for size in (128, 64)]
    made = kernel([weight.to(dtype) for weight in weights], [bias.to(dtype) for bias in biases])
    for rows in (1,) if kernel.lines == 1 else (1, 5):
        x = draw(1, rows, 128)
        want = torch.cat([F.linear(x, weight, bias) for weight, bias in zip(weights, biases, strict=True)], dim=-1)
        got = made(x.to(kernel.compute or dtype)).float()
        yield (got - want).norm() / want.norm()


def reason_not(kernel: type, dtype: torch.dtype = torch.bfloat16) -> str:
    """这种内核在这台电脑上、用在 dtype 的检查点上为什么不能用；能用就是空字符串"""
    if kernel.packs and kernel.bits == 16 and dtype == torch.float32:
        return "权重是 32 位的，变成 16 位就不准了"
    try:
        wrong = error(kernel, dtype)
    except Exception as problem:  # 别的平台上可能没有这种运算，报什么错都有
        return f"这台电脑上算不了（{type(problem).__name__}）"
    if not wrong <= ERRORS[kernel.bits]:
        return f"算得不对（与 float32 差 {wrong:.0%}）"
    return ""


def shapes(config) -> list[tuple[int, int]]:
    """一层的四个矩阵（q、k、v 拼在一起，gate、up 拼在一起）：(输出维数, 输入维数)"""
    hidden, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    dim = getattr(config, "head_dim", None) or hidden // heads
    return [((heads + 2 * config.num_key_value_heads) * dim, hidden), (hidden, heads * dim), (2 * inner, hidden),
            (hidden, inner)]


def weights_read(config) -> int:
    """每写一个词元要读的权重个数：全部线性层，包括词表上的那一层"""
    return config.num_hidden_layers * sum(n * k for n, k in shapes(config)) + config.vocab_size * config.hidden_size


def clock(layers: list[list], sizes: list[tuple[int, int]], rows: int, dtype: torch.dtype) -> float:
    """每层要几秒（下四分位数，少受别的程序影响）；几层轮流，免得权重留在 CPU 的缓存里"""
    dtype = layers[0][0].compute or dtype
    inputs = [torch.randn(1, rows, k).to(dtype) for _, k in sizes]
    times, end = [], time.perf_counter() + PATIENCE
    while len(times) < 2 or (time.perf_counter() < end and len(times) < 12):
        for layer in layers if rows < 40 else layers[:1]:
            start = time.perf_counter()
            for made, x in zip(layer, inputs, strict=True):
                made(x)
            times.append(time.perf_counter() - start)
    times = sorted(times[1:])
    return times[len(times) // 4]


def timing(kernel: type, sizes: list[tuple[int, int]], dtype: torch.dtype, copies: int = 3) -> Timing:
    """一种内核：对了答案，再在真正的形状和类型上量"""
    reason = reason_not(kernel, dtype)
    if reason:
        return Timing({}, reason)
    try:
        with torch.inference_mode():
            layers = [[kernel([(torch.randn(n, k) * 0.02).to(dtype)], [None]) for n, k in sizes]
                      for _ in range(copies)]
            return Timing({rows: clock(layers, sizes, rows, dtype) for rows in ROWS if rows <= (kernel.lines or rows)})
    except ModelError as problem:
        return Timing({}, str(problem))
    except Exception as problem:  # 形状不合适、内存不够，报什么错都有
        return Timing({}, f"这个模型的形状上算不了（{type(problem).__name__}）")


def timings(config, names: list[str]) -> dict[str, Timing]:
    """要用的内核的结果；这台电脑上量过的直接拿来，没量过的量好一种记一种

    config: 模型的设置，dtype 是权重存放的类型；不能用的不记：原因可能只是这一次内存不够
    例: timings(model.config, ["Stored"])["Stored"].seconds[1] -> 0.0012（秒）
    """
    sizes, found = shapes(config), {}
    for name in names:
        key = f"{name} {config.dtype} {sizes}"
        known = remembered.recall(key)
        try:
            found[name] = Timing({int(rows): float(s) for rows, s in known["seconds"].items()})
        except (TypeError, KeyError, ValueError, AttributeError):
            found[name] = timing(KERNELS[name], sizes, config.dtype)
            if found[name].seconds:
                remembered.remember(key, {"seconds": found[name].seconds})
    return found
