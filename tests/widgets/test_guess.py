"""你来当模型：每一轮的候选和概率与模型一致，坏文字说一句话；画面的动作在 tests/browser 里测"""
import math
import random

from helpers.fast.standin import SMALL, make
from helpers.tokens import piece, question_ids
from helpers.widgets.guess import GIVEN_TEXTS, MOST_GUESSED, OPTIONS, Guess, GuessSource

import pytest
import torch
from transformers import AutoModelForCausalLM

QUESTION, TEXT = GIVEN_TEXTS["课程的问题"]


@pytest.fixture
def source(tokenizer, model):
    return GuessSource(tokenizer, model)


def ids_of(round_: dict) -> list[int]:
    return [option["id"] for option in round_["options"]]


def test_a_hopeless_option_still_has_a_share(source, model):
    scores = torch.zeros(model.config.vocab_size)
    scores[5] = 300.0
    found = source._round(scores, 7, random.Random(14))
    by_id = {option["id"]: option["share"] for option in found["options"]}
    assert by_id[5] == pytest.approx(1)
    assert 0 < by_id[7] < 1e-100
    assert found["bits"] == pytest.approx(300 / math.log(2))


@pytest.mark.parametrize("name", GIVEN_TEXTS)
def test_every_round_is_the_models(source, tokenizer, model, name):
    question, text = GIVEN_TEXTS[name]
    found = source.rounds(question, text, 14)
    ids = tokenizer(text).input_ids
    before = question_ids(tokenizer, question) if question else ids[:3]
    rest = ids if question else ids[3:]
    assert [round_["truth"] for round_ in found["rounds"]] == rest
    assert found["asked"] == question
    assert [shown["id"] for shown in found["shown"]] == ([] if question else before)
    every = torch.softmax(model(input_ids=torch.tensor([before + rest])).logits[0, len(before) - 1:-1].double(), -1)
    for round_, whole in zip(found["rounds"], every, strict=True):
        together = whole[ids_of(round_)].sum().item()
        assert len(set(ids_of(round_))) == OPTIONS
        assert round_["truth"] in ids_of(round_)
        for option in round_["options"]:
            assert option["share"] == pytest.approx(whole[option["id"]].item() / together, rel=1e-2, abs=1e-6)
        theirs = {option["id"]: option["share"] for option in round_["options"]}
        assert round_["bits"] == pytest.approx(-math.log2(theirs[round_["truth"]]))


def test_the_others_are_the_models_best_without_half_letters(source, tokenizer, model):
    scores = torch.zeros(model.config.vocab_size)
    half = tokenizer("麤").input_ids[0]
    best = [half, 99670, 104083, 100004, 104288, 104530, 5]
    for place, token_id in enumerate(best):
        scores[token_id] = 20.0 - place
    assert set(source._options(scores, 111836)) == {111836, *best[1:6]}
    assert half in source._options(scores, half)  # 真正的下一个就是半个字，也在里面


def test_ids_without_a_token_are_no_candidates(source, tokenizer, model):
    scores = torch.zeros(model.config.vocab_size)
    scores[len(tokenizer):] = 9.0  # 词表的末尾是空着的编号，没有文字
    assert max(source._options(scores, 99670)) < len(tokenizer)


def test_the_order_comes_from_the_seed(source):
    orders = [ids_of(source.rounds(QUESTION, TEXT, seed)["rounds"][0]) for seed in (14, 14, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


@pytest.mark.parametrize("question, text, said", [
    (QUESTION, "   ", "现在是空的"), (QUESTION, "a\ud800b", "半个字符"), (QUESTION, "a<|im_end|>b", "结束词元"),
    ("", "好", "文字应有 4 到 200 个词元，现在有 1 个"), (QUESTION, " a" * (MOST_GUESSED + 1), "现在有 201 个"),
    ("好" * 10_000, TEXT, "连同模板"), ("a\ud800b", TEXT, "半个字符")])
def test_bad_input_is_a_sentence(source, question, text, said):
    with pytest.raises(ValueError, match=said):
        source.rounds(question, text, 14)


@pytest.mark.parametrize("text", ["好", " a" * MOST_GUESSED, "😀😀😀", "\x00\x07\x00", "再见<|im_end|>", "<b>粗</b>"])
def test_odd_texts_work(source, tokenizer, text):
    assert len(source.rounds(QUESTION, text, 14)["rounds"]) == len(tokenizer(text).input_ids)


def test_the_picture_is_the_first_round_without_the_answer(tokenizer, model):
    view = Guess(tokenizer, model)
    text = view.still().text
    assert view.still() == Guess(tokenizer, model).still()
    assert "★ 短期内" not in text
    assert TEXT not in text
    assert "问题：人工智能未来会取代人类吗？" in text
    assert "猜了 0 / 23 个：还没有下注" in text
    first = view.source.rounds(QUESTION, TEXT, 14)["rounds"][0]
    for number, option in enumerate(first["options"], 1):
        assert f"{number} {piece(tokenizer, option['id']).label}" in text
    assert "文字：今天│下午│我们在│？" in Guess(tokenizer, model, GIVEN_TEXTS["日常的话"][1]).still().text


def test_the_picture_has_a_round_of_another_text_as_an_example(tokenizer, model, source):
    text = Guess(tokenizer, model).still().text
    asked, poem = GIVEN_TEXTS["诗"]
    example = source.rounds(asked, poem, 14)["rounds"][0]
    for option in example["options"]:
        assert f"{option['label']} │ {option['share']:.2f} │" in text
    assert "★ 春天 │ 0.22 │ 0.60" in text
    assert "意外：你 0.74 比特，模型 2.20，六个均分 2.58；越少越好" in text


def test_another_qwen2_in_bf16(tokenizer, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype="bfloat16")
    found = GuessSource(tokenizer, model).rounds(QUESTION, TEXT, 14)
    assert all(max(ids_of(round_)) < len(tokenizer) for round_ in found["rounds"])
