"""练习“读报错：表里没有这一格”：红字是真的，没有改过的认得出，改好的怎样写都收"""
import json
from collections import Counter
from contextlib import suppress

from helpers.exercises.week14 import repair_ids

import numpy as np
import pytest
import torch
from answers import accepted, named, refused, sources


@pytest.fixture(scope="module")
def exercise(tokenizer):
    return repair_ids.exercise(tokenizer)


def defined(source: str):
    return named(source, "id_counts")


# ---- 对的 ----

def by_bincount(tok, text):
    ids = torch.tensor(tok(text).input_ids, dtype=torch.long)
    return torch.bincount(ids, minlength=len(tok))


def by_numpy(tok, text):
    counts = np.zeros(len(tok.get_vocab()), dtype=int)
    np.add.at(counts, np.array(tok(text).input_ids, dtype=int), 1)
    return counts


def by_list(tok, text):
    counts = [0] * (tok.vocab_size + len(tok.added_tokens_encoder))
    for token_id in tok.encode(text):
        counts[token_id] += 1
    return counts


def by_counter(tok, text):
    seen = Counter(tok(text).input_ids)
    return tuple(seen[token_id] for token_id in range(len(tok)))


def by_floats(tok, text):
    counts = torch.zeros(len(tok))
    for token_id in tok(text).input_ids:
        counts[token_id] += 1
    return counts


def by_scatter(tok, text):
    ids = torch.tensor(tok(text).input_ids, dtype=torch.long)
    return torch.zeros(len(tok), dtype=torch.long).index_add(0, ids, torch.ones_like(ids))


def by_one_hot(tok, text):
    ids = torch.tensor(tok(text).input_ids, dtype=torch.long)
    return torch.nn.functional.one_hot(ids, num_classes=len(tok)).sum(dim=0)


def by_largest_id(tok, text):
    counts = torch.zeros(max(tok.get_vocab().values()) + 1, dtype=torch.long)
    for token_id in tok(text).input_ids:
        counts[token_id] += 1
    return counts


RIGHT = [defined(repair_ids.SOLUTION), by_bincount, by_numpy, by_list, by_counter, by_floats, by_scatter, by_one_hot,
         by_largest_id]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, answer):
    accepted(exercise, answer)


# ---- 错的 ----

def counts_of(size, choose=None):
    """数进 size 格；choose 把编号换成别的，None 是不要"""
    def answer(tok, text):
        counts = torch.zeros(size(tok, text), dtype=torch.long)
        for token_id in tok(text).input_ids:
            if choose is not None:
                token_id = choose(tok, token_id)
            if token_id is not None:
                counts[token_id] += 1
        return counts
    return answer


def words(tok, text):
    return tok.vocab_size


def tokens(tok, text):
    return len(tok)


def as_long_as_needed(tok, text):
    return max(tok(text).input_ids, default=-1) + 1


def rows_of_the_model(tok, text):
    return 151_936


def ordinary(tok, token_id):
    if token_id < tok.vocab_size:
        return token_id


def not_special(tok, token_id):
    if token_id not in tok.all_special_ids:
        return token_id


def clamped(tok, token_id):
    return min(token_id, tok.vocab_size - 1)


def wrapped(tok, token_id):
    return token_id % tok.vocab_size


def swallows(tok, text):
    counts = torch.zeros(tok.vocab_size, dtype=torch.long)
    for token_id in tok(text).input_ids:
        with suppress(IndexError):
            counts[token_id] += 1
    return counts


def only_whether(tok, text):
    counts = torch.zeros(len(tok), dtype=torch.long)
    counts[tok(text).input_ids] = 1
    return counts


def letter_by_letter(tok, text):
    counts = torch.zeros(len(tok), dtype=torch.long)
    for letter in text:
        for token_id in tok(letter).input_ids:
            counts[token_id] += 1
    return counts


def adds_without_repeats(tok, text):
    counts = torch.zeros(len(tok), dtype=torch.long)
    counts[tok(text).input_ids] += 1  # 同一个编号只加一次
    return counts


def remembers():
    """格子是函数外面的，越数越多"""
    counts = None

    def answer(tok, text):
        nonlocal counts
        if counts is None:
            counts = torch.zeros(len(tok), dtype=torch.long)
        counts += by_bincount(tok, text)
        return counts
    return answer


def by_split_special(tok, text):
    ids = torch.tensor(tok(text, split_special_tokens=True).input_ids, dtype=torch.long)
    return torch.bincount(ids, minlength=len(tok))


def without_the_template(tok, text):
    return by_bincount(tok, text.replace("<|im_start|>", "").replace("<|im_end|>", ""))


