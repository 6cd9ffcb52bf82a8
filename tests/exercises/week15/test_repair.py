"""练习“读报错：最后一行什么也没说”：题目里的红字是真的；只让它不报错的、切错的都认得出来"""
import re
import traceback

from helpers.exercises.week15 import repair

import pytest
import torch
from answers import accepted, cells, named, refused, statement, with_replaced
from transformers import GenerationConfig


@pytest.fixture(scope="module")
def exercise(tokenizer, model):
    return repair.exercise(tokenizer, model)


def defined(source: str):
    return named(source, "chat_reply", torch=torch, GenerationConfig=GenerationConfig)


PLACES = {"given": "**inputs", "cut": "output_ids[0, prompt_length:]", "skip": ", skip_special_tokens=True",
          "opening": "add_generation_prompt=True", "most": "max_new_tokens=most", "kind": "return_dict=True",
          "decode": "tokenizer.decode"}


def with_changes(**changes: str):
    """改好的代码，换掉几处"""
    return defined(with_replaced(repair.SOLUTION, PLACES, changes))


# ---- 对的 ----

def as_a_tensor(tokenizer, model, question, most):
    messages = [{"role": "user", "content": question}]
    input_ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                              return_dict=False)
    output_ids = model.generate(input_ids, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.decode(output_ids[0, input_ids.shape[1]:], skip_special_tokens=True)


def in_two_steps(tokenizer, model, question, most):
    text = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True,
                                         tokenize=False)
    inputs = tokenizer([text], return_tensors="pt")
    output_ids = model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)[0]


class Collected:
    """generate 的 streamer：先收到问题，再一个一个地收到写出的"""

    def __init__(self):
        self.parts = []

    def put(self, ids):
        self.parts.append(ids.flatten().tolist())

    def end(self):
        self.ended = True


def by_a_streamer(tokenizer, model, question, most):
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    collected = Collected()
    model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0, streamer=collected)
    assert collected.ended
    return tokenizer.decode(sum(collected.parts[1:], []), skip_special_tokens=True)


def from_plain_lists(tokenizer, model, question, most):
    messages = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    output_ids = model.generate(torch.tensor([ids]), max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    kept = [i for i in output_ids.tolist()[0][len(ids):] if i not in tokenizer.all_special_ids]
    return tokenizer.decode(kept)


SEQUENCES = {"cut": "output_ids.sequences[0, prompt_length:]",
             "most": "max_new_tokens=most, return_dict_in_generate=True"}
RIGHT = [
    defined(repair.SOLUTION),
    by_a_streamer,
    with_changes(**SEQUENCES),
    with_changes(most="max_length=inputs.input_ids.shape[1] + most"),
    with_changes(most="generation_config=GenerationConfig(max_new_tokens=most)"),
    with_changes(given='inputs["input_ids"]'),
    with_changes(given="inputs=inputs.input_ids, attention_mask=inputs.attention_mask"),
    as_a_tensor,
    in_two_steps,
    from_plain_lists,
]

# ---- 错的 ----


def without_template(tokenizer, model, question, most):
    inputs = tokenizer(question, return_tensors="pt")
    output_ids = model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.decode(output_ids[0, inputs.input_ids.shape[1]:], skip_special_tokens=True)


def cut_by_the_bare_question(tokenizer, model, question, most):
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True,
                                           return_tensors="pt")
    output_ids = model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.decode(output_ids[0, len(tokenizer(question).input_ids):], skip_special_tokens=True)


def by_replace(tokenizer, model, question, most):
    return with_changes(cut="output_ids[0]")(tokenizer, model, question, most).replace(question, "")


def after_the_first_assistant(tokenizer, model, question, most):
    return with_changes(cut="output_ids[0]")(tokenizer, model, question, most).split("assistant\n", 1)[1].strip()


def after_the_last_assistant(tokenizer, model, question, most):
    return with_changes(cut="output_ids[0]")(tokenizer, model, question, most).split("assistant\n")[-1]


def stripped(tokenizer, model, question, most):
    return defined(repair.SOLUTION)(tokenizer, model, question, most).strip()


def without_line_ends(tokenizer, model, question, most):
    return defined(repair.SOLUTION)(tokenizer, model, question, most).replace("\n", " ")


