"""下一个词元的静态图和它开头用的数；画面的动作在 tests/browser 里测"""
from helpers.tiny import TINY
from helpers.widgets.next_token import HOTTEST, TRY, NextToken

import pytest


def test_the_picture_is_the_same_every_time(tokenizer, model):
    view = NextToken(tokenizer, model)
    assert view.still() == NextToken(tokenizer, model).still()
    assert "不会 │ 99670 │ 0.48" in view.still().text


def test_the_temperature_ends_where_the_model_card_says():
    card = (TINY / "README.md").read_text(encoding="utf-8")
    assert f"“下一个词元”的温度只到 {HOTTEST}" in card


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_000, "现在有"), ("a\ud800b", "半个字符")])
def test_a_bad_question_is_a_sentence(tokenizer, model, text, said):
    with pytest.raises(ValueError, match=said):
        NextToken(tokenizer, model, question=text)


@pytest.mark.parametrize("text", ["😀😀", "\x00\x07", "<|im_end|>", "<b>粗</b>"])
def test_odd_questions_work(tokenizer, model, text):
    assert "<b>粗" not in NextToken(tokenizer, model, question=text).still().html


@pytest.mark.parametrize("question", TRY)
def test_the_samples_have_more_than_one_way_to_go(tokenizer, model, question):
    source = NextToken(tokenizer, model).source
    ids = [piece["id"] for piece in source.ask(question)]
    shares = [token["share"] for token in source.write(ids, {"count": 40})]
    assert min(shares) < 0.9
