"""你来当模型：概率和模型一致，比特数和手算一致，按错次序、坏文字说一句话，照常可用"""
import math

from helpers.fast.standin import SMALL, make
from helpers.generation import Step
from helpers.widgets.guess import EVEN, GIVEN_TEXTS, MODEL, MOST_GUESSED, OPTIONS, YOU, Guess, shares, stake

import pytest
import torch
from transformers import AutoModelForCausalLM
from views import press

OWN_TEXT = "模型先读词元，再写词元。"


@pytest.fixture
def view(tokenizer, model):
    return Guess(tokenizer, model)


def bet(view, token_id: int | None = None) -> None:
    """押一个（默认押对），然后下注"""
    view.choice.value = view.truth if token_id is None else token_id
    press(view, "下注")


def wrong(view) -> int:
    return next(i for i in view.theirs if i != view.truth)


def test_shares_and_stake_by_hand():
    logits = torch.log(torch.tensor([0.5, 0.2, 0.2, 0.1]))
    assert shares(logits, [3, 0]) == pytest.approx({3: 1 / 6, 0: 5 / 6})
    assert list(shares(logits, [3, 0, 1])) == [3, 0, 1]
    assert 0 < shares(torch.tensor([0.0, 300.0]), [0, 1])[0] < 1e-100
    assert stake([7, 8, 9], 8, 0.6) == pytest.approx({7: 0.2, 8: 0.6, 9: 0.2})


@pytest.mark.parametrize("name", GIVEN_TEXTS)
def test_the_model_guesses_as_one_forward_over_the_whole_text_does(view, tokenizer, model, name):
    view.given.value = name
    question, text = GIVEN_TEXTS[name]
    messages = [{"role": "user", "content": question}]
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) if question else ""
    ids = tokenizer(asked + text, return_tensors="pt").input_ids
    before, rest = view.split(text)
    assert before + rest == ids[0].tolist()
    assert rest == view.rest
    assert question or len(before) == 3
    with torch.inference_mode():
        every = torch.softmax(model(input_ids=ids).logits[0, len(before) - 1:-1].double(), dim=-1)
    for truth, whole in zip(view.rest, every, strict=True):
        assert view.truth == truth
        assert len(view.theirs) == OPTIONS
        others = [i for i in whole.topk(OPTIONS).indices.tolist() if i != truth][:OPTIONS - 1]
        assert set(view.theirs) == {truth, *others}
        together = sum(whole[i].item() for i in view.theirs)
        for i, p in view.theirs.items():
            assert p == pytest.approx(whole[i].item() / together, rel=1e-2, abs=1e-6)
        bet(view)
        press(view, "下一个")
    assert "已经猜完" in view.message.value


def test_right_and_wrong_bets_in_bits(view):
    bet(view)
    assert "猜对了，是 短期内" in view.message.value
    assert view.bits[YOU][0] == pytest.approx(-math.log2(0.6))
    press(view, "下一个")
    view.sure.value = 95
    bet(view, wrong(view))
    assert "没猜中，是 不会" in view.message.value
    assert view.bits[YOU][1] == pytest.approx(math.log2(100))
    assert view.bits[MODEL][1] == pytest.approx(-math.log2(view.theirs[view.truth]), abs=1e-9)
    assert view.bits[EVEN][1] == pytest.approx(math.log2(6))
    _, you, theirs, even = view.score_shown().text.splitlines()
    assert you == "你 │ 7.38 │ 3.69"
    assert even == "六个均分 │ 5.17 │ 2.58"
    assert theirs.split(" │ ")[1] == f"{view.bits[MODEL][0] + view.bits[MODEL][1]:.2f}"
    assert "7.38" in view.score.value
    assert "6.64" in view.bars.value
    assert "0.74" not in view.bars.value