def asks(messages=None, again=False, **named):
    """改好的，可是消息或 generate 的选项不同；again: 模板套了两次"""
    def answer(tokenizer, model, question, most):
        content = question
        if again:
            content = repair.prompt_of(tokenizer, question)
        inputs = tokenizer.apply_chat_template([*(messages or []), {"role": "user", "content": content}],
                                               add_generation_prompt=True, return_tensors="pt")
        output_ids = model.generate(**inputs, max_new_tokens=most, **named)
        return tokenizer.decode(output_ids[0, inputs.input_ids.shape[1]:], skip_special_tokens=True)
    return answer


def writes_its_own_loop(tokenizer, model, question, most):
    ids = tokenizer(repair.prompt_of(tokenizer, question), return_tensors="pt").input_ids
    return tokenizer.decode(model(input_ids=ids).logits[0, -1].argmax())


def leaves_the_other_end_token(tokenizer, model, question, most):
    text = with_changes(skip="")(tokenizer, model, question, most)
    return text.replace("<|im_end|>", "")


def with_question(change):
    """改好的，可是问题先改了"""
    return lambda tokenizer, model, question, most: defined(repair.SOLUTION)(tokenizer, model, change(question), most)


def at_most_sixteen(tokenizer, model, question, most):
    return defined(repair.SOLUTION)(tokenizer, model, question, min(most, 16))


def decoded_one_by_one(tokenizer, model, question, most):
    return with_changes(decode="(lambda ids, **named: ''.join(tokenizer.decode([i], **named) for i in ids))")(
        tokenizer, model, question, most)


def after_the_first_assistant_unstripped(tokenizer, model, question, most):
    return with_changes(cut="output_ids[0]")(tokenizer, model, question, most).split("assistant\n", 1)[1]


def after_the_marker(tokenizer, model, question, most):
    """照模板的记号切，再去掉两个特殊词元的名字"""
    text = with_changes(cut="output_ids[0]", skip="")(tokenizer, model, question, most)
    reply = text.rsplit("<|im_start|>assistant\n", 1)[1]
    return reply.replace("<|im_end|>", "").replace("<|endoftext|>", "")


def reply_changed(change):
    """正确的回答，再改一改"""
    return lambda *inputs: change(defined(repair.SOLUTION)(*inputs))


def cut_by_letters(tokenizer, model, question, most):
    """问题里写着特殊词元时，解码跳过它，字数就错位"""
    prompt = repair.prompt_of(tokenizer, question).replace("<|im_start|>", "").replace("<|im_end|>", "")
    return with_changes(cut="output_ids[0]")(tokenizer, model, question, most)[len(prompt):]


def with_the_error_hidden(tokenizer, model, question, most):
    try:
        return defined(repair.BROKEN)(tokenizer, model, question, most)
    except Exception:
        return ""


