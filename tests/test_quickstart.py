"""第 02 讲第 4 节：先思考的模型分成两段；do_sample=False 不抽签，重复惩罚照样扣分"""
from pathlib import Path

from helpers.generation import UNFINISHED
from helpers.tiny import TINY

import nbformat
import pytest
from qwen3_like import scripted

LESSON = Path(__file__).parent.parent / "notebooks" / "02_quickstart.ipynb"


@pytest.fixture
def asked(tokenizer):
    """“什么是词元”套上模板以后的编号，形状 (1, n)"""
    messages = [{"role": "user", "content": "什么是词元"}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                         return_dict=True).input_ids


def beginning(model, tokenizer, asked) -> str:
    """不抽签，回答的头两个词元"""
    ids = model.generate(asked, attention_mask=asked.new_ones(asked.shape), max_new_tokens=2, do_sample=False)
    return tokenizer.decode(ids[0, asked.shape[1]:])


def test_greedy_still_lowers_what_was_seen(model, tokenizer, asked, monkeypatch):
    assert model.generation_config.repetition_penalty in (None, 1.0)
    assert beginning(model, tokenizer, asked) == "词元"
    monkeypatch.setattr(model.generation_config, "repetition_penalty", 1.3)  # 像真正的 Qwen 那样写在设置里
    assert beginning(model, tokenizer, asked) == "词表"


def test_it_was_the_second_half_that_fell_behind(model, tokenizer, asked):
    written = model.generate(asked, attention_mask=asked.new_ones(asked.shape), max_new_tokens=2, do_sample=False,
                             repetition_penalty=1.3, output_logits=True, output_scores=True,
                             return_dict_in_generate=True)
    assert tokenizer.decode(written.logits[1][0].argmax()) == "元"
    assert tokenizer.decode(written.scores[1][0].argmax()) == "表"


def test_the_recorded_step_of_the_real_qwen(tokenizer):
    seen = tokenizer("人工智能未来会取代人类吗？").input_ids
    assert tokenizer("取代").input_ids[0] in seen
    assert tokenizer("替代").input_ids[0] not in seen
    assert 15.4375 > 14.1875 > 15.4375 / 1.1


def test_the_embedded_model_learned_some_hundreds_of_questions():
    entries = 0
    for path in (TINY.parent / "corpus").glob("*.txt"):
        entries += path.read_text(encoding="utf-8").count("\n## ")
    assert 300 < entries < 1000


@pytest.mark.ci
@pytest.mark.parametrize("script, apart", [
    (["<think>", "a", "</think>", "b", "<|im_end|>"], ("a", "b")),
    (["<think>", "a"], ("a" * 199, UNFINISHED))])
def test_a_model_that_thinks_is_taken_apart(tmp_path, monkeypatch, script, apart):
    """同样的几格，换成先思考再回答的模型"""
    monkeypatch.setenv("COURSE_MODEL", str(scripted(tmp_path, script)))
    known = {}
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, known)
        if cell.id == "thinking":
            break
    assert (known["thought"], known["answer"]) == apart
