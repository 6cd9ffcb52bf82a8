"""练习“把 BPE 做到底”：各种做法都收；先后、limit、跨段、起点弄错，各有自己的话"""
import heapq
from itertools import pairwise, takewhile
from unicodedata import normalize

from helpers.exercises import running
from helpers.exercises.week14 import bpe_pieces
from helpers.tokens import merge_ranks, pieces

import pytest
from answers import accepted, refused
from week14_solutions import solved

# ---- 对的 ----


def start(segment):
    return [bytes([byte]) for byte in segment.encode()]


def by_pair(segments, rank, limit):
    """每一步把次序最小的一对在各处都合了"""
    done = []
    for segment in segments:
        parts = start(segment)
        while True:
            known = [pair for pair in pairwise(parts) if rank.get(pair, limit) < limit]
            if not known:
                break
            pair = min(known, key=rank.get)
            merged = []
            for part in parts:
                if merged and (merged[-1], part) == pair:
                    merged[-1] += part
                else:
                    merged.append(part)
            parts = merged
        done += parts
    return done


def by_order(segments, rank, limit):
    """照次序表从头到尾，一条一条地做"""
    all_parts = [start(segment) for segment in segments]
    for pair in sorted(rank, key=rank.get):
        if rank[pair] >= limit:
            break
        for parts in all_parts:
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == pair:
                    parts[at:at + 2] = [b"".join(pair)]
                at += 1
    return [part for parts in all_parts for part in parts]


def by_recursion(segments, rank, limit):
    def finish(parts):
        found = [(rank[pair], at) for at, pair in enumerate(pairwise(parts)) if pair in rank and rank[pair] < limit]
        if not found:
            return parts
        at = min(found)[1]
        return finish((*parts[:at], parts[at] + parts[at + 1], *parts[at + 2:]))

    if not segments:
        return ()
    return (*finish(tuple(start(segments[0]))), *by_recursion(segments[1:], rank, limit))


def by_smaller_table(segments, rank, limit):
    """先做一张小的表，再照课文"""
    small = {pair: order for pair, order in rank.items() if order < limit}
    result = []
    for segment in segments:
        parts = start(segment)
        while any(pair in small for pair in pairwise(parts)):
            best = None
            for at in range(len(parts) - 1):
                order = small.get((parts[at], parts[at + 1]))
                if order is not None and (best is None or order < best):
                    best = order
                    place = at
            right = parts.pop(place + 1)
            parts[place] += right
        result.extend(parts)
    return result


def by_heap(segments, rank, limit):
    result = []
    for segment in segments:
        parts = start(segment)
        while True:
            heap = [(rank.get(pair, limit), at) for at, pair in enumerate(pairwise(parts))]
            heapq.heapify(heap)
            if not heap or heap[0][0] >= limit:
                break
            at = heapq.heappop(heap)[1]
            parts = parts[:at] + [parts[at] + parts[at + 1]] + parts[at + 2:]
        result += parts
    return tuple(result)


RIGHT = [solved(5), by_pair, by_order, by_recursion, by_smaller_table, by_heap]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[5], answer)


# ---- 错的 ----

def every(segments, rank, limit, choose=min, once=False):
    """合并的各种写法；choose: 从 (次序, 位置) 里选哪一个"""
    result = []
    for segment in segments:
        result += merged(start(segment), rank, limit, choose, once)
    return result


def merged(parts, rank, limit, choose=min, once=False):
    """一段的块合到底"""
    while found := [(rank[p], at) for at, p in enumerate(pairwise(parts)) if rank.get(p, limit) < limit]:
        at = choose(found)[1]
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
        if once:
            break
    return parts


def pops(segments, rank, limit):
    used = [rank.pop(pair) for pair in list(rank) if rank[pair] >= limit]
    assert used is not None
    return every(segments, rank, limit)


def empties(segments, rank, limit):
    result = []
    while segments:
        result += every([segments.pop(0)], rank, limit)
    return result


