"""练习“温度和概率之比”：温度变小，第一名的概率是第二名的几倍

出处: notebooks/05_next_token.ipynb 第 4 节
"""
import re
import unicodedata

from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise

WHY = ("两个概率之比是 exp((z1 - z2) / T)，原来是 2 倍的，温度换成 2.0、1.0、0.7、0.5、0.3、0.1，"
       "依次是 1.4、2、2.7、4、10、1024 倍：越低越悬殊，0.1 就几乎是贪心了。分母约掉了，所以与别的词元无关")
HARDER = "第一名原来是 0.4，第二名 0.2，其余 8 个各 0.05；温度 0.3 时第一名的概率是多少？再用 torch.softmax 验一验"
HINTS = ("两个概率之比等于 exp((z1 - z2) / T)：分母约掉了",
         "T=1 时比是 2，所以 exp(z1 - z2) = 2；T=0.3 时是 2 的 1/0.3 次方")
SOLUTION = """# 比是 exp((z1 - z2) / T)：T=1 时是 2，T=0.3 时是 2 ** (1 / 0.3)，约 10.1
answer_3 = "D\""""
MANY = "几个字母"
WRONG_CHOICES = {
    "A": "温度会让分布变尖或变平，名次不变，比却会变；用 softmax 算两次看看",
    "B": "这是打分乘以 0.3 的结果；温度是除，T 小于 1 时分布更尖",
    "C": "温度除的是打分，不是概率之比；概率之比是两个打分之差的指数",
}


def exercise() -> Exercise:
    """这道题"""
    return Exercise("温度和概率之比", "05 第 4 节", 6, check_letter, HINTS, SOLUTION, WHY, HARDER,
                    stars=2, minutes=4)


def check_letter(answer: object) -> None:
    """应选 D：2 的 1/0.3 次方约是 10.1；字母后面可以有别的话"""
    letter = chosen_letter(answer)
    if letter == MANY:
        raise Wrong(f"答案应只有一个字母，现在是 {brief(answer)}；选你最相信的一个")
    if letter is None:
        raise Wrong(f"答案应是 A、B、C、D 中的一个字母，两边加引号，例如 \"A\"，现在是 {brief(answer)}")
    if letter in WRONG_CHOICES:
        raise Wrong(f"选了 {letter}，与算出来的不同；{WRONG_CHOICES[letter]}")


def chosen_letter(answer: object) -> str | None:
    """答案开头的字母，全角、小写也认；没有就是 None，写了几个就是 MANY。例: chosen_letter("ｄ　约 10 倍") -> "D\""""
    if not isinstance(answer, str):
        return None
    text = unicodedata.normalize("NFKC", answer).strip(" \t\n()").upper()
    if not re.match(r"[A-D](?![A-Z0-9_])", text):
        return None
    alone = set(re.findall(r"(?<![A-Z0-9_])[A-D](?![A-Z0-9_])", text))
    if len(alone) > 1:
        return MANY
    return text[0]
