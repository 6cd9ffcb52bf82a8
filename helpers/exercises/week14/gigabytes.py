"""练习“要多少内存”：用 bfloat16 存 Qwen2.5-0.5B 的权重要多少 GB

出处: notebooks/04_model_loading.ipynb 第 6 节
"""
from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise

PARAMETERS = 494_032_768  # Qwen2.5-0.5B 的参数个数
RIGHT = PARAMETERS * 2 / 1e9  # 约 0.99 GB
WRONG_GIGABYTES = [  # (错法得到的数, 要说的话)
    (1.976, "这是 float32（每个参数 4 个字节）的；bfloat16 少一半"),
    (0.494, "像是忘了乘每个参数的字节数；bfloat16 是 16 位，合几个字节？"),
    (7.905, "像是把位当成了字节；8 位是 1 个字节"),
    (988.07, "像是以 MB 为单位；题目要的是 GB"),
    (988_065_536, "像是以字节为单位；题目要的是 GB"),
    (0.9202, "像是除以了 1024³；题目里 1 GB 是 10 亿字节"),
]
HINTS = ("bfloat16 的一个数占几个字节？", "参数个数 494,032,768 乘字节数，再除以 10 亿")
SOLUTION = """answer_9 = round(494_032_768 * 2 / 1e9, 2)  # bfloat16 是 16 位，2 个字节；得到 0.99"""


def exercise() -> Exercise:
    """这道题"""
    return Exercise("要多少内存", "04 第 6 节", 5, check_gigabytes, HINTS, SOLUTION)


def check_gigabytes(answer: object) -> None:
    """answer 应是 0.99 左右的数，不对就抛出 Wrong"""
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    if not is_number:
        raise Wrong(f"应是一个数，现在是 {type(answer).__name__}；不要引号，不要单位")
    if abs(answer - RIGHT) < 0.005:
        return
    raise Wrong(f"应是 bfloat16 的权重占的 GB 数，现在是 {brief(answer)}，不对；{advice(answer)}")


def advice(answer: float) -> str:
    """answer 像是哪一种错法"""
    for wrong, text in WRONG_GIGABYTES:
        if abs(answer - wrong) <= 0.012 * wrong:
            return text
    return "参数个数乘每个参数的字节数，再换成 GB"
