"""评一份作业：在一个进程里运行（worker），它停了、太久了，就从下一格、下一题另起一个接着评

一格坏了只坏一格
"""
import secrets
import time
from dataclasses import dataclass, field

from grading import confinement, workers
from grading.homework import Homework
from grading.workers import NotStarted

import assignment

ATTEMPTS = 20  # 一份作业最多另起几次
JUDGING = 120  # 秒；检查一题最多这么久（检查自己对每次调用另有限制）


@dataclass
class Outcome:
    """评一份作业的结果：每题的 (记号, 一句话)，各格的错误和输出，停掉了进程的格

    failure: 没有评成的原因；评成了是空的
    """
    notes: dict[int, tuple[str, str]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)
    stopped: list[int] = field(default_factory=list)
    failure: str = ""


class Trial:
    """一份作业的评分"""

    def __init__(self, homework: Homework, week: int, seconds: float, whole: float = 600):
        self.homework = homework
        self.seconds = seconds
        self.week = week
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
                continue
            answer = self.homework.place_of_answer(name)
            found.append({"number": number, "name": name, "place": place, "answer_place": answer})
        return found

    def give_up(self, left: list[dict], why: str) -> None:
        """剩下的题没有时间评"""
        for item in left:
            self.outcome.notes[item["number"]] = ("✗", f"没有评到这一题：{why}")

    def attempt(self, exercises: list[dict]) -> None:
        """一个进程，评到它停为止；怪谁记下来"""
        self.doing = ("start", 0)
        try:
            with workers.lent(self.week) as worker:
                self.doing = ("between", 0)
                why = self.follow(worker, self.task(exercises, secrets.token_hex(16)))
        except (OSError, NotStarted) as error:
            self.outcome.failure = f"准备的一格（加载分词器、模型和检查）没有运行完：{error}"
            return
        if why:
            self.blame(why)

    def task(self, exercises: list[dict], secret: str) -> dict:
        """交给 worker 的任务"""
        checks = [source for source in self.homework.cells if is_only_check(source)]
        skipped = list(self.skipped)  # 没有改过的准备格，worker 已经运行过
        if self.homework.cells and self.homework.cells[0].strip() == self.setup.strip():
            skipped.append("0")
        return {"secret": secret, "cells": self.homework.cells, "skipped": skipped,
                "checks": checks, "exercises": exercises, "judged": list(self.outcome.notes)}

    def follow(self, worker, task: dict) -> str:
        """听 worker 报告；返回它为什么停了，评完了就是空的"""
        worker.secret = task["secret"]
        worker.send(task)
        deadline = time.monotonic() + JUDGING
        ended = False
        while True:
            report = worker.report(min(deadline, self.until))
            if report == "gone" or "gone" in report:
                return "" if ended else self.why_stopped("gone")
            if isinstance(report, str):
                worker.stop_child()
                return self.why_stopped(report)
            ended = ended or "end" in report
            deadline = time.monotonic() + self.take(report)

    def why_stopped(self, how: str) -> str:
        """停了的原因，怎样说；how: late 太久，full 占内存太多，gone 进程没有了"""
        if how == "full":
            return f"占的内存超过 {confinement.MEMORY // 1024**3} GB"
        if how == "gone":
            return "停掉了 Python（exit、os._exit、os.kill 或者内存不够）"
        if self.doing[0] == "cell":
            return f"超过 {self.seconds:g} 秒没有运行完"
        return "太久，没有做完"

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
        if kind == "cell":
            self.skipped[str(number)] = why
            self.outcome.errors[number] = f"这一格{why}"
            self.outcome.stopped.append(number)
            self.without_answer(number, why)
        if kind == "exercise":
            self.outcome.notes[number] = ("✗", f"检查的时候，你的函数{why}")

    def without_answer(self, place: int, why: str) -> None:
        """跳过的一格里是哪题的答案，那题就不对"""
        for number, name in self.names.items():
            if self.homework.place_of_answer(name) == place:
                self.outcome.notes[number] = ("✗", f"答题的那一格{why}")


def is_only_check(source: str) -> bool:
    """整格只有一句 sheet[题号].check(…) 吗；评分自己会查，不用再运行"""
    lines = [line for line in source.splitlines() if line.strip()]
    return len(lines) == 1 and bool(assignment.CHECK.match(lines[0]))