def from_characters(segments, rank, limit):
    result = []
    for segment in segments:
        parts = [letter.encode() for letter in segment]
        while found := [(rank[p], at) for at, p in enumerate(pairwise(parts)) if rank.get(p, limit) < limit]:
            at = min(found)[1]
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        result += parts
    return result


def keeps_right(segments, rank, limit):
    result = []
    for segment in segments:
        parts = start(segment)
        while found := [(rank[p], at) for at, p in enumerate(pairwise(parts)) if rank.get(p, limit) < limit]:
            at = min(found)[1]
            parts[at] = parts[at] + parts[at + 1]
        result += parts
    return result


def falsy_zero(segments, rank, limit):
    return every(segments, {pair: order for pair, order in rank.items() if order}, limit)


def at_the_first(segments, rank, limit):
    """return 写在了循环里面"""
    for segment in segments:
        return every([segment], rank, limit)
    return []


def at_the_first_left(segments, rank, limit):
    """用 index 找左边的块"""
    result = []
    for segment in segments:
        parts = start(segment)
        while found := [(rank[pair], pair) for pair in pairwise(parts) if rank.get(pair, limit) < limit]:
            at = parts.index(min(found)[1][0])
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        result += parts
    return result


def as_the_dictionary_is_written(segments, rank, limit):
    written = {pair: place for place, pair in enumerate(rank) if rank[pair] < limit}
    return by_order(segments, written, INFINITE)


def longest_first(segments, rank, limit):
    known = {b"".join(pair) for pair, order in rank.items() if order < limit}
    result = []
    for segment in segments:
        data = segment.encode()
        while data:
            end = max(n for n in range(1, len(data) + 1) if n == 1 or data[:n] in known)
            result.append(data[:end])
            data = data[end:]
    return result


def by_joined_bytes(segments, rank, limit):
    """接起来的字节在表里，就合"""
    joined = {left + right: order for (left, right), order in rank.items()}
    result = []
    for segment in segments:
        parts = start(segment)
        while found := [(joined[left + right], at) for at, (left, right) in enumerate(pairwise(parts))
                        if joined.get(left + right, limit) < limit]:
            at = min(found)[1]
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        result += parts
    return result


def by_first_of_joined_bytes(segments, rank, limit):
    """同样的块，次序一律取最小的"""
    first = {}
    for (left, right), order in rank.items():
        first[left + right] = min(order, first.get(left + right, order))
    return every(segments, {pair: first[b"".join(pair)] for pair in rank}, limit)


def before_its_neighbors(segments, rank, limit):
    """合从左数第一对比两边的都早的，不是整段里最早的"""
    result = []
    for segment in segments:
        parts = start(segment)
        at = 0
        while at < len(parts) - 1:
            orders = [rank.get(pair, INFINITE) for pair in pairwise(parts)]
            if orders[at] < limit and orders[at] == min(orders[max(at - 1, 0):at + 2]):
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
                at = 0
            else:
                at += 1
        result += parts
    return result


def without_last_pair(segments, rank, limit):
    result = []
    for segment in segments:
        parts = start(segment)
        while found := [(rank[p], at) for at, p in enumerate(pairwise(parts[:-1])) if rank.get(p, limit) < limit]:
            at = min(found)[1]
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        result += parts
    return result


def twenty_rounds(segments, rank, limit):
    result = []
    for segment in segments:
        parts = start(segment)
        for _ in range(20):
            found = [(rank[p], at) for at, p in enumerate(pairwise(parts)) if rank.get(p, limit) < limit]
            if found:
                at = min(found)[1]
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
        result += parts
    return result


def at_most(most):
    """只合成不超过 most 个字节的块"""
    def answer(segments, rank, limit):
        return every(segments, {pair: order for pair, order in rank.items() if len(b"".join(pair)) <= most}, limit)
    return answer


