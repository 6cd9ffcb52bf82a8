"""选择：按试跑的结果、可用的内存和允许的质量，定下用哪两种内核，并用一句中文说为什么"""
from dataclasses import dataclass

from helpers.errors import ModelError
from helpers.fast import remembered
from helpers.fast.linear import Recipe
from helpers.fast.probe import KERNELS, ROWS, Timing

ONE = {16: ("Stored", "Vector", "Half"), 8: ("Int8", "Int8OneDnn", "Int8Weights"), 4: ("Int4",)}
MANY = ("Stored", "Floats")  # 读问题还可以用原来的权重
SAYS = {"Stored": "用 torch 原来的算法", "Vector": "用矩阵乘向量的算法，权重不动", "Floats": "逐层转成 float32",
        "Half": "用 float16 的权重、float32 的计算（FBGEMM）", "Int8": "用 8 位整数（FBGEMM）",
        "Int8OneDnn": "用 8 位整数（oneDNN）", "Int8Weights": "用 8 位的权重、16 位的计算",
        "Int4": "用 4 位的权重、16 位的计算"}
CLOSE = 1.1        # 差不到一成就用省内存的
SPARE = 0.5e9      # 权重以外留给缓存和中间结果的内存，字节


@dataclass(frozen=True)
class Choice:
    """选好的：recipe 交给 load；bits 位数；needs 要占的内存（字节）；explanation 一句中文"""
    recipe: Recipe
    bits: int
    needs: float
    explanation: str


def names(bits: int) -> list[str]:
    """这个位数要试的内核"""
    return [*ONE[bits], *(name for name in MANY if name not in ONE[bits])]


def fast_enough(timing: Timing, rows: int) -> float:
    """一层的秒数；不能用就是无穷大"""
    return timing.seconds.get(rows, float("inf"))


def pick(kernels: list[str] | tuple[str, ...], found: dict[str, Timing], rows: int, another) -> str:
    """这么多行时最快的；差不到一成的里面，先要不多占内存的（another: 名称 → 要不要另放一份权重）"""
    seconds = {name: fast_enough(found[name], rows) for name in kernels}
    best = min(seconds.values())
    return min(kernels, key=lambda name: (seconds[name] > CLOSE * best, another(name), seconds[name]))


def limit(one: Timing, many: Timing) -> int:
    """最多几行时内核 one 不比 many 慢"""
    best = 1
    for rows in ROWS[1:-1]:
        if fast_enough(one, rows) > fast_enough(many, rows):
            break
        best = rows
    return best


def recipe(bits: int, found: dict[str, Timing]) -> tuple[str, str, int]:
    """写词元最快的内核、读长问题最快的内核、分界的行数；一种也不能用时报 ModelError"""
    one = pick(ONE[bits], found, 1, lambda name: KERNELS[name].packs)
    if not found[one].seconds:
        why = "；".join(f"{SAYS[name]}：{found[name].reason}" for name in ONE[bits])
        raise ModelError(f"{bits} 位应至少有一种算法在这台电脑上能用，现在没有（{why}）；换成 bits=16")
    any_rows = [name for name in names(bits) if KERNELS[name].lines is None and KERNELS[name].bits == 16]  # 读不量化
    many = pick(any_rows, found, ROWS[-1],
                lambda name: name != one and (KERNELS[name].packs or KERNELS[one].packs))
    return one, many, limit(found[one], found[many])


def alone(one: str) -> str:
    """内存不多时读问题用的：还用 one，不另放一份；one 只算一行的，用原来的权重"""
    return one if KERNELS[one].lines is None else "Stored"


def needs(one: str, many: str, parameters: int, stored: float) -> float:
    """要占多少内存：重新排列的每个权重 stored_bits/8 字节；照存放的用文件那么多（映射的，紧张时系统可以收回）"""
    packed = {name for name in (one, many) if KERNELS[name].packs}
    mapped = any(not KERNELS[name].packs for name in (one, many))
    return sum(parameters * KERNELS[name].stored_bits / 8 for name in packed) + (stored if mapped else 0) + SPARE


def choose(bits: int, found: dict[str, Timing], parameters: int, stored: float, available: float,
           width: int = 16) -> Choice:
    """定下来；parameters: 线性层的权重个数；stored: 权重文件的字节数；available: 可用的内存（字节）

    width: 权重存放的位数，bits=16 就是照存放的，float32 的检查点仍是 32 位
    内存不够时改用只要一份权重的办法，还不够就报 ModelError，说要多少、哪种放得下
    """
    one, many, most = recipe(bits, found)
    note = ""
    if needs(one, many, parameters, stored) > available:
        many = alone(one)
        most, note = 1, "；可用的内存不多，所以只放一份权重"
    total = needs(one, many, parameters, stored)
    if total > available:
        smaller = []
        for fewer in (8, 4):
            least = needs(ONE[fewer][0], alone(ONE[fewer][0]), parameters, stored)
            if fewer < bits and least <= available:
                smaller.append(fewer)
        todo = f"bits={smaller[0]} 放得下" if smaller else "哪种都放不下，先关掉别的程序，或者用 tiny"
        raise ModelError(f"{bits} 位应有 {total / 1e9:.1f} GB 可用的内存，现在只有 {available / 1e9:.1f} GB；{todo}")
    says = explain(width if bits == 16 else bits, one, many, found)
    return Choice(Recipe(KERNELS[one], KERNELS[many], most), bits, total, says + note)


def explain(bits: int, one: str, many: str, found: dict[str, Timing]) -> str:
    """一句中文：选了什么、量出来快几倍"""
    plain = found["Stored"].seconds
    text = f"{bits} 位：写词元时{SAYS[one]}，读问题时{SAYS[many]}"
    if not plain:
        return f"{text}；torch 原来的算法在这台电脑上算不了"
    gain = [plain[rows] / fast_enough(found[name], rows) for rows, name in ((1, one), (ROWS[-1], many))]
    return (f"{text}；在这台电脑（{remembered.cpu_name()}）上试跑一层，"
            f"写的速度是 torch 原来的算法的 {gain[0]:.1f} 倍，读的速度是 {gain[1]:.1f} 倍")
