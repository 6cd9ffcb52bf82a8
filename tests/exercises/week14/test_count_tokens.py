"""练习“数词元”：几种数法都收；数成了别的，各有自己的话"""
import re
import unicodedata

from helpers.tokens import pieces

import numpy as np
import pytest
import torch
from answers import accepted, refused
from week14_solutions import solved

# ---- 对的 ----


def by_tokenize(tok, text):
    return sum(1 for _ in tok.tokenize(text))


def by_tensor(tok, text):
    return tok(text, return_tensors="pt").input_ids.shape[1]


def by_numpy(tok, text):
    return np.array(tok.encode(text)).size


def by_mask(tok, text):
    return torch.tensor(tok(text).attention_mask).sum()


def by_batch(tok, text):
    return len(tok([text])["input_ids"][0])


def by_pieces(tok, text):
    if not text:
        return 0
    return len(pieces(tok, text))


def by_recursion(tok, text):
    def count(ids):
        return 1 + count(ids[1:]) if len(ids) else 0
    ids = tok(text).input_ids
    return sum(count(ids[at:at + 100]) for at in range(0, len(ids), 100))


@pytest.mark.parametrize("answer", [solved(2), by_tokenize, by_tensor, by_numpy, by_mask, by_batch, by_pieces,
                                    by_recursion, lambda tok, text: float(len(tok(text).input_ids))])
def test_right(sheet, answer):
    accepted(sheet[2], answer)


# ---- 错的 ----

def in_bits(size):
    """每 size 个字符切一次，加起来"""
    def answer(tok, text):
        return sum(len(tok(text[at:at + size]).input_ids) for at in range(0, len(text), size))
    return answer


def remembered(length):
    """前 length 个字符一样的，当成同一段"""
    known = {}

    def answer(tok, text):
        return known.setdefault(text[:length], len(tok(text).input_ids))
    return answer


def in_template(tok, text):
    messages = [{"role": "user", "content": text}]
    return len(tok.apply_chat_template(messages, add_generation_prompt=True).input_ids)


@pytest.mark.parametrize("answer, says", [
    (lambda tok, text: 7.0 * len(tok(text).input_ids), "应得到"),
    (lambda tok, text: len(text), "这是字符数"),
    (lambda tok, text: len(tok(text)), "两样"),
    (lambda tok, text: len(text.encode()), "这是字节数"),
    (lambda tok, text: tok(text).input_ids, "现在是一串"),
    (lambda tok, text: len(tok(text, return_tensors="pt").input_ids), "几句话"),
    (lambda tok, text: max(1, len(tok(text).input_ids)), "应是 0，现在是 1"),
    (lambda tok, text: len(set(tok(text).input_ids)), "去掉重复"),
    (lambda tok, text: len(tok(text.lower()).input_ids), "改了大小写"),
    (lambda tok, text: len(tok(text.strip()).input_ids), "两头空白"),
    (lambda tok, text: len(tok(text.lstrip()).input_ids), "两头空白"),
    (lambda tok, text: len(tok(text.rstrip()).input_ids), "两头空白"),
    (lambda tok, text: len(tok(text.upper()).input_ids), "应得到"),
    (lambda tok, text: len(tok(text.capitalize()).input_ids), "改了大小写"),
    (lambda tok, text: len(tok(text[:1000]).input_ids), "被截短了"),
    (lambda tok, text: np.count_nonzero(tok(text).input_ids), "应得到"),
    (lambda tok, text: len(tok(text.replace("\n", "")).input_ids), "应"),
    (lambda tok, text: len(tok(text.expandtabs(4)).input_ids), "应得到"),
    (lambda tok, text: len(tok(text.replace("\r\n", "\n")).input_ids), "应得到"),
    (lambda tok, text: len(tok(text.replace("\u3000", " ")).input_ids), "应得到"),
    (lambda tok, text: sum(len(tok(part).input_ids) for part in re.split("(?<=[。！？])", text)), "应得到"),
    (lambda tok, text: sum(len(tok(part).input_ids) for part in re.split("(?= )", text)), "应得到"),
    (lambda tok, text: len(tok(text.replace("\t", "    ")).input_ids), "应得到"),
    (lambda tok, text: len(tok(unicodedata.normalize("NFKC", text)).input_ids), "应得到"),
    (lambda tok, text: len(tok(text.replace(" ", "")).input_ids), "去掉了空白"),
    (lambda tok, text: sum(len(tok(word).input_ids) for word in text.split()), "按空白分开"),
    (lambda tok, text: len(text.split()), "按空白分开的词数"),
    (lambda tok, text: len(text.split(" ")), "按空白分开的词数"),
    (lambda tok, text: str(len(tok(text).input_ids)), "现在是文字"),
    (in_template, "对话模板"),
    (lambda tok, text: sum(len(tok(letter).input_ids) for letter in text), "一个字一个字地切"),
    (lambda tok, text: sum(len(tok(line).input_ids) for line in text.splitlines()), "应得到"),
    (lambda tok, text: len(tok(" " + text).input_ids), "应得到"),
    (lambda tok, text: len(tok(text, truncation=True, max_length=512).input_ids), "被截短了"),
    (lambda tok, text: len(tok(text[:4000]).input_ids), "很长的文字被截短了"),
    (lambda tok, text: len(tok(text[-100_000:]).input_ids), "很长的文字被截短了"),
    (lambda tok, text: len(tok(text).input_ids[:2048]), "很长的文字被截短了"),
    (lambda tok, text: len(tok(text, truncation=True, max_length=4096).input_ids), "很长的文字被截短了"),
    (lambda tok, text: len(tok(text, truncation=True, max_length=131_072).input_ids), "很长的文字被截短了"),
    (lambda tok, text: min(len(tok(text).input_ids), 32_768), "很长的文字被截短了"),
    (in_bits(10_000), "很长的文字多数了"),
    (in_bits(50_000), "很长的文字多数了"),
    (lambda tok, text: len(tok(text).input_ids) + 1, "应得到"),
    (lambda tok, text: len(tok(text, split_special_tokens=True).input_ids), "切碎了"),
    (lambda tok, text: sum(i < tok.vocab_size for i in tok(text).input_ids), "特殊词元也要数"),
    (remembered(50), "应得到"),
    (lambda tok, text: len(tok(text.replace("\u200d", "").replace("\ufeff", "")).input_ids), "应得到"),
    (in_bits(100), "应得到"),
    (in_bits(1000), "应得到"),
    (lambda tok, text: sum(len(tok(part).input_ids) for part in re.split("(?<=，)", text)), "应得到"),
    (lambda tok, text: 7, "应得到"),
    (lambda tok, text: None, "忘了 return"),
    (lambda tok, text: print(len(tok(text).input_ids)), "忘了 return"),
    (lambda text: 1, "TypeError"),
    (7, "应是一个函数"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[2], answer, says)
