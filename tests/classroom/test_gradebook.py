"""分数表：评完一个写一次，老师手写的分数不会没有，Excel 打开着评分以前就知道，补交加得进去"""
import os

import grade
import pytest
from grading import feedback, gradebook
from grading.gradebook import Gradebook, Result, plain, rows_of
from homeworks import put, solved

POINTS = {number: 8 for number in range(1, 10)} | {10: None}


@pytest.fixture
def quick(monkeypatch):
    """不真的运行：每份作业立刻得到一样的结果"""
    seen = []

    def graded(submission, week, out, seconds):
        seen.append(submission.name)
        if submission.homework is None:
            return Result(submission.name, submission.why)
        return Result(submission.name, "已评", POINTS)

    monkeypatch.setattr(grade, "grade_one", graded)
    return seen


def names_in(file) -> list[str]:
    return [row[0] for row in rows_of(file)]


def test_the_table_is_there_after_every_student(tmp_path):
    book = Gradebook(14, tmp_path)
    book.check_writable()
    for number, who in enumerate(["李四", "张三"], 1):
        assert book.add(Result(who, "已评", POINTS)) == ""
        assert len(names_in(tmp_path / "week14.csv")) == number
    assert names_in(tmp_path / "week14.csv") == ["张三", "李四"]
    assert list(tmp_path.iterdir()) == [tmp_path / "week14.csv"]


def test_marks_by_hand_are_not_overwritten(tmp_path, quick, capsys):
    put(tmp_path, "收来的/张三.ipynb", solved())
    out = tmp_path / "结果"
    grade.grade(14, tmp_path / "收来的", out, [])
    by_hand = (out / "week14.csv").read_text(encoding="utf-8-sig").replace("待评", "9")
    (out / "week14.csv").write_text(by_hand, encoding="utf-8-sig")
    grade.grade(14, tmp_path / "收来的", out, [])
    assert (out / "week14.csv").read_text(encoding="utf-8-sig") == by_hand
    assert "待评" in (out / "week14-2.csv").read_text(encoding="utf-8-sig")
    assert "没有动它" in capsys.readouterr().out


def test_late_work_is_added_and_the_rest_is_kept(tmp_path, quick):
    put(tmp_path, "收来的/张三.ipynb", solved())
    out = tmp_path / "结果"
    grade.grade(14, tmp_path / "收来的", out, ["张三", "李四"])
    by_hand = (out / "week14.csv").read_text(encoding="utf-8-sig").replace("待评", "9")
    (out / "week14.csv").write_bytes(by_hand.encode("gbk"))  # Excel 这样另存
    put(tmp_path, "收来的/李四.ipynb", solved())
    quick.clear()
    grade.grade(14, tmp_path / "收来的", out, ["张三", "李四"], late=True)
    assert quick == ["李四"]
    first, second = rows_of(out / "week14-2.csv")
    assert "9" in first
    assert first[:2] == ["张三", "已评"]
    assert second[:2] == ["李四", "已评"]


def test_an_open_table_is_noticed_before_the_grading(tmp_path, quick, monkeypatch):
    put(tmp_path, "收来的/张三.ipynb", solved())

    def locked(source, target):
        raise PermissionError(13, "另一个程序正在使用此文件")

    monkeypatch.setattr(gradebook.os, "replace", locked)
    with pytest.raises(SystemExit, match="关掉打开着它的 Excel"):
        grade.grade(14, tmp_path / "收来的", tmp_path / "结果", [])
    assert quick == []


def test_a_table_that_is_opened_while_grading(tmp_path, monkeypatch):
    book = Gradebook(14, tmp_path)
    book.check_writable()
    replace = os.replace

    def locked(source, target):
        if target.name == "week14.csv":
            raise PermissionError(13, "另一个程序正在使用此文件")
        replace(source, target)

    monkeypatch.setattr(gradebook.os, "replace", locked)
    assert "改写 week14-2.csv" in book.add(Result("张三", "已评", POINTS))
    assert names_in(tmp_path / "week14-2.csv") == ["张三"]


def test_grading_that_fails_costs_one_student(tmp_path, monkeypatch):
    for who in ("张三", "李四"):
        put(tmp_path, f"收来的/{who}.ipynb", solved())

    def graded(submission, week, out, seconds):
        if submission.name == "张三":
            raise RuntimeError("坏了")
        return Result(submission.name, "已评", POINTS)

    monkeypatch.setattr(grade, "grade_one", graded)
    results = grade.grade(14, tmp_path / "收来的", tmp_path / "结果", [])
    assert [result.state for result in results] == ["没评成", "已评"]
    assert "坏了" in results[0].doubts[0]


def test_excel_runs_no_formula_of_a_student(tmp_path):
    assert plain("=1+1") == "'=1+1"
    assert plain("张三") == "张三"
    book = Gradebook(14, tmp_path)
    book.check_writable()
    book.add(Result("=cmd|x", "已评", POINTS, doubts=["\ud800"]))
    assert names_in(book.file) == ["'=cmd|x"]


def test_a_feedback_page_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "feedback").write_text("是文件", encoding="utf-8")
    assert "没有反馈页" in feedback.write(tmp_path, "张三", "")


def test_names_that_are_no_file_names():
    assert feedback.file_name("一班/张三") == "一班_张三"
    assert feedback.file_name("../..") == "_"
    assert feedback.file_name("...") == "_"


def test_the_summary_lists_who_to_look_at(tmp_path):
    results = [Result("张三", "已评", POINTS, doubts=["交了 2 份"]), Result("李四", "没有交")]
    said = grade.summary(results, tmp_path)
    assert "评了 2 人（已评 1，没有交 1）" in said
    assert "请看一看 张三：交了 2 份" in said
