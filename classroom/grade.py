"""把收来的作业变成分数表和每个人的反馈页：python classroom/grade.py 14 收来的文件夹 结果文件夹

收来的文件夹里可以是“张三_week14_exercises.ipynb”这样的文件，也可以是每人一个子文件夹，几层都行。
学生的代码在这台电脑上运行，一人一个进程，能关起来就关起来；仍然可能的事见 guide.md 第 5 节
"""
import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import assignment
from grading import confinement, feedback
from grading.gradebook import Gradebook, Result
from grading.submissions import Submission, collect, names
from grading.trial import Trial
from grading.workers import close_all, remember_course

AT_ONCE = 2  # 同时评几个人


def grade(week: int, root: Path, out: Path, roster: list[str], seconds: float = 30, late: bool = False) -> list[Result]:
    """评一周的作业；roster: 应交的名单，空的就只看收到的；late: 只评以前的表里还没有评的"""
    from tqdm import tqdm

    remember_course()
    submissions = collect(root, week, roster)
    book = Gradebook(week, out)
    if late:
        book.keep_graded()
    book.check_writable()
    if book.earlier:
        print(f"{book.earlier[-1].name} 是以前的，没有动它；这一次写在 {book.file.name}")
    waiting = [submission for submission in submissions if submission.name not in book.kept]
    jobs = {}
    with closing_workers(), ThreadPoolExecutor(AT_ONCE) as pool:
        for submission in waiting:
            job = pool.submit(grade_one, submission, week, out, seconds)
            jobs[job] = submission
        for job in tqdm(as_completed(jobs), total=len(jobs), desc=f"第 {week} 周", unit="人"):
            result = result_of(job, jobs[job])
            said = book.add(result)
            if said:
                tqdm.write(said)
    return sorted(book.results.values(), key=lambda result: result.name)


@contextlib.contextmanager
def closing_workers() -> Iterator[None]:
    """评完，或者老师按了停止，评分的进程都停掉"""
    try:
        yield
    finally:
        close_all()


def result_of(job, submission: Submission) -> Result:
    """一个人的结果；评分自己出了错，也只少他一个"""
    try:
        return job.result()
    except Exception as error:
        return Result(submission.name, "没评成", doubts=[f"评分出了错（{type(error).__name__}: {error}）"])


def grade_one(submission: Submission, week: int, out: Path, seconds: float) -> Result:
    """评一个学生，写他的反馈页"""
    homework = submission.homework
    if homework is None:
        return Result(submission.name, submission.why, doubts=list(submission.doubts))
    outcome = Trial(homework, week, seconds).run()
    result = Result(submission.name, "已评", doubts=list(submission.doubts))
    result.doubts += doubts_about(homework, outcome)
    result.hints, result.solutions = homework.help_shown
    if outcome.failure:
        result.state = "没评成"
        result.doubts.append(outcome.failure)
        return result
    exercises = assignment.sheet(week).exercises
    for exercise in exercises:
        mark, _ = outcome.notes[exercise.number]
        result.points[exercise.number] = score(exercise, mark)
    page = feedback.page(result, exercises, assignment.answer_names(week), homework, outcome)
    missing = feedback.write(out, submission.name, page)
    if missing:
        result.doubts.append(missing)
    return result


def score(exercise, mark: str) -> float | None:
    """记号 → 得分；开放题交了是 None，待老师评"""
    if mark == "✎":
        return None
    return exercise.points if mark == "✓" else 0


def doubts_about(homework, outcome) -> list[str]:
    """要老师看一看的：检查格没有了、改过，有改评分的写法，检查被动过，某一格停掉了进程"""
    doubts = []
    checked = {int(number) for number, _ in assignment.CHECK.findall(homework.text)}
    missing = set(outcome.notes) - checked
    if missing:
        doubts.append(f"第 {listed(missing)} 题的检查格没有了或改过，照样评了")
    if homework.odd_words:
        doubts.append(f"代码里有 {'、'.join(homework.odd_words)}")
    tampered = [number for number, (mark, _) in outcome.notes.items() if mark == "?"]
    if tampered:
        doubts.append(f"第 {listed(tampered)} 题：检查被改过，没有给分")
    stopped = [place + 1 for place in outcome.stopped]
    if stopped:
        doubts.append(f"第 {listed(stopped)} 格代码停掉了评分的进程或者停不下来，跳过了它")
    return doubts


def listed(numbers) -> str:
    """例: listed([2, 1]) -> "1、2" """
    return "、".join(str(number) for number in sorted(numbers))


def main() -> None:
    """命令行入口"""
    parser = argparse.ArgumentParser(description="评一周的练习")
    parser.add_argument("week", type=int, choices=assignment.WEEKS, help="第几周")
    parser.add_argument("submissions", type=Path, help="收来的文件夹")
    parser.add_argument("out", type=Path, help="结果放在哪里")
    parser.add_argument("--roster", type=Path, help="名单，一行一个姓名；没有交的人也会列出来")
    parser.add_argument("--seconds", type=float, default=30, help="每一格最多运行几秒")
    parser.add_argument("--late", action="store_true", help="补交：以前的表里已评的不动，只评别的")
    chosen = parser.parse_args()
    roster = names(chosen.roster) if chosen.roster else []
    warning = confinement.warning()
    if warning:
        print(warning, file=sys.stderr)
    results = grade(chosen.week, chosen.submissions, chosen.out, roster, chosen.seconds, chosen.late)
    print(summary(results, chosen.out))


def summary(results: list[Result], out: Path) -> str:
    """最后的一句话，和要老师看一看的人"""
    states = Counter(result.state for result in results)
    counts = [f"{state} {count}" for state, count in states.items()]
    lines = [f"评了 {len(results)} 人（{'，'.join(counts)}）；分数表和反馈页在 {out}"]
    for result in results:
        if result.doubts:
            doubts = "；".join(result.doubts)
            lines.append(f"请看一看 {result.name}：{doubts}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
