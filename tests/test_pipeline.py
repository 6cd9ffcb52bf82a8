"""pipeline：图里的数就是运行时的数，任何文字都不弄坏图，坏输入说清楚"""
import json
import re
from pathlib import Path

from helpers import pipeline

import pytest
import torch

QUESTION = "什么是词元"


@pytest.fixture(scope="module")
def result(tokenizer, model):
    return pipeline.run(tokenizer, model, QUESTION)


def test_the_run_is_generate(tokenizer, model, result):
    ids = model.generate(result.input_ids, attention_mask=torch.ones_like(result.input_ids), max_new_tokens=40,
                         do_sample=False)[0, result.input_ids.shape[1]:]
    assert [step.token_id for step in result.steps] == ids.tolist()
    assert result.answer == tokenizer.decode(ids, skip_special_tokens=True)
    assert QUESTION in result.text
    assert list(result.seconds) == ["套模板、分词", "读问题，写第一个词元", "写其余的词元", "解码"]
    assert all(seconds >= 0 for seconds in result.seconds.values())


def test_the_chart_shows_this_very_run(tokenizer, result):
    n = result.input_ids.shape[1]
    first, second, last = (pipeline.chart(tokenizer, result, step).source for step in (0, 1, -1))
    p = torch.softmax(result.steps[0].logits, dim=-1).max().item()
    for text in (QUESTION, f"形状 (1, {n})", f"送进 {n} 个词元", f"{p:.2f}"):
        assert text in first
    assert f"形状 (1, {n + 1})" in second
    assert "送进 1 个词元" in second
    assert f"第 {len(result.steps)} 步" in last
    assert result.answer[:20] in last
    assert all(fill in first for fill in ("#e1f5fe", "#fff9c4", "#c8e6c9"))  # 讲义的三种底色


def test_the_bundle_has_the_source_twice(tokenizer, result):
    drawn = pipeline.chart(tokenizer, result)
    assert drawn._repr_mimebundle_() == {"text/vnd.mermaid": drawn.source, "text/plain": drawn.source}


@pytest.mark.parametrize("box", "ABCDE")
def test_the_lit_box_has_a_mark_and_a_thick_edge(tokenizer, result, box):
    plain, lit = (pipeline.chart(tokenizer, result, 1, name).source for name in (None, box))
    assert "▶" not in plain
    assert "stroke" not in plain
    assert re.findall(r"^ +(\w)[\[{]+\"▶ ", lit, re.MULTILINE) == [box]
    assert lit.endswith(f"\n    style {box} stroke:#D55E00,stroke-width:4px")
    if box == "E":  # 走完了，字也和不亮的时候一样
        assert lit.replace("▶ ", "").startswith(plain)


@pytest.mark.parametrize("lit", ["F", "a", "", "AB", 1])
def test_only_the_five_boxes_can_be_lit(tokenizer, result, lit):
    with pytest.raises(ValueError, match="A、B、C、D、E 中的一个，现在是"):
        pipeline.chart(tokenizer, result, 0, lit)


def lesson_outputs() -> list[dict]:
    """第 07 讲保存的全部输出"""
    notebook = json.loads((Path(__file__).parent.parent / "notebooks" / "07_pipeline.ipynb").read_text("utf-8"))
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


def test_the_lessons_own_loop_writes_what_run_writes(tokenizer, model):
    answer = pipeline.run(tokenizer, model, "人工智能未来会取代人类吗？").answer
    printed = ["".join(output.get("text", "")) for output in lesson_outputs()]
    assert f"{answer}\n" in printed
    assert any(text.endswith(f"{answer}\n和我们写的逐个相同： True\n") for text in printed)


def test_the_chart_of_the_handouts_question_stays_as_it_is(tokenizer, model):
    shown = [output["data"]["text/vnd.mermaid"] for output in lesson_outputs()
             if "text/vnd.mermaid" in output.get("data", {})]
    result = pipeline.run(tokenizer, model, "人工智能未来会取代人类吗？")
    drawn = [pipeline.chart(tokenizer, result, step).source for step in (0, 1, -1)]
    assert ["".join(source) for source in shown][:3] == drawn


def test_how_much_bigger_qwen_is():
    """第 6 节：参数将近 24 倍，每个词元的 KV cache 8 倍"""
    printed = "".join("".join(output.get("text", "")) for output in lesson_outputs()).replace(",", "")
    parameters = [int(number) for number in re.findall(r"参数 (\d+) 个", printed)]
    cached = [int(number) for number in re.findall(r"每个词元的 KV cache (\d+) 字节", printed)]
    assert 23.5 < parameters[1] / parameters[0] < 24
    assert cached[1] / cached[0] == 8


def test_each_step_is_told_as_it_is_written(tokenizer, model, result):
    *told, again = pipeline.growing(tokenizer, model, QUESTION, 5)
    assert [len(each.steps) for each in told] == [1, 2, 3, 4, 5]
    assert told[-1].steps == again.steps
    assert told[-1].answer == ""
    assert again.answer
    assert [step.token_id for step in again.steps] == [step.token_id for step in result.steps[:5]]
    assert all(step.seconds > 0 for step in again.steps)
    assert sum(step.seconds for step in again.steps) < sum(again.seconds.values())


