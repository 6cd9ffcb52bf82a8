"""随机的文字：每一类字符都有，几处测试共用"""
import random


def letters(*ranges: tuple[int, int]) -> list[str]:
    return [chr(code) for start, stop in ranges for code in range(start, stop)]


KINDS = {
    "汉字": letters((0x4E00, 0x9FFF)),
    "生僻字": letters((0x3400, 0x4DBF), (0x20000, 0x20400), (0xF900, 0xFAFF)),
    "表情": letters((0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF)) + ["\u200d", "\ufe0f"],
    "英文": list("abcdefghijklmnopqrstuvwxyzABCXYZ'’ "),
    "数字": list("0123456789０１２½Ⅷ٣"),
    "代码": list("{}[]()<>=+-*/%!&|^~#@$\\\"'`:;,._\n\t abxy01"),
    "空白": list(" \t\n\r\v\f\u00a0\u2003\u3000\u2028"),
    "组合记号": letters((0x300, 0x36F)) + list("aeiounAE가나ガか"),
    "别的文字": letters((0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A), (0xE01, 0xE3A), (0xAC00, 0xAD00),
                      (0x3041, 0x30FF)),
    "标点": list("，。！？、；：“”‘’（）《》…—·.,!?"),
}


def random_texts(count: int, seed: int = 15) -> list[str]:
    """一半只用一类字符，一半混在一起；长度 1–40"""
    rng = random.Random(seed)
    kinds = list(KINDS.values())
    texts = []
    for number in range(count):
        pools = [kinds[number // 2 % len(kinds)]] if number % 2 else kinds
        texts.append("".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 40))))
    return texts
