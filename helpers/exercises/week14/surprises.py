"""练习“切得很意外的三段文字”：开放题，检查只看写得合不合要求

出处: notebooks/03_tokenization.ipynb 第 3–7 节
"""
import re
from functools import partial

from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise
from helpers.exercises.week14.cut_characters import split_letters
from helpers.exercises.week14.most_tokens import TEXTS

LESSON = {*TEXTS.values(), "麤", "牛多叫犇骉麤", "你 好", "123", "year 123", "人工智能", "龘", "欧阳修今年 1007 岁",
          "人工智能未来会取代人类吗？", "Hello world，你好 😀\n    return x == 123", "e\u0301", "\uf90a", " 好",
          "今天 25 度", "strawberry", "1380013800", "监听页面", "不能为空", "微软雅黑", "删除成功",
          "有限公司"}  # 课文里的例子
HINTS = ("用 colored(tokenizer, 文字) 多试几段：生僻字、很长的英文词、电话号码、空格后面跟着汉字、常见的四字词",
         "一种意外找一段；理由里说出是哪一条规则：字节、合并次序、数字一位一段、空格归后面的词、NFC 规范化")
SOLUTION = """# 没有唯一的答案，这是三种不同的意外；要换成你自己找的
answer_10 = {
    "2026 年": "数字在合并之前就被规则切成一位一段，合并不跨段，所以四位数总是四个词元",
    "吃 饭": "空格归后面的一段，它先和“饭”的第一个字节合并了，“饭”就被切成几块",
    "refrigerator": "整个词没有常见到合成一块，只合出了 ref、riger、ator，切口和词的意思无关",
}"""


def exercise(tokenizer) -> Exercise:
    """这道题；写得好不好由老师评"""
    check = partial(check_surprises, tokenizer)
    return Exercise("切得很意外的三段文字", "03 第 3–7 节", 10, check, HINTS, SOLUTION, stars=2, minutes=14, open=True)


def check_surprises(tokenizer, answer: object) -> str | None:
    """answer 应是三段文字和理由 {文字: 理由}，样子不对就抛出 Wrong；样子对了，返回给学生的建议"""
    if not isinstance(answer, dict):
        kind = type(answer).__name__
        raise Wrong(f"应是一个字典 {{文字: 理由}}，现在是 {kind}；写成 {{\"文字\": \"理由\", ...}}")
    for text, reason in answer.items():
        check_row(text, reason)
    if len(answer) < 3:
        raise Wrong(f"应至少有三段文字，现在有 {len(answer)} 段；再找几段")
    advice = []
    for text, reason in answer.items():
        advice += advice_on(tokenizer, text, reason)
    different = set(map(squeezed, answer.values()))
    if len(different) < len(answer):
        advice.append("有两段的理由一模一样；同一种意外算一种，再找一种别的")
    return "\n".join(advice)


def check_row(text: object, reason: object) -> None:
    """文字和理由都应是不空的字符串，理由不少于 15 个字"""
    are_texts = isinstance(text, str) and isinstance(reason, str)
    if not are_texts or text == "":
        row = f"{brief(text, 20)}: {brief(reason, 20)}"
        raise Wrong(f"文字和理由都应是不空的字符串，现在有 {row}；两边都加引号")
    written = len(squeezed(reason))
    if written < 15:
        raise Wrong(f"{brief(text, 30)} 的理由应至少 15 个字，现在有 {written} 个；写明为什么这样切")


def advice_on(tokenizer, text: str, reason: str) -> list[str]:
    """对一段文字和它的理由的建议，可能没有"""
    said = brief(text, 30)
    advice = []
    if text in LESSON:
        advice.append(f"{said} 是课文里的例子；换成你自己找的，照抄的不给分")
    if not surprises(tokenizer, text):
        advice.append(f"{said} 里没有看出题目列的五种意外；用 colored 再看看它怎样切，或者在理由里说清楚意外在哪里")
    if len(set(reason)) < 8:
        advice.append(f"{said} 的理由只有几个字反复出现；写明为什么这样切")
    return advice


def squeezed(text: str) -> str:
    """去掉所有的空白"""
    return "".join(text.split())


def surprises(tokenizer, text: str) -> list[str]:
    """这段文字切得意外在哪里，可能有几处，也可能没有

    例: surprises(tokenizer, "2026") -> ["一个单词或一串数字切成三块以上"]
    """
    from helpers.tokens import pieces

    found = pieces(tokenizer, text)
    decoded = tokenizer.decode([piece.id for piece in found])
    words = re.findall(r"[A-Za-z]+|\d+", text)
    names = []
    if split_letters(tokenizer, text):
        names.append("有字被切在内部")
    if any(len(tokenizer(word).input_ids) >= 3 for word in words):
        names.append("一个单词或一串数字切成三块以上")
    if any(re.search(r"[\u4e00-\u9fff]{4}", piece.text) for piece in found):
        names.append("一个词元装着四个以上的汉字")
    if any(re.match(rb" [\x80-\xff]", piece.bytes) for piece in found):
        names.append("空格和后面的汉字或表情粘在一起")
    if decoded != text:
        names.append("解码回来不是原来的文字")
    return names
