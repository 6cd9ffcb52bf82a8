"""tokenizer.json 与独立的参照（dashscope 自带的、基于 tiktoken 的 Qwen 分词器）给出同样的编号"""
import unicodedata
from pathlib import Path

from helpers.tiny import TINY, vocabulary

import dashscope
import pytest
from dashscope.tokenizers.qwen_tokenizer import QwenTokenizer
from texts import random_texts

OFFICIAL = Path(dashscope.__file__).parent / "resources" / "qwen.tiktoken"


@pytest.fixture(scope="module")
def reference():
    return QwenTokenizer(str(OFFICIAL))


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
        assert path.read_bytes() == (TINY / path.name).read_bytes(), path.name
