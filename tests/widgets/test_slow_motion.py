"""慢动作流水线：每个控件改变它该变的；每一格的数和 Run、transformers 一致；坏输入说一句话、照常可用"""
import math
import re

from helpers.fast.standin import SMALL
from helpers.generation import cache_bytes
from helpers.pipeline import chart, frames
from helpers.widgets.slow_motion import SlowMotion

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM


@pytest.fixture
def view(tokenizer, model):
    return SlowMotion(tokenizer, model, max_new_tokens=6)


def source(view) -> str:
    """现在显示的那张图"""
    output, = view.chart.outputs
    data = output["data"]
    assert output["output_type"] == "display_data"
    assert data["text/plain"] == data["text/vnd.mermaid"]
    return data["text/vnd.mermaid"]


def lit(view) -> str:
    """图里亮着的方框"""
    return re.search(r"(\w)[\[{]+\"▶ ", source(view))[1]


def cell(view, head: str) -> str:
    """表格里名叫 head 的一行"""
    return view.rows(view.now())[head]


def test_the_run_is_generate(view, tokenizer, model):
    asked = view.result.input_ids
    wanted = model.generate(asked, attention_mask=torch.ones_like(asked), max_new_tokens=6, do_sample=False)
    assert [step.token_id for step in view.result.steps] == wanted[0, asked.shape[1]:].tolist()
    assert view.frame.max == view.play.max == 5 + 4 * 5
    assert view.frame.min == view.play.min == 1


def test_every_frame_lights_its_box_of_this_very_run(view, tokenizer):
    view.frame.value = 2
    for number, frame in enumerate(frames(tokenizer, view.result), start=1):
        view.frame.value = number
        assert source(view) == chart(tokenizer, view.result, frame.step_index, frame.name).source
        assert lit(view) == frame.name
        assert f"第 {frame.step_index + 1} 步" in view.table.value
        assert f"第 {number} 格" in view.message.value


def test_forward_and_back(view):
    for _ in range(5):
        view.ahead.click()
    assert view.frame.value == view.play.value == 6
    assert lit(view) == "B"
    assert "第 2 步 · 接上新词元" in view.message.value
    assert "第 2 步 · 接上新词元" in view.table.value
    view.back.click()
    assert view.frame.value == 5
    assert lit(view) == "E"
    assert "第 1 步 · 解码" in view.message.value


def test_both_ends(view):
    view.back.click()
    assert view.frame.value == 1
    assert "已经是第一格" in view.message.value
    view.frame.value = view.frame.max
    view.ahead.click()
    assert view.frame.value == view.frame.max
    assert "已经是最后一格" in view.message.value
    assert "写满了 6 步" in view.table.value
    view.back.click()
    assert view.frame.value == view.frame.max - 1
    assert lit(view) == "D"


def test_playing_moves_the_slider_and_stepping_stops_it(view):
    view.start.click()
    assert view.play.playing
    assert view.play.interval == 900
    view.play.value = 4
    assert view.frame.value == 4
    assert lit(view) == "D"
    assert "选出词元" in view.table.value
    view.ahead.click()
    assert not view.play.playing
    assert view.play.value == 5
    view.start.click()
    assert view.play.playing
    assert view.frame.value == 1
    assert lit(view) == "A"


def test_shapes_by_hand(view, model):
    n, size = view.result.input_ids.shape[1], model.config.vocab_size
    view.frame.value = 3
    assert cell(view, "形状") == f"input_ids (1, {n}) → logits (1, {n}, {size})"
    assert f"input_ids (1, {n}) → logits (1, {n}, {size})" in view.table.value
    view.frame.value = 7
    assert cell(view, "形状") == f"input_ids (1, 1) → logits (1, 1, {size})"


@torch.inference_mode()
def test_the_cache_is_as_big_as_the_measured_one(view, tokenizer, model):
    ids = torch.cat([view.result.input_ids, torch.tensor([[s.token_id for s in view.result.steps]])], dim=1)
    n = view.result.input_ids.shape[1]
    measured = {tokens: cache_bytes(model(input_ids=ids[:, :tokens], use_cache=True).past_key_values)
                for tokens in range(n, n + 6)}
    for number, frame in enumerate(frames(tokenizer, view.result), start=1):
        view.frame.value = number
        said = cell(view, "KV cache")
        tokens = n + frame.step_index - (frame.name < "C")
        if tokens < n:
            assert said.startswith("0 字节")
        else:
            total, product = said.split(" 字节 = ")
            factors = [int(factor) for factor in re.findall(r"(\d+)（", product)]
            assert int(total.replace(",", "")) == measured[tokens] == math.prod(factors)
            assert tokens in factors


