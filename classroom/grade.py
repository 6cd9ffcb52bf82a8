"""把收来的作业变成分数表和每个人的反馈页：python classroom/grade.py 14 收来的文件夹 结果文件夹

收来的文件夹里可以是“张三_week14_exercises.ipynb”这样的文件，也可以是每人一个子文件夹；用 nbgrader 自己的
autograde，检查格被改过也会先还原。学生的代码在这台电脑上运行，每格有时间限制；怎样隔离见 guide.md。需要 [teach]
"""
import argparse
import contextlib
import csv
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from assignment import mark, path, sheet

HELPED = re.compile(r"看过提示 (\d+) 级，参考答案 (\d+) 份")  # sheet.progress() 这样说
NOISE = re.compile(r"\(\d+\)|week1[45]|_?exercises|练习|作业|第.{1,3}周|[\s_\-（）()\[\]]+")


@dataclass
class Result:
    """一个学生的结果：姓名，状态（已评、没有交、打不开、没评成），每题得分（None：待老师评），看过几级提示、几份参考答案"""
    name: str
    state: str
    points: dict[int, float | None] = field(default_factory=dict)
    hints: int = 0
    solutions: int = 0

    @property
    def total(self) -> float:
        return sum(score or 0 for score in self.points.values())

    @property
    def helped(self) -> str:
        """看过多少帮助；没有看过，或者看不出来，就是空的。例: "提示 3，答案 1" """
        if self.hints == self.solutions == 0:
            return ""
        return f"提示 {self.hints}，答案 {self.solutions}"


def student(file: Path, root: Path) -> str:
    """作业文件 → 姓名：子文件夹的名字，或者文件名去掉周次等字样。例: 张三_week14_exercises.ipynb -> 张三"""
    place = file.parent.name if file.parent != root else file.stem
    return NOISE.sub("", place) or place


def collect(root: Path) -> dict[str, Path]:
    """收来的文件夹 → 姓名 → 作业文件；同一个人交了几份，取最后修改的"""
    if not root.is_dir():
        raise SystemExit(f"应有收来的文件夹 {root}，现在没有；检查路径")
    found: dict[str, Path] = {}
    for file in sorted(root.rglob("*.ipynb"), key=lambda file: file.stat().st_mtime):
        if ".ipynb_checkpoints" not in file.parts:
            found[student(file, root)] = file
    return found


def names(file: Path) -> list[str]:
    """名单：一行一个姓名，UTF-8 或 GBK 都行"""
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gbk", errors="replace")
    return [NOISE.sub("", line) for line in text.splitlines() if line.strip()]


def readable(file: Path) -> bool:
    """是不是一本打得开的笔记本"""
    try:
        return isinstance(json.loads(file.read_text(encoding="utf-8"))["cells"], list)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def settings(course: Path, seconds: int):
    """nbgrader 的设置：课程文件夹、时间限制、不清空答题格（练习本来就是空的）"""
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    config.ClearSolutions.enabled = False
    config.Execute.timeout = seconds
    config.Execute.interrupt_on_timeout = True
    config.Execute.error_on_timeout = {"ename": "TimeoutError", "evalue": f"超过 {seconds} 秒", "traceback": []}
    return config


def grade(week: int, root: Path, out: Path, roster: list[str], seconds: int = 60) -> list[Result]:
    """评一周的作业；roster: 应交的名单，空的就只看收到的"""
    from nbgrader.apps import NbGraderAPI
    from tqdm import tqdm

    warnings.filterwarnings("ignore", module="nbgrader")  # 它对数据库的用法有些警告，与作业无关
    files, name = collect(root), f"week{week}"
    os.environ["COURSE_GRADING"] = "1"
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader 要找 alembic
    out.mkdir(parents=True, exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        course = Path(temporary)
        (course / "source" / name).mkdir(parents=True)
        shutil.copy(path(week), course / "source" / name)
        api = NbGraderAPI(config=settings(course, seconds))
        api.log.setLevel(logging.CRITICAL)
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)
        made = api.generate_assignment(name)
        if not made["success"]:
            raise SystemExit(f"应能从 {path(week).name} 生成作业，现在不能：\n{made.get('log') or made.get('error')}")
        for index, who in enumerate(tqdm(sorted(set(files) | set(roster)), desc=f"第 {week} 周", unit="人")):
            results.append(grade_one(api, course, name, f"s{index:03}", who, files.get(who), out))
    write(results, week, out)
    return results


