"""练习“读报错：变不成一张表”：红字是真的，没有改过的认得出，改好的怎样写都收"""
import copy
import json
from unicodedata import normalize

from helpers.exercises.week14 import repair_batch

import numpy as np
import pytest
import torch
from answers import accepted, named, refused, sources

SIDES = ["right", "left"]


@pytest.fixture(scope="module")
def own_tokenizer(tokenizer):
    """学生的函数会改它的设置，别的测试不受影响"""
    return copy.deepcopy(tokenizer)


@pytest.fixture(scope="module")
def exercise(own_tokenizer):
    return repair_batch.exercise(own_tokenizer)


def defined(source: str):
    return named(source, "last_ids")


# ---- 对的 ----

def by_side(tok, texts):
    return tok(texts, padding=True, padding_side="left", return_tensors="pt").input_ids[:, -1]


def by_setting(tok, texts):
    tok.padding_side = "left"
    return tok(texts, padding="longest", truncation=True, return_tensors="pt")["input_ids"][:, -1].tolist()


def by_mask(tok, texts):
    batch = tok(texts, padding=True, return_tensors="pt")
    last = batch.attention_mask.sum(dim=1) - 1
    return batch.input_ids[torch.arange(len(texts)), last].tolist()


def by_eos_as_pad(tok, texts):
    tok.pad_token = tok.eos_token
    tok.padding_side = "left"
    return tok(texts, padding=True, return_tensors="np").input_ids[:, -1]


def without_a_table(tok, texts):
    return [row[-1] for row in tok(texts).input_ids]


def one_by_one(tok, texts):
    return tuple(tok(text, return_tensors="pt").input_ids[0, -1] for text in texts)


def by_recursion(tok, texts):
    if not texts:
        return []
    return [tok.encode(texts[0])[-1], *by_recursion(tok, texts[1:])]


def by_flipping(tok, texts):
    batch = tok(texts, padding=True, return_tensors="np")
    last = batch.attention_mask.shape[1] - 1 - np.argmax(batch.attention_mask[:, ::-1], axis=1)
    return np.take_along_axis(batch.input_ids, last[:, None], axis=1)[:, 0]


RIGHT = [defined(repair_batch.SOLUTION), by_side, by_setting, by_mask, by_eos_as_pad, without_a_table, one_by_one,
         by_recursion, by_flipping]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, own_tokenizer, answer, side):
    own_tokenizer.padding_side = side
    pad = own_tokenizer.pad_token
    accepted(exercise, answer)
    assert (own_tokenizer.padding_side, own_tokenizer.pad_token) == (side, pad)


# ---- 错的 ----

def only_padding(tok, texts):
    batch = tok(texts, padding=True, return_tensors="pt")
    return batch.input_ids[:, -1].tolist()


def padding_and_truncation(tok, texts):
    return tok(texts, padding=True, truncation=True, return_tensors="pt").input_ids[:, -1].tolist()


def only_truncation(tok, texts):
    return tok(texts, truncation=True, return_tensors="pt").input_ids[:, -1].tolist()


def cut_to_one(tok, texts):
    return tok(texts, truncation=True, max_length=1, return_tensors="pt").input_ids[:, -1].tolist()


def cut_to_the_shortest(tok, texts):
    shortest = min(len(row) for row in tok(texts).input_ids)
    return tok(texts, truncation=True, max_length=shortest, return_tensors="pt").input_ids[:, -1].tolist()


def cut_at(most):
    """左边补齐，可是截到 most 个"""
    def answer(tok, texts):
        batch = tok(texts, padding=True, padding_side="left", truncation=True, max_length=most, return_tensors="pt")
        return batch.input_ids[:, -1]
    return answer


def without_pad_ids(tok, texts):
    batch = tok(texts, padding=True, return_tensors="pt").input_ids
    return [row[row != tok.pad_token_id][-1].item() for row in batch]


def without_pad_ids_on_the_left(tok, texts):
    return [[i for i in tok(text).input_ids if i != 151643][-1] for text in texts]


def off_by_one(tok, texts):
    batch = tok(texts, padding=True, return_tensors="pt")
    return batch.input_ids[range(len(texts)), batch.attention_mask.sum(dim=1) - 2].tolist()


