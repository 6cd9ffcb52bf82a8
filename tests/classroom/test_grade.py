"""一个班的作业变成分数表和反馈页：真的评，各种毛病都在里面，一个人的毛病只伤他自己，一题的毛病只伤那一题"""
import csv
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from helpers.exercises import week15

import assignment
import grade
import nbformat
import psutil
import pytest
from grading import confinement, workers
from homeworks import (
    answer,
    before,
    blank,
    changed,
    count_tokens,
    lone_surrogate,
    null_metadata,
    old_format,
    only,
    put,
    solved,
    with_answer,
    without_checks,
    without_metadata,
)

EXERCISES = assignment.sheet(14).exercises
FULL = sum(exercise.points for exercise in EXERCISES if not exercise.open)
SECOND = FULL - EXERCISES[1].points  # 只有第 2 题不对
SWALLOW = count_tokens("while True:\n        try:\n            while True: pass\n        except BaseException: pass")
LEFT_BEHIND = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(987)\n    os._exit(0)"
FORGED = """import gc, helpers.exercises.exercise as exercise
exercise.Exercise.check = exercise.Exercise.judge = lambda self, answer: exercise.Note("✓", "对了！")
for found in gc.get_objects():
    if type(found).__name__ == "Exercise":
        type(found).judge = lambda self, answer: exercise.Note("✓", "对了！")"""
REPLACED = """import os
os.environ["COURSE_GRADING"] = "0"
class Sheet:
    def __getitem__(self, number): return self
    def check(self, answer): return "✓"
sheet = Sheet()
import helpers.exercises.comparing, helpers.exercises.exercise
Exercise = helpers.exercises.exercise.Exercise
Exercise.check = Exercise.judge = lambda self, answer: helpers.exercises.exercise.Note("✓", "对了！")
helpers.exercises.comparing.same_values = lambda got, want: True"""
DELETES = """import shutil, helpers
from pathlib import Path
for folder in [Path(helpers.__file__).parent, Path("."), Path({course!r}), Path({out!r})]:
    shutil.rmtree(folder, ignore_errors=True)
for file in [Path({course!r}, "我来过"), Path({out!r}, "week14.csv")]:
    try:
        file.write_text("100")
    except OSError:
        pass"""
NETWORK = """import socket
try:
    reached = socket.create_connection(("127.0.0.1", {port}), timeout=3)
except OSError:
    reached = None
answer_1 = "连上了" if reached else __import__("transformers").__version__"""
PROCESSES = """import os
others = [name for name in os.listdir("/proc") if name.isdigit() and name not in ("1", str(os.getpid()))]
answer_1 = str(others) if others else __import__("transformers").__version__"""
SCRIPT = "answer_1 = '<script>alert(1)</script>'\nprint(answer_1)\nfrom IPython.display import HTML\nHTML(answer_1)"

# 姓名 → (作业, 应得几分)
ODD = {
    "全对": (solved(), FULL),
    "空白": (blank(), 0),
    "第三版": (old_format(), FULL),
    "第九十九版": (changed(nbformat=99), FULL),
    "没有元数据": (without_metadata(), FULL),
    "空的元数据": (null_metadata(), FULL),
    "单独代理": (lone_surrogate(), FULL),
    "没有检查格": (without_checks(), FULL),
    "死循环": (with_answer(2, "while True:\n    pass"), SECOND),
    "报错": (with_answer(2, "1 / 0"), SECOND),
    "语法不对": (with_answer(2, "def count_tokens(tokenizer, text:\n    return 1"), SECOND),
    "吞掉一切": (with_answer(2, SWALLOW), SECOND),
    "打印很多": (with_answer(2, "for _ in range(300):\n    print('x' * 1_000_000)\n" + EXERCISES[1].code), FULL),
    "直接写很多": (before(solved(), "import os\nfor _ in range(300):\n    os.write(1, b'x' * 1_000_000)"), FULL),
    "退出": (with_answer(2, count_tokens("exit()")), SECOND),
    "硬退出": (with_answer(2, count_tokens("import os; os._exit(0)")), SECOND),
    "格里硬退出": (with_answer(2, "import os\nos._exit(0)"), SECOND),
    "杀自己": (with_answer(2, count_tokens("import os; os.kill(os.getpid(), 9)")), SECOND),
    "杀父亲": (with_answer(2, count_tokens("import os; os.kill(os.getppid(), 2); return 0")), SECOND),
    "杀全部": (with_answer(2, "import os\nos.kill(-1, 9)") if confinement.isolated() else blank(), None),
    "留下进程": (before(solved(), LEFT_BEHIND), FULL),
    "占满内存": (with_answer(2, count_tokens("return len(bytearray(50 * 1024**3))")), SECOND),
    "换检查": (before(only(2, count_tokens("return 7")), REPLACED), 0),
    "换藏着的": (before(only(2, count_tokens("return 7")), FORGED), 0),
    "脚本": (only(1, SCRIPT), 0),
}
UNREADABLE = {"空文件": "", "不是JSON": "{ 不是", "格是数": changed(cells=[1]), "没有格": "{}", "嵌套": "[" * 200_000}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """评一个班；另有死链接、叫 x.ipynb 的文件夹、删课程和结果的、连网的、没有交的"""
    root = tmp_path_factory.mktemp("收来的")
    out = tmp_path_factory.mktemp("结果")
    course = tmp_path_factory.mktemp("课程")
    for who, (homework, _) in ODD.items():
        put(root, f"{who}_week14_exercises.ipynb", homework)
    for who, text in UNREADABLE.items():
        put(root, f"{who}/week14_exercises.ipynb", text)
    (root / "死链接_week14.ipynb").symlink_to(root / "没有")
    (root / "文件夹_week14.ipynb").mkdir()
    (course / "重要.txt").write_text("在", encoding="utf-8")
    if confinement.isolated():
        put(root, "删课程_week14.ipynb", before(solved(), DELETES.format(course=str(course), out=str(out))))
    roster = [*ODD, *UNREADABLE, "死链接", "文件夹", "没交的人"]
    start = time.monotonic()
    results = {result.name: result for result in grade.grade(14, root, out, roster, seconds=3)}
    print(f"每人 {(time.monotonic() - start) / len(results):.1f} 秒")
    return results, out, course


