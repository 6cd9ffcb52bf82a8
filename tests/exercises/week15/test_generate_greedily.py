"""练习“生成循环”：用缓存的也对，16 位数也对；写多、写少、看错位置各有自己的话"""
import copy

from helpers.exercises import week15
from helpers.exercises.week15 import generate_greedily

import pytest
import torch
from week15_solutions import solved

LOOP = """def generate_greedily(model, input_ids, stop_ids, most):
    new = []
    while {condition}:
        logits = model(input_ids).logits
        token = logits[0, {position}].argmax().item()
        {add}
        input_ids = {join}
    return {result}
"""
FINE = {
    "condition": "len(new) < most and not stop_ids & set(new)",
    "position": "-1",
    "add": "new.append(token)",
    "join": "torch.cat([input_ids, torch.tensor([[token]])], 1)",
    "result": "new",
}


def loop(**changes: str):
    """一个 generate_greedily 的写法，有几处和对的不同"""
    space = {"torch": torch}
    exec(LOOP.format(**FINE | changes), space)
    return space["generate_greedily"]


def with_cache(model, input_ids, stop_ids, most):
    written = []
    fed = input_ids
    cache = None
    for _ in range(most):
        output = model(fed, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        fed = output.logits[:, -1].argmax(-1, keepdim=True)
        written.append(fed[0, 0])
        if int(fed) in stop_ids:
            break
    return tuple(written)


def by_generate(model, input_ids, stop_ids, most):
    return model.generate(input_ids, max_new_tokens=most)


def the_notebooks_example(model, input_ids, stop_ids, most):
    return [11, 22]


RIGHT = [solved(5), with_cache, loop()]
WRONG = [
    (loop(result="input_ids[0].tolist()"), "把问题也返回了"),
    (loop(condition="len(new) < most"), "应停下"),
    (loop(condition="len(new) <= most and not stop_ids & set(new)"), "写多了"),
    (loop(condition="len(new) < most - 1 and not stop_ids & set(new)"), "少写了一个"),
    (loop(condition="len(new) < most", add="if token in stop_ids: return new\n        new.append(token)"), "少了它"),
    (loop(join="input_ids"), "接到输入的末尾"),
    (loop(position="0"), "最后一个位置"),
    (loop(result="[new]"), "多了一层"),
    (loop(result="str(new)"), "不用解码"),
    (by_generate, "自己写循环"),
    (the_notebooks_example, "应得到"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    note = sheet[5].check(answer)
    assert note.mark == "✓", note.text


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(sheet, answer, says):
    note = sheet[5].check(answer)
    assert note.mark == "✗"
    assert says in note.text


def test_an_endless_loop_is_stopped(sheet):
    note = sheet[5].check(loop(condition="not stop_ids & set(new)", join="input_ids"))
    assert note.mark == "✗"
    assert "停下来的条件" in note.text


@pytest.mark.parametrize("answer", [solved(5), with_cache])
def test_sixteen_bits_are_fine_too(tokenizer, model, answer):
    half = copy.deepcopy(model).to(torch.bfloat16)
    assert week15.sheet(tokenizer, half)[5].check(answer).mark == "✓"


def test_the_references_are_computed_once(tokenizer, model, monkeypatch):
    asked = []

    def counted(*inputs, **options):
        asked.append(inputs)
        return continuation(*inputs, **options)

    continuation = generate_greedily.continuation
    monkeypatch.setattr(generate_greedily, "continuation", counted)
    exercise = generate_greedily.exercise(tokenizer, model)
    assert asked == []
    assert exercise.check(solved(5)).mark == "✓"
    first = len(asked)
    assert exercise.check(solved(5)).mark == "✓"
    assert len(asked) == first > 0
