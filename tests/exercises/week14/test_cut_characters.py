"""练习“找半个字”：几种找法都收；只看一个字、只看旁边的字、重复的写错，各有自己的话"""
import random
import re
from collections import Counter
from itertools import accumulate
from unicodedata import normalize

from helpers.exercises.week14 import cut_characters
from helpers.tokens import pieces

import pytest
from answers import accepted, refused
from week14_solutions import solved

# ---- 对的 ----


def by_bytes(tok, text):
    edges = set()
    at = 0
    for piece in pieces(tok, text):
        at += len(piece.bytes)
        edges.add(at)
    cut = []
    start = 0
    for letter in text:
        end = start + len(letter.encode())
        if edges.intersection(range(start + 1, end)):
            cut.append(letter)
        start = end
    return tuple(cut)


def by_offsets(tok, text):
    spans = tok(text, return_offsets_mapping=True).offset_mapping
    return [text[i] for i in range(len(text)) if sum(start <= i < end for start, end in spans) >= 2]


def by_prefix_bytes(tok, text):
    data = b""
    cut = []
    for piece in pieces(tok, text):
        data += piece.bytes
        try:
            data.decode()
        except UnicodeDecodeError as error:
            place = len(data[:error.start].decode())
            cut.append(place)
    return [text[place] for place in sorted(set(cut))]


def by_streaming(tok, text):
    shown = 0
    waiting = False
    cut = []
    received = []
    for token_id in tok(text).input_ids:
        received.append(token_id)
        whole = tok.decode(received).rstrip("�")
        if waiting and len(whole) > shown:
            cut.append(whole[shown])
            waiting = False
        if tok.decode(received).endswith("�"):
            waiting = True
        shown = len(whole)
    return cut


def by_recursion(tok, text):
    def find(ids, last):
        if not ids:
            return []
        done = tok.decode(ids)
        place = len(done.rstrip("�"))
        rest = find(ids[:-1], place if done.endswith("�") else -1)
        if done.endswith("�") and place != last:
            return [*rest, text[place]]
        return rest
    return find(tok(text).input_ids, -1)


RIGHT = [solved(4), by_bytes, by_offsets, by_prefix_bytes, by_streaming, by_recursion]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[4], answer)


# ---- 错的 ----

def alone(tok, text):
    return [letter for letter in text if len(tok(letter).input_ids) > 1]


def without_space(tok, text):
    return [letter for letter in by_bytes(tok, text) if len(tok(letter).input_ids) > 1]


def window(before, after):
    """每个字连同前后几个字一起切"""
    def answer(tok, text):
        cut = []
        for place in range(len(text)):
            start = max(place - before, 0)
            part = text[start:place + 1 + after]
            if place - start in cut_characters.split_places(tok, part):
                cut.append(text[place])
        return cut
    return answer


def by_runs(tok, text):
    """连着的碎词元合起来解码，里面的字都算"""
    cut = []
    run = []
    for token_id in [*tok(text).input_ids, None]:
        if token_id is not None and "�" in tok.decode([token_id]):
            run.append(token_id)
        else:
            cut += tok.decode(run).strip()
            run = []
    return cut


def every_time(tok, text):
    cut = by_bytes(tok, text)
    return [letter for letter in text if letter in cut]


def without_special(tok, text):
    """解码时跳过了特殊词元，位置就往前错了"""
    places = []
    ids = tok(text).input_ids
    for place in range(1, len(ids)):
        done = tok.decode(ids[:place], skip_special_tokens=True)
        if done.endswith("�") and len(done.rstrip("�")) not in places:
            places.append(len(done.rstrip("�")))
    return [text[place] for place in places]


def once_a_piece(tok, text):
    cut = []
    for place in range(1, len(ids := tok(text).input_ids)):
        done = tok.decode(ids[:place])
        if done.endswith("�"):
            cut.append(text[len(done.rstrip("�"))])
    return cut


def what_is_missing(tok, text):
    """文字里的字，减去逐个词元解码看得见的"""
    seen = Counter("".join(tok.decode([token_id]) for token_id in tok(text).input_ids))
    cut = []
    for letter in text:
        if seen[letter]:
            seen[letter] -= 1
        else:
            cut.append(letter)
    return cut


