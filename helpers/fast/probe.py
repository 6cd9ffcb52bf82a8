"""试跑：每种内核在真正的形状上要几秒；先在一个小层上对答案，算不了或算错的不用

出处: notebooks/07_speed.ipynb：不看 CPU 的名称，只看量出来的
"""
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from helpers.fast import kernels, memory

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
    """一种内核在小层上与 float32 的相对误差，1 行和 5 行里大的"""
    generator = torch.Generator().manual_seed(14)
    weights = [torch.randn(size, 128, generator=generator) * 0.05 for size in (128, 64)]
    biases = [torch.randn(size, generator=generator) * 0.1 for size in (128, 64)]
    made = kernel([weight.to(dtype) for weight in weights], [bias.to(dtype) for bias in biases])
    worst = 0.0
    for rows in (1,) if kernel.lines == 1 else (1, 5):
        x = torch.randn(1, rows, 128, generator=generator)
        want = torch.cat([F.linear(x, weight, bias) for weight, bias in zip(weights, biases, strict=True)], dim=-1)
        got = made(x.to(kernel.compute or dtype)).float()
        worst = max(worst, float((got - want).norm() / want.norm()))
    return worst


def reason_not(kernel: type, dtype: torch.dtype = torch.bfloat16) -> str:
    """这种内核在这台电脑上为什么不能用；能用就是空字符串"""
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


def clock(layers: list[list], sizes: list[tuple[int, int]], rows: int) -> float:
    """每层要几秒（下四分位数，少受别的程序影响）；几层轮流，免得权重留在 CPU 的缓存里"""
    dtype = layers[0][0].compute or torch.bfloat16
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


def timing(kernel: type, sizes: list[tuple[int, int]], copies: int = 3) -> Timing:
    """一种内核：对了答案，再在真正的形状上量"""
    reason = reason_not(kernel)
    if reason:
        return Timing({}, reason)
    with torch.inference_mode():
        layers = [[kernel([(torch.randn(n, k) * 0.02).bfloat16()], [None]) for n, k in sizes] for _ in range(copies)]
        return Timing({rows: clock(layers, sizes, rows) for rows in ROWS if rows <= (kernel.lines or rows)})


def timings(config, names: list[str]) -> dict[str, Timing]:
    """要用的内核的结果；这台电脑上量过的直接拿来，没量过的量好一种记一种

    例: timings(model.config, ["Stored"])["Stored"].seconds[1] -> 0.0012（秒）
    """
    sizes, found = shapes(config), {}
    for name in names:
        key = f"{name} {sizes}"
        known = memory.recall(key)
        try:
            found[name] = Timing({int(rows): float(s) for rows, s in known["seconds"].items()}, str(known["reason"]))
        except (TypeError, KeyError, ValueError, AttributeError):
            found[name] = timing(KERNELS[name], sizes)
            memory.remember(key, {"seconds": found[name].seconds, "reason": found[name].reason})
    return found
