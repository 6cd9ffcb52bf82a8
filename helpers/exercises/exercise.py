"""一道练习和一周的练习：check、hint、solution、progress

出处: notebooks/week14_exercises.ipynb、week15_exercises.ipynb
"""
import os
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from helpers.exercises.comparing import UNANSWERED, Unanswered, Wrong
from helpers.exercises.running import Failed

GRADING = "COURSE_GRADING"  # 评分时设为 1：check 不通过就报 AssertionError，好让 nbgrader 记分
MARK_COLORS = {"✓": "#009E73", "✗": "#D55E00", "○": "#56B4E9", "✎": "#CC79A7"}


@dataclass(frozen=True)
class Note:
    """一条反馈：记号（✓ 对，✗ 不对，○ 还没作答，✎ 开放题已交）和一句话；显示成网页或文字"""
    mark: str
    text: str

    def _repr_html_(self) -> str:
        color = MARK_COLORS.get(self.mark, "#555")
        style = f"border-left:4px solid {color};padding:4px 10px;white-space:pre-wrap"
        return f'<div style="{style}">{self.mark} {escape(self.text)}</div>'

    def __repr__(self) -> str:
        return f"{self.mark} {self.text}"


@dataclass
class Exercise:
    """一道题

    section: 对应的课文，例如“03 第 5 节”；points: 分数
    test: 收到答案，不对就抛出 Wrong；hints: 两级提示；code: 参考答案
    open: 开放题，test 只看有没有认真写，对错由老师评
    number: 题号，从 1 数，由 Sheet 编；mark: 最近一次 check 的记号；hints_shown: 看过几级提示
    """
    title: str
    section: str
    points: int
    test: Callable
    hints: tuple[str, str]
    code: str
    open: bool = False
    number: int = 1
    mark: str = "○"
    hints_shown: int = 0

    def check(self, answer: object = UNANSWERED) -> Note:
        """检查答案，返回反馈；从不报错（评分时除外）"""
        note = self.judge(answer)
        self.mark = note.mark
        grading = os.environ.get(GRADING) == "1"
        if grading and note.mark in "✗○":
            raise AssertionError(f"练习 {self.number}：{note.text}")
        return note

    def judge(self, answer: object) -> Note:
        """答案 → 反馈"""
        if answer is UNANSWERED or answer is None:
            return Note("○", f"练习 {self.number} 还没作答：把三个点换成你的答案，再运行这一格")
        try:
            self.test(answer)
        except Unanswered:
            return Note("○", f"练习 {self.number} 还没作答：写完函数里的代码，再运行这一格")
        except (Wrong, Failed) as error:
            return Note("✗", str(error))
        except Exception as error:  # 检查自己没想到的答案，也不能让学生看到 traceback
            what = f"{type(error).__name__}: {error}"
            return Note("✗", f"答案的样子应像题目说的那样，现在查到一半出了错（{what}）；看看类型和形状")
        if self.open:
            return Note("✎", "已经交了，由老师评")
        return Note("✓", "对了！")

    def hint(self) -> Note:
        """一级一级的提示，每运行一次多给一级"""
        self.hints_shown += 1
        lines = [f"提示 {level}：{text}" for level, text in enumerate(self.hints, 1)]
        shown = lines[:self.hints_shown]
        return Note("💡", "\n".join(shown))

    def solution(self) -> Note:
        """参考答案；先自己试过再看"""
        return Note("📖", self.code)


class Sheet:
    """一周的练习，从 1 编号：sheet[3] 是第 3 题；progress() 给出做到哪里"""

    def __init__(self, exercises: list[Exercise]):
        self.exercises = exercises
        for number, exercise in enumerate(exercises, 1):
            exercise.number = number

    def __getitem__(self, number: int) -> Exercise:
        numbers = [exercise.number for exercise in self.exercises]
        if number not in numbers:
            raise IndexError(f"题号应在 1 到 {len(self)} 之间，现在是 {number!r}；例如 sheet[1]")
        return self.exercises[numbers.index(number)]

    def __len__(self) -> int:
        return len(self.exercises)

    def progress(self) -> Note:
        """做对了几道，哪些还没做。例: ○ 5/9，还没作答：7、8，再想想：3、9"""
        unanswered = self.marked("○")
        wrong = self.marked("✗")
        done = len(self) - len(unanswered) - len(wrong)
        text = f"{done}/{len(self)}"
        if unanswered:
            text += "，还没作答：" + "、".join(unanswered)
        if wrong:
            text += "，再想想：" + "、".join(wrong)
        if unanswered or wrong:
            return Note("○", text)
        return Note("✓", text)

    def marked(self, mark: str) -> list[str]:
        """记号是 mark 的题号"""
        found = []
        for exercise in self.exercises:
            if exercise.mark == mark:
                found.append(str(exercise.number))
        return found
