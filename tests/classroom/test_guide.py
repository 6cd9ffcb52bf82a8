"""教师手册和课程地图：每一讲的每一节都分了必讲、在家、可删，分钟加得起来，练习用到的没有删，和各讲写的一样"""
import json
import re
from itertools import pairwise

from helpers.widgets.quiz import LETTERS, quiz_questions

import pytest
from servers.jupyterlab import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSONS = {path.name[:2]: path for path in NOTEBOOKS if path.name[:2].isdigit()}
GUIDE = (ROOT / "classroom" / "guide.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = re.compile(r"(\d\d) 第 ([\d、–]+) 节")
QUIZ_MINUTES = 5
WEEKS = {14: ("01", "02", "03", "04"), 15: ("05", "06", "07", "08")}


def words(path) -> str:
    """笔记本里文字的格"""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def sections(path) -> set[int]:
    """有编号的各节"""
    return {int(number) for number in re.findall(r"^## (\d+)　", words(path), re.M)}


def minutes(path) -> int:
    return int(re.search(r"\*\*时间\*\*：(\d+) 分钟", words(path))[1])


def numbers(text: str) -> set[int]:
    """例: "1、3–5" -> {1, 3, 4, 5}；空的是空集"""
    found = set()
    for part in text.split("、"):
        if part.strip():
            first, _, last = part.partition("–")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def rows(heading: str) -> list[list[str]]:
    """一节里第一张表的各行（不含表头），每行是各格的文字"""
    text = GUIDE.split(heading)[1].split("\n## ")[0]
    table = re.search(r"(^\|.*\n)+", text, re.M)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


PARTS = {row[0]: row[1:] for row in rows("## 2　")}


def kinds(lesson: str) -> tuple[set[int], set[int], set[int]]:
    """一讲的必讲、在家、可删"""
    must, home, cut = map(numbers, PARTS[lesson][:3])
    return must, home, cut


def plan(week: int) -> list[tuple[int, int, str]]:
    """一周的教案：(从第几分钟, 到第几分钟, 做什么)"""
    section = {14: "## 3　", 15: "## 4　"}[week]
    steps = []
    for row in rows(section):
        first, last = row[0].split("–")
        steps.append((int(first), int(last), row[1]))
    return steps


def test_every_lesson_is_in_the_table():
    assert list(PARTS) == list(LESSONS)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_section_is_marked_once(lesson):
    must, home, cut = kinds(lesson)
    assert len(must) + len(home) + len(cut) == len(must | home | cut)
    assert must | home | cut == sections(LESSONS[lesson])


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_minutes_are_the_lessons_own(lesson):
    whole = minutes(LESSONS[lesson])
    assert int(PARTS[lesson][3]) == whole
    (said,) = re.findall(rf"notebooks/{LESSONS[lesson].name}\).* (\d+) \|$", README, re.M)
    assert int(said) == whole


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_minutes_have_the_quiz_in_them(lesson):
    path = LESSONS[lesson]
    whole = minutes(path)
    text = words(path)
    assert f"**时间**：{whole} 分钟（其中小测 {QUIZ_MINUTES} 分钟）" in text
    assert "## 小测\n\n约五分钟。" in text
    assert f"一讲约 {QUIZ_MINUTES} 分钟" in GUIDE


@pytest.mark.parametrize("week", WEEKS)
def test_the_quizzes_of_a_week_are_added_up(week):
    total = QUIZ_MINUTES * len(WEEKS[week])
    assert f"每周四讲的小测另加 {total} 分钟" in GUIDE


@pytest.mark.parametrize("row", rows("**答错的选项就是误解**"))
def test_a_question_for_the_class_is_the_quizs_own(row):
    """手册里的题号、选项和误解，和小测里的一样"""
    which, _, letter, misconception, back = row
    lesson, number = re.findall(r"\d+", which)
    questions = quiz_questions(LESSONS[lesson].stem)
    question = questions[int(number) - 1]
    option = question["options"][LETTERS.index(letter)]
    section = question["read"]
    assert option["misconception"] == misconception
    assert back.startswith(f"{lesson} {section}，")


@pytest.mark.parametrize("row", rows("**答错的选项就是误解**"))
def test_a_question_for_the_class_is_about_what_was_taught(row):
    _, when, _, _, back = row
    lesson, taught = re.search(SECTIONS, when).groups()
    same_lesson, asked = re.search(SECTIONS, back).groups()
    must, _, _ = kinds(lesson)
    assert lesson == same_lesson
    assert int(taught) in must
    assert int(asked) in must
    assert int(asked) <= int(taught)


@pytest.mark.parametrize("week", WEEKS)
def test_ninety_minutes_with_slack(week):
    steps = plan(week)
    assert steps[0][0] == 0
    assert steps[-1][1] == 90
    assert all(before[1] == after[0] for before, after in pairwise(steps))
    slack = sum(last - first for first, last, what in steps if what == "**机动**")
    assert slack >= 10
    assert f"排了 {90 - slack} 分钟，留 {slack} 分钟机动" in GUIDE


@pytest.mark.parametrize("week", WEEKS)
def test_the_plan_teaches_what_must_be_taught(week):
    taught = {lesson: set() for lesson in WEEKS[week] + ("07",)}
    for _, _, what in plan(week):
        for lesson, said in SECTIONS.findall(what):
            taught[lesson] |= numbers(said)
    for lesson in WEEKS[week]:
        assert taught[lesson] == kinds(lesson)[0], lesson


@pytest.mark.parametrize("week", WEEKS)
def test_the_minutes_in_class_are_those_of_the_plan(week):
    spent = dict.fromkeys(WEEKS[week], 0)
    for first, last, what in plan(week):
        for lesson, _ in SECTIONS.findall(what)[:1]:
            spent[lesson] += last - first
    assert spent == {lesson: int(PARTS[lesson][4]) for lesson in WEEKS[week]}


@pytest.mark.parametrize("week", WEEKS)
def test_home_minutes_add_up(week):
    total = sum(int(re.match(r"\d+", PARTS[lesson][5])[0]) for lesson in WEEKS[week])
    assert f"第 {week} 周 {total} 分钟" in GUIDE
    exercises = minutes(ROOT / "notebooks" / f"week{week}_exercises.ipynb")
    assert f"第 {week} 周的练习 {exercises} 分钟" in GUIDE


@pytest.mark.parametrize("week", WEEKS)
def test_no_exercise_needs_what_may_be_cut(week):
    headings = re.findall(r"^## 练习 .*$", words(ROOT / "notebooks" / f"week{week}_exercises.ipynb"), re.M)
    required = [heading for heading in headings if "选做" not in heading]
    needed = [reference for heading in required for reference in SECTIONS.findall(heading)]
    assert len(needed) >= 10
    for lesson, said in needed:
        must, home, _ = kinds(lesson)
        assert numbers(said) <= must | home, (lesson, said)


def test_sections_it_names_are_there():
    for lesson, said in SECTIONS.findall(GUIDE):
        assert numbers(said) <= sections(LESSONS[lesson]), (lesson, said)


def test_the_memory_of_lesson_08_is_one_number():
    """三份模型：16 位、float32、16 位，一个参数 8 字节"""
    from helpers import environment

    needed = environment.needed_gb(494_032_768 * 8)
    assert round(needed, 1) == 5.5
    assert "按 × 8 字节：0.5B 约 5.5 GB" in GUIDE
    assert "内存最好空着 5.5 GB" in words(LESSONS["08"])
