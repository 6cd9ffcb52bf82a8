"""比较：在一组组输入上运行学生的函数，与期望的结果比；不对时说出应得到什么、现在得到什么、是哪组输入

例: Case((3,), 6, "x 是 3") 上得到 7 -> “应得到 6，现在得到 7；再想想（换行）这次的输入：x 是 3”
"""
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from helpers.exercises.running import Attempt, Failed, attempt

UNANSWERED = ...  # 笔记本里还没作答的地方写着三个点：answer_1 = ...，函数里是 return ...
PLAIN = (int, float, bool, str, bytes, type(None))
UNITS = {str: "个字符", bytes: "个字节", list: "项"}  # 长的文字、字节、列表，一个一个怎样数
LONG = 40  # 比这更长的文字或列表，说第一处不同
SHOWN = 80  # 一个值最多写这么多字符


class Wrong(Exception):
    """答案不对；文字说哪里不对、期望什么（不泄露答案）、怎么办"""


class Unanswered(Exception):
    """函数还没有写：它返回的还是三个点，或者还是题目给的那段要改的代码；有文字，就是要学生做什么"""


@dataclass(frozen=True)
class Case:
    """一组输入

    inputs: 交给函数的参数；expected: 应得到的结果；where: 这组输入怎样说给学生听
    seconds: 最多算几秒，默认 running.SECONDS；要用模型的题，照这台电脑一次前向的时间定
    """
    inputs: tuple
    expected: object
    where: str
    seconds: float | None = None


def same_values(got: object, want: object) -> bool:
    """相同吗；张量、元组、列表里的值一样，就算一样。自己定义“等于”的东西不算"""
    values = as_lists(got)
    return is_plain(values) and values == as_lists(want)


def same_integers(got: object, want: object) -> bool:
    """同 same_values，要的是编号，不是个数：7.0 不算 7，真假算 1 和 0"""
    return same_values(got, want) and not has(float, got)


def has(kind: type | tuple, got: object) -> bool:
    """got 是 kind，或者里面有 kind 吗；张量、元组也往里看。例: has(float, [1, [2.0]]) -> True"""
    values = as_lists(got)
    if isinstance(values, list):
        return any(has(kind, item) for item in values)
    return isinstance(values, kind)


def is_plain(value: object) -> bool:
    """是数、文字、字节，或者装着它们的列表、字典、集合吗；它们的子类不算：子类可以改写“等于”"""
    if type(value) in (list, set):
        return all(is_plain(item) for item in value)
    if type(value) is dict:
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    return type(value) in PLAIN


def close_numbers(got: object, want: object, tolerance: float = 1e-3) -> bool:
    """形状相同、逐个差不多吗：相差不超过 tolerance × (1 + |want|)

    例: close_numbers(torch.tensor([0.5001, 2.0]), [0.5, 2.0]) -> True
    """
    import torch

    values = as_lists(got)
    if not is_plain(values):
        return False
    numbers = torch.as_tensor(values, dtype=torch.float64)
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


def as_number(answer: object, example: str) -> int | float:
    """学生写的一个数；numpy 的数、单个的张量、Decimal、Fraction 也行，别的抛出 Wrong

    example: 一个数的样子，例如 "3.14"
    例: as_number(torch.tensor(2), "7") -> 2
    """
    value = as_lists(answer)
    if isinstance(value, Decimal | Fraction):
        value = float(value)
    if type(value) not in (int, float):  # True 和 False 也不算
        raise Wrong(f"答案应是一个数，例如 {example}，现在是 {brief(answer)}；不写引号和单位")
    return value


def as_letter(answer: object, letters: str) -> str:
    """选择题的答案：letters 里的一个字母，大小写、全角都行，前后可以有空格和标点，前面可以写“选”；别的抛出 Wrong

    例: as_letter("选 b", "ABCD") -> "B"
    """
    choices = "、".join(letters)
    if not isinstance(answer, str):
        raise Wrong(f"答案应是一个字母，两边加引号，例如 \"A\"，现在是 {brief(answer)}")
    letter = unicodedata.normalize("NFKC", answer).strip(" \t\n.。,、()选").upper()
    if len(letter) != 1 or letter not in letters:
        raise Wrong(f"应是 {choices} 里的一个字母，现在是 {brief(answer)}")
    return letter


