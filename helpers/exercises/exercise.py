"""一道练习：check、hint、solution；学生的代码在新的输入上运行，出错和死循环都说清楚

出处: notebooks/week14_exercises.ipynb、week15_exercises.ipynb
"""
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from helpers.exercises.running import Failed, call

UNANSWERED = ...  # 笔记本里还没作答的地方写着三个点
GRADING = "COURSE_GRADING"  # 评分时设为 1：check 不通过就报 AssertionError，好让 nbgrader 记分
COLORS = {"✓": "#009E73", "✗": "#D55E00", "○": "#56B4E9", "✎": "#CC79A7"}


class Wrong(Exception):
    """答案不对；文字说哪里不对、期望什么（不泄露答案）、怎么办"""


@dataclass(frozen=True)
class Note:
    """一条反馈：记号（✓ 对，✗ 不对，○ 还没作答，✎ 开放题已交）和一句话；显示成网页或文字"""
    mark: str
    text: str

    def _repr_html_(self) -> str:
        color = COLORS.get(self.mark, "#555")
        return (f'<div style="border-left:4px solid {color};padding:4px 10px;white-space:pre-wrap">'
                f'{self.mark} {escape(self.text)}</div>')

    def __repr__(self) -> str:
        return f"{self.mark} {self.text}"


@dataclass
class Exercise:
    """一道题

    number: 从 1 数；section: 对应的课文，例如“03 第 5 节”；points: 分数
    test: 收到答案，不对就抛出 Wrong；hints: 两级提示；answer: 参考答案的文字
    open: 开放题，test 只看有没有认真写，对错由老师评
    """
    number: int
    title: str
    section: str
    points: int
    test: Callable[[object], None]
    hints: tuple[str, str]
    answer: str
    open: bool = False
    mark: str = field(default="○", compare=False)
    shown: int = field(default=0, compare=False)

    def check(self, answer: object = UNANSWERED) -> Note:
        """检查答案，返回反馈；从不报错（评分时除外）"""
        note = self.judge(answer)
        self.mark = note.mark
        if os.environ.get(GRADING) == "1" and note.mark in "✗○":
            raise AssertionError(f"练习 {self.number}：{note.text}")
        return note

    def judge(self, answer: object) -> Note:
        """答案 → 反馈"""
        if answer is UNANSWERED or answer is None:
            return Note("○", f"练习 {self.number} 还没作答：把三个点换成你的答案，再运行这一格")
        try:
            if callable(answer) and getattr(answer, "__doc__", None) and is_stub(answer):
                return Note("○", f"练习 {self.number} 还没作答：写完函数里的代码，再运行这一格")
            self.test(answer)
        except (Wrong, Failed) as error:
            return Note("✗", str(error))
        except Exception as error:  # 检查自己没想到的答案，也不能让学生看到 traceback
            return Note("✗", f"答案的样子应像题目说的那样，现在查到一半出了错（{type(error).__name__}: {error}）；"
                             "看看类型和形状")
        return Note("✎", "已经交了，由老师评") if self.open else Note("✓", "对了！")

    def hint(self) -> Note:
        """一级一级的提示，每运行一次多给一级"""
        self.shown = min(self.shown + 1, len(self.hints))
        return Note("💡", "\n".join(f"提示 {i}：{text}" for i, text in enumerate(self.hints[:self.shown], 1)))

    def solution(self) -> Note:
        """参考答案；先自己试过再看"""
        return Note("📖", self.answer)


def is_stub(function: Callable) -> bool:
    """函数体只有说明和三个点（或 pass）吗：返回 None 而且没有用到任何名字"""
    code = getattr(function, "__code__", None)
    return code is not None and not code.co_names and code.co_consts[-1:] in ((None,), ()) and len(code.co_code) <= 8


class Sheet:
    """一周的练习：sheet[3] 是第 3 题；progress() 给出做到哪里"""

    def __init__(self, exercises: Sequence[Exercise]):
        self.exercises = list(exercises)
        if [e.number for e in self.exercises] != list(range(1, len(self.exercises) + 1)):
            raise ValueError("题号应从 1 连续数起，现在不是；检查 number")

    @classmethod
    def of(cls, rows: Sequence[tuple], hints: dict[int, tuple[str, str]], answers: dict[int, str]) -> "Sheet":
        """[(标题, 课文, 分数, 检查), ...] 和各题的提示、参考答案 → 一周的练习；最后一题是开放题"""
        return cls([Exercise(number, *row, hints[number], answers[number], open=number == len(rows))
                    for number, row in enumerate(rows, 1)])

    def __getitem__(self, number: int) -> Exercise:
        if not isinstance(number, int) or not 1 <= number <= len(self.exercises):
            raise IndexError(f"题号应在 1 到 {len(self.exercises)} 之间，现在是 {number!r}；例如 sheet[1]")
        return self.exercises[number - 1]

    def __len__(self) -> int:
        return len(self.exercises)

    def progress(self) -> Note:
        """做对了几道，哪些还没做。例: ✓ 5/9，还没作答：7、8"""
        done = sum(e.mark in "✓✎" for e in self.exercises)
        left = "、".join(str(e.number) for e in self.exercises if e.mark == "○")
        wrong = "、".join(str(e.number) for e in self.exercises if e.mark == "✗")
        parts = [f"{done}/{len(self)}", f"还没作答：{left}" if left else "", f"再想想：{wrong}" if wrong else ""]
        return Note("✓" if done == len(self) else "○", "，".join(part for part in parts if part))


def compare(function: Callable, inputs: tuple, expected, where: str,
            same: Callable[[object, object], bool] = lambda got, want: got == want,
            mistakes: Sequence[tuple[Callable[[object], bool], str]] = ()) -> None:
    """在 inputs 上运行学生的 function，与 expected 比；不对时抛出 Wrong

    where: 这组输入怎样说给学生听；same: 怎样算相同
    mistakes: 常见的错误 [(认得它的函数, 要说的话)]，不对时才认，先认先说
    """
    got = call(function, inputs, where)
    if got is None:
        raise Wrong(f"{where}：应有返回值，现在是 None；检查是不是忘了 return")
    if holds(lambda value: same(value, expected), got):
        return
    for recognize, message in mistakes:
        if holds(recognize, got):
            raise Wrong(f"{where}：{message}")
    raise Wrong(f"{where}：应得到 {brief(expected)}，现在得到 {brief(got)}；再想想")


def holds(recognize: Callable[[object], bool], value: object) -> bool:
    """recognize(value) 成立吗；类型不对而出错就算不成立"""
    try:
        return bool(recognize(value))
    except Exception:
        return False


def brief(value: object, most: int = 80) -> str:
    """值的简短写法"""
    text = repr(value)
    return text if len(text) <= most else text[:most - 1] + "…"


def plain(value: object) -> object:
    """张量、数组、元组 → 普通的列表，里面的也变；单个的张量 → 数；别的不动

    例: plain((1, torch.tensor(2))) -> [1, 2]
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
