"""分数表 week14.csv：评完一个就写一次，先写在旁边再换上；已经有的表不动，另写 week14-2.csv"""
import contextlib
import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

import assignment

FORMULA = ("=", "+", "-", "@", "\t")  # Excel 把这样开头的当公式


@dataclass
class Result:
    """一个学生的结果：姓名，状态（已评、没有交、打不开、不是这周的、没评成），每题得分（None：待老师评），
    看过几级提示、几份参考答案，要老师看一看的"""
    name: str
    state: str
    points: dict[int, float | None] = field(default_factory=dict)
    hints: int = 0
    solutions: int = 0
    doubts: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(score or 0 for score in self.points.values())

    @property
    def helped(self) -> str:
        """看过多少帮助；没有看过，或者看不出来，就是空的。例: "提示 3，答案 1" """
        if self.hints == self.solutions == 0:
            return ""
        return f"提示 {self.hints}，答案 {self.solutions}"


class Gradebook:
    """一周的分数表，在 out 文件夹里；kept 是以前的表里原样留下的行"""

    def __init__(self, week: int, out: Path):
        self.exercises = [exercise for exercise in assignment.sheet(week).exercises if not exercise.optional]
        self.week = week
        self.out = out
        self.earlier = tables(week, out)
        self.file = free_name(week, out)
        self.kept: dict[str, list[str]] = {}
        self.results: dict[str, Result] = {}

    def keep_graded(self) -> None:
        """补交：最后一张表里已评的行原样留下，老师手写的分数也在里面"""
        if not self.earlier:
            return
        for row in rows_of(self.earlier[-1]):
            if len(row) > 1 and row[1] == "已评":
                self.kept[row[0]] = row

    def check_writable(self) -> None:
        """评分以前先写一张空表：写不了现在就说"""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self.write()
        except OSError as error:
            raise SystemExit(f"应能写 {self.file}，现在不能（{error.strerror or error}）；"
                             "关掉打开着它的 Excel，或者换一个结果文件夹") from error

    def add(self, result: Result) -> str:
        """加一个学生，写一次表；写不了就换一个名字写，返回一句话"""
        self.results[result.name] = result
        try:
            self.write()
        except OSError as error:
            said = f"{self.file.name} 现在写不了（{error.strerror or error}），多半是 Excel 打开着它"
            self.file = free_name(self.week, self.out)
            with contextlib.suppress(OSError):
                self.write()
            return f"{said}；改写 {self.file.name}"
        return ""

    def write(self) -> None:
        """写一次：先写 .part，再换上，中途停了也不会有半张表"""
        part = self.file.with_suffix(".part")
        with part.open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
            csv.writer(file).writerows([self.titles(), *self.rows()])
        os.replace(part, self.file)

    def titles(self) -> list[str]:
        """表头"""
        exercises = [f"{e.number} {e.title}（{e.points}）" for e in self.exercises]
        return ["姓名", "状态", *exercises, "合计（开放题待评）", "提示和答案", "请看一看"]

    def rows(self) -> list[list]:
        """各行，按姓名的次序"""
        rows = dict(self.kept)
        for name, result in self.results.items():
            rows[plain(name)] = self.row(result)
        return [rows[name] for name in sorted(rows)]

    def row(self, result: Result) -> list:
        """一个学生的一行；没有交、打不开的得 0 分，没评成的空着"""
        row = [plain(result.name), result.state]
        for exercise in self.exercises:
            row.append(self.shown(result, exercise.number))
        row.append("" if result.state == "没评成" else result.total)
        row.append(result.helped)
        doubts = "；".join(result.doubts)
        row.append(plain(doubts))
        return row

    def shown(self, result: Result, number: int) -> object:
        """一题的分数怎样写"""
        if result.state == "没评成":
            return ""
        score = result.points.get(number, 0)
        return "待评" if score is None else score


def tables(week: int, out: Path) -> list[Path]:
    """已经有的分数表，先写的在前"""
    found = [file for file in [out / f"week{week}.csv", *out.glob(f"week{week}-*.csv")] if file.exists()]
    return sorted(found, key=lambda file: file.stat().st_mtime)


def free_name(week: int, out: Path) -> Path:
    """还没有用过的名字：week14.csv、week14-2.csv……"""
    file = out / f"week{week}.csv"
    number = 2
    while file.exists():
        file = out / f"week{week}-{number}.csv"
        number += 1
    return file


def rows_of(file: Path) -> list[list[str]]:
    """一张分数表的各行，不含表头"""
    text = saved_text(file.read_bytes())
    return list(csv.reader(text.splitlines()))[1:]


def saved_text(content: bytes) -> str:
    """老师在 Windows 上存的表、名单里的文字：UTF-8（带不带 BOM 都行）或 GBK"""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gbk", errors="replace")


def plain(text: str) -> str:
    """Excel 不会当公式的文字。例: plain("=1+1") -> "'=1+1" """
    if text.startswith(FORMULA):
        return f"'{text}"
    return text