@pytest.mark.parametrize("sure", [20, 95])
def test_slider_ends(view, sure):
    view.sure.value = sure
    bet(view)
    assert view.yours[view.truth] == sure / 100
    assert sum(view.yours.values()) == pytest.approx(1)
    assert f"{sure / 100:.2f}" in view.bars.value


def test_bars_come_after_the_bet_with_their_marks(view):
    assert view.bars.value == ""
    assert "★" not in view.written.value
    assert not view.choice.disabled
    picked = wrong(view)
    bet(view, picked)
    assert f"★ {list(view.theirs).index(view.truth) + 1}　{view.name(view.truth)}" in view.bars.value
    assert f"▸ {list(view.theirs).index(picked) + 1}　{view.name(picked)}" in view.bars.value
    assert "★短期内" in view.written.value
    assert view.choice.disabled
    assert view.sure.disabled
    press(view, "下一个")
    assert view.bars.value == ""
    assert "短期内│？" in view.written.value
    assert view.choice.value is None
    assert not view.choice.disabled
    assert not view.sure.disabled


def test_who_is_ahead(view):
    assert "还没有下注" in view.score.value
    view.given.value = "诗"
    bet(view, wrong(view))
    assert "模型领先" in view.score.value
    view.given.value = "日常的话"
    bet(view)
    gap = view.bits[MODEL][0] - view.bits[YOU][0]
    assert f"你领先，平均每个词元少 {gap:.2f} 比特" in view.score.value
    view.bits[YOU][0] = view.bits[MODEL][0]
    assert "打平" in view.score_shown().html


def test_buttons_in_the_wrong_order(view):
    press(view, "下注")
    assert "⚠" in view.message.value
    assert "还没有选" in view.message.value
    assert view.bits[YOU] == []
    press(view, "下一个")
    assert "应先下注" in view.message.value
    assert view.truth == view.rest[0]
    bet(view)
    before = view.bars.value
    bet(view, wrong(view))
    assert "已经下过" in view.message.value
    assert len(view.bits[YOU]) == 1
    assert view.bars.value == before
    press(view, "下一个")
    assert "⚠" not in view.message.value
    assert view.truth == view.rest[1]


def test_the_end_and_again(view):
    first = list(view.theirs)
    for _ in view.rest:
        bet(view)
        last = view.message.value
        press(view, "下一个")
    assert "猜完了" in last
    assert "已经猜完" in view.message.value
    assert f"猜了 {len(view.rest)} /" in view.score.value
    press(view, "下一个")
    assert len(view.bits[YOU]) == len(view.rest)
    press(view, "重来")
    assert list(view.theirs) == first
    assert view.bits[YOU] == []
    assert "猜了 0" in view.score.value


def test_the_order_comes_from_the_seed(tokenizer, model, view):
    assert list(Guess(tokenizer, model, seed=14).theirs) == list(view.theirs)
    orders = {tuple(Guess(tokenizer, model, seed=seed).theirs) for seed in range(4)}
    assert len(orders) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_own_text_is_hidden_and_guessed(view, tokenizer):
    view.text.value = OWN_TEXT
    assert view.text.value == ""
    assert "藏起来" in view.message.value
    assert view.given.value == "自己写的"
    assert view.rest == tokenizer(OWN_TEXT).input_ids
    assert "人工智能未来会取代人类吗？" in view.written.value
    view.question.value = " "
    ids = tokenizer(OWN_TEXT).input_ids
    assert view.split(OWN_TEXT) == (ids[:3], ids[3:])
    assert view.rest == ids[3:]
    assert "文字：模型│先│读│？" in view.written.value
    view.given.value = "诗"
    view.given.value = "自己写的"
    assert "按回车" in view.message.value
    assert view.source == GIVEN_TEXTS["诗"][1]


def test_own_text_from_the_start(tokenizer, model):
    view = Guess(tokenizer, model, OWN_TEXT, "什么是词元")
    assert view.given.value == "自己写的"
    assert view.question.value == view.asked == "什么是词元"
    with pytest.raises(ValueError, match="现在有 1 个"):
        Guess(tokenizer, model, "好")
    with pytest.raises(ValueError, match="现在是空的"):
        Guess(tokenizer, model, "")


