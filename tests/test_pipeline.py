"""pipeline：图里的数就是运行时的数，任何文字都不弄坏图，坏输入说清楚"""
import re

import pytest
import torch

from helpers import pipeline

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
    assert QUESTION in first and f"形状 (1, {n})" in first and f"送进 {n} 个词元" in first and f"{p:.2f}" in first
    assert f"形状 (1, {n + 1})" in second and "送进 1 个词元" in second
    assert f"第 {len(result.steps)} 步" in last and result.answer[:20] in last
    assert all(fill in first for fill in ("#e1f5fe", "#fff9c4", "#c8e6c9"))  # 讲义的三种底色


def test_the_bundle_has_the_source_twice(tokenizer, result):
    drawn = pipeline.chart(tokenizer, result)
    assert drawn._repr_mimebundle_() == {"text/vnd.mermaid": drawn.source, "text/plain": drawn.source}


@pytest.mark.parametrize("text", ['"引号"', "<b>&", "a|b", "`代码`", "#quot;", "一\n二", "{}[]()", "end", "\\n"])
def test_no_text_breaks_a_label(text):
    written = pipeline.label(text)
    assert not set(written) & set('"<>`\\\n')
    assert not re.search(r"#(?!(35|96|92|quot|lt|gt);)", written)


def test_labels_by_hand():
    assert pipeline.label('a"b') == "a#quot;b"
    assert pipeline.label("长" * 50) == "长" * 39 + "…"
    assert pipeline.some([1, 2, 3], 2) == "1 … 3" and pipeline.some([1, 2], 2) == "1 2"


@pytest.mark.parametrize("question, error, says", [("", ValueError, "空的"), (5, TypeError, "str"),
                                                   ("长" * 3000, ValueError, "缩短")])
def test_bad_questions(tokenizer, model, question, error, says):
    with pytest.raises(error, match=says) as caught:
        pipeline.run(tokenizer, model, question)
    assert "应" in str(caught.value) and "现在" in str(caught.value)


@pytest.mark.parametrize("step", [100, -100])
def test_a_step_out_of_range(tokenizer, result, step):
    with pytest.raises(ValueError, match=r"0 到 \d+ 之间，现在是 -?100"):
        pipeline.chart(tokenizer, result, step)
