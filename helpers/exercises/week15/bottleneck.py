"""练习“读和写，卡在哪里”：八种情形，哪些卡在内存，哪些卡在计算

出处: notebooks/08_speed.ipynb 第 3–7 节
"""
from dataclasses import dataclass

from helpers.exercises.comparing import Wrong, as_letters, miscount
from helpers.exercises.exercise import Exercise

PARAMETERS = 494_032_768
BANDWIDTH = 25e9  # 字节每秒
COMPUTING = 5e11  # 每秒几次乘和加


@dataclass(frozen=True)
class Situation:
    """一种情形

    told: 怎样说给学生听；bits: 一个权重占几位；tokens: 一次前向送进去几个词元
    look: 判错了，该看哪里
    """
    told: str
    bits: int
    tokens: int
    look: str

    @property
    def reading(self) -> float:
        """一次前向读权重要几毫秒"""
        return 1000 * PARAMETERS * self.bits / 8 / BANDWIDTH

    @property
    def computing(self) -> float:
        """一次前向的乘和加要几毫秒"""
        return 1000 * 2 * PARAMETERS * self.tokens / COMPUTING

    @property
    def limited_by_memory(self) -> bool:
        """卡在内存吗"""
        return self.reading > self.computing


SITUATIONS = {
    "A": Situation("一个人用，写一个词元，权重 16 位", 16, 1,
                   "送进去的只有刚写的那一个词元"),
    "B": Situation("读一个 512 个词元的问题，16 位", 16, 512,
                   "一次前向送进去几个词元？权重读几遍？"),
    "C": Situation("40 个人一批，每人写一个词元，16 位", 16, 40,
                   "写词元不一定卡在内存：一批有 40 个，计算是一个人的 40 倍，读权重呢？"),
    "D": Situation("4 个人一批，每人写一个词元，16 位", 16, 4,
                   "一批只有 4 个：算一算计算要几毫秒，读权重要几毫秒"),
    "E": Situation("一个人用，写一个词元，权重量化成 4 位", 4, 1,
                   "要读的字节少到四分之一；比计算的时间还长吗？"),
    "F": Situation("8 个人一批，每人写一个词元，4 位", 4, 8,
                   "要读的字节少到四分之一，计算一点没有少；两样再算一次"),
    "G": Situation("读一个 5 个词元的问题，16 位", 16, 5,
                   "读问题不一定卡在计算：这个问题只有 5 个词元"),
    "H": Situation("没有 KV cache，前面已有 400 个词元，一个人再写一个，16 位", 16, 400,
                   "没有缓存时，这一次前向要送进去几个词元？（课文 06 第 4 节）"),
}
HINTS = ("“读”和“写”两个字不作数：数一数一次前向送进去几个词元，权重占多少字节；读权重和计算，哪一样时间长，就卡在哪里",
         "读权重的时间是字节 ÷ 带宽，送几个词元都一样；计算的时间随词元个数长。"
         "算一算：16 位时，送到第几个词元，计算就比读权重长了？4 位时呢？")
SOLUTION = """# 一次前向：读权重 参数个数 × 位数 ÷ 8 ÷ 25e9 秒，计算 2 × 参数个数 × 词元个数 ÷ 5e11 秒
# 16 位：读 39.5 毫秒，一个词元算 2.0 毫秒，20 个以下卡在内存；4 位：读 9.9 毫秒，5 个以下卡在内存
answer_13 = "ADEG\""""
HARDER = "内存换成每秒 200 GB 的，计算不变，八种情形里哪几种会换一边？"


def exercise() -> Exercise:
    """这道题"""
    return Exercise("读和写，卡在哪里", "08 第 3–7 节", 0, check_letters, HINTS, SOLUTION, why=picture(), harder=HARDER,
                    stars=2, minutes=10)


def right_letters() -> set[str]:
    """卡在内存的那几种"""
    return {letter for letter, one in SITUATIONS.items() if one.limited_by_memory}


def check_letters(answer: object) -> None:
    """应正好是卡在内存的那几种"""
    chosen = as_letters(answer, "ABCDEFGH", "BH")
    right = right_letters()
    if chosen == right:
        return
    if chosen == set(SITUATIONS) - right:
        raise Wrong("正好反了：题目问的是卡在内存的，这些是卡在计算的")
    extra = sorted(chosen - right)
    missing = sorted(right - chosen)
    first = min(extra + missing)
    raise Wrong(f"{miscount(extra, missing)}。先看 {first}（{SITUATIONS[first].told}）：{SITUATIONS[first].look}")


def picture() -> str:
    """做对以后说的：每种情形，读权重和计算各要几毫秒"""
    lines = ["该买快的内存、快的 CPU，还是该凑一批、该量化，要看卡在哪里。一次前向，读权重和计算各要（毫秒）："]
    for letter, one in SITUATIONS.items():
        where = "内存"
        if not one.limited_by_memory:
            where = "计算"
        lines.append(f"{letter}　{one.reading:.1f} 和 {one.computing:.1f}：{where}")
    lines.append("G 虽然是读问题，C 虽然是写，都和平常说的相反；F 是一批加上量化，卡的地方就从内存换到了计算。")
    return "\n".join(lines)