WRONG = [
    (lambda tok, text: by_bincount(tok, text[:10_000]), "应"),
    (lambda tok, text: sum(by_bincount(tok, line) for line in text.splitlines(True)), "应"),
    (lambda tok, text: by_bincount(tok, text[:1000]), "应"),
    (lambda tok, text: by_bincount(tok, text[-4096:]), "应"),
    (lambda tok, text: str(by_list(tok, text)), "现在是一段文字"),
    (lambda tok, text: torch.as_tensor(by_list(tok, text)).to(torch.uint8), "uint8 只到 255"),
    (lambda tok, text: by_list(tok, tok.decode(tok(text).input_ids[:100])), "没有数全"),
    (counts_of(words, ordinary), "附加词元还是没有格子"),
    (counts_of(tokens, ordinary), "不是绕过出错的编号"),
    (counts_of(tokens, not_special), "不是绕过出错的编号"),
    (counts_of(tokens, clamped), "算在了最后一个普通词元"),
    (counts_of(words, clamped), "附加词元还是没有格子"),
    (counts_of(words, wrapped), "附加词元还是没有格子"),
    (counts_of(tokens, wrapped), "从下标 1 起不同"),
    (counts_of(rows_of_the_model), "151936 是模型的表的行数"),
    (counts_of(as_long_as_needed), "随文字里最大的编号变"),
    (counts_of(lambda tok, text: 151_645), "应够全部的词元用"),
    (counts_of(lambda tok, text: 151_646), "应够全部的词元用"),
    (counts_of(lambda tok, text: tok.vocab_size + len(tok.all_special_ids)), "应够全部的词元用"),
    (counts_of(lambda tok, text: 151_666), "现在多了"),
    (counts_of(lambda tok, text: 200_000), "现在多了"),
    (swallows, "附加词元还是没有格子"),
    (lambda tok, text: by_bincount(tok, text.strip()), "两头的空白"),
    (lambda tok, text: by_bincount(tok, text.lower()), "变成了小写"),
    (lambda tok, text: by_bincount(tok, text) if text else [], "空的文字也应有全部的格子"),
    (lambda tok, text: by_bincount(tok, text).tolist()[:-1], "应够全部的词元用"),
    (only_whether, "只有 0 和 1"),
    (adds_without_repeats, "只有 0 和 1"),
    (letter_by_letter, "一个字一个字"),
    (without_the_template, "不是绕过出错的编号"),
    (lambda tok, text: by_bincount(tok, text) / max(1, len(tok(text).input_ids)), "除以了总数"),
    (lambda tok, text: Counter(tok(text).input_ids), "现在是字典"),
    (lambda tok, text: by_bincount(tok, text)[None], "里面还有一层"),
    (lambda tok, text: by_bincount(tok, text).sum(), "现在只有一个数"),
    (lambda tok, text: by_bincount(tok, text).bool(), "只有 0 和 1"),
    (lambda tok, text: tok(text).input_ids, "应够全部的词元用"),
    (lambda tok, text: [0] * len(tok), "全是 0"),
    (lambda tok, text: by_bincount(tok, text).char(), "没有数全"),
    (lambda tok, text: by_bincount(tok, text[:512]), "没有数全"),
    (lambda tok, text: by_bincount(tok, f"<|im_start|>user\n{text}<|im_end|>\n"), "套了模板"),
    (remembers(), "留着上一次数的"),
    (lambda tok, text: by_split_special(tok, text), "切碎了特殊词元"),
    (counts_of(lambda tok, text: tok.vocab_size + 1), "只多了一格"),
    (lambda tok, text: [str(count) for count in by_list(tok, text)], "里面是文字"),
    (lambda tok, text: None, "忘了 return"),
]


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    note = refused(exercise, answer, says)
    assert not note.text.startswith("答案的样子应像")


def test_an_answer_that_changes_the_tokenizer_is_told_so_and_spoils_nothing(exercise, tokenizer):
    def adds_a_token(tok, text):
        tok.add_tokens(["<|pad0|>"])
        return by_bincount(tok, text)

    before = len(tokenizer)
    note = exercise.check(adds_a_token)
    assert note.mark == "✗"
    assert "改动了分词器" in note.text
    assert len(tokenizer) == before
    assert exercise.check(by_bincount).mark == "✓"


@pytest.mark.parametrize("more", ["", "# 我还没有改\n"])
def test_the_code_as_given_is_not_an_answer_yet(exercise, more):
    note = exercise.check(defined(more + repair_ids.BROKEN))
    assert note.mark == "○"
    assert "还是题目给的代码" in note.text


def test_the_quoted_error_is_the_one_that_is_raised(tokenizer):
    broken = defined(repair_ids.BROKEN)
    with pytest.raises(IndexError) as caught:
        broken(tokenizer, repair_ids.FAILS_ON)
    assert f"{caught.typename}: {caught.value}" == repair_ids.ERROR


def test_what_is_said_of_the_numbers(tokenizer, model):
    assert tokenizer.vocab_size == 151_643
    assert len(tokenizer) == 151_665
    assert len(tokenizer.added_tokens_encoder) == 22
    assert model.config.vocab_size == repair_ids.MODEL_ROWS == 151_936


def test_the_example_in_the_statement(tokenizer):
    counts = defined(repair_ids.SOLUTION)(tokenizer, repair_ids.FAILS_ON)
    assert (counts[151644].item(), counts[198].item(), counts[0].item()) == (1, 2, 0)


def test_the_notebook_shows_the_real_error_and_gives_the_broken_function(exercise):
    cells = sources(14)
    at = cells.index(repair_ids.BROKEN)
    assert exercise.title in cells[at - 1]
    assert f"\n{repair_ids.ERROR}\n```" in cells[at - 1]
    assert f"id_counts(tokenizer, {json.dumps(repair_ids.FAILS_ON, ensure_ascii=False)})" in cells[at - 1]
    lines = repair_ids.BROKEN.splitlines()
    assert f"\n----> 8 {lines[7]}\n" in cells[at - 1]
