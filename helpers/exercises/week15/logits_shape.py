"""练习“logits 的形状”：一批两句话，一次前向给出多少打分

出处: notebooks/05_next_token.ipynb 第 1 节
"""
from helpers.exercises.comparing import Wrong, as_lists, brief, is_plain, same_values
from helpers.exercises.exercise import Exercise

WHY = ("一批里每个位置都有一整行打分，可是往下写只用最后一行：2 × 25 行，每行 151,936 个 4 字节的数，一共 30 MB，"
       "几乎全用不上。所以 generate 读问题时只让模型算最后一个位置（logits_to_keep=1）")
HARDER = "换成 40 句话、每句 2,000 个词元，不加 logits_to_keep，光是打分要占多少内存？先估，再算"
HINTS = ("三个数，依次回答：几句话？每句几个位置？每个位置给几个编号打分？",
         "打分的个数是模型的 vocab_size，比分词器的词元多（课文 04 第 2 节）")
SOLUTION = """# 2 句话，每句 25 个位置，每个位置给 151,936 个编号打分
answer_1 = (2, 25, 151936)"""
RIGHT_SHAPE = (2, 25, 151_936)
WRONG_SHAPES = {
    (25, 151_936): "少了一个数：一批有 2 句话，第一个数是句数",
    (1, 25, 151_936): "这是只送 1 句话的形状，现在一批有 2 句",
    (2, 151_936): "少了一个数：每个位置都有一行打分，不只是最后一个位置",
    (2, 25, 151_665): "151,665 是分词器里词元的个数；打分的个数由模型的 config.vocab_size 决定",
    (2, 25): "这是 input_ids 的形状；每个位置还要给词表里的每个编号打一个分",
    (2, 25, 151, 936): "数里不写逗号：151,936 在 Python 里是 151 和 936 两个数，应写 151936 或 151_936",
}
MEANINGS = ("有几句话", "每句有几个位置", "每个位置有几个打分")


def exercise() -> Exercise:
    """这道题"""
    return Exercise("logits 的形状", "05 第 1 节", 5, check_shape, HINTS, SOLUTION, WHY, HARDER,
                    stars=1, minutes=3)


def check_shape(answer: object) -> None:
    """应是 (2, 25, 151936)"""
    values = as_lists(answer)
    if not isinstance(values, list) or not is_plain(values):
        raise Wrong(f"答案应是一个元组，例如 (3, 4)，现在是 {brief(answer)}；有几个维度就写几个数")
    shape = tuple(values)
    if not same_values(shape, RIGHT_SHAPE):
        raise Wrong(f"现在是 {brief(shape)}；{reason(shape)}")


def reason(shape: tuple) -> str:
    """形状错在哪里"""
    for wrong, message in WRONG_SHAPES.items():
        if shape == wrong:
            return message
    if any(isinstance(one, str) for one in shape):
        return "里面应是三个整数，不写引号"
    if sorted(map(str, shape)) == sorted(map(str, RIGHT_SHAPE)):
        return "三个数都对，次序反了：先句数，再位置，最后打分"
    if len(shape) != len(RIGHT_SHAPE):
        return "应有三个数：几句话、每句几个位置、每个位置几个打分"
    places = [place for place in range(len(shape)) if shape[place] != RIGHT_SHAPE[place]]
    first = places[0]
    return f"第 {first + 1} 个数不对：一批里{MEANINGS[first]}？"
