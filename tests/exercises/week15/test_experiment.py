"""练习“做一个小实验”：写全了就收下，写得好不好只给建议；没有写全才是 ✗"""
import pytest
from answers import refused
from week15_solutions import solved

NUMBER = 10
WAY = "同一个问题和种子，只把 top_p 从 0.95 改成 0.1，各运行一次"
GOOD = {
    "问题": "top_p 变小会怎样？",
    "做法": WAY,
    "看到": ("今天天气很好", "今天天气很好，适合出门"),
    "结论": "Top_p 小的时候只剩第一名可抽，几次运行的文字都差不多",
}
OTHER_KNOBS = {
    "问题": "问法客气一点，回答会不会更长？",
    "做法": "问题前面加不加“请”，别的都不变（温度 0.7，种子 14，最多 60 个词元），各问三次",
    "看到": ["不加：词元是……", "加：好的，词元是……", "加：当然可以！词元是……"],
    "结论": "前面多了一句客套话，正文差不多长；只问了三次，不能说一定会这样",
}
NO_KNOB_IN_THE_CONCLUSION = GOOD | {"结论": "第二次的更短也更整齐，因为能选的少了，总是选到最像样的那一个"}
FIGURES = GOOD | {"看到": [{"T=0.3": 12}, {"T=1.5": 31}]}
BY_SETTING = GOOD | {"看到": {"top_p=0.95": "今天天气很好", "top_p=0.1": "今天天气很好，适合出门"}}
NOTHING_NOTICED = GOOD | {
    "问题": "惩罚有用吗",
    "结论": "这两个设置写出的文字没有看出什么不同，可能是问题太短，惩罚还来不及起作用",
}
MORE_KEYS = GOOD | {"还想试": "换五个种子"}
MANY_RUNS = GOOD | {"看到": [f"第 {n} 次：写了 {n * 7} 个词元就停" for n in range(10)]}
ENGLISH = {
    "问题": "Does max_new_tokens change the style?",
    "做法": "Same prompt, greedy, only max_new_tokens 5, 20, 100",
    "看到": ["It is", "It is a unit of text"],
    "结论": "The beginning stays the same; it is only cut at another place",
}
A_LIST_OF_NUMBERS = GOOD | {"看到": [3, 17]}

RIGHT = [solved(NUMBER), GOOD, OTHER_KNOBS, NO_KNOB_IN_THE_CONCLUSION, FIGURES, BY_SETTING, NOTHING_NOTICED, MORE_KEYS,
         MANY_RUNS, ENGLISH, A_LIST_OF_NUMBERS]
ADVICE = [
    (GOOD | {"看到": ["一样", "一样 "]}, "看到的一样"),
    (GOOD | {"看到": "只写了一段"}, "只有一条"),
    (GOOD | {"看到": ["", "写了一条"]}, "只有一条"),
    (GOOD | {"做法": "改温度"}, "“做法”很短"),
    (GOOD | {"结论": "乱了"}, "“结论”很短"),
    (GOOD | {"结论": "温度" * 20}, "反复写着"),
    (GOOD | {"结论": WAY}, "一字不差"),
]
NOT_FILLED = [
    ("温度变大更乱", "应是一个字典"),
    ({}, "缺 问题、做法、看到、结论"),
    ({key: GOOD[key] for key in ("问题", "做法", "看到")}, "缺 结论"),
    (GOOD | {"问题": ...}, "“问题”"),
    (GOOD | {"做法": ""}, "“做法”"),
    (GOOD | {"结论": "……"}, "“结论”"),
    (GOOD | {"问题": None}, "“问题”"),
    (GOOD | {"结论": 3}, "“结论”"),
    (GOOD | {"看到": []}, "“看到”"),
    (GOOD | {"看到": ["", " "]}, "“看到”"),
    (GOOD | {"看到": None}, "“看到”"),
    (GOOD | {"看到": ["第一次的文字", "第二次的文字"]}, "“看到”"),
    ({"问题": "……", "做法": "……", "看到": ["第一次的文字", "第二次的文字"], "结论": "……"}, "“问题”"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_a_full_report_is_handed_in(sheet, answer):
    note = sheet[NUMBER].check(answer)
    assert note.mark == "✎", note.text
    assert note.text == "已经交了，由老师评"


@pytest.mark.parametrize("answer, says", ADVICE)
def test_taste_is_only_advice(sheet, answer, says):
    note = sheet[NUMBER].check(answer)
    assert note.mark == "✎", note.text
    assert says in note.text


@pytest.mark.parametrize("answer, says", NOT_FILLED)
def test_what_is_not_filled_is_said(sheet, answer, says):
    refused(sheet[NUMBER], answer, says)