def last_row(tok, texts):
    return tok(texts, padding=True, padding_side="left", return_tensors="pt").input_ids[-1].tolist()


def first_column(tok, texts):
    return tok(texts, padding=True, return_tensors="pt").input_ids[:, 0].tolist()


def of_the_last_letters(tok, texts):
    return [tok(text[-1]).input_ids[-1] for text in texts]


def only_the_first_text(tok, texts):
    return tok(texts[0], return_tensors="pt").input_ids[:, -1].tolist()


def one_long_text(tok, texts):
    return tok("".join(texts)).input_ids[-1]


def swallows(tok, texts):
    try:
        return tok(texts, return_tensors="pt").input_ids[:, -1].tolist()
    except ValueError:
        return []


def decoded(tok, texts):
    return tok.batch_decode(by_mask(tok, texts))


def decoded_in_one(tok, texts):
    return tok.decode(by_mask(tok, texts))


def by_length(tok, texts):
    rows = sorted(tok(texts).input_ids, key=len)
    return [row[-1] for row in rows]


def without_repeats(tok, texts):
    return list(dict.fromkeys(without_a_table(tok, texts)))


def clears(tok, texts):
    ids = without_a_table(tok, texts)
    texts.clear()
    return ids


def a_table_if_as_long(tok, texts):
    """字数一样，就当作词元一样多"""
    if len(set(map(len, texts))) > 1:
        return without_a_table(tok, texts)
    return tok(texts, return_tensors="pt").input_ids[:, -1].tolist()


def padded_left(tok, texts):
    return tok(texts, padding=True, padding_side="left", return_tensors="pt")


WRONG = [
    (lambda tok, texts: [tok(text).input_ids[:998][-1] for text in texts], "被截短了"),
    (lambda tok, texts: [ids[-1] or ids[-2] for ids in tok(texts).input_ids], "应"),
    (lambda tok, texts: by_setting(tok, texts[:256]), "项数和 texts 的不一样"),
    (lambda tok, texts: by_setting(tok, texts)[-256:], "项数和 texts 的不一样"),
    (only_padding, "它是补上去的"),
    (padding_and_truncation, "它是补上去的"),
    (only_truncation, "truncation 只把太长的截短"),
    (lambda tok, texts: tok(texts, padding=True).input_ids[:, -1], "列表的列表"),
    (lambda tok, texts: padded_left(tok, texts).input_ids[:, 0], "第一列"),
    (lambda tok, texts: padded_left(tok, texts).input_ids[:, -2], "倒数第二"),
    (lambda tok, texts: padded_left(tok, texts).attention_mask[:, -1], "attention_mask 的最后一列"),
    (lambda tok, texts: padded_left(tok, texts).input_ids[:, -1] * 1.0, "带小数点的数"),
    (lambda tok, texts: [max(row) for row in tok(texts).input_ids], "最大的编号"),
    (lambda tok, texts: [row[-2:][0] for row in tok(texts).input_ids], "倒数第二"),
    (lambda tok, texts: [tok(text, split_special_tokens=True).input_ids[-1] for text in texts], "被切碎了"),
    (lambda tok, texts: list(map(len, tok(texts).input_ids)), "每段有几个词元"),
    (lambda tok, texts: [float(i) for i in without_a_table(tok, texts)], "带小数点的数"),
    (cut_to_one, "截短"),
    (cut_to_the_shortest, "截短"),
    (cut_at(2), "长的也不要截"),
    (cut_at(50), "长的被截短了"),
    (cut_at(512), "长的被截短了"),
    (without_pad_ids, "不要拿编号来认填充"),
    (without_pad_ids_on_the_left, "不要拿编号来认填充"),
    (off_by_one, "倒数第二"),
    (lambda tok, texts: [tok(text.strip()).input_ids[-1] for text in texts], "先去掉了两头的空白"),
    (lambda tok, texts: one_by_one(tok, [text.lower() for text in texts]), "应得到"),
    (a_table_if_as_long, "各行不一样长"),
    (lambda tok, texts: dict(enumerate(without_a_table(tok, texts))), "现在是字典"),
    (lambda tok, texts: [tok(text.rstrip("\n")).input_ids[-1] for text in texts], "应得到"),
    (last_row, "取的是列还是行"),
    (first_column, "取了第一列"),
    (of_the_last_letters, "最后一个字单独切"),
    (only_the_first_text, "项数"),
    (one_long_text, "现在只有一个数"),
    (swallows, "项数"),
    (decoded, "现在是文字"),
    (decoded_in_one, "现在是文字"),
    (by_length, "换了次序"),
    (lambda tok, texts: sorted(without_a_table(tok, texts)), "换了次序"),
    (without_repeats, "项数"),
    (lambda tok, texts: [[token_id] for token_id in without_a_table(tok, texts)], "里面还有列表"),
    (lambda tok, texts: tok(texts, padding=True, padding_side="left", return_tensors="pt"), "整个结果"),
    (clears, "保持原样"),
    (lambda tok, texts: [108386, 104472], "项数"),
    (lambda tok, texts: one_by_one(tok, [text for text in texts if text.strip()]), "有没有跳过哪一段"),
    (lambda tok, texts: one_by_one(tok, [text[-20:] for text in texts]), "应得到"),
    (lambda tok, texts: one_by_one(tok, [text[-50:] for text in texts]), "应得到"),
    (lambda tok, texts: one_by_one(tok, [text[-512:] for text in texts]), "截短"),
    (lambda tok, texts: one_by_one(tok, [text.split("，")[-1] for text in texts]), "应得到"),
    (lambda tok, texts: one_by_one(tok, [text.splitlines(keepends=True)[-1] for text in texts]), "应得到"),
    (lambda tok, texts: one_by_one(tok, [normalize("NFKC", text) for text in texts]), "应得到"),
    (lambda tok, texts: None, "忘了 return"),
    (lambda texts: texts, "TypeError"),
]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, own_tokenizer, answer, says, side):
    own_tokenizer.padding_side = side
    note = refused(exercise, answer, says)
    assert not note.text.startswith("答案的样子应像")


