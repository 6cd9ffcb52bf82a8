"""练习“一秒最多写几个词元”：由读权重的时间得到速度的上限

出处: notebooks/08_speed.ipynb 第 1、2 节
"""
import math

from helpers.exercises.comparing import Wrong, as_number, brief
from helpers.exercises.exercise import Exercise

HINTS = ("写一个词元要把全部权重读一遍；一秒能把它读几遍？先把两样换成同一个单位",
         "40 GB 是 40 × 10 的 9 次方字节；除完以后，没有写完的那个不算")
WHY = ("别人报的速度先除一下：超过这个上限的一定有别的原因（权重只有 8 位、一次问了好几个、说的是读问题）。"
       "想写得快，要么换带宽大的内存，要么让权重少几个字节，换一个更快的 CPU 没有多大用")
HARDER = "同一台电脑，权重存成 4 位（每个参数 0.5 字节），上限是多少？Qwen2.5-7B（76.2 亿个参数）4 位的呢？"
SOLUTION = """# 40e9 / 988_097_824 = 40.48…，写到一半的不算
answer_9 = 40"""
WRONG_RATES = {
    20.24: "这是 float32 的结果；988,097,824 字节已经是 bf16 的大小，不用再乘 2",
    80.97: "988,097,824 就是字节数，不用再除以 2",
    43.47: "1 GB 按 10 的 9 次方字节算，不是 2 的 30 次方",
    0.0405: "单位不一致：40 GB 是 40,000,000,000 字节，不是 40 MB",
    0.0247: "倒过来了：这是写一个词元要几秒，题目问一秒写几个",
    24.7: "倒过来了：这是写一个词元要几毫秒，题目问一秒写几个",
    40.48: "大小对了，还要取整：写成整数",
    41: "写到一半的不算写完：“最多几个”要向下取整",
}
ROUNDING = 0.0125  # 学生可能取整了：20 也算 20.24


def exercise() -> Exercise:
    """这道题"""
    return Exercise("一秒最多写几个词元", "08 第 1、2 节", 6, check_rate, HINTS, SOLUTION, WHY, HARDER, stars=1,
                    minutes=4)


def check_rate(answer: object) -> None:
    """应是 40：40e9 ÷ 988,097,824 = 40.48，写完的是 40 个"""
    number = as_number(answer, "7")
    if number == 40:
        return
    for wrong, message in WRONG_RATES.items():
        if math.isclose(number, wrong, rel_tol=ROUNDING):
            raise Wrong(f"现在是 {number}；{message}")
    raise Wrong(f"现在是 {brief(number)}，不对；每个词元要读 988,097,824 字节，一秒能读这么多字节的几倍？")
