"""练习“只要回答”：几种写法都对；把问题也解码、留着特殊词元、切错位置各有自己的话"""
import re
import unicodedata

from helpers.exercises.week15 import answer_text
from helpers.tokens import piece

import pytest
import torch
from answers import accepted, refused
from week15_solutions import solved

# ---- 对的 ----


def by_batch(tokenizer, output_ids, prompt_length):
    return tokenizer.batch_decode(output_ids[:, prompt_length:], skip_special_tokens=True)[0]


def without_special_ids(tokenizer, output_ids, prompt_length):
    ids = output_ids[0].tolist()[prompt_length:]
    return tokenizer.decode([i for i in ids if i not in tokenizer.all_special_ids])


def by_rows(tokenizer, output_ids, prompt_length):
    (row,) = output_ids.tolist()
    del row[:prompt_length]
    return tokenizer.decode(row, skip_special_tokens=True)


def until_the_end(tokenizer, output_ids, prompt_length):
    kept = []
    for token_id in output_ids[0][prompt_length:]:
        if token_id.item() in tokenizer.all_special_ids:
            break
        kept.append(token_id.item())
    return tokenizer.decode(kept)


def by_numpy(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids.numpy()[0][prompt_length:], skip_special_tokens=True)


def by_names(tokenizer, output_ids, prompt_length):
    """先解码，再去掉特殊词元的文字"""
    text = tokenizer.decode(output_ids.squeeze(0)[prompt_length:])
    for special in tokenizer.all_special_tokens:
        text = text.replace(special, "")
    return text


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


def stripped(tokenizer, output_ids, prompt_length):
    return by_rows(tokenizer, output_ids, prompt_length).strip()


def stripped_at_the_end(tokenizer, output_ids, prompt_length):
    return by_rows(tokenizer, output_ids, prompt_length).rstrip()


def lowered(tokenizer, output_ids, prompt_length):
    return by_rows(tokenizer, output_ids, prompt_length).lower()


def first_line(tokenizer, output_ids, prompt_length):
    return by_rows(tokenizer, output_ids, prompt_length).split("\n")[0]


def lines_joined(tokenizer, output_ids, prompt_length):
    return " ".join(by_rows(tokenizer, output_ids, prompt_length).split())


def without_the_last_id(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:-1])


def after_assistant(tokenizer, output_ids, prompt_length):
    return everything(tokenizer, output_ids, prompt_length).split("assistant\n")[-1]


def one_by_one(tokenizer, output_ids, prompt_length):
    ids = output_ids[0, prompt_length:]
    return "".join(tokenizer.decode(i, skip_special_tokens=True) for i in ids)


def spaces_cleaned(tokenizer, output_ids, prompt_length):
    return by_rows(tokenizer, output_ids, prompt_length).replace(" ,", ",").replace(" !", "!")


def cut_as_text(tokenizer, output_ids, prompt_length):
    """按文字的个数切"""
    return everything(tokenizer, output_ids, prompt_length)[prompt_length:]


def changes_output(tokenizer, output_ids, prompt_length):
    text = by_rows(tokenizer, output_ids, prompt_length)
    output_ids[0, :prompt_length] = tokenizer.pad_token_id
    return text


def without_angle_brackets(tokenizer, output_ids, prompt_length):
    """回答里的网页标记也去掉了"""
    return re.sub("<.*?>", "", tokenizer.decode(output_ids[0, prompt_length:]))


def question_cut_again(tokenizer, output_ids, prompt_length):
    question = tokenizer.decode(output_ids[0, :prompt_length], skip_special_tokens=True)
    return by_rows(tokenizer, output_ids, prompt_length).removeprefix(question)


def not_decoded(tokenizer, output_ids, prompt_length):
    return output_ids[0, prompt_length:]


def changed(change):
    """正确的回答，再改一改"""
    def answer(tokenizer, output_ids, prompt_length):
        return change(tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True))
    return answer


def removes_what_looks_special(tokenizer, output_ids, prompt_length):
    return re.sub(r"<\|.*?\|>", "", tokenizer.decode(output_ids[0, prompt_length:]))


def cut_at_the_first_special(tokenizer, output_ids, prompt_length):
    return re.split(r"<\|im_end\|>|<\|endoftext\|>", tokenizer.decode(output_ids[0, prompt_length:]))[0]


