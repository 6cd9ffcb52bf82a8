"""练习“做一个小实验”：写全了就收下；缺的、敷衍的、没有比较的各有自己的话"""
import pytest
from week15_solutions import solved

WAY = "同一个问题和种子，只把 top_p 从 0.95 改成 0.1，各运行一次"
GOOD = {
    "问题": "top_p 变小会怎样？",
    "做法": WAY,
    "看到": ("今天天气很好", "今天天气很好，适合出门"),
    "结论": "Top_p 小的时候只剩第一名可抽，几次运行的文字都差不多",
}
NO_CONCLUSION = {key: GOOD[key] for key in ("问题", "做法", "看到")}
WRONG = [
    ("温度变大更乱", "应是一个字典"),
    (NO_CONCLUSION, "缺 结论"),
    (GOOD | {"看到": ["一样", "一样 "]}, "至少两条不同"),
    (GOOD | {"看到": "一样"}, "文字的列表"),
    (GOOD | {"看到": ["", "一样"]}, "至少两条不同"),
    (GOOD | {"做法": "改温度"}, "至少 20 个字"),
    (GOOD | {"结论": "温度" * 20}, "写具体"),
    (GOOD | {"问题": ...}, "“问题”"),
    (GOOD | {"看到": [1, 2]}, "文字的列表"),
    (GOOD | {"结论": "两次运行得到的文字很不一样，第二次的更短也更乱一些"}, "应提到"),
    (GOOD | {"结论": WAY}, "一字不差"),
    (GOOD | {"做法": "同一个问题运行了很多很多次，每一次都认真记下得到的文字"}, "改变了哪个量"),
]


@pytest.mark.parametrize("answer", [solved(10), GOOD])
def test_a_full_report_is_handed_in(sheet, answer):
    note = sheet[10].check(answer)
    assert note.mark == "✎", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[10].check(answer)
    assert note.mark == "✗"
    assert says in note.text
