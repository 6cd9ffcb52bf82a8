"""汉字显微镜的静态图；画面的动作在 tests/browser 里测，切分和合并在 test_source.py 里测"""
from helpers.widgets.microscope import EDGE_STEPS, SAMPLES, Microscope

import pytest

TEXTS = ["犇骉麤", "x == 1\n\ty", "😀👨‍👩‍👧", "e\u0301", "<|im_start|>user\n你 好", "<b>&amp;", " ", "\0\r\n\u202e",
         "﷽" * 20, *SAMPLES]


def test_the_picture(tokenizer):
    text = Microscope(tokenizer).still().text
    assert "13 个字符，39 个字节，7 个词元，每个字符 0.54 个词元" in text
    assert "人工智能│未来│会│取代│人类│吗│？" in text
    assert "第 1 段（共 2 段），从字节合起" in text
    assert "第 107550 条，取 和 代 合成 ★取代" in text
    assert text.count("中间还有") == 1
    assert text.split("从字节合起")[1].count("合成 ★") == 2 * EDGE_STEPS - 1


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_has_a_picture(tokenizer, text):
    still = Microscope(tokenizer, text).still()
    assert "<b>&amp;amp" not in still.html
    assert "<b>&amp;<" not in still.html
    assert "个词元" in still.text


def test_a_segment_that_does_not_come_from_merging(tokenizer):
    assert "整个写在词表里" in Microscope(tokenizer, "<|im_end|>").still().text
    assert "合并只演示不超过 60 个字节的段" in Microscope(tokenizer, "好" * 30).still().text


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_001, "现在有 10001 个"),
                                        ("a\ud800", "半个字符")])
def test_a_bad_text_is_a_sentence(tokenizer, text, said):
    with pytest.raises(ValueError, match=said):
        Microscope(tokenizer, text)
