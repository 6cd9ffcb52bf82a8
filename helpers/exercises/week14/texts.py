"""数词元、找半个字都用的随机文字"""
import random

BITS = ["你好", "人工智能", "词元", " 好", "龘", "🦜", "🫠", "😀", " world", "123", "的", "，", "\n", "靐", " ", "x"]
LONG = 120  # 很长的一段有多少块


def random_texts(seed: int, count: int) -> list[str]:
    """count 段固定种子的随机文字，最后一段很长"""
    chance = random.Random(seed)
    lengths = chance.choices(range(2, 9), k=count - 1)
    lengths.append(LONG)
    return ["".join(chance.choices(BITS, k=length)) for length in lengths]