GREEDY = {"do_sample": False, "repetition_penalty": 1.0}
WRONG = [
    (reply_changed(lambda text: text.replace("�", "")), "应得到"),
    (reply_changed(lambda text: text.replace("<tool_call>", "")), "应得到"),
    (reply_changed(lambda text: text.split("。")[0]), "应得到"),
    (asks(), "现在是抽样"),
    (cut_by_letters, "照字数来切"),
    (with_the_error_hidden, "一次也没有运行完"),
    (asks(eos_token_id=151_645, **GREEDY), "说完了还在写"),
    (asks(eos_token_id=[151_643], **GREEDY), "说完了还在写"),
    (asks(do_sample=False, repetition_penalty=1.2), "惩罚了重复"),
    (asks([{"role": "system", "content": "你是老师"}], **GREEDY), "套好模板的问题"),
    (asks(num_beams=2, **GREEDY), "num_beams"),
    (asks(again=True, **GREEDY), "套好模板的问题"),
    (writes_its_own_loop, "这一题用 model.generate"),
    (leaves_the_other_end_token, "还留着特殊词元"),
    (with_changes(cut="output_ids[0]"), "连问题也有"),
    (with_changes(cut="output_ids[0]", skip=""), "问题和特殊词元都还在"),
    (with_changes(skip=""), "还留着特殊词元"),
    (with_changes(cut="output_ids[0, prompt_length - 1:]"), "差了一个"),
    (with_changes(cut="output_ids[0, prompt_length + 1:]"), "差了一个"),
    (with_changes(cut="output_ids[:, prompt_length:]"), "多了一层"),
    (with_changes(cut="output_ids[0, prompt_length:-1]"), "应有"),
    (with_changes(cut="output_ids[0, prompt_length:-1]", skip=""), "应"),
    (reply_changed(lambda text: text.split("\n")[0]), "按编号切"),
    (with_changes(decode="(lambda ids, **_: ids)"), "还要解码"),
    (with_changes(opening="add_generation_prompt=False"), "少了助手的开头"),
    (with_changes(given="inputs"), "AttributeError"),
    (with_changes(most="max_new_tokens=most + 4"), "应得到"),
    (with_changes(kind="return_dict=False"), "你的函数报了"),
    (without_template, "没有套模板"),
    (cut_by_the_bare_question, "切得太少"),
    (by_replace, "应得到"),
    (after_the_first_assistant, "第一个字符就不同"),
    (after_the_first_assistant_unstripped, "第一个字符就不同"),
    (with_question(str.strip), "套好模板的问题"),
    (with_question(lambda question: question[:20]), "套好模板的问题"),
    (at_most_sixteen, "应得到"),
    (decoded_one_by_one, "一次解码"),
    (with_changes(cut="output_ids[0, -most:]"), "最后 most 个"),
    (with_changes(most="max_new_tokens=most, min_new_tokens=most"), "说完了还在写"),
    (after_the_last_assistant, "按编号切"),
    (after_the_marker, "多出来的"),
    (reply_changed(str.lstrip), "一个字不改"),
    (reply_changed(lambda text: re.sub(r"<\|.*?\|>", "", text)), "起不同"),
    (stripped, "一个字不改"),
    (asks(do_sample=False), "惩罚了重复"),
    (without_line_ends, "第一个字符就不同"),
    (lambda tokenizer, model, question, most: 3, "应是一段文字"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, answer):
    accepted(exercise, answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    refused(exercise, answer, says)


def test_what_was_not_touched_is_not_wrong(exercise):
    note = exercise.check(defined(repair.BROKEN))
    assert note.mark == "○"
    assert "还是题目给的代码" in note.text


def test_the_statement_shows_what_is_really_said(tokenizer, model, tmp_path):
    path = tmp_path / "reply.py"  # 红字里要有自己写的那一行，所以放进文件
    path.write_text(repair.BROKEN, encoding="utf-8")
    space = {}
    exec(compile(repair.BROKEN, str(path), "exec"), space)
    with pytest.raises(AttributeError) as caught:
        space["chat_reply"](tokenizer, model, repair.FAILS_ON, 8)
    said = [line.strip() for line in "".join(traceback.format_exception(caught.value)).splitlines()]
    places = [said.index(line) for line in repair.TRACEBACK]
    assert places == sorted(places)
    assert said[-1] == repair.TRACEBACK[-1] == "AttributeError"
    shown = [line.strip() for line in statement(15).splitlines()]
    start = shown.index(repair.TRACEBACK[0])
    block = [line for line in shown[start:shown.index("```", start)] if line and line != "……"]
    assert block == repair.TRACEBACK
    assert f"应得到 `{defined(repair.SOLUTION)(tokenizer, model, repair.FAILS_ON, 8)!r}`" in statement(15)


def test_the_answer_cell_holds_the_broken_code():
    assert repair.BROKEN in ["".join(cell["source"]) for cell in cells(15) if cell["cell_type"] == "code"]


def test_the_answers_end_with_a_special_token(tokenizer, model):
    *ended, broken_off, in_half, _ = repair.cases(tokenizer, model)
    for case in (broken_off, in_half):
        assert repair.answered(*case.inputs, skip=False) == case.expected
    for case in ended:
        ends = (case.expected + tokenizer.eos_token, case.expected + "<|box_end|><|endoftext|>")
        assert repair.answered(*case.inputs, skip=False) in ends


def test_the_prepared_answer_is_cut_out_whole(tokenizer, model):
    assert repair.cases(tokenizer, model)[1].expected == repair.ROLES
