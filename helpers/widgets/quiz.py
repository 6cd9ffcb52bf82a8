"""小测：一讲末尾的几道题，选了就看到为什么；不用模型，答案只留在画面里

题目在 notebooks/quizzes 里，一讲一个文件，与笔记本同名；写法的规矩由 tests/test_quizzes.py 检查，画面在 quiz.js 里
"""
import re
from html import escape
from pathlib import Path

from helpers.tables import Shown
from helpers.widgets.view import View

import yaml  # 跟着 transformers 装好的

QUIZZES = Path(__file__).parent.parent.parent / "notebooks" / "quizzes"
LETTERS = "ABCDE"


def quiz_names() -> list[str]:
    """有小测的各讲。例: "05_next_token" 在里面"""
    return sorted(path.stem for path in QUIZZES.glob("*.yaml"))


def quiz_questions(name: str) -> list[dict]:
    """一讲的题目，每题是一个字典

    ask: 题面，`…` 里是代码；read: 再读哪一节，例如 "第 4 节"；several: 为真时要选几个
    options: 选项，各有 text、why，对的有 right: true，错的有 misconception（把什么弄混了）
    没有这一讲的小测时报 ValueError。例: quiz_questions("05_next_token")[0]["read"] -> "第 2 节"
    """
    names = quiz_names()
    if name not in names:
        listed = "、".join(names)
        raise ValueError(f"小测的名字应是 {listed} 之一，现在是 {name!r}；改成这一讲笔记本的名字")
    path = QUIZZES / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    questions = yaml.safe_load(text)
    for question in questions:
        question.pop("check", None)  # 证明题里的数，测试才用
    return questions


class Quiz(View):
    """一讲的小测：一次一题，选了就看到对不对、为什么，最后看成绩和要再读的各节

    name: 笔记本的名字。例: Quiz("05_next_token")
    """
    name = "quiz"

    def __init__(self, name: str) -> None:
        questions = quiz_questions(name)
        super().__init__(None, questions=questions)

    def still(self) -> Shown:
        questions = self.given["questions"]
        parts = [f"小测：{len(questions)} 题，选一个就看到为什么"]
        for number, question in enumerate(questions, start=1):
            part = listed_question(number, question)
            parts.append(part)
        text = "\n\n".join(parts)
        return Shown(as_html(text), text)


def listed_question(number: int, question: dict) -> str:
    """一题的题面和选项，没有答案"""
    ask = question["ask"]
    lines = [f"第 {number} 题　{ask}"]
    for letter, option in zip(LETTERS, question["options"], strict=False):
        text = option["text"]
        lines.append(f"　{letter}　{text}")
    return "\n".join(lines)


def as_html(text: str) -> str:
    """文字 → HTML：空一行是另起一段，`…` 是代码。例: as_html("写 `a<b`") -> "<p>写 <code>a&lt;b</code></p>" """
    html = escape(text)
    html = re.sub("`([^`]+)`", r"<code>\1</code>", html)
    html = html.replace("\n\n", "</p><p>")
    html = html.replace("\n", "<br>")
    return f"<p>{html}</p>"
