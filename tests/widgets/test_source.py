"""互动视图的问题由内核回答：和 helpers 里各个函数、和模型自己算的一样；缓存怎样用都不改变结果"""
import json

from helpers.generation import steps
from helpers.sampling import STAGES
from helpers.tokens import pieces, question_ids
from helpers.widgets.guess import Guess
from helpers.widgets.lens import Lens
from helpers.widgets.next_token import MOST_WRITTEN, OFF
from helpers.widgets.slow_motion import SlowMotion
from helpers.widgets.source import BEST_SHOWN, MOST_CUT, Source, shared_start

import pytest
import torch

QUESTION = "人工智能未来会取代人类吗？"


@pytest.fixture
def source(tokenizer, model):
    return Source(tokenizer, model)


@pytest.fixture
def ids(tokenizer):
    return question_ids(tokenizer, QUESTION)


def final(found: dict) -> dict[int, float]:
    """编号 → 用上全部设置以后的概率"""
    return {row["id"]: row["shares"][-1] for row in found["rows"]}


def test_the_rows_are_the_models_probabilities(source, ids, model):
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                         max_new_tokens=1, do_sample=False, output_logits=True, return_dict_in_generate=True)
    best = torch.softmax(out.logits[0][0], dim=-1).topk(BEST_SHOWN)
    found = source.next(ids, OFF)
    assert list(final(found)) == best.indices.tolist()
    assert list(final(found).values()) == pytest.approx(best.values.tolist(), abs=1e-4)
    assert found["stages"] == list(STAGES)
    assert json.loads(json.dumps(found)) == found  # 送得到网页里


def test_every_setting_changes_what_it_should(source, ids):
    plain = max(final(source.next(ids, OFF)).values())
    assert round(plain, 2) == 0.48
    assert round(max(final(source.next(ids, OFF | {"temperature": 0.3})).values()), 2) == 0.94
    assert round(max(final(source.next(ids, OFF | {"temperature": 1.5})).values()), 2) == 0.28
    two = final(source.next(ids, OFF | {"top_k": 2}))
    assert sum(share > 0 for share in two.values()) == 2
    one = final(source.next(ids, OFF | {"top_p": 0.05}))
    assert list(one.values()).count(1.0) == 1
    first = source.next(ids, OFF)["rows"][0]
    fined = source.next([*ids, first["id"]], OFF | {"penalty": 2.0})
    assert fined["rows"][0]["shares"][0] > fined["rows"][0]["shares"][1] or first["id"] not in final(fined)


def test_what_a_stronger_setting_brings_in_is_shown_too(source, ids):
    hot = source.next([*ids, 99670], OFF | {"penalty": 2.0, "temperature": 1.5})
    best = sorted(final(hot).values())[-BEST_SHOWN:]
    assert len(hot["rows"]) >= BEST_SHOWN
    assert max(best) == max(final(hot).values())


def test_a_draw_follows_the_probabilities(tokenizer, model, ids):
    source = Source(tokenizer, model, seed=1)
    drawn = [source.draw(ids, OFF)["id"] for _ in range(400)]
    assert drawn.count(99670) / 400 == pytest.approx(0.48, abs=0.08)
    cold = {source.draw(ids, OFF | {"top_k": 1})["id"] for _ in range(20)}
    assert cold == {99670}
    again = Source(tokenizer, model, seed=1)
    assert [again.draw(ids, OFF)["id"] for _ in range(10)] == drawn[:10]


def test_the_cache_never_changes_a_result(source, ids, model):
    other = question_ids(source.tokenizer, "写一句诗")
    for asked in (ids, [*ids, 99670], [*ids, 99670, 11319], [*ids, 104083], ids[:-2], other, ids, [5], [5, 7]):
        alone = model(input_ids=torch.tensor([asked])).logits[0, -1]
        torch.testing.assert_close(source._logits(asked), alone, atol=2e-4, rtol=0)


def test_only_what_is_new_is_read(source, ids, model, monkeypatch):
    fed = []
    forward = type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda self, *inputs, **named: (
        fed.append(named["input_ids"].shape[1]), forward(self, *inputs, **named))[1])
    for asked in (ids, ids, [*ids, 99670], [*ids, 104083]):
        source._logits(asked)
    assert fed == [len(ids), 1, 1]


@pytest.fixture
def forwards(eager):
    """到现在为止模型算了几次前向"""
    times = []
    hook = eager.register_forward_hook(lambda *_: times.append(1))
    yield times
    hook.remove()


def test_slow_motion_generates_once_for_picture_and_frames(tokenizer, eager, forwards):
    view = SlowMotion(tokenizer, eager)
    before = len(forwards)
    *_, last = view.answer("frames", [QUESTION, 40])
    assert len(last["run"]["sizes"]) == before == len(forwards)


def test_the_rounds_are_read_once_for_picture_and_game(tokenizer, eager, forwards):
    view = Guess(tokenizer, eager)
    given = view.given
    before = len(forwards)
    assert view.answer("rounds", [given["question"], given["text"], given["seed"]])["rounds"]
    assert len(forwards) == before


def test_the_lens_is_computed_once_for_picture_and_ladder(tokenizer, eager, forwards):
    view = Lens(tokenizer, eager)
    ids = [piece["id"] for piece in view.source.positions(QUESTION, True)]
    assert len(list(view.answer("lens", [ids]))) == eager.config.num_hidden_layers + 1
    assert len(forwards) == 1


def test_writing_is_what_generate_writes(source, ids, model):
    written = list(source.write(ids, {"count": MOST_WRITTEN}))
    wanted = [step.token_id for step in steps(model, torch.tensor([ids]), MOST_WRITTEN)]
    assert [token["id"] for token in written] == wanted
    assert [token["stop"] for token in written] == [False] * (len(wanted) - 1) + [True]


def test_cutting_is_the_tokenizers(source, tokenizer):
    cut = source.cut("犇骉麤 and 你好")
    found = [piece for segment in cut["segments"] for piece in segment]
    assert [piece["id"] for piece in found] == [piece.id for piece in pieces(tokenizer, "犇骉麤 and 你好")]
    assert source.cut("e\u0301")["text"] == "é"
    marked = source.cut("<|im_start|>好")["segments"]
    assert [piece["special"] for segment in marked for piece in segment] == [True, False]
    with pytest.raises(ValueError, match=f"不超过 {MOST_CUT} 个字符，现在有 10001 个"):
        source.cut("好" * 10_001)
    with pytest.raises(ValueError, match="现在是空的"):
        source.cut("")


def test_merging_ends_at_the_token(source, tokenizer):
    merged = source.merges([56568])
    assert [step["rank"] for step in merged["steps"]] == [None, 8263, 56312]
    assert [part["label"] for part in merged["steps"][-1]["parts"]] == ["你"]
    assert "整个写在词表里" in source.merges([151644])["obstacle"]
    long = tokenizer("好" * 30, add_special_tokens=False).input_ids
    assert "60 个字节的段，这一段有 90 个" in source.merges(long)["obstacle"]
    assert [piece["id"] for piece in source.near(1)] == [0, 1, 2, 3, 4]


def test_an_id_without_a_token_has_a_name(source):
    assert source._named(151700)["label"] == "#151700"


def test_the_shared_start_of_two_lists():
    assert shared_start([5, 7, 9], [5, 7, 8, 9]) == 2
    assert shared_start([], [1]) == 0
    assert shared_start([1, 2], [1, 2, 3]) == 2
