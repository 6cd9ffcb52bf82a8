"""训练样本：问题 → 一串词元编号，以及每个词元在损失里的分量"""
import random
from dataclasses import dataclass

from helpers.tiny.questions import Question

BEFORE = ["", "", "", "", "请问", "老师，", "你好，", "想问一下", "我想知道", "请教一下，", "问一下 ", "那个，",
          "老师讲的", "帮我解释", "我有个问题，", "麻烦问下", "我没听懂，", "书上说的", "新手提问：", "同学问我",
          "刚才说的", "谁能告诉我", "我一直没搞懂", "话说", "所以", "能说说", "具体讲讲", "我想弄清楚", "急，",
          "求助，"]
AFTER = ["", "", "？", "？", "?", "。", "呢", "呢？", "啊", "呀", "吗", "，谢谢", "！", "  ", "啊？", "，在线等",
         "来着", "，求解释", "，不太明白", "，能举个例子吗", "这个东西", "，具体说说", "，简单讲讲", "，怎么回事",
         "呀老师", "，没听懂", "……", "嘛", "，帮帮我", "哈"]
SAME = [("什么是", "啥是", "什么叫", "何谓"), ("怎样", "怎么", "如何", "咋"),
        ("为什么", "为啥", "为何", "怎么", "干嘛"),
        ("是什么", "是啥", "是个什么东西", "到底是什么", "指什么", "是个啥"),
        ("什么意思", "啥意思", "怎么理解", "表示什么"),
        ("有什么用", "干嘛用的", "有啥用", "是做什么的", "起什么作用", "用处是什么", "是干什么的", "是干嘛的"),
        ("有什么区别", "有啥不同", "差在哪", "哪里不一样", "有什么不一样", "有啥差别"),
        ("怎么办", "咋办", "怎么解决", "咋回事", "怎么处理"), ("词元", "token"), ("分词器", "tokenizer"),
        ("报错", "提示", "出错"), ("显卡", "GPU"), ("内核", "kernel"), ("电脑", "机器", "计算机"),
        ("对话模板", "聊天模板", "chat template"), ("温度", "temperature"), ("加载", "载入", "load"),
        ("回答", "答案", "输出"), ("多少", "几"), ("能不能", "可不可以", "可以"), ("没有", "没"), ("下载", "下"),
        ("生成", "写"), ("怎么看", "查看", "在哪看"), ("想要", "想", "要"), ("变慢", "慢"), ("太慢", "很慢", "好慢"),
        ("词表", "vocabulary"), ("量化", "quantization"), ("张量", "tensor"), ("注意力", "attention"),
        ("缓存", "cache"), ("编号", "id", "数字"), ("贪心", "greedy"), ("采样", "sampling", "抽样"),
        ("微调", "fine-tuning"), ("嵌入", "embedding"), ("模型", "大模型")]
CUT = 0.25    # 问法里删去一小段的比例
BREAK = 0.06  # 问法里的词元以这个比例拆成单字，练习认字
FORGET = 0.1  # 问法里的词元以这个比例换成“没见过”，练习看关键词
FORGOTTEN = -1  # “没见过”的编号，训练时落到共用的那一行
ANSWER_SHARE = (5, 3, 3, 3, 3, 3)  # 第一条答案多抽一些，贪心解码时它才稳稳领先
CUT_ANSWER = 0.7  # 这个比例的样本只留答案的开头：难的是选对哪条答案，后面的照着背就行
OPENING = 8       # 留多少个词元


