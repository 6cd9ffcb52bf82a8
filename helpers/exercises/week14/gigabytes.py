"""练习“要多少内存”：用 bfloat16 存 Qwen2.5-0.5B 的权重要多少 GB

出处: notebooks/04_model_loading.ipynb 第 6 节
"""
from helpers.exercises.comparing import Wrong, as_number, brief
from helpers.exercises.exercise import Exercise

PARAMETERS = 494_032_768  # Qwen2.5-0.5B 的参数个数
RIGHT = PARAMETERS * 2 / 1e9  # 约 0.99 GB
ROUGH = {  # 算得对、写得不对的数 → 要说的话
    0.98: "像是把两位以后的直接去掉了，应四舍五入",
    0.9: "像是只留了一位，后面的直接去掉了；应四舍五入到两位小数",
    1: "只写到了一位小数或者整数；应四舍五入到两位小数",
}
WRONG_GIGABYTES = [  # (错法得到的数, 要说的话)
    (1.976, "这是 float32（每个参数 4 个字节）的；bfloat16 少一半"),
    (1.8404, "像是 float32（每个参数 4 个字节）的，又除以了 1024³；题目里 1 GB 是 10 亿字节"),
    (0.494, "像是忘了乘每个参数的字节数，或者当成了 int8（1 个字节）；bfloat16 是 16 位，合几个字节？"),
    (0.4601, "像是每个参数算了 1 个字节，又除以了 1024³；bfloat16 是 16 位，题目里 1 GB 是 10 亿字节"),
    (0.248, "像是每个参数算了半个字节（4 位）；bfloat16 是 16 位，合几个字节？"),
    (3.952, "这是每个参数 8 个字节（float64）的；bfloat16 是 16 位，合几个字节？"),
    (7.905, "像是把位当成了字节；8 位是 1 个字节"),
    (988.07, "像是以 MB 为单位；题目要的是 GB"),
    (988_065_536, "像是以字节为单位；题目要的是 GB"),
    (0.9202, "像是除以了 1024³；题目里 1 GB 是 10 亿字节"),
    (0.9423, "像是除以了两次 1024；题目里 1 GB 是 10 亿字节"),
    (0.9649, "像是除以了一次 1024；题目里 1 GB 是 10 亿字节"),
    (494_032_768, "这是参数的个数；题目要的是 GB"),
]
HINTS = ("b 后面的 16 说的是什么？它是几个字节？",
         "参数个数乘一个参数的字节数，是总的字节数；再换成 GB，题目说了 1 GB 是多少字节")
SOLUTION = """answer_9 = round(494_032_768 * 2 / 1e9, 2)  # bfloat16 是 16 位，2 个字节；得到 0.99"""
WHY = ("买电脑、选模型之前先算这一笔：7B 的模型用 bfloat16 是 14 GB，一台 16 GB 内存的笔记本就很勉强；"
       "存成 4 位是 3.5 GB。这只是权重，运行时还要加上 KV cache 和中间结果。")
HARDER = "Qwen2.5-72B 有 727 亿个参数；要放进 48 GB 的显卡，每个参数最多几位？"


def exercise() -> Exercise:
    """这道题"""
    return Exercise("要多少内存", "04 第 6 节", 5, check_gigabytes, HINTS, SOLUTION, WHY, HARDER, stars=1, minutes=3)


def check_gigabytes(answer: object) -> None:
    """answer 应是 0.99，或者没有舍入的 0.98807，不对就抛出 Wrong"""
    gigabytes = as_number(answer, "3.14")
    if abs(gigabytes - RIGHT) < 0.0005 or abs(gigabytes - 0.99) < 1e-6:  # 没有舍入的也行；float32 的 0.99 差一点点
        return
    raise Wrong(f"应是 bfloat16 的权重占的 GB 数，现在是 {brief(gigabytes)}，不对；{likely_mistake(gigabytes)}")


def likely_mistake(answer: float) -> str:
    """answer 像是哪一种错法"""
    rough = ROUGH.get(round(answer, 4))
    if rough:
        return rough
    for wrong, text in WRONG_GIGABYTES:
        if abs(answer - wrong) <= 0.012 * wrong:
            return text
    return "参数个数乘每个参数的字节数，再换成 GB"