def grade_one(api, course: Path, name: str, key: str, who: str, file: Path | None, out: Path) -> Result:
    """评一个学生，写他的反馈页；评不成也不影响别人"""
    if file is None:
        return Result(who, "没有交")
    if not readable(file):
        return Result(who, "打不开")
    place = course / "submitted" / key / name
    place.mkdir(parents=True)
    (place / f"{name}_exercises.ipynb").write_text(nbformat.writes(restored(file, name)), encoding="utf-8")
    graded = api.autograde(name, key)
    if not graded["success"]:
        return Result(who, "没评成")
    api.generate_feedback(name, key)
    page = course / "feedback" / key / name / f"{name}_exercises.html"
    if page.is_file():
        (out / "feedback").mkdir(exist_ok=True)
        shutil.copy(page, out / "feedback" / f"{who}.html")
    rerun = course / "autograded" / key / name / f"{name}_exercises.ipynb"
    hints, solutions = max(help_shown(file), help_shown(rerun), key=sum)  # 自己运行时看的，评分重跑时还在的，取多的
    return Result(who, "已评", scores(course, name, key), hints, solutions)


def help_shown(file: Path) -> tuple[int, int]:
    """笔记本里 sheet.progress() 的输出说看过几级提示、几份参考答案；没有说就是 (0, 0)"""
    found = HELPED.findall(outputs_of(file))
    if not found:
        return 0, 0
    hints, solutions = found[-1]
    return int(hints), int(solutions)


def outputs_of(file: Path) -> str:
    """笔记本里各格输出的文字"""
    if not readable(file):
        return ""
    texts = []
    for cell in nbformat.read(file, as_version=4).cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(texts)


def restored(file: Path, name: str):
    """作业；用别的软件存过、nbgrader 的元数据全丢了的，照检查格补上"""
    notebook = nbformat.read(file, as_version=4)
    if not any("nbgrader" in cell.metadata for cell in notebook.cells):
        with contextlib.suppress(ValueError, AttributeError, IndexError):  # 补不上就原样评
            mark(notebook, sheet(int(name.removeprefix("week"))))
    return notebook


def scores(course: Path, name: str, key: str) -> dict[int, float | None]:
    """nbgrader 记下的每题得分；要老师评的是 None"""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        notebook = book.find_submission_notebook(f"{name}_exercises", name, key)
        return {int(grade.name.split("-")[1]): None if grade.needs_manual_grade else grade.score
                for grade in notebook.grades}


def write(results: list[Result], week: int, out: Path) -> None:
    """分数表 week14.csv：Excel 直接打得开；没有交、打不开的得 0 分；选做没有分数，不列"""
    exercises = [exercise for exercise in sheet(week).exercises if not exercise.optional]
    with (out / f"week{week}.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        titles = [f"{e.number} {e.title}（{e.points}）" for e in exercises]
        table.writerow(["姓名", "状态", *titles, "合计（开放题待评）", "提示和答案"])
        for result in sorted(results, key=lambda result: result.name):
            row = ["待评" if result.points.get(e.number, 0) is None else result.points.get(e.number, 0)
                   for e in exercises]
            table.writerow([result.name, result.state, *row, result.total, result.helped])


def main() -> None:
    """命令行入口"""
    parser = argparse.ArgumentParser(description="评一周的练习")
    parser.add_argument("week", type=int, choices=(14, 15), help="第几周")
    parser.add_argument("submissions", type=Path, help="收来的文件夹")
    parser.add_argument("out", type=Path, help="结果放在哪里")
    parser.add_argument("--roster", type=Path, help="名单，一行一个姓名；没有交的人也会列出来")
    parser.add_argument("--seconds", type=int, default=60, help="每一格最多运行几秒")
    chosen = parser.parse_args()
    roster = names(chosen.roster) if chosen.roster else []
    results = grade(chosen.week, chosen.submissions, chosen.out, roster, chosen.seconds)
    states = Counter(result.state for result in results)
    print(f"{len(results)} 人（{'，'.join(f'{state} {count}' for state, count in states.items())}）；"
          f"分数表和反馈页在 {chosen.out}")


if __name__ == "__main__":
    main()
