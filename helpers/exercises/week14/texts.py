"""第 14 周几道题都用的文字"""
import random

TEXTS = {"A": "人工智能正在改变我们的世界", "B": "Transformers are the future", "C": "13800138000", "D": "犇骉麤"}
BITS = ["你好", "人工智能", "词元", " 好", "龘", "🦜", "🫠", "😀", " world", "123", "的", "，", "\n", "靐", " ", "x"]


def random_texts(seed: int, count: int) -> list[str]:
    """count 段固定种子的随机文字，最后一段很长"""
    chance = random.Random(seed)
    lengths = [chance.randint(2, 8) for _ in range(count - 1)]
    return [join_bits(chance, length) for length in [*lengths, 120]]


def join_bits(chance: random.Random, length: int) -> str:
    """随机取 length 个 BITS，连成一段"""
    return "".join(chance.choices(BITS, k=length))
