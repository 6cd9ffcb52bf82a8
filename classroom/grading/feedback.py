"""反馈页：每题的分数、检查的话、学生的代码和输出；全部转成文字，学生写的 <script> 不会运行"""
import re
from html import escape
from pathlib import Path

from grading.gradebook import Result
from grading.homework import Homework
from grading.trial import Outcome

PAGE = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>body{{max-width:50em;margin:2em auto;font-family:sans-serif;line-height:1.6}}
pre{{background:#f5f5f5;padding:8px;white-space:pre-wrap;overflow-wrap:anywhere}}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def page(result: Result, exercises, names: dict[int, str], homework: Homework, outcome: Outcome) -> str:
    """一个学生的反馈页"""
    parts = [f"<p>合计 {result.total:g} 分（开放题另评）</p>"]
    for exercise in exercises:
        mark, text = outcome.notes.get(exercise.number, ("○", "没有评到"))
        source = homework.answer_of(names[exercise.number])
        parts.append(f"<h2>练习 {exercise.number}　{escape(exercise.title)}：{worth(exercise, result)}</h2>")
        parts.append(f"<p style='white-space:pre-wrap'>{escape(mark)} {escape(text)}</p>")
        parts.append(f"<pre>{escape(source)}</pre>")
        parts += said(homework.place_of_answer(names[exercise.number]), outcome)
    return PAGE.format(title=escape(f"{result.name} 的反馈"), body="\n".join(parts))


def worth(exercise, result: Result) -> str:
    """得了几分，怎样说"""
    if exercise.optional:
        return "选做"
    score = result.points.get(exercise.number)
    if score is None:
        return f"待老师评（{exercise.points}）"
    return f"{score:g}/{exercise.points} 分"


def said(place: int | None, outcome: Outcome) -> list[str]:
    """答题的那一格运行时打印了什么、报了什么错"""
    texts = [outcome.outputs.get(place, ""), outcome.errors.get(place, "")]
    return [f"<pre>{escape(text)}</pre>" for text in texts if text]


def write(out: Path, name: str, text: str) -> str:
    """写 feedback/姓名.html；写不了返回一句话"""
    folder = out / "feedback"
    try:
        folder.mkdir(exist_ok=True)
        file = folder / f"{file_name(name)}.html"
        file.write_text(text, encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        return f"没有反馈页（{error}）"
    return ""


def file_name(name: str) -> str:
    """能当文件名的姓名。例: file_name("一班/张三") -> "一班_张三" """
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name)[:60].strip(". ") or "_"