def test_a_wrong_answer_does_not_pass_because_another_one_left_its_setting_behind(exercise):
    assert exercise.check(by_setting).mark == "✓"
    assert exercise.check(only_padding).mark == "✗"


@pytest.mark.parametrize("more", ["", "# 我还没有改\n", "import torch\n\n\n"])
def test_the_code_as_given_is_not_an_answer_yet(exercise, more):
    note = exercise.check(defined(more + repair_batch.BROKEN))
    assert note.mark == "○"
    assert "还是题目给的代码" in note.text


def test_the_quoted_error_is_the_one_that_is_raised(tokenizer):
    broken = defined(repair_batch.BROKEN)
    with pytest.raises(ValueError) as caught:
        broken(tokenizer, repair_batch.FAILS_ON)
    assert f"{caught.typename}: {caught.value}" == repair_batch.ERROR
    cause = caught.value.__cause__
    assert f"{type(cause).__name__}: {cause}" == repair_batch.CAUSE


def test_no_text_is_too_long_for_truncation_without_a_number(tokenizer):
    for case in repair_batch.cases(tokenizer):
        assert max(len(tokenizer(text).input_ids) for text in case.inputs[1]) < 1000 < tokenizer.model_max_length


def test_what_is_said_of_the_numbers(own_tokenizer):
    own_tokenizer.padding_side = "right"
    assert only_padding(own_tokenizer, repair_batch.FAILS_ON) == [151643, 104472]
    assert repair_batch.right_ids(own_tokenizer, repair_batch.FAILS_ON) == [108386, 104472]


def test_the_notebook_shows_the_real_error_and_gives_the_broken_function(exercise, tokenizer):
    cells = sources(14)
    at = cells.index(repair_batch.BROKEN)
    assert exercise.title in cells[at - 1]
    assert f"\n{repair_batch.ERROR}\n```" in cells[at - 1]
    assert f"`{repair_batch.CAUSE}`" in cells[at - 1]
    assert json.dumps(repair_batch.FAILS_ON, ensure_ascii=False) in cells[at - 1]
    lines = repair_batch.BROKEN.splitlines()
    assert f"\n----> 3 {lines[2]}\n" in cells[at - 1]
    assert str(repair_batch.right_ids(tokenizer, repair_batch.FAILS_ON)) in cells[at - 1]
