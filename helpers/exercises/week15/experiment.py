"""练习“做一个小实验”：只改一个量，运行两次，写成报告（开放题，由老师评）

出处: notebooks/05_next_token.ipynb 第 4–6 节、06_writing.ipynb 第 2、7 节
"""
import re

from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise

HINTS = ("只改一个量，其余都不变，才看得出是谁的作用；抽样时每次先 torch.manual_seed",
         "结论写三件事：改了什么、看到什么变了、为什么会这样")
SOLUTION = """# 没有唯一的答案，这是一份写得完整的（看到的文字是示意，要换成你自己运行得到的）
answer_10 = {
    "问题": "温度变大，回答会变得怎样？",
    "做法": "同一个问题、同一个种子，max_new_tokens=20，只改温度：0.3 和 1.5 各运行一次",
    "看到": ["T=0.3：回答通顺，每次差不多", "T=1.5：词语东拉西扯，读不成句"],
    "结论": "温度 1.5 时读不成句：分布变平，离谱的词元也常被抽中，下一步又接着它往下猜；0.3 时几乎总抽第一名",
}"""
KNOBS = {  # 可以改的量 → 它的几种写法，正则表达式
    "温度": "温度|temperature",
    "top_p": "top[-_ ]p",
    "top_k": "top[-_ ]k",
    "重复惩罚": "重复惩罚|repetition_penalty",
    "max_new_tokens": "max_new_tokens|长度|最多写",
    "min_new_tokens": "min_new_tokens",
    "模板": "模板|template",
    "种子": "种子|seed",
    "do_sample": "do_sample|贪心|采样",
    "num_beams": "num_beams|束搜索",
    "提示词": "提示词|prompt|问法",
    "dtype": "dtype|float32|bfloat16",
}


def exercise() -> Exercise:
    """这道题"""
    return Exercise("做一个小实验", "05 第 4–6 节、06 第 2、7 节", 12, check_report, HINTS, SOLUTION, open=True)


def check_report(answer: object) -> None:
    """报告写全了没有；写得好不好由老师评"""
    if not isinstance(answer, dict):
        raise Wrong(f"答案应是一个字典，现在是 {type(answer).__name__}；照题目的样子写四个键")
    missing = [key for key in ("问题", "做法", "看到", "结论") if key not in answer]
    if missing:
        raise Wrong(f"应有问题、做法、看到、结论四个键，现在缺 {'、'.join(missing)}；补上再查")
    check_prose(answer, "问题", 1)
    check_prose(answer, "做法", 20)
    check_prose(answer, "结论", 20)
    check_seen(answer["看到"])
    check_conclusion(answer["做法"], answer["结论"])


def check_prose(report: dict, key: str, least: int) -> None:
    """应是一段至少 least 个字的话，不是几个字反复写"""
    text = report[key]
    if is_prose(text, least):
        return
    raise Wrong(f"“{key}”应是一段至少 {least} 个字的话，现在是 {brief(text)}；把它写具体些")


def is_prose(text: object, least: int) -> bool:
    """是至少 least 个字、不只是几个字反复写的一段话吗"""
    if not isinstance(text, str):
        return False
    letters = text.strip()
    if len(letters) < least:
        return False
    return len(set(letters)) >= min(least, 8)


def check_seen(seen: object) -> None:
    """应有至少两条不同的文字"""
    if not are_texts(seen):
        raise Wrong(f"“看到”应是文字的列表，现在是 {brief(seen)}；把每次运行得到的文字放进方括号")
    different = {text.strip() for text in seen}
    different.discard("")
    if len(different) < 2:
        raise Wrong(f"“看到”应有至少两条不同的文字，现在有 {len(different)} 条；换一个设置再运行一次，两次的结果都写上")


def are_texts(seen: object) -> bool:
    """是一列文字吗"""
    return isinstance(seen, list | tuple) and all(isinstance(text, str) for text in seen)


def check_conclusion(way: str, conclusion: str) -> None:
    """结论应说到做法里改变的量"""
    if way.strip() == conclusion.strip():
        raise Wrong("“结论”应说看到了什么、说明什么，现在和“做法”一字不差；用自己的话写")
    changed = knobs_in(way)
    if not changed:
        raise Wrong("“做法”应说明改变了哪个量，现在没有提到；例如温度、top_p、重复惩罚、max_new_tokens 或对话模板")
    if changed.isdisjoint(knobs_in(conclusion)):
        names = "、".join(sorted(changed))
        raise Wrong(f"“结论”应提到做法里改变的量（{names}），现在没有；说说它变了，结果怎样变")


def knobs_in(text: str) -> set[str]:
    """文字里提到了哪些可以改的量。例: knobs_in("temperature 改成 2") -> {"温度"}"""
    return {knob for knob, pattern in KNOBS.items() if re.search(pattern, text.lower())}