def rounds_in_all(most):
    """一共只合 most 次"""
    def answer(segments, rank, limit):
        left = most
        result = []
        for segment in segments:
            parts = start(segment)
            while found := [(rank[p], at) for at, p in enumerate(pairwise(parts)) if rank.get(p, limit) < limit]:
                if left == 0:
                    break
                left -= 1
                at = min(found)[1]
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            result += parts
        return result
    return answer


def remembers():
    """记住切过的段，忘了表可以不同"""
    known = {}

    def answer(segments, rank, limit):
        result = []
        for segment in segments:
            if (segment, limit) not in known:
                known[segment, limit] = every([segment], rank, limit)
            result += known[segment, limit]
        return result
    return answer


def read_as_latin(segments, rank, limit):
    """只有西文字母的，一个字母当作一个字节"""
    parts = []
    for segment in segments:
        shape = "latin-1" if max(segment) < "\u0100" else "utf-8"
        blocks = [bytes([byte]) for byte in segment.encode(shape)]
        parts += merged(blocks, rank, limit)
    return parts


def missing_are_last(segments, rank, limit):
    """表里没有的，次序当作一百万"""
    parts = []
    for segment in segments:
        blocks = [bytes([byte]) for byte in segment.encode()]
        while len(blocks) > 1:
            orders = [rank.get(pair, 10 ** 6) for pair in pairwise(blocks)]
            at = orders.index(min(orders))
            if orders[at] >= limit:
                break
            blocks[at:at + 2] = [blocks[at] + blocks[at + 1]]
        parts += blocks
    return parts


INFINITE = float("inf")


