"""练习“做一个小实验”：只改一个量，运行几次，写成报告（开放题，由老师评）

没有写全才是 ✗；写得好不好，只给建议
出处: notebooks/05_next_token.ipynb 第 4–6 节、06_writing.ipynb 第 2、7 节
"""
from helpers.exercises.comparing import Wrong, as_lists, brief
from helpers.exercises.exercise import Exercise

HINTS = ("只改一个量，其余都不变，才看得出是谁的作用；抽样时每次先 torch.manual_seed",
         "结论写三件事：改了什么、看到什么变了、为什么会这样；再写一句：这几次运行还不能说明什么")
SOLUTION = """# 没有唯一的答案，这是一份写得完整的（看到的文字是示意，要换成你自己运行得到的）
answer_10 = {
    "问题": "温度变大，回答会变得怎样？",
    "做法": "同一个问题、同一个种子，max_new_tokens=20，只改温度：0.3 和 1.5 各运行一次",
    "看到": ["T=0.3：回答通顺，每次差不多", "T=1.5：词语东拉西扯，读不成句"],
    "结论": "温度 1.5 时读不成句：分布变平，离谱的词元也常被抽中，下一步又接着它往下猜；0.3 时几乎总抽第一名。"
            "只试了一个问题、一个种子，换一个不一定这样",
}"""
WHY = "一次只改一个量，是弄清“是谁的作用”的唯一办法；以后调任何模型，都是这样一次一次地试"
HARDER = "每个设置换五个种子各运行一次：两个设置的差别，比种子之间的差别大吗？不大，就还不能下结论"
KEYS = ("问题", "做法", "看到", "结论")
SHORT = 20  # 比这更短的做法和结论，多半没有说清楚
EXAMPLES = {"第一次的文字", "第二次的文字"}  # 题目里的样子，照抄不算


def exercise() -> Exercise:
    """这道题"""
    return Exercise("做一个小实验", "05 第 4–6 节、06 第 2、7 节", 10, check_report, HINTS, SOLUTION, WHY, HARDER,
                    stars=2, minutes=20, open=True)


def check_report(answer: object) -> str | None:
    """四个键都写了没有，没有就抛出 Wrong；返回给学生的建议，没有就是 None"""
    if not isinstance(answer, dict):
        raise Wrong(f"答案应是一个字典，现在是 {type(answer).__name__}；照题目的样子写四个键")
    missing = [key for key in KEYS if key not in answer]
    if missing:
        raise Wrong(f"应有问题、做法、看到、结论四个键，现在缺 {'、'.join(missing)}；补上再查")
    for key in ("问题", "做法", "结论"):
        check_written(answer, key)
    seen = texts(answer["看到"])
    if not seen:
        raise Wrong(f"“看到”应是运行得到的文字的列表，现在是 {brief(answer['看到'])}；把每次运行得到的放进方括号")
    return "\n".join(f"· {said}" for said in advice(answer, seen)) or None


def check_written(report: dict, key: str) -> None:
    """应是一段写了的话"""
    if not isinstance(report[key], str) or is_blank(report[key]):
        raise Wrong(f"“{key}”应是一段话，现在是 {brief(report[key])}；用自己的话写上")


def is_blank(text: str) -> bool:
    """什么也没写吗；题目里的“……”和几个标点也算没写"""
    return not any(letter.isalnum() for letter in text)


def texts(seen: object) -> list[str]:
    """看到的各条文字；列表、字典、一段话都行，空的和题目里的样子不算"""
    if isinstance(seen, dict):
        seen = [f"{name}：{text}" for name, text in seen.items() if written(text)]
    if isinstance(seen, str):
        seen = [seen]
    values = as_lists(seen)
    if not isinstance(values, list):
        return []
    return [str(text).strip() for text in values if written(text) and str(text) not in EXAMPLES]


def written(text: object) -> bool:
    """是写了的一条吗"""
    if text is None or text is ...:
        return False
    return not is_blank(str(text))


def advice(report: dict, seen: list[str]) -> list[str]:
    """可以写得更好的地方"""
    said = []
    way = report["做法"].strip()
    conclusion = report["结论"].strip()
    if len(seen) == 1:
        said.append("“看到”只有一条：换一个设置再运行一次，两次的文字都写上，才有得比")
    if len(seen) > 1 and len(set(seen)) == 1:
        said.append("几次看到的一样：是这个量没有作用，还是没有真的改到（例如贪心时温度不起作用）？查一查，结论里写明")
    if len(way) < SHORT:
        said.append("“做法”很短：别人照它能不能做出同样的结果？写上改的是哪个量、从多少到多少、什么不变")
    if len(conclusion) < SHORT:
        said.append("“结论”很短：写上看到什么变了，为什么会这样")
    if is_babble(way) or is_babble(conclusion):
        said.append("“做法”或“结论”里反复写着几个字：换成你真正做的和想的")
    if way == conclusion:
        said.append("“结论”和“做法”一字不差：做法是怎样试，结论是看到了什么、说明什么")
    return said


def is_babble(text: str) -> bool:
    """很长，却只有几个不同的字吗"""
    return len(text) >= SHORT and len(set(text)) < 8