def as_letters(answer: object, letters: str, example: str) -> set[str]:
    """多选题的答案：letters 里的几个字母，一段文字或者装着字母的列表；大小写、次序、隔开的符号都不管

    example: 答案的样子，例如 "BH"；别的抛出 Wrong
    例: as_letters("a、 C", "ABCD", "BD") -> {"A", "C"}
    """
    if not isinstance(answer, str | list | tuple | set):
        raise Wrong(f"答案应是几个字母，两边加引号，例如 \"{example}\"，现在是 {brief(answer)}")
    text = unicodedata.normalize("NFKC", "".join(str(item) for item in answer)).upper()
    chosen = {letter for letter in text if letter.isalnum() and letter not in "和与"}
    if not chosen:
        raise Wrong(f"答案应至少有一个字母，例如 \"{example}\"，现在一个也没有")
    if not chosen <= set(letters):
        raise Wrong(f"答案应只有 {letters[0]} 到 {letters[-1]} 里的几个字母，例如 \"{example}\"，"
                    f"现在是 {brief(answer)}")
    return chosen


def miscount(extra: Sequence, missing: Sequence) -> str:
    """多选题多选了几个，漏了几个。例: miscount([], ["G"]) -> "漏了 1 个\""""
    parts = []
    if extra:
        parts.append(f"多选了 {len(extra)} 个")
    if missing:
        parts.append(f"漏了 {len(missing)} 个")
    return "，".join(parts)


def is_nested(got: object, case: Case) -> bool:
    """是列表的列表吗（张量、元组也算列表）"""
    return any(isinstance(item, list) for item in as_lists(got))


def has_floats(got: object, case: Case) -> bool:
    """有带小数点的数吗（7.0 也是）"""
    return has(float, got)


def brief(value: object, most: int = SHOWN) -> str:
    """值的简短写法，最多 most 个字符"""
    text = repr(value)
    if len(text) <= most:
        return text
    return text[:most - 1] + "…"


def check_function(function: Callable, cases: Sequence[Case], forms: dict, slips: dict,
                   same: Callable = same_values, errors: dict | None = None) -> None:
    """在每一组输入上运行学生的 function；有一组不对就抛出 Wrong，没有运行完抛出 Failed，还没写抛出 Unanswered

    forms: 不合题目的样子，{认得它的 fits(学生的结果, case): 要说的话}
    slips: 想得到的错法，{照它写的错误解法 solve(*inputs): 要说的话}
    两样都在结果已经不对时才认，先认先说；same(学生的结果, 应得到的): 怎样算相同
    errors: 函数报了错时，想得到的原因，{认得它的 fits(报的错, case): 要添的话}
    结果对了，再看有没有改动传入的东西
    例: check_function(answer, [Case((3,), 6, "x 是 3")], {is_text: "应是一个数"}, {square: "这是平方"})
    """
    for case in cases:
        tried = attempt_at(case, function, errors or {})
        got = tried.result
        if got is UNANSWERED:
            raise Unanswered
        if got is None:
            raise Wrong(f"应有返回值，现在是 None；检查是不是忘了 return\n这次的输入：{case.where}")
        if not holds(same, got, case.expected):
            raise Wrong(f"{what_is_wrong(got, case, forms, slips, same)}\n这次的输入：{case.where}")
        check_unchanged(tried.given, case)


def attempt_at(case: Case, function: Callable, errors: dict) -> Attempt:
    """在 case 上运行一次；报了错，认得的就添上原因"""
    try:
        return attempt(function, case.inputs, case.where, case.seconds)
    except Failed as failed:
        for fits, message in errors.items():
            if holds(fits, failed.__cause__, case):
                raise Failed(f"{failed}\n想一想：{message}") from failed
        raise


def check_unchanged(given: tuple, case: Case) -> None:
    """学生的函数不应改动传入的列表、字典、集合和张量"""
    for after, before in zip(given, case.inputs, strict=True):
        if after is before or unchanged(after, before):
            continue
        raise Wrong(f"结果对了，可是传入的东西应保持原样，现在{change(after, before)}；"
                    f"先复制一份，或者不要就地修改\n这次的输入：{case.where}")


def unchanged(after: object, before: object) -> bool:
    """还是原来的样子吗；nan 也算等于 nan，集合不看次序（复制一份，次序就可能不同）"""
    if type(after) is not type(before):
        return False
    if isinstance(before, set):
        return after == before
    return repr(as_lists(after)) == repr(as_lists(before))


def change(after: object, before: object) -> str:
    """从什么变成了什么；写短了看不出，就说哪里变了

    例: change([1, 2], [2, 1]) -> "从 [2, 1] 变成了 [1, 2]"
    """
    place, new, old = innermost(as_lists(after), as_lists(before))
    where = f" {place} 里，" if place else ""
    gone = added = set()
    if isinstance(old, dict | set) and len(repr(old)) > SHOWN:
        gone = set(old) - set(new)
        added = set(new) - set(old)
    if gone or added:
        return f"{where}少了 {len(gone)} 项，多了 {len(added)} 项"
    if type(old) in UNITS and brief(new) == brief(old):
        at = differs_at(new, old)
        return f"{where}从下标 {at} 起，{brief(old[at:at + 10])} 变成了 {brief(new[at:at + 10])}"
    return f"{where}从 {brief(old)} 变成了 {brief(new)}"


