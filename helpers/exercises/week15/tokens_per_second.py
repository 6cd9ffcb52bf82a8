"""练习“一秒最多写几个词元”：由读权重的时间得到速度的上限

出处: notebooks/08_speed.ipynb 第 1、2 节
"""
import math

from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise

HINTS = ("每写一个词元读 988,097,824 字节；一秒能读 40 × 10 的 9 次方字节", "两个数相除，向下取整")
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
    return Exercise("一秒最多写几个词元", "08 第 1、2 节", 6, check_rate, HINTS, SOLUTION)


def check_rate(answer: object) -> None:
    """应是 40：40e9 ÷ 988,097,824 = 40.48，写完的是 40 个"""
    if not is_number(answer):
        raise Wrong(f"答案应是一个整数，例如 7，现在是 {brief(answer)}；不写引号和单位")
    if answer == 40:
        return
    for wrong, message in WRONG_RATES.items():
        if math.isclose(answer, wrong, rel_tol=ROUNDING):
            raise Wrong(f"现在是 {answer}；{message}")
    raise Wrong(f"现在是 {brief(answer)}，不对；每个词元要读 988,097,824 字节，一秒能读这么多字节的几倍？")


def is_number(answer: object) -> bool:
    """是一个数吗；True 和 False 不算"""
    return isinstance(answer, int | float) and not isinstance(answer, bool)