def without_two_names(tokenizer, output_ids, prompt_length):
    text = tokenizer.decode(output_ids[0, prompt_length:])
    return text.replace("<|im_end|>", "").replace("<|endoftext|>", "")


def without_two_suffixes(tokenizer, output_ids, prompt_length):
    text = tokenizer.decode(output_ids[0, prompt_length:])
    return text.removesuffix("<|endoftext|>").removesuffix("<|im_end|>")


def after_the_first_question(tokenizer, output_ids, prompt_length):
    question = tokenizer.decode(output_ids[0, :prompt_length], skip_special_tokens=True)
    return everything(tokenizer, output_ids, prompt_length).split(question)[1]


def without_added_ids(tokenizer, output_ids, prompt_length):
    """当作 151643 和更大的编号全是特殊词元；<tool_call> 不是"""
    ids = output_ids[0, prompt_length:]
    return tokenizer.decode(ids[ids < 151_643])


def by_tokens(tokenizer, output_ids, prompt_length):
    tokens = tokenizer.convert_ids_to_tokens(output_ids[0, prompt_length:], skip_special_tokens=True)
    return tokenizer.convert_tokens_to_string(tokens)


def by_bytes(tokenizer, output_ids, prompt_length):
    kept = [i for i in output_ids[0, prompt_length:].tolist() if i not in tokenizer.all_special_ids]
    return b"".join(piece(tokenizer, i).bytes for i in kept).decode(errors="replace")


RIGHT = [solved(6), by_batch, without_special_ids, by_rows, until_the_end, by_numpy, by_tokens,
         by_bytes]
WRONG = [
    (changed(lambda text: unicodedata.normalize("NFC", text)), "应得到"),
    (changed(lambda text: text.replace("<|im_end|>", "")), "名字"),
    (by_names, "名字"),
    (changed(lambda text: text.replace("�", "")), "末尾的半个字不见了"),
    (changed(lambda text: text.rstrip("�")), "末尾的半个字不见了"),
    (lambda tokenizer, output_ids, prompt_length: RIGHT[0](tokenizer, output_ids[:, :2048], prompt_length), "少了"),
    (lambda tokenizer, output_ids, prompt_length: RIGHT[0](tokenizer, output_ids, prompt_length)[:10_000], "少了"),
    (cut_at_the_first_special, "还留着特殊词元"),
    (without_two_names, "还留着特殊词元"),
    (without_two_suffixes, "还留着特殊词元"),
    (after_the_first_question, "按文字切的话"),
    (changed(lambda text: text.rstrip(" ")), "不用 strip()"),
    (changed(lambda text: text.lstrip(" ")), "不用 strip()"),
    (changed(lambda text: text.lstrip("\n")), "不用 strip()"),
    (changed(str.expandtabs), "应得到"),
    (removes_what_looks_special, "应得到"),
    (everything, "问题也解码了"),
    (special_tokens_left, "还留着特殊词元"),
    (everything_left, "都还在"),
    (by_replace, "按编号切"),
    (one_too_late, "差了一个"),
    (one_too_early, "差了一个"),
    (a_list_of_one, "多了一层列表"),
    (cut_the_sentences, "先取第 0 句"),
    (stripped, "不用 strip()"),
    (stripped_at_the_end, "不用 strip()"),
    (lowered, "大写变成了小写"),
    (first_line, "只剩第一行"),
    (lines_joined, "现在得到"),
    (without_the_last_id, "去掉了最后一个编号"),
    (after_assistant, "问题也解码了"),
    (one_by_one, "应得到"),
    (spaces_cleaned, "起不同"),
    (cut_as_text, "应得到"),
    (changes_output, "应保持原样"),
    (the_notebooks_example, "应得到"),
    (not_decoded, "应是一段文字"),
    (without_angle_brackets, "起不同"),
    (without_added_ids, "不都是特殊词元"),
    (question_cut_again, "又按文字去掉了一遍"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[6], answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    refused(sheet[6], answer, says)


def test_the_example_in_the_notebook(tokenizer):
    written = tokenizer("你好").input_ids + tokenizer("你好啊").input_ids + [tokenizer.eos_token_id]
    assert solved(6)(tokenizer, torch.tensor([written]), 1) == "你好啊"


def test_the_answers_come_back_from_their_ids(tokenizer):
    for case in answer_text.cases(tokenizer):
        _, output_ids, prompt_length = case.inputs
        decoded = tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)
        assert decoded == case.expected