@pytest.mark.parametrize("answer, says", [
    (missing_are_last, "应得到"),
    (read_as_latin, "应得到"),
    (lambda s, r, m: every(s, r, m, choose=lambda found: min(found, key=lambda one: one[1])), "最左边可合的"),
    (lambda s, r, m: every(s, r, m, choose=max), "次序最大"),
    (lambda s, r, m: every(s, r, m, choose=lambda f: min(f, key=lambda one: (one[0], -one[1]))), "从最左边的一处合起"),
    (lambda s, r, m: every(s, r, m, once=True), "每段只合了一次"),
    (lambda s, r, m: every(s, r, m + 1), "题目说的是小于"),
    (lambda s, r, m: every(s, r, INFINITE), "limit 没有起作用"),
    (lambda s, r, m: every(s, dict(list(r.items())[:m]), INFINITE), "limit 没有起作用"),
    (lambda s, r, m: every(["".join(s)], r, m), "跨过了段"),
    (falsy_zero, "0 也是次序"),
    (at_the_first_left, "合的地方不对"),
    (as_the_dictionary_is_written, "照字典里写的次序"),
    (lambda s, r, m: every([one.lower() for one in s], r, m), "先变成了小写"),
    (lambda s, r, m: every(s, {}, m), "一对也没有合"),
    (from_characters, "应从单个字节开始"),
    (longest_first, "每次取最长"),
    (at_the_first, "只有第一段"),
    (lambda s, r, m: every(s[-1:], r, m), "只有最后一段"),
    (lambda s, r, m: [every([one], r, m) for one in s], "列表里还有列表"),
    (lambda s, r, m: [part.decode(errors="replace") for part in every(s, r, m)], "不要解码"),
    (lambda s, r, m: [part.hex() for part in every(s, r, m)], "现在有字符串"),
    (lambda s, r, m: [byte for part in every(s, r, m) for byte in part], "现在有整数"),
    (lambda s, r, m: b"".join(every(s, r, m)), "应得到一个列表"),
    (lambda s, r, m: list(dict.fromkeys(every(s, r, m))), "应得到"),
    (lambda s, r, m: sorted(every(s, r, m)), "应得到"),
    (keeps_right, "右边那块还留着"),
    (lambda s, r, m: [part for one in set(s) for part in every([one], r, m)], "应得到"),
    (lambda s, r, m: every(dict.fromkeys(s), r, m), "应得到"),
    (lambda s, r, m: every([one.strip() for one in s], r, m), "应得到"),
    (lambda s, r, m: every(s, r, m - 1), "次序是 limit - 1 的没有用"),
    (lambda s, r, m: every(s, r, max(m, 1)), "题目说的是小于"),
    (lambda s, r, m: every(s, r, min(m, 151_387)), "上限不要自己写一个数"),
    (lambda s, r, m: every(s, r, min(m, len(r))), "项数不是上限"),
    (by_joined_bytes, "正好是那两块"),
    (by_first_of_joined_bytes, "limit 没有起作用"),
    (before_its_neighbors, "应先合次序最小的"),
    (lambda s, r, m: [part for part in every([" ".join(s)], r, m) if part != b" "], "应得到"),
    (lambda s, r, m: [part for part in every(["\n".join(s)], r, m) if part != b"\n"], "应得到"),
    (lambda s, r, m: [part for part in every(["|".join(s)], r, m) if part != b"|"], "应得到"),
    (lambda s, r, m: every([normalize("NFC", one) for one in s], r, m), "应得到"),
    (lambda s, r, m: every(s, {(right, left): order for (left, right), order in r.items()}, m), "应得到"),
    (without_last_pair, "段末尾的一对没有看"),
    (twenty_rounds, "应"),
    (lambda s, r, m: every(s, dict(takewhile(lambda pair: pair[1] < m, r.items())), m), "小于 limit 的都要用"),
    (remembers(), "应得到"),
    (lambda s, r, m: every(s[:500], r, m), "少了"),
    (lambda s, r, m: every(s, r, m)[-512:], "第一项就不同"),
    (at_most(12), "还有可合的就停了"),
    (at_most(127), "还有可合的就停了"),
    (at_most(256), "还有可合的就停了"),
    (rounds_in_all(100), "还有可合的就停了"),
    (rounds_in_all(1000), "还有可合的就停了"),
    (rounds_in_all(2000), "还有可合的就停了"),
    (pops, "应保持原样"),
    (empties, "应保持原样"),
    (lambda s, r, m: every([s[0]], r, m) + every(s[1:], r, m), "IndexError"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[5], answer, says)


def test_an_endless_loop_is_stopped(sheet, monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.5)

    def forever(segments, rank, limit):
        while True:
            pass

    assert "0.5 秒" in sheet[5].check(forever).text


# ---- 参照本身 ----

def test_a_merge_stands_after_the_merges_that_make_its_parts(tokenizer):
    for case in bpe_pieces.cases(tokenizer):  # 所以一处一处地合、一对一对地合，结果一样
        rank = case.inputs[1]
        for (left, right), order in rank.items():
            for part in (left, right):
                makers = [rank[pair] for pair in rank if b"".join(pair) == part]
                assert all(maker < order for maker in makers) or min(makers) < order
                assert len(part) == 1 or makers


def test_with_the_whole_table_it_is_the_tokenizer(tokenizer):
    rank = merge_ranks(tokenizer)
    for text in ["人工智能", " 好", "麤", " merciless", "不能为空"]:
        want = [piece.bytes for piece in pieces(tokenizer, text)]
        assert solved(5)([text], rank, len(rank)) == want


def test_the_longest_pieces_of_the_vocabulary_are_asked(tokenizer):
    rank = merge_ranks(tokenizer)
    real, _, doubled = bpe_pieces.long_cases(tokenizer)
    longest = max(len(left + right) for left, right in rank)
    assert [len(part) for part in real.expected] == [longest, 96, 113]
    assert every(real.inputs[0], rank, len(rank)) == real.expected
    assert max(map(len, doubled.expected)) == 512


def test_what_the_slips_change_is_right_when_nothing_is_changed(tokenizer):
    for case in bpe_pieces.cases(tokenizer) + bpe_pieces.long_cases(tokenizer):
        assert bpe_pieces.merge(*case.inputs) == case.expected