def test_the_growth_marks_the_present_step(view):
    sizes = [step.cache_bytes for step in view.result.steps]
    assert view.growth.value.count("transparent") == 6
    assert "现在 0" in view.growth.value
    view.frame.value = 11
    assert view.growth.value.count("transparent") == 3
    assert f"▲ 现在 {sizes[2]:,}" in view.growth.value
    assert f"每步多 {sizes[1] - sizes[0]:,}" in view.growth.value
    assert f"{sizes[-1]:,}" in view.growth.value


def test_times_are_live_only_and_come_from_the_run(view):
    names = list(view.result.seconds)
    for number, name in ((1, names[0]), (3, names[1]), (5, names[3]), (7, names[2])):
        view.frame.value = number
        assert f"▶ {name}" in view.times.value
        assert f"{1000 * view.result.seconds[name]:.1f} 毫秒" in view.times.value
    assert f"{1000 * view.result.steps[1].seconds:.1f} 毫秒" in view.times.value  # 第 7 格：第 2 步的前向计算
    assert "▶ 这一步的前向计算（第 2 步）" in view.times.value
    shown = view.picture()
    assert not any(word in shown.html + shown.text for word in ("毫秒", "秒", "时间"))


def test_another_question(view):
    said = []
    view.message.observe(lambda change: said.append(change["new"]), "value")
    view.frame.value, view.play.playing = 9, True
    view.question.value = "什么是词元"
    assert view.result.question == "什么是词元"
    assert view.frame.value == 1
    assert not view.play.playing
    assert "什么是词元" in source(view)
    assert "写完了：6 步，25 格" in view.message.value
    assert [text for text in said if "写出了 3 个词元，最多 6 个" in text and "⏳" in text]


def test_an_answer_of_one_step(tokenizer, model):
    view = SlowMotion(tokenizer, model, "你好", max_new_tokens=1)
    assert view.frame.max == 5
    assert "每步多" not in view.growth.value
    view.frame.value = 5
    assert "写满了 1 步" in view.picture().text


def test_it_says_why_it_stopped(tokenizer, model):
    view = SlowMotion(tokenizer, model, "什么是词元")
    view.frame.value = view.frame.max
    assert view.result.steps[-1].token_id == 151645
    assert "结束词元" in cell(view, "出来")
    assert "结束词元" not in cell(view, "阶段")


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("   ", "现在是空的"), ("好" * 10_000, "现在有"),
                                        ("a\ud800b", "半个字符")])
def test_bad_questions_keep_the_last_run(view, text, said):
    before = source(view), view.result
    view.question.value = text
    assert "⚠" in view.message.value
    assert said in view.message.value
    assert (source(view), view.result) == before
    view.start.click()
    assert said in view.message.value
    assert not view.play.playing
    view.ahead.click()
    assert view.frame.value == 2
    assert "⚠" not in view.message.value


@pytest.mark.parametrize("text", ["😀😀", "\x00\x07", "<|im_end|>", "<b>粗</b>", "一\n二"])
def test_odd_questions_work(view, text):
    view.question.value = text
    assert "⚠" not in view.message.value
    assert view.result.question == text
    for number in (1, 2, view.frame.max):
        view.frame.value = number
        shown = view.picture()
        assert not any(bad in shown.html + view.table.value + source(view) for bad in ("\x00", "\x07", "<b>粗", "<|im"))
        assert len(shown.text.splitlines()) == 11


def test_the_picture_is_the_same_every_time(tokenizer, model, view):
    view.frame.value = 3
    again = SlowMotion(tokenizer, model, max_new_tokens=6)
    assert again.picture() != view.picture()  # 新的从第 1 格开始
    again.frame.value = 3
    assert again.picture() == view.picture()
    assert "▶ Qwen 模型　送进 25 个词元" in view.picture().text
    assert "▶ Qwen 模型<br>" in view.picture().html
    assert view.picture().html.count("▶") == 1
    assert "background:#fff9c4;color:#111" in view.picture().html
    assert {"text/html", "text/plain"} <= set(view._repr_mimebundle_())


def test_another_checkpoint(tokenizer):
    config = Qwen2Config(**{**SMALL, "hidden_size": 28, "intermediate_size": 8, "num_attention_heads": 14,
                            "num_hidden_layers": 3}, tie_word_embeddings=True)
    view = SlowMotion(tokenizer, Qwen2ForCausalLM(config).to(torch.bfloat16), "你好", max_new_tokens=2)
    view.frame.value = 3
    n = view.result.input_ids.shape[1]
    size = 3 * 2 * 2 * 2 * n * 2
    assert view.result.steps[0].cache_bytes == size
    assert "⚠" not in view.message.value
    assert cell(view, "KV cache") == (f"{size:,} 字节 = 3（层）× 2（key 和 value）× 2（KV 头）× 2（每个头的宽度）× "
                                      f"{n}（词元）× 2（每个数的字节）")
