"""比较：在一组组输入上运行学生的函数，与期望的结果比；不对时说出是哪组输入、应得到什么、现在得到什么

例: Case((3,), 6, "x 是 3") 上得到 7 -> “x 是 3：应得到 6，现在得到 7；再想想”
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helpers.exercises.running import call

UNANSWERED = ...  # 笔记本里还没作答的地方写着三个点：answer_1 = ...，函数里是 return ...


class Wrong(Exception):
    """答案不对；文字说哪里不对、期望什么（不泄露答案）、怎么办"""


class Unanswered(Exception):
    """函数还没有写：它返回的还是三个点"""


@dataclass(frozen=True)
class Case:
    """一组输入

    inputs: 交给函数的参数；expected: 应得到的结果；where: 这组输入怎样说给学生听
    """
    inputs: tuple
    expected: object
    where: str


def same_values(got: object, want: object) -> bool:
    """相同吗；张量、元组、列表里的值一样，就算一样"""
    return as_lists(got) == as_lists(want)


def close_numbers(got: object, want: object, tolerance: float = 1e-3) -> bool:
    """形状相同、逐个差不多吗：相差不超过 tolerance × (1 + |want|)

    例: close_numbers(torch.tensor([0.5001, 2.0]), [0.5, 2.0]) -> True
    """
    import torch

    numbers = torch.as_tensor(as_lists(got), dtype=torch.float64)
    wanted = torch.as_tensor(as_lists(want), dtype=torch.float64)
    return numbers.shape == wanted.shape and torch.allclose(numbers, wanted, rtol=tolerance, atol=tolerance)


def as_lists(value: object) -> object:
    """张量、数组、元组 → 普通的列表，里面的也变；单个的张量 → 数；别的不动

    例: as_lists((1, torch.tensor(2))) -> [1, 2]
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return value
    return [as_lists(item) for item in value]


def is_nested(got: object, case: Case) -> bool:
    """是列表的列表吗（张量、元组也算列表）"""
    return any(isinstance(item, list) for item in as_lists(got))


def brief(value: object, most: int = 80) -> str:
    """值的简短写法，最多 most 个字符"""
    text = repr(value)
    if len(text) <= most:
        return text
    return text[:most - 1] + "…"


def check_function(function: Callable, cases: Sequence[Case], forms: dict, slips: dict,
                   same: Callable = same_values) -> None:
    """在每一组输入上运行学生的 function；有一组不对就抛出 Wrong，没有运行完抛出 Failed，还没写抛出 Unanswered

    forms: 不合题目的样子，{认得它的 fits(学生的结果, case): 要说的话}
    slips: 想得到的错法，{照它写的错误解法 solve(*inputs): 要说的话}
    两样都在结果已经不对时才认，先认先说；same(学生的结果, 应得到的): 怎样算相同
    例: check_function(answer, [Case((3,), 6, "x 是 3")], {is_text: "应是一个数"}, {square: "这是平方"})
    """
    for case in cases:
        got = call(function, case.inputs, case.where)
        if got is UNANSWERED:
            raise Unanswered
        if got is None:
            raise Wrong(f"{case.where}：应有返回值，现在是 None；检查是不是忘了 return")
        if not holds(same, got, case.expected):
            raise Wrong(f"{case.where}：{what_is_wrong(got, case, forms, slips, same)}")


def what_is_wrong(got: object, case: Case, forms: dict, slips: dict, same: Callable) -> str:
    """学生的结果 got 不对，该说什么"""
    for fits, message in forms.items():
        if holds(fits, got, case):
            return message
    for solve, message in slips.items():
        if holds(is_slip, solve, got, case, same):
            return message
    return f"应得到 {brief(case.expected)}，现在得到 {brief(got)}；再想想"


def is_slip(solve: Callable, got: object, case: Case, same: Callable) -> bool:
    """got 是错误解法 solve 的结果吗；solve 在这组输入上碰巧是对的，就不是"""
    wrong = solve(*case.inputs)
    return same(got, wrong) and not same(wrong, case.expected)


def holds(question: Callable[..., bool], *values: object) -> bool:
    """question(*values) 成立吗；类型不对而出错就算不成立"""
    try:
        return bool(question(*values))
    except Exception:
        return False
