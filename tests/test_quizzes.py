"""每一讲的小测：题目的写法合规矩，题里的数用代码证明，靠选项的长短和位置猜不出答案

check 是一个 Python 式子，里面可以用下面 names 列出的名字：分词器、教学小模型、没有放数的 Qwen2.5-0.5B、课程的模块，
还有 error_said 和 without_attention
"""
import json
import math
import re
from collections import Counter
from importlib.metadata import requires
from itertools import pairwise

from helpers import bpe, environment, generation, inside, pipeline, sampling, speed, tokens
from helpers.model import TINY
from helpers.widgets.quiz import LETTERS, QUIZZES, quiz_names

import pytest
import torch
import yaml
from shapes import QWEN2, on_meta
from transformers import Qwen2ForCausalLM

NOTEBOOKS = QUIZZES.parent
MOST_LETTERS = 20  # 错选项的 misconception 最多几个字
BANNED = ["以上都", "以上皆", "下面哪一个是正确的", "您"]
LETTER_BESIDE_CHINESE = "[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]"
HALF_WIDTH_SIGN = "[\u4e00-\u9fff][,;:?!()]"


def file(name: str) -> list[dict]:
    """一讲的题目，连同 check"""
    text = (QUIZZES / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


FILES = {name: file(name) for name in quiz_names()}


def numbered() -> list:
    """(哪一讲, 题)，每题是一个测试"""
    cases = []
    for name, questions in FILES.items():
        for number, question in enumerate(questions, start=1):
            case = pytest.param(name, question, id=f"{name}-{number}")
            cases.append(case)
    return cases


QUESTIONS = numbered()
PROVED = [case for case in QUESTIONS if "check" in case.values[1]]


def sources(name: str) -> list[str]:
    """笔记本各格的文字"""
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells]


def right_places(question: dict) -> list[int]:
    """对的选项在第几个，从 0 数起"""
    places = []
    for place, option in enumerate(question["options"]):
        if option.get("right"):
            places.append(place)
    return places


def single(name: str) -> list[dict]:
    """只有一个对的题"""
    return [question for question in FILES[name] if not question.get("several")]


def writings(question: dict) -> list[str]:
    """一题里给学生看的每段文字"""
    found = [question["ask"]]
    for option in question["options"]:
        found.append(option["text"])
        found.append(option["why"])
        found.append(option.get("misconception", ""))
    return found


def error_said(action) -> str:
    """action() 报的错。例: error_said(lambda: int("a")) -> "ValueError: invalid literal …"；没有报错是空的 ""
    """
    try:
        action()
    except Exception as error:  # 哪一种都要
        return f"{type(error).__name__}: {error}"
    return ""


def nothing(module, inputs, output):
    """部件照样算，交出来的全换成 0"""
    return output * 0


def without_attention(model, ids: list[int]) -> torch.Tensor:
    """关掉每层的注意力，最后一个位置的 logits"""
    hooks = []
    for layer in model.model.layers:
        hook = layer.self_attn.o_proj.register_forward_hook(nothing)
        hooks.append(hook)
    logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
    for hook in hooks:
        hook.remove()
    return logits


@pytest.fixture(scope="module")
def names(tokenizer, model) -> dict:
    """check 里可以用的名字"""
    qwen = on_meta(Qwen2ForCausalLM, QWEN2)
    return {"error_said": error_said, "without_attention": without_attention, "json": json,
            "tokenizer": tokenizer, "model": model, "qwen": qwen, "TINY": TINY, "math": math, "re": re,
            "torch": torch, "Counter": Counter, "pairwise": pairwise, "requires": requires, "bpe": bpe,
            "environment": environment, "generation": generation, "inside": inside, "pipeline": pipeline,
            "sampling": sampling, "speed": speed, "tokens": tokens}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_five_to_eight_questions(name):
    questions = FILES[name]
    assert 5 <= len(questions) <= 8
    asked = {question["ask"] for question in questions}
    assert len(asked) == len(questions)


@pytest.mark.parametrize("name", FILES)
def test_the_lesson_asks_them_before_its_summary(name):
    *_, title, code, summary = sources(name)
    assert title.startswith("## 小测\n")
    assert code == f'from helpers.widgets.quiz import Quiz\n\nQuiz("{name}")'
    assert summary.startswith("## 小结")


def test_every_quiz_in_a_lesson_has_its_file():
    asking = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if "Quiz(" in "".join(sources(path.stem)):
            asking.append(path.stem)
    assert asking == quiz_names()


@pytest.mark.parametrize("name, question", QUESTIONS)
def test_a_question_has_what_it_needs(name, question):
    assert set(question) <= {"ask", "read", "several", "options", "check"}
    assert 3 <= len(question["options"]) <= len(LETTERS)
    kinds = {type(text) for text in writings(question)}
    assert kinds == {str}, "数和带冒号的文字要写在引号里"
    texts = {option["text"] for option in question["options"]}
    assert len(texts) == len(question["options"])
    right = len(right_places(question))
    if question.get("several"):
        assert 2 <= right < len(texts)
    else:
        assert right == 1


@pytest.mark.parametrize("name, question", QUESTIONS)
def test_every_option_says_why(name, question):
    for option in question["options"]:
        assert len(option["why"]) >= 15
        assert option["why"].endswith(("。", "？", "”"))
        if option.get("right"):
            assert set(option) == {"text", "right", "why"}
        else:
            assert set(option) == {"text", "misconception", "why"}
            assert 0 < len(option["misconception"]) <= MOST_LETTERS


@pytest.mark.parametrize("name, question", QUESTIONS)
def test_the_section_to_read_is_in_the_lesson(name, question):
    number = re.fullmatch(r"第 (\d+) 节", question["read"])[1]
    text = "\n".join(sources(name))
    assert f"\n## {number}　" in text


@pytest.mark.parametrize("name, question", QUESTIONS)
def test_the_words_are_written_in_the_courses_way(name, question):
    for text in writings(question):
        assert [word for word in BANNED if word in text] == []
        assert text.count("`") % 2 == 0
        prose = re.sub("`[^`]*`", "", text)
        assert re.findall(LETTER_BESIDE_CHINESE, prose) == []
        assert re.findall(HALF_WIDTH_SIGN, prose) == []


@pytest.mark.parametrize("name", FILES)
def test_the_length_gives_nothing_away(name):
    """对的最长的，至多四分之一；对的最短的，至多三分之一"""
    longest = 0
    shortest = 0
    for question in single(name):
        lengths = [len(option["text"]) for option in question["options"]]
        [place] = right_places(question)
        own = lengths.pop(place)
        longest += own > max(lengths)
        shortest += own < min(lengths)
    questions = len(FILES[name])
    assert longest <= questions / 4
    assert shortest <= questions / 3


@pytest.mark.parametrize("name", FILES)
def test_the_place_gives_nothing_away(name):
    """对的在 A、B、C 都有过，没有哪个位置占到一半"""
    places = Counter()
    for question in single(name):
        places.update(right_places(question))
    [(_, most)] = places.most_common(1)
    assert {0, 1, 2} <= set(places)
    assert most < places.total() / 2


@pytest.mark.parametrize("name, question", PROVED)
def test_the_numbers_are_true(names, name, question):
    result = eval(question["check"], dict(names))
    assert result is True
