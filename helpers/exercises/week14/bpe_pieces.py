"""练习“把 BPE 做到底”：从单个字节合到不能再合，只用次序表的前面一部分，合并不跨段

出处: notebooks/03_tokenization.ipynb 第 5、6 节
"""
from functools import cache, partial
from itertools import pairwise

from helpers.exercises.comparing import Case, brief, check_function, is_nested
from helpers.exercises.exercise import Exercise

WORDS = ["我们", "人工智能", " 好", "麤", " merciless", "🦜", "不能为空", "ooooooo"]  # 用真正的次序合的几段
LONGEST = [" " * 128, "/" * 96, " " + "-" * 112]  # 词表里最长的几块
LIMITS = (5_000, 60_000, 98_900, 151_387)  # 真正的次序用到第几条
HINTS = ("课文的 join_up 做的是一段、用整张表；先改成从参数里拿 rank，再想多了的两样（几段、limit）各加在哪里",
         "一段一段地做，每段自己从单个字节合到底，再接到结果后面；找可合的对时，除了“在 rank 里”，"
         "还要“次序小于 limit”。都不满足了，这一段才算完")
SOLUTION = """def bpe_pieces(segments, rank, limit):
    pieces = []
    for segment in segments:
        parts = [bytes([byte]) for byte in segment.encode()]
        while True:
            found = []
            for at in range(len(parts) - 1):
                order = rank.get((parts[at], parts[at + 1]), limit)  # 表里没有的，当作太靠后
                if order < limit:
                    found.append((order, at))
            if not found:
                break
            order, at = min(found)  # 次序最小的；同次序里最左边的
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        pieces.extend(parts)
    return pieces"""
WHY = ("分词器里真正干活的就是这几行。limit 加上 256 种单个的字节，就是词表的大小：表越短，同一句话切得越碎，"
       "模型要走的步数越多；表越长，词嵌入那张表就越大。Qwen 选了 151,387 条。")
