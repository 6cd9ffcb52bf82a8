"""下一个词元的互动视图：每个控件改变它该变的；和 helpers.sampling、model.generate 一致；坏输入说一句话、照常可用"""
from helpers.tiny import TINY
from helpers.widgets.next_token import BRANCH_NAMES, MOST_WRITTEN, NextToken

import pytest
import torch
from views import press


@pytest.fixture
def view(tokenizer, model):
    return NextToken(tokenizer, model)


def final(view) -> dict[int, float]:
    """最后一列：编号 → 抽签用的概率"""
    return {token_id: shares[-1] for token_id, shares in view.candidates().items()}


def test_first_bars_are_the_models_probabilities(view, tokenizer, model):
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": view.question.value}],
                                           add_generation_prompt=True, return_tensors="pt", return_dict=True)
    out = model.generate(**inputs, max_new_tokens=1, do_sample=False, output_logits=True, return_dict_in_generate=True)
    best = torch.softmax(out.logits[0][0], dim=-1).topk(3)
    assert list(final(view))[:3] == best.indices.tolist()
    assert list(final(view).values())[:3] == pytest.approx(best.values.tolist(), abs=1e-4)
    assert "不会" in view.bars.value
    assert "0.48" in view.bars.value


def test_temperature_sharpens_and_flattens(view):
    before = max(final(view).values())
    view.temperature.value = 0.3
    assert max(final(view).values()) > before
    assert "0.94" in view.bars.value
    view.temperature.value = view.temperature.max
    assert max(final(view).values()) < before


def test_the_temperature_ends_where_the_model_card_says(view):
    card = (TINY / "README.md").read_text(encoding="utf-8")
    assert f"“下一个词元”的温度只到 {view.temperature.max}" in card


def test_top_k_and_top_p_remove(view):
    view.top_k.value = 2
    assert sum(p > 0 for p in final(view).values()) == 2
    assert "去掉" in view.bars.value
    view.top_k.value = 0
    view.top_p.value = 0.05
    assert list(final(view).values()).count(1.0) == 1


def test_penalty_lowers_what_was_said(view):
    press(view, "选它")
    said = view.written[0]
    view.penalty.value = 2.0
    before, after = (view.stages()[name][said].item() for name in ("原来", "重复惩罚"))
    assert after == pytest.approx(before / 2 if before > 0 else before * 2)


def test_slider_ends(view):
    for slider in (view.temperature, view.top_k, view.top_p, view.penalty):
        for value in (slider.min, slider.max):
            slider.value = value
            assert "⚠" not in view.message.value
            assert 0 < sum(final(view).values()) < 1.0001


def test_draw_marks_the_token_and_back_keeps_it(view):
    press(view, "抽一个")
    token = view.name(view.written[0])
    assert f"★{token}" in view.message.value
    assert token in view.answers.value
    press(view, "退一个")
    assert view.written == ()
    assert f"退掉的：{token}" in view.answers.value
    press(view, "退一个")
    assert "没有可退的" in view.message.value


def test_another_choice_diverges_and_both_stay(view):
    view.choice.value = view.choice.options[0][1]
    press(view, "选它")
    press(view, "接着写完")
    first = view.branches["A"]
    for _ in first:
        press(view, "退一个")
    view.choice.value = view.choice.options[1][1]
    press(view, "选它")
    assert "另起一支 B" in view.message.value
    press(view, "接着写完")
    assert view.branches["A"] == first
    assert view.branches["B"] != first
    assert "<b>A</b>" in view.answers.value
    assert "<b>B</b>" in view.answers.value
    view.branch.value = "A"
    assert view.written == first


def test_the_lesson_writes_out_both_branches_from_two_first_tokens(view):
    """第 05 讲第 7 节的第 2 问：抽一个，退一个，换一个，两支都写完；开头要有得换"""
    press(view, "抽一个")
    drawn = view.written[0]
    press(view, "退一个")
    others = [token_id for _, token_id in view.choice.options if token_id != drawn]
    view.choice.value = others[0]
    press(view, "选它")
    press(view, "接着写完")
    view.branch.value = "A"
    press(view, "接着写完")
    assert view.branches["A"][0] == drawn
    assert view.branches["B"][0] == others[0]
    assert all(branch[-1] == 151645 for branch in view.branches.values())
    assert view.branches["A"][1:] != view.branches["B"][1:]


def test_the_same_choice_goes_on_in_the_same_branch(view):
    for text in ("选它", "选它", "退一个", "退一个"):
        press(view, text)
    first = view.branches["A"]
    press(view, "选它")
    assert "和原来写的一样" in view.message.value
    assert view.branches == {"A": first}
    assert view.written == first[:1]


def test_finishing_is_what_generate_writes(view, tokenizer, model):
    press(view, "接着写完")
    asked = torch.tensor([view.asked])
    wanted = model.generate(asked, attention_mask=torch.ones_like(asked), max_new_tokens=MOST_WRITTEN,
                            do_sample=False)[0, len(view.asked):].tolist()
    assert list(view.branches["A"]) == wanted
    assert list(final(view))[0] == wanted[-1] == 151_645
    for text in ("抽一个", "选它", "接着写完"):
        press(view, text)
        assert "写完" in view.message.value
        assert "⚠" in view.message.value


def test_no_more_branches_than_fit(view):
    view.temperature.value = view.temperature.max
    candidates = [token_id for _, token_id in view.choice.options][:len(BRANCH_NAMES)]
    for token_id in [*candidates, candidates[0]]:
        view.choice.value = token_id
        press(view, "选它")
        full = view.message.value
        press(view, "退一个")
    assert [branch[0] for branch in view.branches.values()] == candidates
    assert len(candidates) == len(BRANCH_NAMES)
    assert "最多 6 支" in full
    press(view, "重来")
    assert view.branches == {"A": ()}
    assert "还没有写" in view.answers.value


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("   ", "现在是空的"), ("好" * 10_000, "现在有"),
                                        ("a\ud800b", "半个字符")])
def test_bad_questions_keep_the_last_picture(view, text, said):
    before = view.bars.value
    view.question.value = text
    assert said in view.message.value
    assert view.bars.value == before
    press(view, "抽一个")
    assert "★" in view.message.value


@pytest.mark.parametrize("text", ["😀😀", "\x00\x07", "<|im_end|>", "<b>粗</b>"])
def test_odd_questions_work(view, text):
    view.question.value = text
    assert "⚠" not in view.message.value
    assert "<b>粗" not in view.picture().html


def test_the_picture_is_the_same_every_time(tokenizer, model, view):
    again = NextToken(tokenizer, model)
    assert view.picture() == again.picture()
    assert "不会 │ 99670 │ 0.48" in view.picture().text
    assert {"text/html", "text/plain"} <= set(view._repr_mimebundle_())
