"""练习“哪一行是假的”：一张速度表里改过一行，改成了不可能的数

出处: notebooks/08_speed.ipynb 第 2、3、6 节；数量自 classroom/speed.json
"""
from dataclasses import dataclass

from helpers.exercises.comparing import Wrong, as_letter
from helpers.exercises.exercise import Exercise

PARAMETERS = 494_032_768
BANDWIDTH = 26.5e9  # 那台电脑量了三次，最快的一次，字节每秒


@dataclass(frozen=True)
class SpeedRow:
    """表里的一行

    way: 做法；bits: 一个权重占几位；doing: 在做什么
    shared: 权重读一遍，给几个词元用；rate: 合计，词元/秒
    """
    way: str
    bits: float
    doing: str
    shared: int
    rate: float

    @property
    def gigabytes(self) -> float:
        """权重读一遍要读几个 GB"""
        return PARAMETERS * self.bits / 8 / 1e9

    @property
    def gigabytes_per_second(self) -> float:
        """照这个速度，每秒要读几个 GB 的权重"""
        return self.gigabytes * self.rate / self.shared


HANDOUT = "讲义的做法（bfloat16）"
WRITING = "写，一次一个问题"
SPEED_TABLE = {
    "A": SpeedRow(HANDOUT, 16, WRITING, 1, 8.0),
    "B": SpeedRow(HANDOUT, 16, "写，40 个问题一批", 40, 187),
    "C": SpeedRow("float32", 32, WRITING, 1, 17.0),
    "D": SpeedRow("onnxruntime int4", 5.14, WRITING, 1, 37.0),
    "E": SpeedRow(HANDOUT, 16, "读一个 512 个词元的问题", 512, 755),
}
FALSE = "C"
WRONG_CHOICES = {
    "A": "它最慢，可是慢总是可能的，快才有上限；算一算它每秒读多少 GB",
    "B": "187 是合计的：权重读一遍，一批里的每个问题都写出一个词元；一秒要读几遍？",
    "D": "它快，可是一个权重只占 5.14 位；算一算它读一遍是多少 GB",
    "E": "读问题的时候，权重读一遍，512 个词元都算完了；一秒要读几遍？",
}
HINTS = ("数大不等于假。一行一行地问：照这个速度，一秒要从内存里读多少权重？先弄清权重读一遍，出来几个词元",
         "读一遍的字节是 参数个数 × 位数 ÷ 8；一秒读几遍，是词元/秒除以一遍出来的词元个数。两样相乘，和 26.5 GB 比")
SOLUTION = """# 每行一秒要读的权重：参数个数 × 位数 ÷ 8 × 词元/秒 ÷ 读一遍出来几个词元
# float32 的一行：494,032,768 × 4 字节 × 17 = 33.6 GB，内存每秒最多只送得出 26.5 GB
answer_12 = "C\""""
HARDER = "同样的内存，7B 的模型（7.6 × 10⁹ 个参数）存成 4.5 位，一次一个问题，每秒最多写几个词元？"


def exercise() -> Exercise:
    """这道题"""
    return Exercise("哪一行是假的", "08 第 2、3、6 节", 0, check_letter, HINTS, SOLUTION, why=picture(), harder=HARDER,
                    stars=2, minutes=8)


def check_letter(answer: object) -> None:
    """应选每秒要读的权重超过带宽的那一行"""
    letter = as_letter(answer, "ABCDE")
    if letter in WRONG_CHOICES:
        raise Wrong(f"{letter} 是真的量到过的。{WRONG_CHOICES[letter]}")


def picture() -> str:
    """做对以后说的：每一行一秒要读多少权重"""
    lines = ["网上的速度表，发布会上的数字，都可以用这一个除法验一验。照表里的速度，每秒要读的权重是："]
    for letter, row in SPEED_TABLE.items():
        read = row.gigabytes_per_second
        lines.append(f"{letter}　{row.gigabytes:.2f} GB × {row.rate:g} ÷ {row.shared} = {read:.1f} GB")
    lines.append(f"只有 {FALSE} 超过了 {BANDWIDTH / 1e9:g} GB（真的量到的是 8.2 词元/秒）。"
                 "B 和 E 的数最大，却最不费内存：搬一遍权重，给许多词元用。")
    return "\n".join(lines)
