"""练习“哪一段的词元最多”：四段文字里选一段

出处: notebooks/03_tokenization.ipynb 第 3 节
"""
from functools import partial

from helpers.exercises.comparing import Wrong, as_letter
from helpers.exercises.exercise import Exercise
from helpers.exercises.week14.count_tokens import token_count

TEXTS = {"A": "人工智能正在改变我们的世界", "B": "Transformers are the future", "C": "13800138000", "D": "犇骉麤"}
REASONS = {
    "A": "汉字多，词元不一定多：常用的词几个字合成一个词元",
    "B": "字符最多，词元不一定最多：一个英文词常常只是一两个词元",
    "D": "生僻字确实会切成几块，可这里只有三个字",
}
HINTS = ("想想课文 03 第 3 节的三件事：常用词、数字、生僻字各怎样切",
         "字符多少不要紧，要紧的是合不合并：哪一段里几乎什么都不合？")
SOLUTION = """# 数字一位一个词元，11 位就是 11 个；常用的汉字词和英文词会合并，生僻字只多出一两块
answer_3 = "C\""""
WHY = ("四段各切成：A 5 个（人工智能│正在│改变│我们的│世界），B 5 个（Transform│ers│ are│ the│ future），"
       "C 11 个（一位一个），D 4 个（麤切成两块）。字符最多的是 B，词元最多的是 C：一个电话号码比一句话还“长”。")
HARDER = "身份证号、学号、网址、表情各猜一个再数；哪一种每个字符用的词元最多？"


def exercise(tokenizer) -> Exercise:
    """这道题；哪一段最多由分词器自己数"""
    check = partial(check_most_tokens, tokenizer)
    return Exercise("哪一段的词元最多", "03 第 3 节", 5, check, HINTS, SOLUTION, WHY, HARDER, stars=1, minutes=4)


def check_most_tokens(tokenizer, answer: object) -> None:
    """answer 应是词元最多的那一段的字母，不对就抛出 Wrong"""
    if isinstance(answer, str) and answer in TEXTS.values():
        raise Wrong("这是其中一段文字；写它前面的字母，两边加引号")
    letter = as_letter(answer, "ABCD")
    counts = {name: token_count(tokenizer, text) for name, text in TEXTS.items()}
    most = max(counts.values())
    if counts[letter] < most:
        reason = REASONS.get(letter, "再看看每一段会切成几块")
        raise Wrong(f"{letter} 应比别的三段词元都多，现在不是；{reason}。用第 2 题的函数数一数")
