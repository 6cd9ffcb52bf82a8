"""练习“只要回答”：几种写法都对；把问题也解码、留着特殊词元、切错位置各有自己的话"""
from helpers.exercises.week15 import answer_text

import pytest
import torch
from week15_solutions import solved

# ---- 对的 ----


def by_batch(tokenizer, output_ids, prompt_length):
    return tokenizer.batch_decode(output_ids[:, prompt_length:], skip_special_tokens=True)[0]


def without_special_ids(tokenizer, output_ids, prompt_length):
    ids = output_ids[0].tolist()[prompt_length:]
    return tokenizer.decode([i for i in ids if i not in tokenizer.all_special_ids])


# ---- 错的 ----

def everything(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0], skip_special_tokens=True)


def special_tokens_left(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:])


def everything_left(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0])


def by_replace(tokenizer, output_ids, prompt_length):
    question = tokenizer.decode(output_ids[0, :prompt_length], skip_special_tokens=True)
    return everything(tokenizer, output_ids, prompt_length).replace(question, "")


def one_too_late(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length + 1:], skip_special_tokens=True)


def one_too_early(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length - 1:], skip_special_tokens=True)


def a_list_of_one(tokenizer, output_ids, prompt_length):
    return tokenizer.batch_decode(output_ids[:, prompt_length:], skip_special_tokens=True)


def cut_the_sentences(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[prompt_length:], skip_special_tokens=True)


def the_notebooks_example(tokenizer, output_ids, prompt_length):
    return "你好啊"


def not_decoded(tokenizer, output_ids, prompt_length):
    return output_ids[0, prompt_length:]


RIGHT = [solved(6), by_batch, without_special_ids]
WRONG = [
    (everything, "问题也解码了"),
    (special_tokens_left, "还留着特殊词元"),
    (everything_left, "都还在"),
    (by_replace, "按编号切"),
    (one_too_late, "差了一个"),
    (one_too_early, "差了一个"),
    (a_list_of_one, "多了一层列表"),
    (cut_the_sentences, "先取第 0 句"),
    (the_notebooks_example, "应得到"),
    (not_decoded, "应是一段文字"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    note = sheet[6].check(answer)
    assert note.mark == "✓", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[6].check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_the_example_in_the_notebook(tokenizer):
    written = tokenizer("你好").input_ids + tokenizer("你好啊").input_ids + [tokenizer.eos_token_id]
    assert solved(6)(tokenizer, torch.tensor([written]), 1) == "你好啊"


def test_the_answers_come_back_from_their_ids(tokenizer):
    for case in answer_text.cases(tokenizer):
        _, output_ids, prompt_length = case.inputs
        decoded = tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)
        assert decoded == case.expected
