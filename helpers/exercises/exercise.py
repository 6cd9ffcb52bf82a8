"""一道练习和一周的练习：check、hint、solution、progress

出处: notebooks/week14_exercises.ipynb、week15_exercises.ipynb
"""
import os
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from helpers.exercises.comparing import UNANSWERED, Unanswered, Wrong
from helpers.exercises.running import Failed

# 用 nbgrader 评分时设为 1：check 不通过就报 AssertionError，好让它记分；只在加载时看一次，作业里的代码改不了
GRADING = os.environ.get("COURSE_GRADING") == "1"
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

    section: 对应的课文，例如“03 第 5 节”；points: 分数，0 分是选做
    test: 收到答案，不对就抛出 Wrong；hints: 两级提示；code: 参考答案
    why: 做对以后说的，为什么要紧；harder: 再难一点的变式
    stars: 难度，1 到 3；minutes: 大约要几分钟
    open: 开放题，test 只看有没有认真写，对错由老师评；test 返回的文字是给学生的建议
    number: 题号，从 1 数，由 Sheet 编；mark: 最近一次 check 的记号
    tries: 交过几次；hints_shown: 看过几级提示；asked: 没试过就要过答案；solution_shown: 看过参考答案
    """
    title: str
    section: str
    points: int
    test: Callable
    hints: tuple[str, str]
    code: str
    why: str = ""
    harder: str = ""
    stars: int = 1
    minutes: int = 5
    open: bool = False
    number: int = 1
    mark: str = "○"
    tries: int = 0
    hints_shown: int = 0
    asked: bool = False
    solution_shown: bool = False

    @property
    def optional(self) -> bool:
        """是选做题吗"""
        return self.points == 0

    @property
    def heading(self) -> str:
        """笔记本里的小标题，例如“## 练习 2　数词元（8 分，●○○，5 分钟，课文 03 第 1 节）”"""
        worth = "选做" if self.optional else f"{self.points} 分"
        difficulty = "●" * self.stars + "○" * (3 - self.stars)
        return f"## 练习 {self.number}　{self.title}（{worth}，{difficulty}，{self.minutes} 分钟，课文 {self.section}）"

    def check(self, answer: object = UNANSWERED) -> Note:
        """检查答案，返回反馈；从不报错（评分时除外）"""
        note = self.judge(answer)
        self.mark = note.mark
        if note.mark != "○":
            self.tries += 1
        if GRADING and note.mark in "✗○":
            raise AssertionError(f"练习 {self.number}：{note.text}")
        return note

    def judge(self, answer: object) -> Note:
        """答案 → 反馈"""
        if answer is UNANSWERED:
            return Note("○", f"练习 {self.number} 还没作答：把三个点换成你的答案，再运行这一格")
        if answer is None:
            return Note("✗", "答案现在是 None，也就是什么也没有：print(…) 只显示，不把值交给变量；直接写那个值")
        try:
            advice = self.test(answer)
        except Unanswered as unanswered:
            todo = str(unanswered) or "写完函数里的代码，再运行这一格"
            return Note("○", f"练习 {self.number} 还没作答：{todo}")
        except (Wrong, Failed) as error:
            return Note("✗", str(error))
        except Exception as error:  # 检查自己没想到的答案，也不能让学生看到 traceback
            what = f"{type(error).__name__}: {error}"
            return Note("✗", f"答案的样子应像题目说的那样，现在查到一半出了错（{what}）；看看类型和形状")
        if self.open:
            return Note("✎", self.handed_in(advice))
        return Note("✓", self.praise())

    def praise(self) -> str:
        """做对以后说的话：为什么要紧，参考答案，更难的变式"""
        parts = ["对了！"]
        if self.why:
            parts.append(self.why)
        parts.append(f"和你的比一比，这是一种写法：\n{self.code}")
        if self.harder:
            parts.append(f"再难一点：{self.harder}")
        return "\n\n".join(parts)

    def handed_in(self, advice: str | None) -> str:
        """开放题交了以后说的话"""
        if not advice:
            return "已经交了，由老师评"
        return f"已经交了，由老师评。可以再想想：\n{advice}"

    def hint(self) -> Note:
        """一级一级的提示，每运行一次多给一级"""
        self.hints_shown = min(self.hints_shown + 1, len(self.hints))
        lines = [f"提示 {level}：{text}" for level, text in enumerate(self.hints, 1)]
        shown = lines[:self.hints_shown]
        return Note("💡", "\n".join(shown))

    def solution(self) -> Note:
        """参考答案；一次也没有试过的，先问一句，再运行一次才给"""
        if self.tries == 0 and not self.asked:
            self.asked = True
            return Note("📖", f"练习 {self.number} 你还没有试过：先写一个答案交给 check，做错了也会告诉你错在哪里；"
                              "还是想看，就再运行一次这一格")
        self.solution_shown = True
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
        """做对了几道，哪些还没做，看过多少提示和参考答案。例: ○ 5/9，还没作答：7、8，再想想：3、9"""
        required = [exercise for exercise in self.exercises if not exercise.optional]
        optional = [exercise for exercise in self.exercises if exercise.optional]
        unanswered = marked(required, "○")
        wrong = marked(required, "✗")
        done = len(required) - len(unanswered) - len(wrong)
        text = f"{done}/{len(required)}"
        if unanswered:
            text += "，还没作答：" + "、".join(unanswered)
        if wrong:
            text += "，再想想：" + "、".join(wrong)
        if optional:
            text += f"；选做 {len(marked(optional, '✓'))}/{len(optional)}"
        text += self.helped()
        if unanswered or wrong:
            return Note("○", text)
        return Note("✓", text)

    def helped(self) -> str:
        """看过几级提示、几份参考答案；都没有看过就是空的"""
        hints = sum(exercise.hints_shown for exercise in self.exercises)
        solutions = sum(exercise.solution_shown for exercise in self.exercises)
        if hints == solutions == 0:
            return ""
        return f"；看过提示 {hints} 级，参考答案 {solutions} 份"


def marked(exercises: list[Exercise], mark: str) -> list[str]:
    """记号是 mark 的题号"""
    return [str(exercise.number) for exercise in exercises if exercise.mark == mark]
