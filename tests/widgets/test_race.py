"""KV cache 的比赛：写的和 model.generate 一样，送进几个和手算一样；画面的动作在 tests/browser 里测"""
from helpers.generation import Step, steps, stop_ids
from helpers.widgets import race
from helpers.widgets.race import Race, RaceSource, without_stops

import pytest
import torch

QUESTION = "再见"
COUNT = 20  # 回答很短，写 20 个就越过了结束词元


@pytest.fixture
def source(tokenizer, model):
    return RaceSource(tokenizer, model)


@pytest.fixture
def ids(source):
    return [piece["id"] for piece in source.ask(QUESTION)]


@pytest.fixture
def taken(source, ids):
    return list(source.race(ids, {"count": COUNT}))


def test_without_stops_takes_the_best_that_goes_on(model):
    logits = torch.zeros(model.config.vocab_size)
    for place, token_id in enumerate([5, 7, *stop_ids(model)], 1):
        logits[token_id] = place
    assert without_stops(model)(logits) == 7
    assert logits.argmax().item() in stop_ids(model)


def test_both_write_what_generate_writes(taken, ids, model):
    asked = torch.tensor([ids])
    out = model.generate(asked, attention_mask=torch.ones_like(asked), min_new_tokens=COUNT, max_new_tokens=COUNT,
                         do_sample=False)
    wanted = out[0, len(ids):].tolist()
    for lane in (0, 1):
        assert [step["id"] for step in taken if step["lane"] == lane] == wanted
    assert len(list(steps(model, asked, COUNT))) < COUNT  # 不拦住结束词元，早就停了
    assert not stop_ids(model).intersection(wanted)


def test_what_is_fed(taken, ids):
    first = len(ids)
    fed = [[step["fed"] for step in taken if step["lane"] == lane] for lane in (0, 1)]
    assert fed == [[first] + [1] * (COUNT - 1), list(range(first, first + COUNT))]
    assert "再见，记得保存好" in taken[-1]["written"]


def test_whoever_used_less_time_writes_next(taken):
    spent = [0.0, 0.0]
    count = [0, 0]
    for step in taken:
        lane = step["lane"]
        if max(count) < COUNT:
            assert spent[lane] == min(spent)
        spent[lane] += step["seconds"]
        count[lane] += 1
    assert count == [COUNT, COUNT]


def test_both_write_everything_even_if_the_cached_lane_is_the_slower(source, ids, monkeypatch):
    def slowed(model, input_ids, count, choose=None, use_cache=True):
        seconds = 1.0
        if use_cache:
            seconds = 9.0
        for _ in range(count):
            yield Step(5, None, 1, seconds, 0)

    monkeypatch.setattr(race, "steps", slowed)
    lanes = [step["lane"] for step in source.race(ids, {"count": 4})]
    assert lanes == [0, 1, 1, 1, 1, 0, 0, 0]


def test_the_picture_is_the_course(tokenizer, model):
    text = Race(tokenizer, model, count=100).still().text
    assert "连同模板 25 个词元，各写 100 个" in text
    assert "有 KV cache │ 第 1 轮 25 个，以后每轮 1 个 │ 124" in text
    assert "没有 KV cache │ 第 1 轮 25 个，每轮多 1 个，最后一轮 124 个 │ 7450" in text


@pytest.mark.parametrize("question, said", [("", "现在是空的"), ("好" * 10_000, "应不超过 200 个词元")])
def test_a_bad_question_is_a_sentence(tokenizer, model, question, said):
    with pytest.raises(ValueError, match=said):
        Race(tokenizer, model, question)
