"""内核：一个矩阵乘法（线性层）在 CPU 上的各种算法，只用 torch 自带的运算

每种内核先把权重变成自己要的样子，再对形状 (..., 输入维数) 的 x 算 x @ W.T + bias。
几个共用同一个输入的矩阵（q、k、v；gate、up）上下拼成一个，一次算完。
出处: notebooks/08_speed.ipynb
"""
import threading
import warnings
from collections.abc import Sequence
from functools import cache

from helpers.errors import ModelError

import torch
from torch.nn import functional as F

SWITCH = threading.Lock()  # oneDNN 的开关是整个程序的：同时只有一处动它
PIECE_ROWS = 9_728  # 转换权重时一次最多处理的行数：临时占的内存不超过几十 MB


class Stored:
    """权重按原来的类型放着，交给 F.linear（x86 上是 oneDNN）"""
    compute = None  # 要求 x 是什么类型；None 是权重的类型
    lines = None    # 最多算几行
    packs = False   # 要不要把权重重新排列（占另外的内存）
    bits = 16       # 属于几位的做法

    def __init__(self, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor | None]):
        self.weights, self.biases = list(weights), list(biases)

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """每个矩阵各一个结果"""
        rows = x.reshape(-1, x.shape[-1])  # 三维又不连续的 x，F.linear 会为每一句复制一份权重
        return [F.linear(rows, weight, bias).view(*x.shape[:-1], -1)
                for weight, bias in zip(self.weights, self.biases, strict=True)]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """全部矩阵的结果，接在最后一维"""
        out = self.parts(x)
        return out[0] if len(out) == 1 else torch.cat(out, dim=-1)


class Floats(Stored):
    """权重按原来的类型放着，用的时候把这一个矩阵转换成 float32 再乘：没有 16 位指令的 CPU 上读问题快得多"""
    compute = torch.float32

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """每个矩阵各一个结果"""
        rows = x.reshape(-1, x.shape[-1])
        return [F.linear(rows, weight.float(), None if bias is None else bias.float()).view(*x.shape[:-1], -1)
                for weight, bias in zip(self.weights, self.biases, strict=True)]


class Vector(Stored):
    """只算一行：这一次不用 oneDNN，F.linear 就用 ATen 自己的矩阵乘向量，读权重更快，也不必另存一份"""
    lines = 1

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """每个矩阵各一个结果；算完把 oneDNN 的开关还原"""
        with SWITCH:
            before = torch._C._get_mkldnn_enabled()  # torch.backends.mkldnn.flags 也是设它，只是慢得多
            try:
                torch._C._set_mkldnn_enabled(False)
                return super().parts(x)
            finally:
                torch._C._set_mkldnn_enabled(before)


class Packed:
    """权重事先转换成另一种排列（不再需要原来的）；子类写怎样转换一块、怎样乘一块"""
    compute, lines, packs = torch.float32, None, True
    stored_bits = 16   # 一个权重实际占几位，连同比例和零点
    multiple = (1, 1)  # 输出、输入维数要是几的倍数；不是的话，有的运算会读到别处的内存，甚至让 Python 停掉

    def __init__(self, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor | None]):
        self.sizes = [weight.shape[0] for weight in weights]
        bias = None
        if any(one is not None for one in biases):
            bias = torch.cat([torch.zeros(size) if one is None else one.float()
                              for size, one in zip(self.sizes, biases, strict=True)])
        pieces = [torch.cat(list(weights)).float()] if sum(self.sizes) <= PIECE_ROWS else (
            piece.float() for weight in weights for piece in weight.split(PIECE_ROWS))
        self.pieces, start = [], 0
        for piece in pieces:
            if any(size % unit for size, unit in zip(piece.shape, self.multiple, strict=True)):
                raise ModelError(f"这种 {self.bits} 位的算法，输出、输入维数应是 {self.multiple} 的倍数，"
                                 f"现在是 {tuple(piece.shape)}；换一个 bits")
            end = start + piece.shape[0]
            self.pieces.append(self.pack(piece, None if bias is None else bias[start:end].to(self.compute)))
            start = end

    def pack(self, weight: torch.Tensor, bias: torch.Tensor | None):
        """一块 float32 的权重 → 这种内核要的样子"""
        raise NotImplementedError

    def multiply(self, x: torch.Tensor, piece) -> torch.Tensor:
        """x 乘一块"""
        raise NotImplementedError

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """全部矩阵的结果，接在最后一维"""
        if len(self.pieces) == 1:
            return self.multiply(x, self.pieces[0])
        return torch.cat([self.multiply(x, piece) for piece in self.pieces], dim=-1)

    def parts(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        """每个矩阵各一个结果"""
        return self(x).split(self.sizes, dim=-1)


class Half(Packed):
    """float16 的权重、float32 的输入（FBGEMM）：bfloat16 的权重转成 float16 几乎不变，乘加都在 float32 里"""
    bits = 16

    def pack(self, weight, bias):
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)

    def multiply(self, x, piece):
        return torch.ops.quantized.linear_dynamic_fp16(x, piece)