HARDER = "一段有一万个字节时，每一步都从头找一遍太慢；想一想，合并一处以后，只有哪两对是新的？"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的块由 tokenizers 库的 BPE 给出"""
    prepared = cache(partial(cases, tokenizer))
    last = cache(partial(long_cases, tokenizer))

    def test(answer):
        check_function(answer, prepared(), FORMS, SLIPS)
        check_function(answer, last(), LONG_FORMS, {})  # 很长，不一样一样地试错法

    return Exercise("把 BPE 做到底", "03 第 5、6 节", 18, test, HINTS, SOLUTION, WHY, HARDER, stars=3, minutes=18)


def cases(tokenizer) -> list[Case]:
    """先后不能乱的、正好是 limit 的、跨段才可合的、同一对很多的、一条也不用的、没有段的，和真正的次序

    mixed 在字典里的次序和合并的次序不同；“acab|”的第一个 a 后面不是 b，段里有空格、换行和 |
    table 里 tu 比 uv 先合，可是 vw 更先，接着 uvw 也比 tu 先
    two_ways 有两种合法得到 abc，只有一种在“abc”里走得通；只有一对的几组，次序在 limit 的两边
    """
    gaps = {(b"b", b"b"): 0, (b"a", b"a"): 2, (b"c", b"c"): 7, (b"aa", b"bb"): 9}
    table = {(b"v", b"w"): 0, (b"a", b"b"): 10, (b"q", b"r"): 20, (b"u", b"vw"): 30,
             (b"t", b"u"): 40, (b"u", b"v"): 50, (b"p", b"q"): 60, (b"b", b"c"): 70, (b"ab", b"c"): 80}
    repeated = {(b"a", b"a"): 1, (b"aa", b"aa"): 4, (b"aa", b"b"): 6}
    mixed = {(b"b", b"c"): 4, (b"a", b"b"): 2, (b"c", b"e"): 6}
    two_ways = {(b"a", b"b"): 0, (b"b", b"c"): 1, (b"a", b"bc"): 2}
    made_up = [
        case(["aabbcc"], gaps, 99),
        case(["abcpqruvw"], table, 100),
        case(["abcpqruvw"], table, 30),
        case(["uv", "w", "uv", "ab", "tuvw"], table, 100),
        case(["aaaaa", "aaab"], repeated, 9),
        case(["abc", "pq"], table, 0),
        case([], table, 9),
        case(["abce"], mixed, 8),
        case(["abce"], mixed, 3),
        case(["acab|", "a b\n"], mixed, 8),
        case(["AB", "abe\u0301"], mixed, 8),
        case(["abc", "abcbc"], two_ways, 3),
        case(["abc"], {(b"b", b"c"): 0, (b"a", b"b"): 1, (b"ab", b"c"): 2, (b"a", b"bc"): 9}, 5),
        case(["a" * 60], repeated, 2),
        case(["ab"], {(b"a", b"b"): 4}, 5),
        case(["ab"], {(b"b", b"a"): 4}, 5),
        case(["ab"], {(b"a", b"b"): 0}, 0),
        case(["ab"], {(b"a", b"b"): 200_000}, 200_001),
        case(["abc"], {(b"a", b"b"): 5}, 1_000_001),
        case(["é", "né"], {(b"\xc3", b"\xa9"): 0, (b"n", b"\xc3\xa9"): 3}, 9),
    ]
    return made_up + real_cases(tokenizer)


def real_cases(tokenizer) -> list[Case]:
    """真正的次序，用到第几条各一组"""
    few = ranks_within(tokenizer, WORDS)
    return [case(WORDS, few, limit) for limit in LIMITS]


def long_cases(tokenizer) -> list[Case]:
    """要合很多次、合出很长的块的：真正的次序里最长的几块（128 个空格要合 127 次），和合了再合的"""
    doubled = {(b"a" * 2 ** step, b"a" * 2 ** step): step for step in range(10)}
    return [
        case(LONGEST, ranks_within(tokenizer, LONGEST), 151_387),
        case(["abc", "aab"] * 300, {(b"a", b"b"): 3, (b"ab", b"c"): 4}, 99),
        case(["a" * 801, "a" * 600, "a" * 700], doubled, 99),  # 一段不到 900 次，递归的也做得完
    ]


def ranks_within(tokenizer, words) -> dict:
    """真正的次序里，words 用得到的一部分；整张表每次复制太慢"""
    from helpers.tokens import merge_ranks

    together = "\n".join(words).encode()
    ranks = merge_ranks(tokenizer)
    return {pair: order for pair, order in ranks.items() if b"".join(pair) in together}


def case(segments, rank, limit):
    """一组输入"""
    where = f"segments 是 {brief(segments, 60)}，rank 是 {brief(rank, 70)}，limit 是 {limit}"
    return Case((segments, rank, limit), library_pieces(segments, rank, limit), where)


def library_pieces(segments, rank, limit) -> list[bytes]:
    """tokenizers 库用同样的次序切出的块"""
    from helpers.tokens import BYTE_OF, token_bytes

    from tokenizers.models import BPE

    used = [pair for pair in sorted(rank, key=rank.get) if rank[pair] < limit]
    merges = [(spelled(left), spelled(right)) for left, right in used]
    words = list(BYTE_OF) + [left + right for left, right in merges]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    model = BPE(vocabulary, merges)
    pieces = []
    for segment in segments:
        tokens = model.tokenize(spelled(segment.encode()))
        pieces.extend(token_bytes(token.value) for token in tokens)
    return pieces


def spelled(data: bytes) -> str:
    """字节在词表里的写法"""
    from helpers.tokens import LETTER_OF

    return "".join(LETTER_OF[byte] for byte in data)


# ---- 常见的错误 ----

def is_not_list(got, case):
    return isinstance(got, str | bytes | set | dict)


def has_text(got, case):
    return any(isinstance(part, str) for part in got)


def has_numbers(got, case):
    return any(isinstance(part, int) for part in got)


def stopped_early(got, case):
    """块接起来是对的，可是还有可合的"""
    return b"".join(got) == b"".join(case.expected) and len(got) > len(case.expected)


def single_bytes(text):
    return [bytes([byte]) for byte in text.encode()]


def found_pairs(parts, rank, limit):
    """可合的 (次序, 位置)"""
    found = []
    for at, pair in enumerate(pairwise(parts)):
        if pair in rank and rank[pair] < limit:
            found.append((rank[pair], at))
    return found


def joined_at(parts, at):
    """把第 at 块和后一块合成一块"""
    return [*parts[:at], parts[at] + parts[at + 1], *parts[at + 2:]]


def merge(segments, rank, limit, choose=min, steps=None, start=single_bytes, join=joined_at):
    """正确的做法；换掉一样就是一种错法。steps: 一段最多合几次"""
    pieces = []
    for segment in segments:
        parts = start(segment)
        left = len(parts) if steps is None else steps
        while left > 0 and found_pairs(parts, rank, limit):
            order, at = choose(found_pairs(parts, rank, limit))
            parts = join(parts, at)
            left -= 1
        pieces.extend(parts)
    return pieces


def joined_but_kept(parts, at):
    """合成一块，右边那块还在"""
    return [*parts[:at], parts[at] + parts[at + 1], *parts[at + 1:]]


def merge_but_keep(segments, rank, limit):
    return merge(segments, rank, limit, join=joined_but_kept)


def joined_at_first_such(parts, at):
    """用 index 找左边的块：找到的是它第一次出现的地方，不一定是这一对的地方"""
    return joined_at(parts, parts.index(parts[at]))


def merge_at_first_such(segments, rank, limit):
    return merge(segments, rank, limit, join=joined_at_first_such)


def merge_as_written(segments, rank, limit):
    """照字典里写的次序，一条一条地合"""
    written = {pair: place for place, pair in enumerate(rank) if rank[pair] < limit}
    return merge(segments, written, float("inf"))


def merge_in_small_letters(segments, rank, limit):
    return merge([segment.lower() for segment in segments], rank, limit)


def leftmost(found):
    return min(found, key=lambda one: one[1])


def last_place(found):
    return min(found, key=lambda one: (one[0], -one[1]))


def characters(text):
    return [letter.encode() for letter in text]


def merge_nothing(segments, rank, limit):
    return merge(segments, {}, limit)


def merge_across(segments, rank, limit):
    return merge(["".join(segments)], rank, limit)


def merge_including_limit(segments, rank, limit):
    return merge(segments, rank, limit + 1)


def merge_with_everything(segments, rank, limit):
    return merge(segments, rank, float("inf"))


def merge_below_one_less(segments, rank, limit):
    return merge(segments, rank, limit - 1)


def merge_below_length(segments, rank, limit):
    """把 rank 有几项当成了次序的上限"""
    return merge(segments, rank, min(limit, len(rank)))


def merge_below_qwen(segments, rank, limit):
    """上限写死成 Qwen 的条数"""
    return merge(segments, rank, min(limit, 151_387))


def merge_by_joined_bytes(segments, rank, limit):
    """接起来的字节在表里，就合，不管表里是哪两块"""
    orders = {left + right: order for (left, right), order in rank.items()}
    pieces = []
    for segment in segments:
        parts = single_bytes(segment)
        known = {pair: orders[b"".join(pair)] for pair in all_splits(segment.encode()) if b"".join(pair) in orders}
        while found := found_pairs(parts, known, limit):
            parts = joined_at(parts, min(found)[1])
        pieces.extend(parts)
    return pieces


def all_splits(data):
    """data 里每一小段，切成左右两块的各种切法"""
    for start in range(len(data)):
        for end in range(start + 2, len(data) + 1):
            for middle in range(start + 1, end):
                yield data[start:middle], data[middle:end]


def merge_without_last_pair(segments, rank, limit):
    """找可合的对时，少看了段末尾的一对"""
    pieces = []
    for segment in segments:
        parts = single_bytes(segment)
        while found := found_pairs(parts[:-1], rank, limit):
            parts = joined_at(parts, min(found)[1])
        pieces.extend(parts)
    return pieces


def merge_without_zero(segments, rank, limit):
    return merge(segments, {pair: order for pair, order in rank.items() if order}, limit)


def merge_only_first(segments, rank, limit):
    return merge(segments[:1], rank, limit)


def merge_only_last(segments, rank, limit):
    return merge(segments[-1:], rank, limit)


def take_longest(segments, rank, limit):
    """从左往右，每次取词表里最长的一块"""
    words = {left + right for (left, right), order in rank.items() if order < limit}
    pieces = []
    for segment in segments:
        data = segment.encode()
        while data:
            length = max([1, *(len(word) for word in words if data.startswith(word))])
            pieces.append(data[:length])
            data = data[length:]
    return pieces


FORMS = {
    is_not_list: "应得到一个列表，现在是别的；把各块放进列表再 return",
    is_nested: "应是一个列表，现在列表里还有列表；各段的块接成一长串，不要一段一个列表",
    has_text: "各块应是 bytes，现在有字符串；不要解码，半个字解码就成了 �",
    has_numbers: "各块应是 bytes，现在有整数；只有一个字节的块，要用 bytes([228]) 这样的写法",
}
LONG_FORMS = {
    stopped_early: "还有可合的就停了：块有多长、一共合几次，都没有上限；找不到可合的一对，才算完",
}
SLIPS = {
    merge_below_qwen: "次序很大的没有用：上限不要自己写一个数，只和 limit 比",
    merge_below_length: "次序不小于 rank 的项数的没有用；次序中间可以有空缺，项数不是上限，只和 limit 比",
    merge_below_one_less: "次序是 limit - 1 的没有用；小于 limit 的都要用",
    merge_without_last_pair: "段末尾的一对没有看；相邻的对比块数少一个，看看循环走到哪里为止",
    merge_by_joined_bytes: "只看了接起来的字节在不在表里；rank 里的一对是哪两块，就要正好是那两块",
    merge_nothing: "一对也没有合；看看相邻的两块在不在 rank 里（次序 0 也算有）",
    merge_across: "合并跨过了段：前一段的末尾和后一段的开头粘在一起了；每段各做各的",
    merge_including_limit: "次序正好等于 limit 的也用了；题目说的是小于",
    merge_with_everything: "limit 没有起作用：次序不小于 limit 的也用了；limit 不是合几次，也不是 rank 的前几项，"
                           "是拿每一对的次序和它比",
    merge_without_zero: "漏了次序是 0 的那一对，0 也是次序；判断“有没有”要用 in 或者 is None",
    partial(merge, choose=leftmost): "先合了最左边可合的一对，应先合次序最小的；把可合的都找出来再比",
    partial(merge, choose=last_place): "同一对有好几处时，应从最左边的一处合起，现在从右边合起",
    partial(merge, choose=max): "先合了次序最大的一对，应先合次序最小的；数越小越先合",
    partial(merge, steps=1): "每段只合了一次，应合到不能再合；合完一次，再找一遍",
    partial(merge, start=characters): "应从单个字节开始，现在从一个个字开始；一个汉字是 3 个字节",
    take_longest: "这是从左往右、每次取最长的一块；BPE 不看长短，只看次序",
    merge_but_keep: "合成一块以后，右边那块还留着；两块应换成一块",
    merge_at_first_such: "合的地方不对：index 找到的是左边那块第一次出现的地方，那里后面不一定是右边那块；"
                         "找可合的对时，就记下位置",
    merge_as_written: "照字典里写的次序合的，应看每一对的次序（那个数）；先写的不一定先合",
    merge_in_small_letters: "先变成了小写；大写和小写是不同的字节，文字要照原样",
    merge_only_first: "只有第一段的块；return 是不是写在了循环里面",
    merge_only_last: "只有最后一段的块；前面各段的也要留着，接在一起",
}
