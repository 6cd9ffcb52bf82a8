"""收来的文件夹里谁交了什么：学习平台怎样打包都认得，拿不准的记下来，一个人动不了另一个人的"""
import os

import grade
import nbformat
import pytest
from grading.submissions import cleaned, collect, names, owner_of
from homeworks import blank, put, solved, with_answer

HOMEWORK = "week14_exercises.ipynb"


def collected(root, roster=()):
    """姓名 → 那一份"""
    return {one.name: one for one in collect(root, 14, list(roster))}


def age(file, seconds: int) -> None:
    """改成很久以前改的；越大越新"""
    os.utime(file, (seconds, seconds))


@pytest.mark.parametrize("place, who", [
    ("张三_week14_exercises.ipynb", "张三"), ("week14_exercises (李四).ipynb", "李四"),
    ("2024001 王五 第14周练习.ipynb", "2024001王五"), ("赵六/week14_exercises.ipynb", "赵六"),
    ("week14_exercises-钱七(1).ipynb", "钱七"), ("张三/作业/week14_exercises.ipynb", "张三"),
    ("作业/李四/第14周/week14_exercises.ipynb", "李四"), ("孙八_12345_assignsubmission_file_/x.ipynb", "孙八")])
def test_names_as_they_are_collected(place, who):
    assert owner_of(place.split("/"), [])[0] == who


@pytest.mark.parametrize("place, who", [
    ("2024001张三丰_week14.ipynb", "张三丰"), ("2024001张三_week14.ipynb", "张三"), ("一班/李四/x.ipynb", "李四"),
    ("张三/李四/week14_exercises.ipynb", "张三")])
def test_names_against_the_roster(place, who):
    assert owner_of(place.split("/"), ["张三", "张三丰", "李四"])[0] == who


def test_a_number_in_the_roster_only():
    assert owner_of(["张三_week14.ipynb"], ["2024001张三", "2024002李四"])[0] == "2024001张三"


def test_two_names_in_one_place_are_not_decided():
    who, _, doubts = owner_of(["张三和李四.ipynb"], ["张三", "李四"])
    assert who == "张三和李四"
    assert "认不出是谁" in doubts[0]


def test_someone_who_is_not_in_the_roster():
    assert owner_of(["王五.ipynb"], ["张三"]) == ("王五", "王五", ["名单里没有"])


def test_a_file_without_a_name():
    who, _, doubts = owner_of([HOMEWORK], [])
    assert who == HOMEWORK
    assert doubts == ["名字里看不出是谁"]


def test_folders_as_a_learning_platform_packs_them(tmp_path):
    for who in ("张三", "李四"):
        put(tmp_path, f"{who}/作业/{HOMEWORK}", solved())
    for roster in ([], ["张三", "李四"]):
        found = collected(tmp_path, roster)
        assert list(found) == ["张三", "李四"]
        assert all(one.homework and one.doubts == [] for one in found.values())


def test_a_newer_lesson_beside_the_homework(tmp_path):
    age(put(tmp_path, f"张三/{HOMEWORK}", solved()), 1)
    lesson = (grade.assignment.NOTEBOOKS / "03_tokenization.ipynb").read_text(encoding="utf-8")
    age(put(tmp_path, "张三/03_tokenization.ipynb", lesson), 2)
    assert collected(tmp_path)["张三"].file.name == HOMEWORK


def test_homework_of_the_other_week(tmp_path):
    other = nbformat.read(grade.assignment.path(15), as_version=4)
    put(tmp_path, f"张三/{HOMEWORK}", other)
    one = collected(tmp_path)["张三"]
    assert one.why == "不是这周的"
    assert "认不出这周的题" in one.doubts[-1]


def test_a_folder_named_like_another_student_is_his_own(tmp_path):
    age(put(tmp_path, f"李四/{HOMEWORK}", solved()), 1)
    age(put(tmp_path, f"张三/{HOMEWORK}", solved()), 1)
    age(put(tmp_path, f"张三/李四/{HOMEWORK}", blank()), 2)
    found = collected(tmp_path, ["张三", "李四"])
    assert found["李四"].file == tmp_path / "李四" / HOMEWORK
    assert "路径里还有 李四" in "".join(found["张三"].doubts)
    without_roster = collected(tmp_path)
    assert without_roster["李四"].file == tmp_path / "李四" / HOMEWORK


def test_two_students_of_one_name_are_both_graded(tmp_path):
    put(tmp_path, "2024001张三_week14.ipynb", solved())
    put(tmp_path, "2024002张三_week14.ipynb", blank())
    found = collected(tmp_path, ["张三", "张三"])
    assert list(found) == ["2024001张三", "2024002张三"]
    assert all("同名" in one.doubts[-1] for one in found.values())


def test_one_name_twice_in_the_roster(tmp_path):
    put(tmp_path, "张三_week14.ipynb", solved())
    assert "加上学号" in collected(tmp_path, ["张三", "张三"])["张三"].doubts[-1]


def test_the_last_of_several_files_counts_and_is_said(tmp_path):
    age(put(tmp_path, "张三_week14_exercises.ipynb", blank()), 1)
    age(put(tmp_path, "张三-week14(1).ipynb", solved()), 2)
    one = collected(tmp_path)["张三"]
    assert one.file.name == "张三-week14(1).ipynb"
    assert "交了 2 份" in one.doubts[-1]


def test_a_broken_file_beside_a_good_one(tmp_path):
    age(put(tmp_path, f"张三/{HOMEWORK}", solved()), 1)
    age(put(tmp_path, "张三/week14(1).ipynb", "{"), 2)
    one = collected(tmp_path)["张三"]
    assert one.homework
    assert "打不开的 week14(1).ipynb" in one.doubts[-1]


def test_a_link_to_another_homework(tmp_path):
    put(tmp_path, f"李四/{HOMEWORK}", solved())
    (tmp_path / "张三").mkdir()
    (tmp_path / "张三" / HOMEWORK).symlink_to(tmp_path / "李四" / HOMEWORK)
    one = collected(tmp_path)["张三"]
    assert one.why == "打不开"
    assert "链接" in one.doubts[-1]


def test_copies_of_editors_and_archives_do_not_count(tmp_path):
    for folder in (".ipynb_checkpoints", "__MACOSX"):
        put(tmp_path, f"张三/{folder}/{HOMEWORK}", solved())
    put(tmp_path, f"张三/._{HOMEWORK}", "x")
    assert collected(tmp_path, ["张三"])["张三"].why == "没有交"


def test_odd_words_are_listed(tmp_path):
    put(tmp_path, "张三.ipynb", with_answer(2, "import os\nos._exit(0)"))
    assert collected(tmp_path)["张三"].homework.odd_words == ["os._exit"]
    put(tmp_path, "李四.ipynb", solved())
    assert collected(tmp_path)["李四"].homework.odd_words == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_roster_as_windows_saves_it(tmp_path, encoding):
    (tmp_path / "名单.txt").write_bytes("张三\r\n2024001 李四\r\n\r\n".encode(encoding))
    assert names(tmp_path / "名单.txt") == ["张三", "2024001李四"]


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(SystemExit, match="应有收来的文件夹.*现在没有"):
        collect(tmp_path / "没有", 14, [])
    with pytest.raises(SystemExit, match="应有名单.*现在打不开"):
        names(tmp_path / "没有")


def test_a_name_with_a_lone_surrogate():
    assert cleaned("张\udc80三.ipynb") == "张?三"
