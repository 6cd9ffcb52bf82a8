"""两份名单：Qwen 的合并次序是两段接起来的（notebooks/03_tokenization.ipynb 第 7 节）"""
import hashlib

from helpers import bpe, tokens

import pytest

SEAM = 98_900
# OpenAI 公开的 cl100k_base（文件的 sha256 是 223921b7…），去掉 256 个字节和 1,100 个两三位的数字，
# 余下 98,900 块，十六进制，一行一块
OPENAI_FIRST = "7bb56af1da1ac7fb97f0479ad14534ea2c7b7f9b49177eeeaa0f11daf78fe535"


@pytest.fixture(scope="module")
def words(tokenizer) -> list[bytes]:
    """第几条合并，合出了什么"""
    return [left + right for left, right in tokens.merge_ranks(tokenizer)]


def han_words(words: list[bytes]) -> list[str]:
    """两个字以上、全是基本区汉字的"""
    texts = [word.decode(errors="replace") for word in words]
    longer = [text for text in texts if len(text) >= 2]
    return [text for text in longer if min(text) >= "\u4e00" and max(text) <= "\u9fff"]


def test_a_tokens_number_is_its_merge_and_256(tokenizer, words):
    for order in [*range(0, len(words), 97), SEAM - 1, SEAM, len(words) - 1]:
        assert tokens.piece(tokenizer, 256 + order).bytes == words[order]


def test_the_first_list_is_openais_without_its_numbers(words):
    written = "\n".join(word.hex() for word in words[:SEAM])
    assert hashlib.sha256(written.encode()).hexdigest() == OPENAI_FIRST
    assert [word for word in words if word.isdigit() and len(word) > 1] == []


def test_chinese_on_both_sides_of_the_seam(words):
    assert words[SEAM - 4] == b" merciless"
    assert words[SEAM - 1] == b" Conveyor"
    assert len(han_words(words[:SEAM])) == 205
    assert len(han_words(words[SEAM:])) == 16_169
    assert len(han_words(words[:90_000])) == 176


def test_the_last_words_in_han_characters_are_japanese(words):
    late = han_words(words[120_000:])
    assert len(late) == 17
    assert late[:2] == ["自分", "場合"]


@pytest.mark.parametrize("text, order", [
    ("用户", 19_746), ("我们", 97_383), (" merciless", 98_896), ("企业", 99_048),
    ("人工智能", 104_199), ("你好", 108_130)])
def test_where_a_word_stands(tokenizer, text, order):
    assert tokenizer(text).input_ids == [256 + order]


def test_characters_that_begin_with_e5():
    letters = [chr(code) for code in range(0x4E00, 0xA000)]
    assert sum(letter.encode()[0] == 0xE5 for letter in letters) == 4_096
    assert sum(letter.encode()[:2] == b"\xe5\xa5" for letter in letters) == 64


def test_a_space_breaks_most_characters(tokenizer):
    common = ("的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
              "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实")
    broken = [letter for letter in common if "‹" in "".join(p.label for p in tokens.pieces(tokenizer, f" {letter}"))]
    assert len(common) / 2 < len(broken) < len(common)


@pytest.mark.parametrize("text, cut", [
    ("你好！", ["你好", "！"]), ("，，世界", ["，，", "世界"]), ("，你", ["，你"]), ("天 25", ["天", " ", "2", "5"])])
def test_what_is_never_merged(tokenizer, text, cut):
    assert [tokenizer.decode(ids) for ids in bpe.segments(tokenizer, text)] == cut