@pytest.mark.parametrize("text, said", [("   ", "现在是空的"), ("好" * 10_000, "现在有"), ("a\ud800b", "半个字符"),
                                        ("a<|im_end|>b", "结束词元")])
def test_bad_texts_keep_the_round(view, text, said):
    bet(view)
    before = view.written.value
    bars = view.bars.value
    view.text.value = text
    assert "⚠" in view.message.value
    assert said in view.message.value
    assert view.text.value == text
    assert view.written.value == before
    assert view.bars.value == bars
    press(view, "下一个")
    assert "⚠" not in view.message.value
    assert view.truth == view.rest[1]
    press(view, "重来")
    assert view.source == GIVEN_TEXTS["课程的问题"][1]


def test_shortest_and_longest_texts(view):
    view.text.value = "好"
    assert view.rest
    assert len(view.rest) == 1
    assert "⚠" not in view.message.value
    view.question.value = ""
    assert "⚠ 文字应有 4 到 200 个词元，现在有 1 个" in view.message.value
    view.text.value = " a" * MOST_GUESSED
    assert len(view.rest) == MOST_GUESSED - 3
    assert "⚠" not in view.message.value
    view.text.value = " a" * (MOST_GUESSED + 1)
    assert f"现在有 {MOST_GUESSED + 1} 个" in view.message.value


@pytest.mark.parametrize("question, said", [("好" * 10_000, "连同模板"), ("a\ud800b", "半个字符")])
def test_bad_questions_keep_the_round(view, question, said):
    before = view.written.value
    view.question.value = question
    assert said in view.message.value
    assert view.written.value == before
    view.given.value = "诗"
    assert "⚠" not in view.message.value
    assert "写一句诗" in view.written.value


@pytest.mark.parametrize("text", ["😀😀😀", "\x00\x07\x00\x07", "再见<|im_end|>", "<b>粗</b>", " " * 300 + "\n好"])
def test_odd_texts_work(view, text):
    view.text.value = text
    assert "⚠" not in view.message.value
    for _ in view.rest:
        bet(view)
        assert "⚠" not in view.message.value
        assert "<b>粗" not in view.bars.value + view.written.value
        press(view, "下一个")
    assert "已经猜完" in view.message.value


def test_the_picture_is_the_first_round_without_the_answer(tokenizer, model, view):
    shown = view.picture()
    assert shown == Guess(tokenizer, model).picture()
    assert "★" not in shown.text + shown.html
    assert GIVEN_TEXTS["课程的问题"][1] not in shown.text + shown.html
    assert "问题：人工智能未来会取代人类吗？" in shown.text
    assert "猜了 0 / 23 个：还没有下注" in shown.text
    line = next(line for line in shown.text.splitlines() if line.startswith("候选："))
    assert line.split("：", 1)[1].split("　") == [f"{n} {view.name(i)}" for n, i in enumerate(view.theirs, 1)]
    assert {"text/html", "text/plain"} <= set(view._repr_mimebundle_())


def test_ids_without_a_token_are_no_candidates(view, tokenizer, model):
    logits = torch.zeros(model.config.vocab_size)
    logits[len(tokenizer):] = 9.0  # 词表的末尾是空着的编号，没有文字
    view.deal(Step(view.truth, logits, 1, 0.0, 0))
    assert len(view.theirs) == OPTIONS
    assert max(view.theirs) < len(tokenizer)


def test_another_qwen2_in_bf16(tokenizer, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype="bfloat16")
    view = Guess(tokenizer, model)
    for _ in view.rest:
        bet(view)
        assert "⚠" not in view.message.value
        assert all(i < len(tokenizer) for i in view.theirs)
        press(view, "下一个")
    assert "已经猜完" in view.message.value
