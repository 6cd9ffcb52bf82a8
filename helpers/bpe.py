"""BPE 一步一步地看：文字先切成小段，每一段从单个字节开始，反复合并次序最靠前的一对

出处: notebooks/03_tokenization.ipynb 第 5 节；结果与分词器相同（tests/test_tokens.py）
"""
from dataclasses import dataclass
from itertools import pairwise

from helpers.tokens import Piece, check_text, merge_ranks, piece_of

MOST_BYTES = 60


@dataclass(frozen=True)
class Merge:
    """合并的一步：用了次序表的第几条，合出来的是第几块（从 0 数），合并以后的各块；没有合并时前两样是 None"""
    rank: int | None
    at: int | None
    parts: list[Piece]


def segments(tokenizer, text: str) -> list[list[int]]:
    """合并之前切成的小段，合并不跨段：每一段是几个相连的词元的编号，连起来就是整段文字的编号

    附加词元（例如 <|im_start|>）自己是一段；不是文字、空文字报 TypeError 或 ValueError
    例: segments(tokenizer, "你 好") -> [[56568], [4891, 98, 121]]
    """
    check_text(text)
    encoded = tokenizer(text, add_special_tokens=False, verbose=False)
    words = encoded.word_ids()  # 每个词元在第几段
    found = {}
    for at, token_id in enumerate(encoded.input_ids):
        segment = found.setdefault(words[at], [])
        segment.append(token_id)
    return list(found.values())


def check_segment(data: bytes) -> None:
    """data 应是 1 到 MOST_BYTES 个字节，否则报 TypeError 或 ValueError"""
    if not isinstance(data, bytes):
        raise TypeError(f"应是一段字节（bytes），现在是 {type(data).__name__}；文字先用 .encode() 变成字节")
    if not 1 <= len(data) <= MOST_BYTES:
        raise ValueError(
            f"一段应有 1 到 {MOST_BYTES} 个字节，"
            f"现在有 {len(data)} 个；换短一点的文字再看")


def merge_steps(tokenizer, data: bytes) -> list[Merge]:
    """把一段的字节一步一步合到底：第 0 项是单个字节，以后每项是一次合并，最后一项就是分词器切出的词元

    data: 一个小段的字节，1 到 MOST_BYTES 个，否则报 TypeError 或 ValueError
    例: [step.rank for step in merge_steps(tokenizer, "啊".encode())] -> [None, 26953, 103668]
    出处: Sennrich 等 2016, Neural Machine Translation of Rare Words with Subword Units
    """
    check_segment(data)
    ranks = merge_ranks(tokenizer)
    parts = [piece_of(tokenizer, bytes([byte])) for byte in data]
    taken = [Merge(rank=None, at=None, parts=parts)]
    while True:
        pairs = [(left.bytes, right.bytes) for left, right in pairwise(parts)]
        known = [pair for pair in pairs if pair in ranks]
        if not known:
            return taken
        pair = min(known, key=ranks.get)
        at = pairs.index(pair)
        joined = piece_of(tokenizer, b"".join(pair))
        parts = [*parts[:at], joined, *parts[at + 2:]]
        taken.append(Merge(ranks[pair], at, parts))
