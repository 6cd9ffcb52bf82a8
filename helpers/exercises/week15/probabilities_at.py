"""练习“带温度的 softmax”：打分除以温度，再变成概率

出处: notebooks/05_next_token.ipynb 第 2、4 节
"""
import math

from helpers.exercises.comparing import Case, as_lists, brief, check_function, close_numbers, is_nested
from helpers.exercises.exercise import Exercise

HINTS = ("两步：打分除以温度，再 softmax。torch 里有现成的 softmax",
         "自己写 softmax 的话，先减去最大值再取指数，最后除以总和（课文 05 第 2 节）")
SOLUTION = """def probabilities_at(logits, temperature):
    scores = logits / temperature
    weights = torch.exp(scores - scores.max())  # 先减最大值，指数不会出界
    return weights / weights.sum()  # 这两行就是 torch.softmax(scores, dim=-1)"""


def exercise() -> Exercise:
    """这道题；正确的概率由 torch 的 softmax 给出"""
    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS, close_numbers)

    return Exercise("带温度的 softmax", "05 第 2、4 节", 12, test, HINTS, SOLUTION)


def cases() -> list[Case]:
    """平常的、很长的、只有一个的、很大的、很小的、含 -inf 的"""
    long = [i * 7 % 300 / 50 for i in range(300)]
    return [
        case([0.45, -0.1, -0.15, -1.75], 0.79),
        case([6.14, 0.65, -2.48, -5.38, 2.22, -0.0], 0.47),
        case(long, 1.7),
        case([5.0], 0.5),
        case([1000.0, 999.0, 0.0], 0.5),
        case([-1000.0, -1001.0], 2.0),
        case([1.0, -math.inf, 0.0], 0.7),
    ]


def case(scores: list[float], temperature: float) -> Case:
    """一组输入"""
    import torch

    logits = torch.tensor(scores)
    scaled = logits.double() / temperature
    probabilities = torch.softmax(scaled, dim=-1)
    expected = probabilities.round(decimals=4).tolist()
    where = f"logits 是 {brief(scores)}，温度是 {temperature}"
    return Case((logits, temperature), expected, where)


# ---- 常见的错误 ----

def has_nan_or_inf(got, case):
    return not all(map(math.isfinite, as_lists(got)))


def multiply(logits, temperature):
    return (logits * temperature).softmax(-1)


def ignore_temperature(logits, temperature):
    return logits.softmax(-1)


def divide_probabilities(logits, temperature):
    return logits.softmax(-1) / temperature


def only_divide(logits, temperature):
    return logits / temperature


def take_logarithm(logits, temperature):
    return (logits / temperature).log_softmax(-1)


def is_not_divided_by_sum(got, case):
    weights = as_lists(got)
    total = sum(weights)
    if abs(total - 1) < 0.01:
        return False
    divided = [weight / total for weight in weights]
    return close_numbers(divided, case.expected)


FORMS = {
    is_nested: "应是一维的概率，现在外面多了一层",
    has_nan_or_inf: "应全是 0 到 1 之间的数，现在有 nan 或 inf：打分太大或太小，取指数会出界；先减去最大值",
    is_not_divided_by_sum: "加起来应是 1，现在不是：忘了除以总和",
}
SLIPS = {
    multiply: "温度用反了：打分应除以温度，现在像是乘以温度",
    ignore_temperature: "没有用到温度：softmax 之前打分要先除以温度",
    divide_probabilities: "次序反了：先除以温度再 softmax，不是 softmax 以后再除",
    only_divide: "这还是打分，不是概率：除以温度以后还要 softmax",
    take_logarithm: "这是概率的对数，题目要概率本身",
}