def test_frames_walk_through_the_chart(tokenizer, model):
    frames = pipeline.frames(tokenizer, pipeline.run(tokenizer, model, QUESTION, 3))
    walk = "".join(f"{frame.name}{frame.step_index}" for frame in frames)
    assert walk == "A0B0C0D0E0B1C1D1E1B2C2D2E2"
    assert [frame.done for frame in frames] == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]


def test_the_flow_of_data_by_hand(tokenizer, model, result):
    n, size = result.input_ids.shape[1], model.config.vocab_size
    first, second = (step.token_id for step in result.steps[:2])
    answer = tokenizer.decode([first, second])
    frames = pipeline.frames(tokenizer, result)[:9]
    flow = {(frame.step_index, frame.name): pipeline.box(frame) for frame in frames}
    assert flow[0, "A"].shapes == f"{len(QUESTION)} 个字符 → {len(result.text)} 个字符"
    assert flow[0, "B"].shapes == f"{len(result.text)} 个字符 → input_ids (1, {n})"
    assert flow[0, "C"].shapes == f"input_ids (1, {n}) → logits (1, {n}, {size})"
    assert flow[1, "B"].shapes == f"(1, {n}) → (1, {n + 1})，送进模型的是 (1, 1)"
    assert flow[1, "B"].taken.startswith(f"上一步选出的词元：{first} ")
    assert flow[1, "C"].taken == f"1 个词元的编号：{first}"
    assert flow[1, "C"].shapes == f"input_ids (1, 1) → logits (1, 1, {size})"
    best = torch.softmax(result.steps[1].logits, dim=-1).max().item()
    assert f" {best:.2f}" in flow[1, "D"].taken
    assert flow[1, "D"].made.startswith(f"概率最大的词元：{second} ")
    assert flow[1, "E"].made == f"文字：{answer}"
    assert flow[1, "E"].shapes == f"(2,) → {len(answer)} 个字符"


def test_only_the_box_asked_for_is_computed(tokenizer, result, monkeypatch):
    built = []
    for name in pipeline.BOXES:
        monkeypatch.setitem(pipeline.BOXES, name, lambda frame, name=name: built.append(name))
    pipeline.box(pipeline.Frame(tokenizer, result, 1, "C"))
    assert built == ["C"]


def test_where_the_time_of_a_frame_is_counted(tokenizer, result):
    where = [pipeline.time_item(frame) for frame in pipeline.frames(tokenizer, result)[:9]]
    prepare, first, others, decode = result.seconds
    assert where == [prepare, prepare, first, first, decode, others, others, others, decode]


@pytest.mark.parametrize("text", ['"引号"', "<b>&", "a|b", "`代码`", "#quot;", "一\n二", "{}[]()", "end", "\\n",
                                  "\x00\x07\x1b\x7f", "\ufffe\uffff", "$$x$$"])
def test_no_text_breaks_a_label(text):
    written = pipeline.label(pipeline.shorten(text))
    assert not set(written) & set('"<>`\\\n\x00\x07\x1b\x7f\ufffe\uffff')
    assert "$$" not in written
    assert not re.search(r"#(?!(35|96|92|quot|lt|gt);)", written)


def test_labels_by_hand():
    assert pipeline.label('a"b') == "a#quot;b"
    assert pipeline.label(pipeline.shorten("长" * 50)) == "长" * 39 + "…"
    assert pipeline.shorten("a\nb\x00") == "a↵b‹00›"
    assert pipeline.shorten("长" * 9, 3) == "长长…"
    assert pipeline.some([1, 2, 3], 2) == "1 … 3"
    assert pipeline.some([1, 2], 2) == "1 2"


@pytest.mark.parametrize("question, error, says", [("", ValueError, "空的"), (5, TypeError, "str"),
                                                   ("长" * 3000, ValueError, "缩短")])
def test_bad_questions(tokenizer, model, question, error, says):
    with pytest.raises(error, match=says) as caught:
        pipeline.run(tokenizer, model, question)
    assert "应" in str(caught.value)
    assert "现在" in str(caught.value)


@pytest.mark.parametrize("step", [100, -100])
def test_a_step_out_of_range(tokenizer, result, step):
    with pytest.raises(ValueError, match=r"0 到 \d+ 之间，现在是 -?100"):
        pipeline.chart(tokenizer, result, step)


def test_what_comes_later_is_not_shown_yet(tokenizer, result):
    def drawn(name):
        return pipeline.boxes(pipeline.Frame(tokenizer, result, 1, name))
    label = tokenizer.decode([result.steps[1].token_id])
    for name in "BC":
        boxes = drawn(name)
        assert boxes["D"].text.split("\n")[-1] == "？"
        assert boxes["D"].arrow == "计算概率"
        assert boxes["E"].text.split("\n")[-1] == tokenizer.decode([result.steps[0].token_id])
    assert drawn("D")["D"].text.endswith(label)
    lit, plain = (pipeline.chart(tokenizer, result, 1, name).source for name in ("E", None))
    assert [line.replace("▶ ", "") for line in lit.split("\n")[:-1]] == plain.split("\n")