@pytest.mark.ci
def test_everyone_gets_the_points_of_his_own_answers(graded):
    results, _, _ = graded
    expected = {who: points for who, (_, points) in ODD.items() if points is not None}
    got = {who: results[who].total for who in expected}
    assert got == expected
    assert {results[who].state for who in ODD} == {"已评"}


@pytest.mark.ci
def test_what_cannot_be_read_is_said(graded):
    results, _, _ = graded
    for who in [*UNREADABLE, "死链接", "文件夹"]:
        assert results[who].state == "打不开", who
        assert results[who].doubts, who
    assert results["没交的人"].state == "没有交"


@pytest.mark.ci
def test_doubts_are_for_the_teacher(graded):
    results, _, _ = graded
    assert "检查格没有了" in results["没有检查格"].doubts[0]
    assert "COURSE_GRADING" in "".join(results["换检查"].doubts)
    assert "检查被改过" not in "".join(results["换检查"].doubts)  # 改的是另一份
    assert "检查被改过" in "".join(results["换藏着的"].doubts)
    assert "跳过" in "".join(results["死循环"].doubts)
    assert results["全对"].doubts == results["空白"].doubts == []


@pytest.mark.ci
def test_nothing_of_the_students_stays(graded):
    _, out, course = graded
    sleeping = [process.pid for process in psutil.process_iter() if marked(process)]
    assert sleeping == []
    assert (course / "重要.txt").read_text(encoding="utf-8") == "在"
    assert (out / "week14.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def marked(process) -> bool:
    """是学生的进程吗"""
    try:
        return "COURSE_STUDENT" in process.environ()
    except (psutil.Error, OSError):
        return False


@pytest.mark.ci
def test_the_table_opens_in_excel_and_the_pages_are_there(graded):
    results, out, _ = graded
    rows = list(csv.reader((out / "week14.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == len(results) + 1
    assert rows[0][:2] == ["姓名", "状态"]
    (best,) = [row for row in rows if row[0] == "全对"]
    assert len(best) == len(rows[0]) == 2 + 10 + 3  # 选做不列
    assert best[-4:] == ["待评", str(FULL), "", ""]
    page = (out / "feedback" / "报错.html").read_text(encoding="utf-8")
    assert "练习 2" in page
    assert "ZeroDivisionError" in page
    assert len(list((out / "feedback").glob("*.html"))) >= len(ODD)


@pytest.mark.ci
def test_a_feedback_page_runs_nothing(graded):
    _, out, _ = graded
    page = (out / "feedback" / "脚本.html").read_text(encoding="utf-8")
    assert "alert(1)" in page
    assert "<script" not in page
    printed = (out / "feedback" / "打印很多.html").stat().st_size
    assert printed < 200_000


@pytest.mark.ci
def test_the_second_week(tmp_path):
    notebook = nbformat.read(assignment.path(15), as_version=4)
    exercises = week15.sheet(None, None).exercises
    for exercise in exercises:
        answer(notebook, exercise.number, exercise.code)
    put(tmp_path, "收来的/张三.ipynb", notebook)
    (result,) = grade.grade(15, tmp_path / "收来的", tmp_path / "结果", [])
    assert result.total == sum(exercise.points for exercise in exercises if not exercise.open)
    assert None in result.points.values()


@pytest.mark.ci
def test_a_student_has_no_network_and_meets_no_process_of_another(tmp_path, monkeypatch):
    if not confinement.isolated():
        assert "不能把学生的代码关起来" in confinement.warning()
        return
    monkeypatch.setattr(grade, "AT_ONCE", 1)
    put(tmp_path, "收来的/1留下进程.ipynb", before(blank(), LEFT_BEHIND))
    put(tmp_path, "收来的/2看进程.ipynb", only(1, PROCESSES))
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = NETWORK.format(port=server.getsockname()[1])
        put(tmp_path, "收来的/3联网.ipynb", only(1, source))
        _, processes, network = grade.grade(14, tmp_path / "收来的", tmp_path / "结果", [])
    assert processes.points[1] == EXERCISES[0].points
    assert network.points[1] == EXERCISES[0].points


def test_only_the_beginning_of_an_output_is_kept(monkeypatch):
    monkeypatch.syspath_prepend(Path(grade.__file__).parent / "grading")
    from grading.worker import KEPT, Kept

    output = Kept()
    for _ in range(100):
        output.write("x" * KEPT)
    assert len(output.text) == KEPT
    assert output.taken().endswith("没有留）")
    assert output.taken() == ""


@pytest.mark.ci
@pytest.mark.parametrize("forks", [True, False])
def test_where_the_system_offers_less(tmp_path, monkeypatch, forks):
    """没有 unshare 的、没有 fork 的（Windows），分数一样"""
    monkeypatch.setattr(confinement, "isolated", lambda: False)
    monkeypatch.setattr(workers, "FORKS", forks)
    for who in ("全对", "死循环", "吞掉一切", "硬退出", "换藏着的"):
        put(tmp_path, f"收来的/{who}.ipynb", ODD[who][0])
    results = grade.grade(14, tmp_path / "收来的", tmp_path / "结果", [], seconds=3)
    assert {result.name: result.total for result in results} == {
        "全对": FULL, "死循环": SECOND, "吞掉一切": SECOND, "硬退出": SECOND, "换藏着的": 0}


@pytest.mark.ci
def test_a_killed_grading_leaves_nothing_running(tmp_path):
    put(tmp_path, "收来的/张三.ipynb", with_answer(2, "import time\ntime.sleep(60)"))
    command = [sys.executable, grade.__file__, "14", str(tmp_path / "收来的"), str(tmp_path / "结果")]
    own = dict(os.environ, TMPDIR=str(tmp_path))  # 被停掉的删不了自己的临时文件夹
    grading = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: any(marked(process) for process in psutil.process_iter()))
    grading.kill()
    grading.wait()
    wait_until(lambda: not any(marked(process) for process in psutil.process_iter()))
    assert (tmp_path / "结果" / "week14.csv").is_file()


def wait_until(holds) -> None:
    """等到 holds() 成立，最多一分钟"""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_help_that_was_asked_for(tmp_path):
    from grading.homework import Homework

    cells = ["sheet[4].hint()", "sheet[4].hint()", "sheet[4].hint()", "sheet[5].hint()", "sheet[5].solution()"]
    assert Homework(cells).help_shown == (3, 1)
    said = "○ 3/10；看过提示 1 级，参考答案 0 份\n✓ 10/10；看过提示 12 级，参考答案 3 份"
    assert Homework(cells, said).help_shown == (12, 3)
    assert grade.Result("张三", "已评", {}, 12, 3).helped == "提示 12，答案 3"
    assert grade.Result("张三", "没有交").helped == ""


def test_a_computer_that_cannot_confine_says_so(monkeypatch):
    monkeypatch.setattr(confinement, "isolated", lambda: False)
    assert "能读写文件、能连网" in confinement.warning()
    assert confinement.confined(["python"], os.curdir) == ["python"]


def test_a_set_up_that_does_not_run_is_not_ten_wrong_answers(monkeypatch, tmp_path):
    def broken(week):
        raise workers.NotStarted("太久")

    monkeypatch.setattr("grading.workers.lent", broken)
    put(tmp_path, "收来的/张三_week14.ipynb", solved())
    (result,) = grade.grade(14, tmp_path / "收来的", tmp_path / "结果", [])
    assert result.state == "没评成"
    assert "准备的一格" in result.doubts[-1]
    row = (tmp_path / "结果" / "week14.csv").read_text(encoding="utf-8-sig").splitlines()[1]
    assert row.startswith("张三,没评成,,,")
