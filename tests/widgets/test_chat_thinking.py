"""聊天用先思考再回答的模型（Qwen3）：思考和回答分得开，模板去掉从前的思考，重用几个照实数"""
from helpers.generation import THINK_END, THINK_START, forgets_thoughts
from helpers.widgets.chat import Chat, ChatSource, chooser

import pytest
import torch
from qwen3_like import TEMPLATE, thinker
from talks import asked

OPTIONS = {"limit": 1024, "temperature": 0, "seed": 14, "reuse": True}
THOUGHT = "<think>\n打个招呼。\n</think>"
REPLY = f"{THOUGHT}\n\n你好！<|im_end|>"


@pytest.fixture(scope="module")
def opens(tokenizer):
    """Qwen3.5 那样的模板：让它思考时，替它写好 <think>"""
    other = thinker(tokenizer)
    empty = '</think>\n\n" -}}{%- endif -%}'
    opened = '</think>\n\n" -}}{%- elif enable_thinking -%}{{- "<think>\n" -}}{%- endif -%}'
    assert empty in TEMPLATE
    other.chat_template = TEMPLATE.replace(empty, opened)
    return other


@pytest.fixture
def source(qwen3, model):
    return ChatSource(qwen3, model)


def turn(source, messages: list[dict], **options) -> dict:
    """一轮：asked，思考和回答的文字，end"""
    found = {"thought": "", "answer": ""}
    for step in source.reply(messages, OPTIONS | options):
        if "id" in step and step["thinking"]:
            found["thought"] += step["text"]
        elif "id" in step:
            found["answer"] += step["text"]
        else:
            found |= step
    return found


def test_thought_and_answer(source, writes):
    writes(REPLY)
    found = turn(source, asked("你好"))
    assert found["thought"] == THOUGHT
    assert found["answer"] == "\n\n你好！"
    assert found["end"] == "stop"


def test_the_switch_of_the_template(source, writes, qwen3):
    writes("你好！<|im_end|>")
    found = turn(source, asked("你好"), thinking=False)
    assert found["thought"] == ""
    assert found["answer"] == "你好！"
    written = len(qwen3("你好！").input_ids)
    assert qwen3.decode(source.read[:-written]).endswith("assistant\n<think>\n\n</think>\n\n")


def test_a_template_that_opens_the_thought(opens, model, writes):
    source = ChatSource(opens, model)
    writes(REPLY.removeprefix("<think>\n"))
    found = turn(source, asked("你好"), thinking=True)
    assert found["thought"] == "打个招呼。\n</think>"
    assert found["answer"] == "\n\n你好！"


@pytest.mark.parametrize("said", [REPLY, "你好！<|im_end|>", "<think>\n打个招呼。<|im_end|>"])
def test_what_is_reused_is_what_looking_showed(source, writes, qwen3, said):
    """“下一轮能重用几个”，说的正是下一轮重用的"""
    writes(said)
    found = turn(source, asked("你好"))
    earlier = [*asked("你好"), {"role": "assistant", "content": found["thought"] + found["answer"]}]
    seen = source.look(earlier, 1024)
    read = list(source.read)
    writes("好<|im_end|>")
    second = turn(source, asked("写一句诗", *earlier))
    assert second["asked"]["reused"] == seen["reused"]
    assert second["asked"]["cut"] == len(read) - seen["reused"]
    assert qwen3.decode(source.read).startswith(qwen3.decode(read[:seen["reused"]]))


def test_an_earlier_thought_is_not_read_again(source, writes, qwen3):
    writes(REPLY)
    found = turn(source, asked("你好"))
    start = found["asked"]["count"]
    earlier = [*asked("你好"), {"role": "assistant", "content": found["thought"] + found["answer"]}]
    writes("好<|im_end|>")
    second = turn(source, asked("写一句诗", *earlier))
    assert second["asked"]["reused"] == start  # 到“assistant↵”为止，后面本来是思考
    assert second["asked"]["cut"] == len(qwen3(REPLY).input_ids) - 1  # 结束词元没有送进去
    assert THINK_END not in qwen3.decode(source.read)
    assert "你好！<|im_end|>" in qwen3.decode(source.read)


def test_half_a_thought_stays_in_the_talk(source, writes, qwen3):
    """画面说的：少了 </think>，模板认不出这是思考"""
    writes("<think>\n打个招呼。<|im_end|>")
    found = turn(source, asked("你好"))
    assert found["answer"] == ""
    writes("好<|im_end|>")
    turn(source, asked("写一句诗", *asked("你好"), {"role": "assistant", "content": "<think>\n打个招呼。"}))
    assert "<think>\n打个招呼。<|im_end|>\n<|im_start|>user" in qwen3.decode(source.read)


def test_who_forgets_thoughts(tokenizer, qwen3):
    assert forgets_thoughts(qwen3)
    assert not forgets_thoughts(tokenizer)
    keeps = thinker(tokenizer)
    keeps.chat_template = tokenizer.chat_template
    assert not forgets_thoughts(keeps)


def test_a_thought_is_drawn_from_more():
    """思考时 top-p 是 0.95，不思考时是 0.8"""
    logits = torch.tensor([0.85, 0.12, 0.03, *[1e-9] * 17]).log()
    assert {chooser(1.0, seed)(logits) for seed in range(40)} == {0}
    assert {chooser(1.0, seed, True)(logits) for seed in range(40)} == {0, 1}


def test_the_view_starts_as_the_template_does(tokenizer, qwen3, model):
    given = Chat(tokenizer, model).given
    assert (given["thinking"], given["forgets"], given["temperature"]) == (None, False, 0)
    view = Chat(qwen3, model)
    assert (view.given["thinking"], view.given["forgets"], view.given["temperature"]) == (True, True, 0.6)
    assert THINK_START not in view.shown.text