def rows_to_int8(weight: torch.Tensor, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """每行一个比例：float32 (n, k) → int8 (n, k) 和 dtype 的比例 (n,)；整数按舍入以后的比例算"""
    scale = (weight.abs().amax(dim=1).clamp_min(1e-12) / 127).to(dtype)
    return (weight / scale.float()[:, None]).round_().to(torch.int8), scale


def prepack(values: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, engine: str):
    """int8 的权重 → 量化引擎 engine 要的样子"""
    before, torch.backends.quantized.engine = torch.backends.quantized.engine, engine
    try:
        zero = torch.zeros(len(scale), dtype=torch.int64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch 2.13 说这种张量以后会去掉，版本是固定的，现在能用
            quantized = torch._make_per_channel_quantized_tensor(values, scale.double(), zero, 0)
        return torch.ops.quantized.linear_prepack(quantized, bias)
    finally:
        torch.backends.quantized.engine = before


@cache
def saturates(engine: str) -> bool:
    """没有 VNNI 指令的 CPU 先把两个 8 位的乘积加成 16 位：两端的值（255 × 127）放不下，只剩 16 位的最大值"""
    made = prepack(torch.full((16, 64), 127, dtype=torch.int8), torch.full((16,), 1 / 127), None, engine)
    return bool(torch.ops.quantized.linear_dynamic(torch.ones(1, 64), made, False)[0, 0] < 63)


def rotation(size: int) -> torch.Tensor:
    """size × size 的正交矩阵（Hadamard 矩阵，每行随机变号），把一个特别大的数摊到 size 个数上；种子固定，每次一样

    size: 2 的幂
    例: rotation(2) @ rotation(2).T 是单位矩阵
    """
    matrix = torch.ones(1, 1)
    while matrix.shape[0] < size:
        top = torch.cat([matrix, matrix], dim=1)
        bottom = torch.cat([matrix, -matrix], dim=1)
        matrix = torch.cat([top, bottom], dim=0)
    signs = torch.randint(0, 2, (size, 1), generator=torch.Generator().manual_seed(14)) * 2 - 1
    return signs * matrix / size ** 0.5


def block_size(inputs: int) -> int:
    """输入维数分成多大的块来转方向：能整除它的 2 的幂里最大的，不超过 128。例: block_size(896) -> 128"""
    return min(128, inputs & -inputs)


class Int8(Packed):
    """int8 的权重（每行一个比例），输入在运行时变成 8 位（每次一个比例，所以只算一行）；engine 是 torch 的量化引擎

    输入里有个别数特别大，照它定比例，别的数就只剩几级。所以先把输入和权重一起转个方向（乘同一个正交矩阵）：
    乘积不变，大的数摊平了
    出处: Ashkboos 等 2024, QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs
    """
    bits = stored_bits = 8
    lines = 1
    engine = "fbgemm"

    def pack(self, weight, bias):
        self.turn = rotation(block_size(weight.shape[1]))
        self.narrow = saturates(self.engine)  # 中间的和会放不下时，输入只用 7 位
        return prepack(*rows_to_int8(self.turned(weight)), bias, self.engine)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        """最后一维一块一块地转方向"""
        return torch.mm(x.reshape(-1, len(self.turn)), self.turn).view(x.shape)

    def multiply(self, x, piece):
        return torch.ops.quantized.linear_dynamic(x, piece, self.narrow)

    def __call__(self, x):
        return super().__call__(self.turned(x))


class Int8OneDnn(Int8):
    """同上，用 oneDNN 的内核"""
    engine = "onednn"


class Int8Weights(Packed):
    """int8 的权重（每行一个比例），输入不变：误差只来自权重"""
    bits = stored_bits = 8
    compute, multiple = torch.bfloat16, (1, 16)

    def pack(self, weight, bias):
        return *rows_to_int8(weight, self.compute), bias

    def multiply(self, x, piece):
        values, scale, bias = piece
        out = torch._weight_int8pack_mm(x.reshape(-1, x.shape[-1]).contiguous(), values, scale).view(*x.shape[:-1], -1)
        return out if bias is None else out + bias


class Int4(Packed):
    """int4 的权重，每 32 个一个比例和一个零点，输入不变"""
    bits, stored_bits, group = 4, 5, 32  # 两个 16 位的数分给 32 个权重，每个多 1 位
    compute, multiple = torch.bfloat16, (16, group)

    def pack(self, weight, bias):
        groups = weight.unflatten(1, (-1, self.group))
        low, high = groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)
        scale = ((high - low) / 15).clamp_min(1e-12).to(self.compute).float()
        middle = (low + 8 * scale).to(self.compute).float()
        values = ((groups - middle) / scale + 8).round_().clamp_(0, 15).flatten(1).to(torch.int32)
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(values, 1)
        both = torch.cat([scale, middle], dim=2).transpose(0, 1).contiguous().to(self.compute)
        return packed, both, bias

    def multiply(self, x, piece):
        packed, scales, bias = piece
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, packed, self.group, scales).view(*x.shape[:-1], -1)
        return out if bias is None else out + bias
