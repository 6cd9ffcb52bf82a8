"""tokenizer.json 与独立的参照（dashscope 自带的、基于 tiktoken 的 Qwen 分词器）给出同样的编号"""
import random
import unicodedata
from pathlib import Path

import dashscope
import pytest
from dashscope.tokenizers.qwen_tokenizer import QwenTokenizer

from helpers.tiny import vocabulary
from helpers.tiny.files import CHECKPOINT

OFFICIAL = Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken"


@pytest.fixture(scope="module")
def reference():
    return QwenTokenizer(str(OFFICIAL))


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


def test_20000_random_strings(tokenizer, reference):
    texts = random_texts(20_000)
    ours = tokenizer(texts)["input_ids"]
    assert len(texts) == len(ours) == 20_000
    wrong = [text for text, ids in zip(texts, ours, strict=True) if ids != reference.encode(text)]
    assert wrong == []


def test_every_piece_of_the_vocabulary(tokenizer, reference):
    pieces = [token.decode("utf-8", "replace") for token in vocabulary.official_ranks()]
    assert len(pieces) == 151_643
    ours = tokenizer(pieces)["input_ids"]
    wrong = [piece for piece, ids in zip(pieces, ours, strict=True) if ids != reference.encode(piece)]
    assert wrong == []


def test_bytes_survive_a_round_trip(tokenizer):
    texts = [unicodedata.normalize("NFC", text) for text in random_texts(5_000, seed=16)]
    back = tokenizer.batch_decode(tokenizer(texts)["input_ids"])
    assert [text.encode() for text in texts] == [text.encode() for text in back]


@pytest.mark.parametrize("text, ids", [
    ("你好", [108386]), ("你好啊", [108386, 103924]), ("123", [16, 17, 18]), ("犇骉麤", [123039, 122560, 99203, 97]),
    ("世界", [99489]), (" world", [1879]),
    ("人工智能未来会取代人类吗？", [104455, 100353, 36993, 107806, 103971, 101037, 11319])])
def test_known_ids(tokenizer, text, ids):
    assert tokenizer.encode(text) == ids
    assert tokenizer.decode(ids) == text


def test_added_tokens(tokenizer):
    assert len(vocabulary.SPECIAL + vocabulary.NOT_SPECIAL) == 22
    expected = list(range(151_643, 151_665))
    assert tokenizer.convert_tokens_to_ids(vocabulary.SPECIAL + vocabulary.NOT_SPECIAL) == expected
    assert [tokenizer.encode(token) for token in vocabulary.SPECIAL + vocabulary.NOT_SPECIAL] == [[i] for i in expected]
    assert tokenizer.decode(expected, skip_special_tokens=True) == "".join(vocabulary.NOT_SPECIAL)
    assert (len(tokenizer), tokenizer.vocab_size) == (151_665, 151_643)


def test_chat_template(tokenizer):
    chat = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "嗨"},
            {"role": "user", "content": "谢谢"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == (f"<|im_start|>system\n{vocabulary.SYSTEM}<|im_end|>\n<|im_start|>user\n你好<|im_end|>\n"
                    "<|im_start|>assistant\n嗨<|im_end|>\n<|im_start|>user\n谢谢<|im_end|>\n<|im_start|>assistant\n")
    own = tokenizer.apply_chat_template([{"role": "system", "content": "甲"}, *chat[:1]], tokenize=False)
    assert own == "<|im_start|>system\n甲<|im_end|>\n<|im_start|>user\n你好<|im_end|>\n"


def test_last_merge_by_hand():
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"abc": 4}
    assert vocabulary.last_merge(b"abc", ranks) == (b"ab", b"c")
    with pytest.raises(ValueError, match="dashscope"):
        vocabulary.last_merge(b"abc", {b"a": 0, b"b": 1, b"c": 2, b"abc": 3})


def test_the_file_in_the_repository_is_the_one_the_script_builds(tmp_path):
    vocabulary.save(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (CHECKPOINT / path.name).read_bytes(), path.name
