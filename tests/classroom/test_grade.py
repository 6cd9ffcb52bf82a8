"""一个班的作业变成分数表和反馈页：真的用 nbgrader 评，包括打不开的、死循环的、改了检查格的、没有交的"""
import copy
import csv
import os

from helpers.exercises import week14

import assignment
import grade
import nbformat
import pytest

CLASS = 16  # 各种毛病都在里面；四十个也一样，只是要四五分钟


@pytest.mark.parametrize("week", assignment.WEEKS)
def test_the_notebooks_are_assignments(week):
    notebook = nbformat.read(assignment.path(week), as_version=4)
    again = copy.deepcopy(notebook)
    exercises = assignment.sheet(week)
    assignment.mark(again, exercises)
    assert again == notebook  # 忘了运行 python classroom/assignment.py 就会不同
    marked = [cell.metadata["nbgrader"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sum(data.get("points", 0) for data in marked) == sum(e.points for e in exercises.exercises) == 100
    assert len({data["grade_id"] for data in marked}) == len(marked) == 2 * len(exercises)
    assert all(data["locked"] for data in marked if data["grade_id"].startswith("check"))


@pytest.mark.parametrize("file, who", [
    ("张三_week14_exercises.ipynb", "张三"), ("week14_exercises (李四).ipynb", "李四"),
    ("2024001 王五 第14周练习.ipynb", "2024001王五"), ("赵六/week14_exercises.ipynb", "赵六"),
    ("week14_exercises-钱七(1).ipynb", "钱七")])
def test_names_as_they_are_collected(tmp_path, file, who):
    assert grade.student(tmp_path / file, tmp_path) == who


def test_the_last_of_several_files_counts(tmp_path):
    for number, name in enumerate(["张三_week14_exercises.ipynb", "张三-week14(1).ipynb"]):
        (tmp_path / name).write_text("{}", encoding="utf-8")
        os.utime(tmp_path / name, (number, number))
    assert grade.collect(tmp_path) == {"张三": tmp_path / "张三-week14(1).ipynb"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_roster_as_windows_saves_it(tmp_path, encoding):
    (tmp_path / "名单.txt").write_bytes("张三\r\n2024001 李四\r\n\r\n".encode(encoding))
    assert grade.names(tmp_path / "名单.txt") == ["张三", "2024001李四"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match="应有收来的文件夹.*现在没有"):
        grade.collect(tmp_path / "没有")


def test_help_is_read_from_the_last_progress(tmp_path):
    file = tmp_path / "作业.ipynb"
    assert grade.help_shown(file) == (0, 0)
    said = ["○ 3/10；看过提示 1 级，参考答案 0 份", "○ 4/10；看过提示 12 级，参考答案 3 份", "✓ 对了！"]
    cells = []
    for text in said:
        output = nbformat.v4.new_output("execute_result", {"text/plain": text})
        cells.append(nbformat.v4.new_code_cell("sheet.progress()", outputs=[output]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    assert grade.help_shown(file) == (12, 3)
    assert grade.Result("张三", "已评", {}, 12, 3).helped == "提示 12，答案 3"
    assert grade.Result("张三", "没有交").helped == ""


def test_an_optional_exercise_is_marked_with_no_points():
    notebook = nbformat.read(assignment.path(14), as_version=4)
    points = {}
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade"):
            points[int(data["grade_id"].split("-")[1])] = data["points"]
    for exercise in assignment.sheet(14).exercises:
        assert points[exercise.number] == exercise.points
        assert exercise.optional == (exercise.points == 0)


def answer(notebook, number: int, source: str) -> None:
    """把第 number 题的答题格换成 source"""
    name = f"answer-{number}"
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name]
    cell.source = source


def blank():
    return nbformat.read(assignment.path(14), as_version=4)


def solved():
    notebook = blank()
    for exercise in week14.sheet(None).exercises:
        answer(notebook, exercise.number, exercise.code)
    return notebook


def with_answer(number: int, source: str):
    notebook = solved()
    answer(notebook, number, source)
    return notebook


def with_help():
    """每级提示、参考答案都看了，还留着那几格"""
    notebook = solved()
    cells = [nbformat.v4.new_code_cell(source) for source in
             ("sheet[4].hint()", "sheet[4].hint()", "sheet[5].hint()", "sheet[5].solution()")]
    at = [cell.source for cell in notebook.cells].index("sheet.progress()")
    notebook.cells[at:at] = cells
    return notebook


def with_help_long_ago():
    """自己运行时看过，后来把那几格删了；只有自己保存的输出里还有"""
    notebook = solved()
    (cell,) = [cell for cell in notebook.cells if cell.source == "sheet.progress()"]
    said = "✓ 10/10；选做 0/4；看过提示 2 级，参考答案 0 份"
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": said})]
    return notebook


def cheated():
    """没作答，把检查格改成什么也不查"""
    notebook = blank()
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("check"):
            cell.source = "print('全对')"
    return notebook


def without_metadata():
    """用别的软件存过，nbgrader 的元数据没有了"""
    notebook = solved()
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """评一个班：几种特别的，其余是全对和空白的"""
    root, out = tmp_path_factory.mktemp("收来的"), tmp_path_factory.mktemp("结果")
    special = {"全对": solved(), "空白": blank(), "死循环": with_answer(2, "while True:\n    pass"),
               "报错": with_answer(2, "1 / 0"), "改了检查格": cheated(), "丢了元数据": without_metadata(),
               "退出": with_answer(2, "import os\nos._exit(1)"), "看了提示": with_help(),
               "删了提示": with_help_long_ago()}
    for who, notebook in special.items():
        nbformat.write(notebook, root / f"{who}_week14_exercises.ipynb")
    (root / "坏文件_week14.ipynb").write_text("{ 不是 JSON", encoding="utf-8")
    rest = [f"学生{number:02}" for number in range(CLASS - len(special) - 2)]
    for number, who in enumerate(rest):
        (root / who).mkdir()
        nbformat.write(solved() if number % 2 else blank(), root / who / "week14_exercises.ipynb")
    roster = [*special, "坏文件", *rest, "没交的人"]
    results = {result.name: result for result in grade.grade(14, root, out, roster, seconds=30)}
    return results, out


@pytest.mark.ci
def test_a_class(graded):
    results, out = graded
    exercises = assignment.sheet(14).exercises
    auto = sum(e.points for e in exercises if not e.open)
    (open_number,) = [e.number for e in exercises if e.open]
    assert len(results) == CLASS
    assert results["全对"].total == results["学生01"].total == auto
    assert results["空白"].total == results["学生00"].total == results["改了检查格"].total == 0
    second = assignment.sheet(14)[2].points
    assert results["死循环"].total == results["报错"].total == auto - second
    assert (results["没交的人"].state, results["坏文件"].state) == ("没有交", "打不开")
    assert results["全对"].points[open_number] is None  # 待老师评
    assert results["丢了元数据"].total == auto
    assert results["退出"].total < auto
    print({name: (result.state, result.total) for name, result in results.items() if "学生" not in name})


@pytest.mark.ci
def test_the_table_opens_in_excel_and_the_pages_are_there(graded):
    results, out = graded
    content = (out / "week14.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # Excel 靠它认出 UTF-8
    rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    assert len(rows) == CLASS + 1 and rows[0][:2] == ["姓名", "状态"]
    (best,) = [row for row in rows if row[0] == "全对"]
    assert len(best) == len(rows[0]) == 2 + 10 + 2  # 选做不列
    assert best[-3] == "待评"
    assert float(best[-2]) == results["全对"].total
    assert best[-1] == ""
    helped = {row[0]: row[-1] for row in rows}
    assert helped["姓名"] == "提示和答案"
    assert helped["看了提示"] == "提示 3，答案 1"
    assert helped["删了提示"] == "提示 2，答案 0"
    page = (out / "feedback" / "报错.html").read_text(encoding="utf-8")
    assert "练习 2" in page and "ZeroDivisionError" in page
    assert len(list((out / "feedback").glob("*.html"))) >= CLASS - 4
