"""网页自己的模型会各个视图问的一切，回答与 helpers/widgets 里各个视图的 Source 相同；在 Chromium 里看"""
import re

from helpers.tokens import question_ids
from helpers.widgets.attention import AttentionSource
from helpers.widgets.guess import GuessSource
from helpers.widgets.race import RaceSource
from helpers.widgets.slow_motion import SlowSource
from helpers.widgets.source import TextSource

import pytest
import torch
from servers.jupyterlab import ROOT

pytestmark = pytest.mark.browser
CLOSE = 0.002
SEED = 14
ASKED = [
    (path.name, method)
    for path in sorted((ROOT / "helpers" / "widgets").glob("*.js"))
    for method in re.findall(r"\bsource\.(\w+)\(", path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("view, method", sorted(set(ASKED)))
def test_the_page_answers_what_a_view_asks(engine, view, method):
    assert engine.run("(method) => typeof engine[method]", method) == "function"


def lane(steps: list[dict], number: int) -> list[tuple]:
    """一条赛道的每一步：编号，送进几个，写出的文字"""
    return [(step["id"], step["fed"], step["written"]) for step in steps if step["lane"] == number]


def test_the_race_is_the_same(engine, tokenizer, model):
    ids = question_ids(tokenizer, "你好")
    found = engine.watch("race", ids, {"count": 40})
    expected = list(RaceSource(tokenizer, model).race(ids, {"count": 40}))
    assert lane(found, 0) == lane(expected, 0)
    assert lane(found, 1) == lane(expected, 1)
    assert len(lane(found, 0)) == 40
    assert len(engine.watch("race", ids, {"count": 40}, most=2)) < 10


def by_id(options: list[dict]) -> list[dict]:
    return sorted(options, key=lambda option: option["id"])


def same_round(ours: dict, theirs: dict) -> None:
    assert ours["truth"] == theirs["truth"]
    assert ours["bits"] == pytest.approx(theirs["bits"], rel=0.01)
    for one, other in zip(by_id(ours["options"]), by_id(theirs["options"]), strict=True):
        assert (one["id"], one["label"]) == (other["id"], other["label"])
        assert one["share"] == pytest.approx(other["share"], abs=CLOSE)


@pytest.mark.parametrize("question, text", [
    ("人工智能未来会取代人类吗？", "短期内不会。<|im_end|>"),
    ("", "今天下午我们在机房上课，老师带着大家看 Qwen。"),
    (" ", "犇骉麤 😀 unbelievable")])
def test_the_rounds_to_guess_are_the_same(engine, tokenizer, model, question, text):
    found = engine.ask("rounds", question, text, SEED)
    expected = GuessSource(tokenizer, model).rounds(question, text, SEED)
    assert found["asked"] == expected["asked"]
    assert found["shown"] == expected["shown"]
    for ours, theirs in zip(found["rounds"], expected["rounds"], strict=True):
        same_round(ours, theirs)


def test_options_are_shuffled_by_the_seed(engine):
    texts = ["", "今天下午我们在机房上课，老师带着大家看 Qwen。"]
    found = engine.ask("rounds", *texts, SEED)
    assert engine.ask("rounds", *texts, SEED) == found
    assert engine.ask("rounds", *texts, SEED + 1) != found
    places = set()
    for played in found["rounds"]:
        ids = [option["id"] for option in played["options"]]
        places.add(ids.index(played["truth"]))
    assert len(places) > 2


@pytest.mark.parametrize("question, text", [
    ("", "短"), ("", ""), ("问", " "), ("", "好，" * 200), ("你好", "好<|im_end|>好"), ("好，" * 200, "好")])
def test_texts_that_cannot_be_guessed_get_the_sentence_that_python_says(engine, tokenizer, model, question, text):
    with pytest.raises(ValueError) as error:
        GuessSource(tokenizer, model).rounds(question, text, SEED)
    assert engine.refused("rounds", question, text, SEED) == str(error.value)


@pytest.mark.parametrize("question, most", [("你好", 40), ("犇\n骉\x07" * 12, 3), ("<|im_end|>", 1)])
def test_the_frames_are_the_same(engine, tokenizer, model, question, most):
    *counts, found = engine.watch("frames", question, most)
    *_, expected = SlowSource(tokenizer, model).frames(question, most)
    ours = found["run"]
    theirs = expected["run"]
    assert ours["frames"] == theirs["frames"]
    assert ours["sizes"] == theirs["sizes"]
    assert list(ours["seconds"]) == list(theirs["seconds"])
    assert len(ours["forwards"]) == len(theirs["forwards"])
    assert [news["count"] for news in counts] == list(range(1, len(theirs["sizes"]) + 1))


def test_frames_can_be_stopped(engine):
    found = engine.watch("frames", "你好", 40, most=2)
    assert len(found) < 10
    assert "run" not in found[-1]


@pytest.mark.parametrize("template", [True, False])
def test_the_inside_is_the_same(engine, tokenizer, eager, template):
    source = AttentionSource(tokenizer, eager)
    text = "什么是 KV cache？"
    pieces = source.positions(text, template)
    assert engine.ask("positions", text, template) == pieces
    ids = [found["id"] for found in pieces]
    last = len(ids) - 1
    assert close(engine.ask("looks", ids, 0), source.looks(ids, 0))
    assert close(engine.ask("looks", ids, last), source.looks(ids, last))
    assert close(engine.ask("attention_map", ids, 0, 0), source.attention_map(ids, 0, 0))
    assert close(engine.ask("attention_map", ids, 5, 4), source.attention_map(ids, 5, 4))


def close(found: list, expected: list) -> bool:
    ours = torch.tensor(found, dtype=torch.float32)
    return torch.allclose(ours, torch.tensor(expected), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("text", [" ", "好，" * 99])
def test_texts_that_cannot_be_seen_inside_get_the_sentence_that_python_says(engine, tokenizer, text):
    with pytest.raises(ValueError) as error:
        TextSource(tokenizer).positions(text, True)
    assert engine.refused("positions", text, True) == str(error.value)
