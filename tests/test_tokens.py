"""tokens：词元的字节连起来就是原文，显示不出错，坏输入说清楚"""
import unicodedata

from helpers import bpe, tokens

import pytest
import torch
from texts import random_texts

TEXTS = ["你好啊", "犇骉麤", "Hello, world!\n\t 123", "😀🤖", "e\u0301 与 é", "<|im_start|>user\n你好<|im_end|>\n",
         "﷽  ", "<b>&"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_bytes_join_to_the_text(tokenizer, text):
    found = tokens.pieces(tokenizer, text)
    assert b"".join(p.bytes for p in found).decode("utf-8") == unicodedata.normalize("NFC", text)
    assert [p.id for p in found] == tokenizer(text).input_ids


def test_labels_by_hand(tokenizer):
    assert [p.label for p in tokens.pieces(tokenizer, "麤")] == ["‹e9 ba›", "‹a4›"]
    assert [p.text for p in tokens.pieces(tokenizer, "麤")] == ["�", "�"]
    assert tokens.piece(tokenizer, 1879).label == "␣world"
    assert tokens.piece(tokenizer, 198).label == "↵"
    assert tokens.piece(tokenizer, torch.tensor(108386)) == tokens.Piece(108386, "你好".encode())
    assert tokens.piece(tokenizer, 151644).label == "<|im_start|>"


@pytest.mark.parametrize("text, label", [
    ("\0", "‹00›"), ("a\r\n", "a‹0d›↵"), ("\u200d", "‹e2 80 8d›"), ("\x7f", "‹7f›"), (" \t\n你", "␣⇥↵你"),
    ("\u3000\u0301é<", "\u3000\u0301é<")])
def test_what_has_no_shape_is_written_as_bytes(text, label):
    assert tokens.visible(text) == label == tokens.Piece(0, text.encode()).label


def test_neighbours_stay_in_the_vocabulary(tokenizer):
    assert [p.id for p in tokens.neighbours(tokenizer, 108386)] == list(range(108383, 108390))
    assert [p.id for p in tokens.neighbours(tokenizer, 0, 2)] == [0, 1, 2]
    assert [p.id for p in tokens.neighbours(tokenizer, 151664)] == [151661, 151662, 151663, 151664]
    assert tokens.neighbours(tokenizer, 108386, 0) == [tokens.Piece(108386, "你好".encode())]


def test_bytes_to_piece_and_back(tokenizer):
    for token_id in [*range(300), *range(300, 151_643, 997), 151_642]:
        found = tokens.piece(tokenizer, token_id)
        assert tokens.piece_of(tokenizer, found.bytes) == found


def test_merges_by_hand(tokenizer):
    taken = bpe.merge_steps(tokenizer, "你好".encode())
    assert [step.rank for step in taken] == [None, 8263, 26839, 52545, 56312, 108130]  # 笔记本 03 第 5 节
    assert [step.at for step in taken] == [None, 0, 2, 2, 0, 0]
    assert [p.bytes.hex() for p in taken[2].parts] == ["e4bd", "a0", "e5a5", "bd"]
    assert taken[-1].parts == [tokens.Piece(108386, "你好".encode())]


def test_merges_end_at_the_tokenizers_tokens(tokenizer):
    ranks = tokens.merge_ranks(tokenizer)
    compared = 0
    for text in random_texts(300, seed=3):
        for ids in bpe.segments(tokenizer, text):
            want = [tokens.piece(tokenizer, token_id) for token_id in ids]
            data = b"".join(p.bytes for p in want)
            if len(data) > bpe.MOST_BYTES:
                continue
            taken = bpe.merge_steps(tokenizer, data)
            assert [p.bytes for p in taken[0].parts] == [bytes([byte]) for byte in data]
            assert taken[-1].parts == want
            for before, step in zip(taken, taken[1:], strict=False):
                left, right = before.parts[step.at:step.at + 2]
                assert ranks[left.bytes, right.bytes] == step.rank
                assert step.parts[step.at].bytes == left.bytes + right.bytes
            compared += 1
    assert compared > 2000


def test_segments_are_those_of_the_pretokenizer(tokenizer):
    assert bpe.segments(tokenizer, "你 好") == [[56568], [4891, 98, 121]]
    assert bpe.segments(tokenizer, "<|im_start|><|im_start|>a") == [[151644], [151644], [64]]
    for text in random_texts(300, seed=4):
        found = bpe.segments(tokenizer, text)
        assert [token_id for ids in found for token_id in ids] == tokenizer(text).input_ids
        kept = tokens.normalized(tokenizer, text)
        assert kept == b"".join(p.bytes for p in tokens.pieces(tokenizer, text)).decode()
        want = [segment for segment, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(kept)]
        assert ["".join(tokenizer.convert_ids_to_tokens(ids)) for ids in found] == want


def test_a_blank_breaks_the_character_after_it(tokenizer):
    """03 第 6 节写着它们的字节"""
    assert [piece.bytes.hex(" ") for piece in tokens.pieces(tokenizer, " 天")] == ["20 e5 a4", "a9"]
    assert [piece.bytes.hex(" ") for piece in tokens.pieces(tokenizer, " 气")] == ["20 e6", "b0", "94"]


def test_shown_as_text_and_as_html(tokenizer):
    shown = tokens.colored(tokenizer, "你好啊")
    assert repr(shown) == "你好│啊\n108386│103924"
    assert shown._repr_html_().count("<span") == 2
    assert "<b>" not in tokens.colored(tokenizer, "<b>你")._repr_html_()
    assert repr(tokens.token_table(tokenizer, "你好")) == "词元 │ 编号 │ 字节\n你好 │ 108386 │ e4 bd a0 e5 a5 bd"


@pytest.mark.parametrize("call, error, says", [
    (lambda t: tokens.pieces(t, ""), ValueError, "空的"), (lambda t: tokens.pieces(t, 5), TypeError, "str"),
    (lambda t: tokens.pieces(t, None), TypeError, "str"), (lambda t: tokens.piece(t, -1), ValueError, "0 到 151664"),
    (lambda t: tokens.piece(t, 151665), ValueError, "0 到 151664"),
    (lambda t: tokens.piece(t, "好"), TypeError, "整数"),
    (lambda t: tokens.piece(t, True), TypeError, "整数"), (lambda t: tokens.piece(t, [1]), TypeError, "整数"),
    (lambda t: tokens.neighbours(t, 151665), ValueError, "0 到 151664"),
    (lambda t: tokens.normalized(t, "\ud800"), ValueError, "半个字符"),
    (lambda t: tokens.piece_of(t, "犇骉".encode()), ValueError, "e7 8a 87"),
    (lambda t: tokens.piece_of(t, b""), ValueError, "词表里"), (lambda t: bpe.segments(t, ""), ValueError, "空的"),
    (lambda t: bpe.segments(t, 5), TypeError, "str"), (lambda t: bpe.merge_steps(t, "你好"), TypeError, "bytes"),
    (lambda t: bpe.merge_steps(t, b""), ValueError, "0 个"),
    (lambda t: bpe.merge_steps(t, b"a" * 61), ValueError, "61 个")])
def test_bad_input(tokenizer, call, error, says):
    with pytest.raises(error, match=says) as caught:
        call(tokenizer)
    assert "应" in str(caught.value)
    assert "现在" in str(caught.value)


def test_as_the_template_writes_it(tokenizer):
    messages = [{"role": "user", "content": " 你好 "}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert tokens.question_ids(tokenizer, " 你好 ") == tokenizer(text).input_ids


@pytest.mark.parametrize("question, kind, says", [
    ("", ValueError, "现在是空的"), (" \n", ValueError, "现在是空的"), (5, TypeError, "应是一段文字"),
    ("a\ud800", ValueError, "半个字符"),
    ("好" * 10_000, ValueError, "应不超过 200 个词元（连同模板），现在有 5018 个")])
def test_bad_questions(tokenizer, question, kind, says):
    with pytest.raises(kind, match=says):
        tokens.question_ids(tokenizer, question)
