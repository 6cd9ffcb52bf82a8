"""练习“合并一步”：BPE 合并次序最小的一对

出处: notebooks/03_tokenization.ipynb 第 5 节
"""
from itertools import pairwise

from helpers.exercises.comparing import Case, Wrong, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.running import call

WORDS = ("人工智能", "龘", "tokenization", "🦜")  # 最后用真正的次序合到底的
HINTS = ("先用 pairwise 列出相邻的每一对，只留在 rank 里的；一对也没有就返回原来的",
         "课文 03 第 5 节的 min((次序, 位置))：次序相同时位置小的在前。改之前先用 list(parts) 复制")
SOLUTION = """def merge_once(parts, rank):
    pairs = list(zip(parts, parts[1:]))
    found = [(rank[pair], at) for at, pair in enumerate(pairs) if pair in rank]
    if not found:
        return parts
    order, at = min(found)  # 次序最小的，同次序里最左边的
    return parts[:at] + [parts[at] + parts[at + 1]] + parts[at + 2:]  # 拼一个新列表，不改传入的"""


def exercise(tokenizer) -> Exercise:
    """这道题；最后一步步合到底，与分词器切的比"""
    def test(answer):
        for case in cases():
            check_function(answer, [case], FORMS, SLIPS)
            check_unchanged(answer, case)
        check_words(tokenizer, answer)

    return Exercise("合并一步", "03 第 5 节", 15, test, HINTS, SOLUTION)


def check_unchanged(answer, case: Case) -> None:
    """学生的函数不应改动传入的列表"""
    def left_behind(parts, rank):
        answer(parts, rank)
        return parts

    if call(left_behind, case.inputs, case.where) != case.inputs[0]:
        raise Wrong(f"{case.where}：传入的列表应保持原样，现在被改了；先复制一份再改")


def check_words(tokenizer, answer) -> None:
    """用真正的次序，学生的函数合出来的应与分词器切的相同"""
    from helpers.tokens import merge_ranks, pieces

    ranks = merge_ranks(tokenizer)
    for word in WORDS:
        parts = merge_word(answer, word, ranks)
        want = [piece.bytes for piece in pieces(tokenizer, word)]
        if parts != want:
            raise Wrong(f"用真正的次序把 {word!r} 合到底：应和分词器切的一样，剩 {len(want)} 块，"
                        f"现在是 {brief(parts)}；打印每一步合了哪一对")


def merge_word(answer, word: str, ranks: dict) -> list[bytes]:
    """用学生的函数一步步把 word 合到底，剩下的各块"""
    data = word.encode()
    rank = {pair: order for pair, order in ranks.items() if b"".join(pair) in data}  # 整张表每次复制太慢
    parts = [bytes([byte]) for byte in data]
    for _ in data:
        parts = list(call(answer, (parts, rank), f"用真正的次序合 {word!r}"))
    return parts


def cases() -> list[Case]:
    """有先后的、有次序 0 的、同一对很多的、没有可合的、空的、只有一块的"""
    letters = [b"a", b"b", b"c", b"a", b"b", b"c", b"d"]
    return [
        case(letters, {(b"a", b"b"): 5, (b"b", b"c"): 2, (b"c", b"a"): 9, (b"bc", b"a"): 1}),
        case(letters, {(b"a", b"b"): 3, (b"c", b"a"): 1, (b"c", b"d"): 0}),
        case([b"a"] * 60, {(b"a", b"a"): 4}),
        case(letters, {}),
        case([], {(b"a", b"b"): 1}),
        case([b"abc"], {(b"a", b"b"): 1}),
    ]


def case(parts, rank):
    """一组输入"""
    where = f"parts 是 {brief(parts, 60)}，rank 是 {brief(rank, 70)}"
    return Case((parts, rank), merge(parts, rank), where)


def places(parts, rank):
    """可合的位置，次序小的在前，同一对左边的在前"""
    pairs = list(pairwise(parts))
    found = [at for at, pair in enumerate(pairs) if pair in rank]
    return sorted(found, key=lambda at: rank[pairs[at]])


def joined(parts, at):
    """把第 at 块和后一块合成一块"""
    return [*parts[:at], parts[at] + parts[at + 1], *parts[at + 2:]]


def merge(parts, rank):
    """正确的一步"""
    found = places(parts, rank)
    if not found:
        return parts
    return joined(parts, found[0])


# ---- 常见的错误 ----

def is_not_list(got, case):
    return not isinstance(got, list | tuple)


def has_other_than_bytes(got, case):
    return any(not isinstance(part, bytes) for part in got)


def merge_none(parts, rank):
    return parts


def merge_leftmost_pair(parts, rank):
    return joined(parts, min(places(parts, rank)))


def merge_largest(parts, rank):
    return joined(parts, places(parts, rank)[-1])


def merge_without_zero(parts, rank):
    not_zero = {pair: order for pair, order in rank.items() if order}
    return merge(parts, not_zero)


def only_best(parts, rank):
    """只留下应合的那一对的 rank"""
    at = places(parts, rank)[0]
    return {(parts[at], parts[at + 1]): 0}


def merge_everywhere(parts, rank):
    return merge_to_the_end(parts, only_best(parts, rank))


def merge_last_place(parts, rank):
    return merge_largest(parts, only_best(parts, rank))


def merge_to_the_end(parts, rank):
    while places(parts, rank):
        parts = merge(parts, rank)
    return parts


def merge_but_keep_right(parts, rank):
    at = places(parts, rank)[0]
    return merge(parts, rank)[:at + 1] + parts[at + 1:]


FORMS = {
    is_not_list: "应得到一个列表，现在是别的；返回合并以后的各块",
    has_other_than_bytes: "各块应是 bytes，现在有别的；两块 bytes 用 + 连",
}
SLIPS = {
    merge_none: "一对也没有合，应合一对；看看相邻的两块在不在 rank 里（次序可以是 0，0 也是有）",
    merge_leftmost_pair: "你合了最左边可合的一对，应合次序最小的；先比较所有可合的对",
    merge_largest: "你合了次序最大的一对，应合次序最小的；数越小越先合",
    merge_without_zero: "漏了次序是 0 的那对，0 也是次序；有没有用 in 来判断",
    merge_everywhere: "同一对出现几次，应只合最左边的一处，现在全合了；合一处就停",
    merge_last_place: "同一对出现几次，应合最左边的一处，现在合了右边的；从左往右找",
    merge_to_the_end: "应只合一次，现在合到了底；合一次就返回",
    merge_but_keep_right: "合成一块以后，右边那块还在；两块应换成一块",
}
