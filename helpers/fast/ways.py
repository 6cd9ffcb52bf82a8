"""做法：一个矩阵乘法（线性层）在 CPU 上的几种算法，只用 torch 自带的运算

每种做法先把权重 (输出维数, 输入维数) 变成自己要的样子，再对形状 (..., 输入维数) 的 x 算 x @ W.T + bias。
写词元时 x 只有一行，读问题时有许多行。哪种快，各种 CPU 不一样，要在自己的电脑上量（helpers.fast.choose）
出处: notebooks/08_speed.ipynb 第 7 节
"""
import threading
import warnings
from functools import cache

import torch
from torch.nn import functional as F

ONEDNN_SWITCH = threading.Lock()  # oneDNN 的开关是整个程序的：同时只有一处动它
PIECE = 8_192                     # 转换权重时一次最多处理的行数：临时多占的内存不超过几十 MB
GROUP = 32                        # 4 位的权重每几个共用一个比例和一个零点
TINY_SCALE = 1e-12                # 全是 0 的一行也要有比例，不能除以 0


class Stored:
    """权重照原来的样子，交给 F.linear：与 transformers 自己算的一模一样"""
    bits = 16           # 属于几位的做法
    keeps_weight = True  # 用的就是原来的那份权重，不另占内存
    says = "用 torch 原来的算法"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None):
        self.weight = weight
        self.bias = bias

    @staticmethod
    def fits(weight: torch.Tensor) -> bool:
        """这种做法能用在这样的权重上吗"""
        return True

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])  # 三维又不连续的 x，F.linear 会为每一句复制一份权重
        return F.linear(rows, self.weight, self.bias).view(*x.shape[:-1], -1)


class WithoutOneDnn(Stored):
    """这一次不用 oneDNN，F.linear 就用 ATen 自己的矩阵乘向量；有的 CPU 上读权重快近一倍"""
    says = "不用 oneDNN"

    def __call__(self, x):
        with ONEDNN_SWITCH:
            before = torch._C._get_mkldnn_enabled()  # torch.backends.mkldnn.flags 也是设它，只是慢得多
            torch._C._set_mkldnn_enabled(False)
            try:
                return super().__call__(x)
            finally:
                torch._C._set_mkldnn_enabled(before)


class Widened(Stored):
    """用的时候把这一个矩阵变成 float32 再乘：没有 16 位指令的 CPU 上，读问题快得多"""
    says = "逐个矩阵变成 float32"

    def __call__(self, x):
        bias = None if self.bias is None else self.bias.float()
        return F.linear(x.float(), self.weight.float(), bias).to(x.dtype)


class Packed:
    """权重事先重新排列好；子类写怎样排列、怎样乘"""
    bits = 16
    keeps_weight = False

    @staticmethod
    def fits(weight: torch.Tensor) -> bool:
        return weight.shape[1] % 16 == 0


class OneDnnPacked(Packed):
    """oneDNN 要的排列：F.linear 每次都要现排，这里只排一次；类型不变，结果只差舍入"""
    says = "让 oneDNN 把权重只排列一次"

    def __init__(self, weight, bias):
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight, 1)
        self.bias = bias

    def __call__(self, x):
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


class Half(Packed):
    """float16 的权重、float32 的输入和乘加（FBGEMM）：bfloat16 的权重变成 float16 几乎不变"""
    says = "用 float16 的权重、float32 的乘加（FBGEMM）"

    def __init__(self, weight, bias):
        biases = [None] if bias is None else bias.float().split(PIECE)
        pieces = weight.split(PIECE)
        self.packed = [torch.ops.quantized.linear_prepack_fp16(piece.float(), bias_of(biases, index))
                       for index, piece in enumerate(pieces)]

    @staticmethod
    def fits(weight):
        return weight.dtype != torch.float32 and Packed.fits(weight)  # 32 位变成 16 位就不准了

    def __call__(self, x):
        wide = x.float()
        parts = [torch.ops.quantized.linear_dynamic_fp16(wide, piece) for piece in self.packed]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return whole.to(x.dtype)


def bias_of(biases, index: int) -> torch.Tensor | None:
    """第 index 块的偏置；没有偏置就是 None"""
    return None if biases[0] is None else biases[index]