def innermost(got: object, want: object, place: str = "") -> tuple[str, object, object]:
    """两个写短了分不出，就往里走，走到分得出的地方：(在哪里, 那里的一个, 那里的另一个)

    例: innermost([[0] * 99 + [1]], [[0] * 99 + [2]]) -> ("[0]", [0, …, 1], [0, …, 2])
    """
    if brief(got) != brief(want):
        return place, got, want
    key = key_that_differs(got, want)
    if key is None or not isinstance(want[key], list | dict | str | bytes):
        return place, got, want
    return innermost(got[key], want[key], f"{place}[{key!r}]")


def key_that_differs(got: object, want: object) -> object:
    """两个列表、两个字典里第一处不同的下标或键；不是这样的两个，或者项数不同，是 None"""
    if isinstance(got, list) and isinstance(want, list):
        at = differs_at(got, want)
        return at if at < min(len(got), len(want)) else None
    if isinstance(got, dict) and isinstance(want, dict) and got.keys() == want.keys():
        different = [key for key in want if repr(got[key]) != repr(want[key])]
        return different[0] if different else None
    return None


def what_is_wrong(got: object, case: Case, forms: dict, slips: dict, same: Callable) -> str:
    """学生的结果 got 不对，该说什么；生成器先说，看一遍就取空了"""
    if isinstance(as_lists(case.expected), list) and has(Iterator, got):
        return "应是列表，现在是还没有取出来的生成器（或 map、zip），或者里面有；外面加 list(…)"
    for fits, message in forms.items():
        if holds(fits, got, case):
            return message
    for solve, message in slips.items():
        if holds(is_slip, solve, got, case, same):
            return message
    return f"{difference(*shorter(as_lists(got), as_lists(case.expected)))}；再想想"


def shorter(got: object, want: object) -> tuple:
    """小数只留四位，看得清；这样两个就分不出了，照原样

    例: shorter([1.2345678, 2], [1.5, 2]) -> ([1.2346, 2], [1.5, 2])
    """
    short = rounded(got), rounded(want)
    if short[0] == short[1]:
        return got, want
    return short


def rounded(value: object) -> object:
    """小数留四位，列表里的也是；别的不动"""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if type(value) is float:
        return round(value, 4)
    return value


def difference(got: object, want: object) -> str:
    """应得到什么、现在得到什么；两个都很长的文字或列表，说第一处不同

    例: difference("一二", "一三") -> "应得到 '一三'，现在得到 '一二'"
    """
    place, got, want = innermost(got, want)
    where = f"在 {place} 里，" if place else ""
    return where + difference_here(got, want)


def difference_here(got: object, want: object) -> str:
    """同 difference，不再往里走"""
    both = type(got) is type(want) and type(want) in UNITS
    if not both or is_shown_whole(got, want):
        return f"应得到 {brief(want)}，现在得到 {brief(got)}"
    unit = UNITS[type(want)]
    at = differs_at(got, want)
    if at == len(want):
        return f"应有 {len(want)} {unit}，现在有 {len(got)} {unit}，多出来的从 {brief(got[at:at + 10])} 开始"
    if at == len(got):
        return f"应有 {len(want)} {unit}，现在有 {len(got)} {unit}，少了 {brief(want[at:at + 10])} 和后面的"
    if at == 0:
        return f"第一{unit}就不同：应从 {brief(want[:10])} 开始，现在从 {brief(got[:10])} 开始"
    before = want[max(at - 5, 0):at]
    return (f"前 {at} {unit}都对（末尾是 {brief(before)}），从下标 {at} 起不同："
            f"从这里起应是 {brief(want[at:at + 10])}，现在是 {brief(got[at:at + 10])}")


def is_shown_whole(got: Sequence, want: Sequence) -> bool:
    """不长，写短了也看得出不同吗"""
    return min(len(got), len(want)) <= LONG and brief(got) != brief(want)


def differs_at(got: Sequence, want: Sequence) -> int:
    """第一处不同的下标；一个是另一个的开头，就是短的那个的长度

    小数先找差得多的一处，别让舍入抢在前面；例: differs_at([0.5001, 3.0], [0.5, 2.0]) -> 1
    """
    pairs = list(zip(got, want, strict=False))
    different = [at for at, (mine, theirs) in enumerate(pairs) if mine != theirs]
    for at in different:
        if not nearly_equal(*pairs[at]):
            return at
    if different:
        return different[0]
    return len(pairs)


def nearly_equal(mine: object, theirs: object) -> bool:
    """是两个只差舍入的小数吗"""
    return type(mine) is type(theirs) is float and math.isclose(mine, theirs, rel_tol=1e-3, abs_tol=1e-3)


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
