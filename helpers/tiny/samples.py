"""训练样本：问题 → 一串词元编号，以及每个词元在损失里的分量"""
import random

from helpers.tiny.questions import Question

BEFORE = ["", "", "", "", "请问", "老师，", "你好，", "想问一下", "我想知道", "请教一下，", "问一下 "]
AFTER = ["", "", "？", "？", "?", "。", "呢", "呢？", "啊", "呀", "吗", "，谢谢", "！", "  "]
ANSWER_SHARE = (5, 3, 3, 3, 3, 3)  # 第一条答案多抽一些，贪心解码时它才稳稳领先
QUESTION_WEIGHT = 0.1


def reword(wording: str, rng: random.Random) -> str:
    """一种问法 → 学生随手打出的样子：加套话、改大小写、去空格、换结尾"""
    if rng.random() < 0.2:
        wording = wording.replace(" ", "")
    if rng.random() < 0.2:
        wording = wording.lower()
    if rng.random() < 0.6:
        wording = rng.choice(BEFORE) + wording.rstrip("？?。") + rng.choice(AFTER)
    return wording


def pick_answer(question: Question, rng: random.Random) -> str:
    """按 ANSWER_SHARE 抽一条答案"""
    return rng.choices(question.answers, ANSWER_SHARE[:len(question.answers)])[0]


def turn(tokenizer, user: str, answer: str) -> tuple[list[int], list[float]]:
    """一问一答 → (编号, 分量)；答案和它后面的 <|im_end|> 分量是 1"""
    ask = tokenizer.encode(f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n")
    reply = tokenizer.encode(f"{answer}<|im_end|>")
    newline = tokenizer.encode("\n")
    return ask + reply + newline, [QUESTION_WEIGHT] * len(ask) + [1.0] * len(reply) + [0.0]


def sample(tokenizer, system: list[int], question: Question, wording: str, others: list[Question],
           rng: random.Random) -> tuple[list[int], list[float]]:
    """一个训练样本：多数是一问一答，少数先聊过一句，少数是不带模板的普通文字"""
    kind = rng.random()
    answer = pick_answer(question, rng)
    if kind < 0.06:
        ids = tokenizer.encode(answer + "<|endoftext|>")
        return ids, [1.0] * len(ids)
    ids, weights = list(system), [0.0] * len(system)
    if kind < 0.14:
        other = rng.choice(others)
        before = turn(tokenizer, rng.choice(other.wordings), other.answers[0])
        ids, weights = ids + before[0], weights + before[1]
    last = turn(tokenizer, reword(wording, rng), answer)
    return ids + last[0], weights + last[1]


def used_ids(tokenizer, questions: list[Question], system: list[int]) -> list[int]:
    """语料和模板里出现的全部编号，从小到大：只有这些行会各自训练"""
    texts = [text for q in questions for w in q.wordings for text in (w, w.lower(), w.replace(" ", ""))]
    texts += [a for q in questions for a in q.answers] + BEFORE + AFTER
    found = {i for ids in tokenizer(texts)["input_ids"] for i in ids} | set(system)
    ends = tokenizer.encode("<|endoftext|><|im_start|>user\n<|im_start|>assistant\n<|im_end|>\nsystem")
    return sorted(found | set(ends))