def rotation(size: int) -> torch.Tensor:
    """size × size 的正交矩阵（Hadamard 矩阵，每行随机变号）：把一个特别大的数摊到 size 个数上

    size: 2 的幂；种子固定，每次一样
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
    """输入维数分成多大的块来转：最大的 2 的幂，不超过 128，能整除。例: block_size(896) -> 128"""
    return min(128, inputs & -inputs)


def in_pieces(weight: torch.Tensor, convert) -> tuple[torch.Tensor, torch.Tensor]:
    """一块一块地变成 float32，交给 convert（一块 → 两个张量），各自接起来：临时只多占一块的内存"""
    converted = [convert(piece.float()) for piece in weight.split(PIECE)]
    firsts, seconds = zip(*converted, strict=True)
    return torch.cat(firsts), torch.cat(seconds)


def to_int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """每行一个比例：(n, k) 的小数 → int8 (n, k) 和 float32 的比例 (n,)，整数乘比例就是近似值"""
    scale = weight.abs().amax(dim=1).clamp_min(TINY_SCALE) / 127
    return (weight / scale[:, None]).round_().to(torch.int8), scale


class Int8(Packed):
    """int8 的权重（每行一个比例），输入在运行时也变成 8 位（一行一个比例，所以只用在一行上）；FBGEMM

    输入里有个别数特别大，别的数就只剩几级。所以先把输入和权重一起转个方向（乘同一个正交矩阵）：乘积不变，大数摊平
    出处: Ashkboos 等 2024, QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs
    """
    bits = 8
    says = "用 8 位整数（FBGEMM）"

    def __init__(self, weight, bias):
        self.size = block_size(weight.shape[1])
        self.turn = rotation(self.size)
        values, scale = in_pieces(weight, lambda piece: to_int8(self.turned(piece)))
        bias = None if bias is None else bias.float()
        self.packed = prepack(values, scale, bias)
        self.narrow = saturates()

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        """(行, k) → 每 size 个数转一次方向"""
        return torch.mm(x.reshape(-1, self.size), self.turn).view(x.shape)

    def __call__(self, x):
        rows = self.turned(x.float())
        return torch.ops.quantized.linear_dynamic(rows, self.packed, self.narrow).to(x.dtype)


def prepack(values: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None):
    """int8 的权重 (n, k) 和比例 (n,) → FBGEMM 要的样子"""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    zeros = torch.zeros(len(scale), dtype=torch.int64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch 2.13 说这种张量以后会去掉；版本是固定的，现在能用
            quantized = torch._make_per_channel_quantized_tensor(values, scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(quantized, bias)
    finally:
        torch.backends.quantized.engine = before


@cache
def saturates() -> bool:
    """没有 VNNI 指令的 CPU 先把两个 8 位的乘积加成 16 位，最大的值（255 × 127 × 2）放不下：输入就只用 7 位"""
    largest = prepack(torch.full((16, 64), 127, dtype=torch.int8), torch.full((16,), 1 / 127), None)
    return bool(torch.ops.quantized.linear_dynamic(torch.ones(1, 64), largest, False)[0, 0] < 63)


class Int8Weights(Packed):
    """int8 的权重（每行一个比例），输入不变：误差只来自权重"""
    bits = 8
    says = "用 8 位的权重、16 位的输入"

    def __init__(self, weight, bias):
        self.values, scale = in_pieces(weight, to_int8)
        self.scale = scale.to(torch.bfloat16)
        self.bias = bias

    def __call__(self, x):
        rows = x.reshape(-1, x.shape[-1]).to(torch.bfloat16)
        out = torch._weight_int8pack_mm(rows, self.values, self.scale)
        return finish_rows(out, x, self.bias)


class Int4(Packed):
    """int4 的权重，每 32 个一个比例和一个零点（两个 16 位的数，所以每个权重实际占 5 位），输入不变"""
    bits = 4
    says = "用 4 位的权重、16 位的输入"

    def __init__(self, weight, bias):
        numbers, self.table = to_int4(weight.float())
        self.packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers, 1)
        self.bias = bias

    @staticmethod
    def fits(weight):
        outputs, inputs = weight.shape
        return outputs % 16 == 0 and inputs % GROUP == 0

    def __call__(self, x):
        rows = x.reshape(-1, x.shape[-1]).to(torch.bfloat16)
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, self.packed, GROUP, self.table)
        return finish_rows(out, x, self.bias)


def to_int4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, k) 的小数 → 0 到 15 的整数 (n, k)，和每组的比例、中点 (k/32, n, 2)；近似值是 (整数 - 8) × 比例 + 中点"""
    groups = weight.unflatten(1, (-1, GROUP))
    low = groups.amin(dim=2, keepdim=True)
    high = groups.amax(dim=2, keepdim=True)
    scale = ((high - low) / 15).clamp_min(TINY_SCALE).to(torch.bfloat16).float()  # 先舍入，整数按舍入以后的算
    middle = (low + 8 * scale).to(torch.bfloat16).float()
    numbers = ((groups - middle) / scale + 8).round_().clamp_(0, 15)
    table = torch.cat([scale, middle], dim=2).transpose(0, 1).contiguous()
    return numbers.flatten(1).to(torch.int32), table.to(torch.bfloat16)


def finish_rows(out: torch.Tensor, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """(行, n) 的结果 → x 的形状和类型，加上偏置"""
    shaped = out.to(x.dtype).view(*x.shape[:-1], -1)
    return shaped if bias is None else shaped + bias