def never_whole(tok, text):
    shown = "".join(tok.decode([token_id]) for token_id in tok(text).input_ids)
    return [letter for letter in text if letter not in set(shown)]


def only_in_two(tok, text):
    spans = tok(text, return_offsets_mapping=True).offset_mapping
    return [text[i] for i in range(len(text)) if sum(start <= i < end for start, end in spans) == 2]


def only_in_three(tok, text):
    spans = tok(text, return_offsets_mapping=True).offset_mapping
    return [text[i] for i in range(len(text)) if sum(start <= i < end for start, end in spans) > 2]


def after_blank(tok, text):
    cut = []
    for place, letter in enumerate(text):
        before = text[place - 1:place] if text[place - 1:place] == " " else ""
        if len(tok(before + letter).input_ids) > 1:
            cut.append(letter)
    return cut


def only_before_last_byte(tok, text):
    """只看切口在不在最后一个字节前面"""
    cuts = set(accumulate(len(piece.bytes) for piece in pieces(tok, text)))
    cut = []
    end = 0
    for letter in text:
        end += len(letter.encode())
        if len(letter.encode()) > 1 and end - 1 in cuts:
            cut.append(letter)
    return cut


def in_parts(parts):
    """parts 把文字分开，各切各的"""
    def answer(tok, text):
        return [letter for part in parts(text) for letter in by_bytes(tok, part)]
    return answer


def remembered(tok, text, known={}):  # noqa: B006
    """开头一样的，当成同一段"""
    return known.setdefault(text[:20], by_bytes(tok, text))


def at_both_ends(tok, text):
    """只看第一个字节后面和最后一个字节前面"""
    cuts = set(accumulate(len(piece.bytes) for piece in pieces(tok, text)))
    cut = []
    start = 0
    for letter in text:
        end = start + len(letter.encode())
        if end - start > 1 and cuts & {start + 1, end - 1}:
            cut.append(letter)
        start = end
    return cut


