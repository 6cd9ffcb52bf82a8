"""评一份作业：在一个进程里运行（worker），它停了、太久了，就从下一格、下一题另起一个接着评

一格坏了只坏一格；评完停掉学生留下的全部进程，删掉他的文件夹
"""
import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from grading import confinement
from grading.homework import Homework

import assignment

HERE = Path(__file__).parent
START = 180  # 秒；启动、加载模型最多这么久
LONGEST = 20  # 一行报告最多几万个字符，见 lines_of
ATTEMPTS = 20  # 一份作业最多另起几次
JUDGING = 120  # 秒；检查一题最多这么久（检查自己对每次调用另有限制）


@dataclass
class Outcome:
    """评一份作业的结果：每题的 (记号, 一句话)，各格的错误和输出；failure 不空就是没有评成的原因"""
    notes: dict[int, tuple[str, str]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)
    failure: str = ""


class Trial:
    """一份作业的评分"""

    def __init__(self, homework: Homework, week: int, seconds: float, whole: float = 600):
        self.homework = homework
        self.seconds = seconds
        self.until = time.monotonic() + whole
        self.names = assignment.answer_names(week)
        self.setup = assignment.setup(week)
        self.outcome = Outcome()
        self.skipped: dict[str, str] = {}
        self.doing: tuple[str, int] = ("start", 0)

    def run(self) -> Outcome:
        """评完全部的题"""
        exercises = self.exercises()
        for _ in range(ATTEMPTS):
            left = [item for item in exercises if item["number"] not in self.outcome.notes]
            if not left or self.outcome.failure:
                break
            if time.monotonic() > self.until:
                self.give_up(left, "一共的时间用完了")
                break
            self.attempt(exercises)
        for item in exercises:
            if item["number"] not in self.outcome.notes and not self.outcome.failure:
                self.outcome.notes[item["number"]] = ("✗", "试了多次，都没有评到这一题")
        return self.outcome

    def exercises(self) -> list[dict]:
        """要评的题：题号、答案的名字、在第几格以后评；找不到的先记成没有作答"""
        found = []
        for number, name in self.names.items():
            place = self.homework.place_of(number, name)
            if place is None:
                self.outcome.notes[number] = ("○", f"没有 {name}：答题的那一格没有了，或者改了名字")
            else:
                answers = [at for at, source in enumerate(self.homework.cells) if source == self.homework.answer_of(name)]
                found.append({"number": number, "name": name, "place": place, "answer_place": max(answers, default=-1)})
        return found

    def give_up(self, left: list[dict], why: str) -> None:
        """剩下的题没有时间评"""
        for item in left:
            self.outcome.notes[item["number"]] = ("✗", f"没有评到这一题：{why}")

    def attempt(self, exercises: list[dict]) -> None:
        """一个进程，评到它停为止；怪谁记下来"""
        mark = secrets.token_hex(16)
        folder = Path(tempfile.mkdtemp(prefix="homework-"))
        try:
            unpack(folder)
            self.doing = ("start", 0)
            process = subprocess.Popen(self.command(folder), cwd=folder, env=environment(folder, mark),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                why = self.follow(process, self.task(exercises, mark))
            finally:
                confinement.stop(process, mark)
            if why:
                self.blame(why)
        except OSError as error:
            self.outcome.failure = f"这台电脑上启动不了评分的进程（{error}）"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def command(self, folder: Path) -> list[str]:
        """运行 worker 的命令"""
        return confinement.confined([sys.executable, str(HERE / "worker.py")], folder)

    def task(self, exercises: list[dict], secret: str) -> dict:
        """交给 worker 的任务"""
        checks = [source for source in self.homework.cells if is_only_check(source)]
        skipped = list(self.skipped)
        if self.homework.cells and self.homework.cells[0].strip() == self.setup.strip():
            skipped.append("0")
        return {"secret": secret, "setup": self.setup, "cells": self.homework.cells, "skipped": skipped,
                "checks": checks, "exercises": exercises, "judged": list(self.outcome.notes)}

    def follow(self, process: subprocess.Popen, task: dict) -> str:
        """听 worker 报告；返回它为什么停了，评完了就是空的"""
        lines = queue.Queue()
        threading.Thread(target=read_lines, args=(process.stdout, lines), daemon=True).start()
        try:
            process.stdin.write(json.dumps(task).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            return "没有启动"
        deadline = time.monotonic() + START
        while True:
            line = self.next_line(process, lines, deadline)
            if isinstance(line, str):
                return line
            report = understood(line, task["secret"])
            if report is None:
                continue
            if report.get("end"):
                return ""
            deadline = time.monotonic() + self.take(report)

    def next_line(self, process: subprocess.Popen, lines: queue.Queue, deadline: float) -> bytes | str:
        """下一行报告；没有了、太久了、占的内存太多，返回一句话"""
        while time.monotonic() < min(deadline, self.until):
            try:
                line = lines.get(timeout=0.3)
            except queue.Empty:
                if confinement.memory_of(process.pid) > confinement.MEMORY:
                    return f"占的内存超过 {confinement.MEMORY // 1024**3} GB"
                continue
            return "停掉了 Python（exit、os._exit、os.kill 或者内存不够）" if line is None else line
        return f"超过 {self.seconds:g} 秒没有运行完" if self.doing[0] == "cell" else "太久，没有做完"

    def take(self, report: dict) -> float:
        """记下一行报告；返回下一行最多等几秒"""
        if "cell" in report:
            self.doing = ("cell", report["cell"])
            return self.seconds
        if "judging" in report:
            self.doing = ("exercise", report["judging"])
            return JUDGING
        if "ran" in report:
            self.outcome.errors[report["ran"]] = report["error"]
            self.outcome.outputs[report["ran"]] = report["output"]
        if "number" in report:
            self.outcome.notes[report["number"]] = (report["mark"], report["text"])
        self.doing = ("between", 0)
        return JUDGING

    def blame(self, why: str) -> None:
        """进程停了：正在运行的那一格以后跳过，正在评的那一题不给分"""
        kind, number = self.doing
        if kind == "start":
            self.outcome.failure = f"准备的一格（加载分词器、模型和检查）没有运行完：{why}"
        if kind == "cell":
            self.skipped[str(number)] = why
            self.outcome.errors[number] = f"这一格{why}"
            self.without_answer(number, why)
        if kind == "exercise":
            self.outcome.notes[number] = ("✗", f"检查的时候，你的函数{why}")

    def without_answer(self, place: int, why: str) -> None:
        """跳过的一格里是哪题的答案，那题就不对"""
        for number, name in self.names.items():
            if self.homework.answer_of(name) == self.homework.cells[place]:
                self.outcome.notes[number] = ("✗", f"答题的那一格{why}")


def is_only_check(source: str) -> bool:
    """整格只有一句 sheet[题号].check(…) 吗；评分自己会查，不用再运行"""
    lines = [line for line in source.splitlines() if line.strip()]
    return len(lines) == 1 and bool(assignment.CHECK.match(lines[0]))


def read_lines(pipe, lines: queue.Queue) -> None:
    """把一行行报告放进队列；太长的一行不是 worker 写的，丢掉；最后放一个 None"""
    while line := pipe.readline(LONGEST * 10_000):
        lines.put(line)
    lines.put(None)


def understood(line: bytes, secret: str) -> dict | None:
    """一行报告；不是带着暗号的 JSON 就是 None"""
    text = line.decode("utf-8", errors="replace")
    if not text.startswith(secret):
        return None
    try:
        return json.loads(text.removeprefix(secret))
    except ValueError:
        return None


def environment(folder: Path, mark: str) -> dict[str, str]:
    """学生的进程的环境变量：家、临时文件都在他的文件夹里，不上网"""
    own = dict(os.environ, COURSE_STUDENT=mark, PYTHONPATH=str(folder), MPLBACKEND="Agg", HF_HUB_OFFLINE="1")
    for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "MODELSCOPE_CACHE"):
        own[name] = str(folder)
    own["OMP_NUM_THREADS"] = "1"
    own["PYTHONIOENCODING"] = "utf-8"
    own.pop("COURSE_GRADING", None)
    return own


COURSE: list[tuple[str, bytes]] = []  # helpers 里的文件：(路径, 内容)；学生删了课程文件夹，后面的人也评得成


def remember_course() -> None:
    """把 helpers 读进内存"""
    root = HERE.parent.parent
    if COURSE:
        return
    for file in sorted((root / "helpers").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            COURSE.append((str(file.relative_to(root)), file.read_bytes()))


def unpack(folder: Path) -> None:
    """在学生的文件夹里放一份 helpers"""
    remember_course()
    for name, content in COURSE:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
