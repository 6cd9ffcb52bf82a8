"""练习“哪一段的词元最多”：四段文字里选一段

出处: notebooks/03_tokenization.ipynb 第 3 节
"""
import unicodedata
from functools import partial

from helpers.exercises.comparing import Wrong, brief
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


def exercise(tokenizer) -> Exercise:
    """这道题；哪一段最多由分词器自己数"""
    check = partial(check_most_tokens, tokenizer)
    return Exercise("哪一段的词元最多", "03 第 3 节", 5, check, HINTS, SOLUTION)


def check_most_tokens(tokenizer, answer: object) -> None:
    """answer 应是词元最多的那一段的字母，不对就抛出 Wrong"""
    if not isinstance(answer, str):
        raise Wrong(f"应是一个字母，现在是 {type(answer).__name__}；写成 \"A\" 这样，两边有引号")
    letter = letter_meant(answer)
    if letter not in TEXTS:
        raise Wrong(f"应是 A、B、C、D 里的一个字母，现在是 {brief(answer)}；只写一个字母")
    counts = {name: token_count(tokenizer, text) for name, text in TEXTS.items()}
    most = max(counts.values())
    if counts[letter] < most:
        reason = REASONS.get(letter, "再看看每一段会切成几块")
        raise Wrong(f"{letter} 应比别的三段词元都多，现在不是；{reason}。用第 2 题的函数数一数")


def letter_meant(answer: str) -> str:
    """答案指的字母：小写、全角、抄了整段文字都认。例: " ｃ " -> "C" """
    for letter, text in TEXTS.items():
        if answer == text:
            return letter
    return unicodedata.normalize("NFKC", answer).strip().upper()