@pytest.mark.parametrize("answer, says", [
    (at_both_ends, "少了表情"),
    (remembered, "少了"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if not c.isspace()], "看不见的字"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if c.isprintable()], "看不见的字"),
    (in_parts(str.splitlines), "看不见的字"),
    (in_parts(lambda text: re.findall(" ?[^ ]+| +", text)), "和空格粘在一起"),
    (in_parts(lambda text: re.findall("(?s).{1,100}", text)), "和空格粘在一起"),
    (lambda tok, text: [p.label for p in pieces(tok, text) if "‹" in p.label], "半个字"),
    (lambda tok, text: [t for i in tok(text).input_ids if "�" in (t := tok.decode([i]))], "半个字"),
    (lambda tok, text: [i for i in tok(text).input_ids if "�" in tok.decode([i])], "现在是编号"),
    (lambda tok, text: [c for c in text if len(c.encode()) > 1], "所有多字节"),
    (alone, "一个字一个字地切"),
    (without_space, "一个字一个字地切"),
    (window(1, 0), "再看切口落在哪里"),
    (window(2, 0), "再看切口落在哪里"),
    (window(0, 1), "再看切口落在哪里"),
    (window(1, 1), "再看切口落在哪里"),
    (window(2, 2), "应得到"),
    (by_runs, "碎词元里的字不一定都被切开"),
    (lambda tok, text: [c for c in text if len(tok(c).input_ids) > 1 and ord(c) > 0xffff], "只有表情"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if ord(c) > 0xffff], "只有表情"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if ord(c) < 0x10000], "少了表情"),
    (lambda tok, text: cut_characters.split_places(tok, text), "第几个位置"),
    (lambda tok, text: [t for t in tok.tokenize(text) if t not in text], "词表里的写法"),
    (lambda tok, text: list(set(by_bytes(tok, text))), "不要去掉重复的"),
    (lambda tok, text: [normalize("NFKC", c) for c in by_bytes(tok, text)], "被改写了"),
    (after_blank, "每个字单独切的，前面有空格的"),
    (only_in_three, "再看你的条件"),
    (every_time, "看这一处"),
    (once_a_piece, "切了几刀"),
    (lambda tok, text: list(dict.fromkeys(by_bytes(tok, text))), "不要去掉重复的"),
    (lambda tok, text: list(by_bytes(tok, text))[::-1], "次序反了"),
    (lambda tok, text: sorted(by_bytes(tok, text)), "次序"),
    (what_is_missing, "被切开的是哪一处"),
    (lambda tok, text: by_bytes(tok, text)[:-1], "最后被切开的那一处"),
    (never_whole, "切口落在哪里"),
    (lambda tok, text: by_bytes(tok, text.replace(" ", "")), "不去掉空格"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if len(c.encode()) >= 3], "只有两个字节"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if ord(c) > 0x7ff], "只有两个字节"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if c.isalnum() or ord(c) > 0xffff], "少了标点"),
    (only_in_two, "切成三块的也算"),
    (only_before_last_byte, "应得到"),
    (lambda tok, text: [c for c in by_bytes(tok, text) if not c.isnumeric()], "应得到"),
    (lambda tok, text: by_bytes(tok, tok.decode(tok(text, truncation=True, max_length=512).input_ids)), "应"),
    (lambda tok, text: set(by_bytes(tok, text)), "现在是集合"),
    (lambda tok, text: "".join(by_bytes(tok, text)), "现在是一段文字"),
    (lambda tok, text: [" " + c for c in by_bytes(tok, text)], "空格没有被切开"),
    (lambda tok, text: by_bytes(tok, text.strip()), "先去掉了两头的空白"),
    (lambda tok, text: by_bytes(tok, text.lower()), "大写换成了小写"),
    (without_special, "特殊词元以后的位置错了"),
    (lambda tok, text: by_bytes(tok, text.replace("\n", " ")), "应得到"),
    (lambda tok, text: by_bytes(tok, text.replace("\n", "")), "应得到"),
    (lambda tok, text: by_bytes(tok, text.replace("<|im_end|>", "")), "应得到"),
    (lambda tok, text: by_bytes(tok, text.replace("<|im_end|>", " ")), "应得到"),
    (lambda tok, text: [c.encode() for c in by_bytes(tok, text)], "完整的字"),
    (lambda tok, text: by_bytes(tok, text)[:1], "应得到"),
    (lambda tok, text: by_bytes(tok, text[:20]), "很长的少了一些字"),
    (lambda tok, text: by_bytes(tok, text[:512]), "很长的少了一些字"),
    (lambda tok, text: by_bytes(tok, text[:2048]), "很长的少了一些字"),
    (lambda tok, text: by_bytes(tok, text[-1000:]), "很长的少了一些字"),
    (lambda tok, text: by_bytes(tok, tok.decode(tok(text).input_ids[:850])), "很长的少了一些字"),
    (lambda tok, text: [], "一个也没有找到"),
    (lambda tok, text: ["麤"], "应得到"),
    (lambda tok, text: text[99], "IndexError"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[4], answer, says)


def test_pieces_of_a_letter_are_counted_once(sheet):
    def as_often_as_pieces(tok, text):
        covered = cut_characters.times_covered(tok, text)
        return [letter for at, letter in enumerate(text) for _ in range(covered[at]) if covered[at] > 1]

    assert "一处被切成几块，也只写一项" in sheet[4].check(as_often_as_pieces).text


# ---- 参照本身 ----

def test_bytes_decoding_and_offsets_agree(tokenizer):
    chance = random.Random(0)
    ranges = [(0x4e00, 0x9fff), (0x1f300, 0x1f9ff), (0x20, 0x20), (0x61, 0x61), (0x3041, 0x30ff), (0xac00, 0xd7a0)]
    for _ in range(60):
        letters = [chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(1, 20))]
        text = tokenizer.backend_tokenizer.normalizer.normalize_str("".join(letters))
        want = cut_characters.split_letters(tokenizer, text)
        for answer in RIGHT:
            assert want == list(answer(tokenizer, text)), (answer, text)