def reword(wording: str, rng: random.Random) -> str:
    """一种问法 → 学生随手打出的样子：换说法、漏几个字、加套话、改大小写、去空格、换结尾"""
    for group in SAME:
        found = [word for word in group if word in wording]
        if found and rng.random() < 0.3:
            wording = wording.replace(max(found, key=len), rng.choice(group), 1)
    if rng.random() < CUT and len(wording) > 6:
        start, size = rng.randrange(len(wording)), rng.randint(1, len(wording) // 5)
        wording = wording[:start] + wording[start + size:]
    if rng.random() < 0.2:
        wording = wording.replace(" ", "")
    if rng.random() < 0.2:
        wording = wording.lower()
    if rng.random() < 0.7:
        wording = rng.choice(BEFORE) + wording.rstrip("？?。") + rng.choice(AFTER)
    return wording


def encode_question(tokenizer, text: str, rng: random.Random) -> list[int]:
    """问题的编号；少数中文词元拆成单字（BPE-dropout 的做法），没见过的切法也就认得

    出处: Provilkov 等 2020, BPE-Dropout
    """
    out = []
    for token_id in tokenizer.encode(text):
        word = tokenizer.decode([token_id])
        split = len(word) > 1 and "\u4e00" <= word[0] <= "\u9fff" and rng.random() < BREAK
        out += [i for letter in word for i in tokenizer.encode(letter)] if split else [token_id]
    return [FORGOTTEN if rng.random() < FORGET else token_id for token_id in out]


def pick_answer(question: Question, rng: random.Random) -> str:
    """按 ANSWER_SHARE 抽一条答案"""
    return rng.choices(question.answers, ANSWER_SHARE[:len(question.answers)])[0]


@dataclass(frozen=True)
class Emphasis:
    """损失里的分量：问题的词元，答案的第一个词元；答案其余的词元和 <|im_end|> 是 1"""
    asking: float
    opening: float


READING = Emphasis(asking=0.2, opening=1.0)   # 第一段：读问题、背答案一起学
CHOOSING = Emphasis(asking=0.0, opening=4.0)  # 第二段：只练从哪个词元开头，也就是选哪条答案


def turn(tokenizer, user: str, answer: str, rng: random.Random,
         emphasis: Emphasis) -> tuple[list[int], list[float]]:
    """一问一答 → (编号, 分量)，分量见 Emphasis"""
    ask = [*tokenizer.encode("<|im_start|>user\n"), *encode_question(tokenizer, user, rng),
           *tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n")]
    reply = tokenizer.encode(f"{answer}<|im_end|>")
    newline = tokenizer.encode("\n")
    weights = [emphasis.asking] * len(ask) + [emphasis.opening] + [1.0] * (len(reply) - 1) + [0.0]
    return ask + reply + newline, weights


def sample(tokenizer, system: list[int], question: Question, wording: str, others: list[Question],
           rng: random.Random, emphasis: Emphasis = READING) -> tuple[list[int], list[float]]:
    """一个训练样本：多数是一问一答，少数先聊过一句，少数是不带模板的普通文字"""
    kind = rng.random()
    answer = pick_answer(question, rng)
    if kind < 0.06:
        ids = tokenizer.encode(answer + "<|endoftext|>")
        return ids, [1.0] * len(ids)
    ids, weights = list(system), [0.0] * len(system)
    if kind < 0.14:
        other = rng.choice(others)
        before = turn(tokenizer, rng.choice(other.wordings), other.answers[0], rng, emphasis)
        ids, weights = ids + before[0], weights + before[1]
    text = reword(wording, rng)
    if kind > 0.75:  # 换个说法再问一遍：从一种问法猜另一种，练习认出同一个意思
        text += rng.choice("，。？ ") + reword(rng.choice(question.wordings), rng)
    last_ids, last_weights = turn(tokenizer, text, answer, rng, emphasis)
    end = len(last_ids)
    if rng.random() < CUT_ANSWER:
        end = min(end, last_weights.index(emphasis.opening) + OPENING)
    return ids + last_ids[:end], weights + last_weights[:end]


def used_ids(tokenizer, questions: list[Question], system: list[int]) -> list[int]:
    """语料和模板里出现的全部编号，从小到大：只有这些行会各自训练"""
    texts = [text for q in questions for w in q.wordings for text in (w, w.lower(), w.replace(" ", ""))]
    texts += [a for q in questions for a in q.answers] + BEFORE + AFTER + [word for group in SAME for word in group]
    texts += sorted({letter for text in texts for letter in text})
    found = {i for ids in tokenizer(texts)["input_ids"] for i in ids} | set(system)
    ends = tokenizer.encode("<|endoftext|><|im_start|>user\n<|im_start|>assistant\n<|im_end|>\nsystem")
    return sorted(found | set(ends))
