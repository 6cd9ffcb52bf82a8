"""练习“读警告：一批里有几句答坏了”：题目里的警告和结果是真的；只改一条的、用别的办法凑的都认得出来"""
import subprocess
import sys
from pathlib import Path

from helpers.exercises.week15 import left_batch

import pytest
import torch
from answers import accepted, cells, named, refused, statement, with_replaced
from transformers import AutoTokenizer, GenerationConfig

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def exercise(tokenizer, model):
    return left_batch.exercise(tokenizer, model)


def defined(source: str):
    return named(source, "continue_all", torch=torch)


PLACES = {"padding": "padding=True", "given": "batch.input_ids,", "cut": "[:, longest:]",
          "skip": ", skip_special_tokens=True", "most": "max_new_tokens=most"}


def with_changes(**changes: str):
    """题目给的代码，换掉几处"""
    return defined(with_replaced(left_batch.BROKEN, PLACES, changes))


LEFT = 'padding=True, padding_side="left"'

# ---- 对的 ----


def mends_the_tokenizer(tokenizer, model, texts, most):
    tokenizer.padding_side = "left"
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    output_ids = model.generate(batch.input_ids, attention_mask=batch.attention_mask, max_new_tokens=most,
                                do_sample=False, repetition_penalty=1.0)
    return [tokenizer.decode(row[batch.input_ids.shape[1]:], skip_special_tokens=True) for row in output_ids]


def pads_by_hand(tokenizer, model, texts, most):
    rows = [tokenizer(text).input_ids for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    output_ids = model.generate(inputs=ids, attention_mask=mask, max_length=longest + most, do_sample=False,
                                repetition_penalty=1.0)
    return tuple(tokenizer.batch_decode(output_ids[:, longest:], skip_special_tokens=True))


def uses_pad(tokenizer, model, texts, most):
    rows = [{"input_ids": tokenizer(text).input_ids} for text in texts]
    batch = tokenizer.pad(rows, padding_side="left", return_tensors="pt")
    output_ids = model.generate(**batch, max_new_tokens=most, num_beams=1, do_sample=False, repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, -output_ids.shape[1] + batch.input_ids.shape[1]:],
                                  skip_special_tokens=True)


def writes_its_own_loop(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    ids, mask = batch.input_ids, batch.attention_mask
    stops = torch.tensor([151_645, 151_643])
    done = torch.zeros(len(texts), dtype=torch.bool)
    for _ in range(most):
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.no_grad():
            new = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits[:, -1].argmax(-1)
        new[done] = tokenizer.pad_token_id
        done |= torch.isin(new, stops)
        ids = torch.cat([ids, new[:, None]], 1)
        mask = torch.cat([mask, torch.ones(len(texts), 1, dtype=mask.dtype)], 1)
    return tokenizer.batch_decode(ids[:, batch.input_ids.shape[1]:], skip_special_tokens=True)


def samples_only_the_best(tokenizer, model, texts, most):
    """top_k 是 1，抽样也只抽得到第一名"""
    return generates(do_sample=True, top_k=1, repetition_penalty=1.0)(tokenizer, model, texts, most)


def with_a_config(tokenizer, model, texts, most):
    config = GenerationConfig(do_sample=False, repetition_penalty=1.0)
    return generates(generation_config=config)(tokenizer, model, texts, most)


RIGHT = [
    defined(left_batch.SOLUTION),
    with_changes(padding=LEFT, given="**batch,"),
    mends_the_tokenizer,
    pads_by_hand,
    uses_pad,
    writes_its_own_loop,
    samples_only_the_best,
    with_a_config,
]

# ---- 错的 ----


def one_by_one(tokenizer, model, texts, most):
    mended = with_changes(padding=LEFT, given="**batch,")
    return [mended(tokenizer, model, [text], most)[0] for text in texts]


def ids_not_decoded(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    output_ids = model.generate(**batch, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return output_ids[:, batch.input_ids.shape[1]:]


def cut_by_own_length(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    output_ids = model.generate(**batch, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return [tokenizer.decode(row[n:], skip_special_tokens=True)
            for row, n in zip(output_ids, batch.attention_mask.sum(1), strict=True)]


def mask_by_id(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    mask = (batch.input_ids != tokenizer.pad_token_id).long()
    output_ids = model.generate(batch.input_ids, attention_mask=mask, max_new_tokens=most, do_sample=False,
                                repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, batch.input_ids.shape[1]:], skip_special_tokens=True)


def silenced(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    output_ids = model.generate(batch.input_ids, attention_mask=torch.ones_like(batch.input_ids),
                                max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, batch.input_ids.shape[1]:], skip_special_tokens=True)


def one_text(tokenizer, model, texts, most):
    return "\n".join(with_changes(padding=LEFT, given="**batch,")(tokenizer, model, texts, most))


def only_the_longest(tokenizer, model, texts, most):
    return with_changes(padding=LEFT, given="**batch,")(tokenizer, model, texts, most)[-1:]


def truncated(tokenizer, model, texts, most):
    shortest = min(len(tokenizer(text).input_ids) for text in texts)
    batch = tokenizer(texts, return_tensors="pt", truncation=True, max_length=shortest)
    output_ids = model.generate(**batch, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, shortest:], skip_special_tokens=True)


def generates(**named):
    """改好的，可是 generate 的选项换成 named"""
    def answer(tokenizer, model, texts, most):
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
        output_ids = model.generate(**batch, max_new_tokens=most, **named)
        return tokenizer.batch_decode(output_ids[:, batch.input_ids.shape[1]:], skip_special_tokens=True)
    return answer


def stripped(tokenizer, model, texts, most):
    texts = with_changes(padding=LEFT, given="**batch,")(tokenizer, model, texts, most)
    return [text.strip() for text in texts]


def with_texts(change):
    """改好的，可是 texts 先改了"""
    return lambda tokenizer, model, texts, most: MENDED(tokenizer, model, change(texts), most)


def with_most(change):
    """改好的，可是 most 先改了"""
    return lambda tokenizer, model, texts, most: MENDED(tokenizer, model, texts, change(most))


def hides_leading_padding(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    own = (batch.input_ids != tokenizer.pad_token_id).long()
    mask = (own.cumsum(1) > 0).long()
    output_ids = model.generate(batch.input_ids, attention_mask=mask, max_new_tokens=most, do_sample=False,
                                repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, batch.input_ids.shape[1]:], skip_special_tokens=True)


def pads_with_the_other_end(tokenizer, model, texts, most):
    rows = [tokenizer(text).input_ids for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([[tokenizer.eos_token_id] * (longest - len(row)) + row for row in rows])
    output_ids = model.generate(ids, attention_mask=(ids != tokenizer.eos_token_id).long(), max_new_tokens=most,
                                do_sample=False, repetition_penalty=1.0)
    return tokenizer.batch_decode(output_ids[:, longest:], skip_special_tokens=True)


def first_lines(tokenizer, model, texts, most):
    return [text.split("\n")[0] for text in MENDED(tokenizer, model, texts, most)]


def removes_the_text(tokenizer, model, texts, most):
    whole = with_changes(padding=LEFT, given="**batch,", cut="")(tokenizer, model, texts, most)
    asked = [text.replace("<|endoftext|>", "") for text in texts]
    return [text.replace(question, "") for text, question in zip(whole, asked, strict=True)]


MENDED = with_changes(padding=LEFT, given="**batch,")
WRONG = [
    (lambda *given: [text.replace("�", "") for text in MENDED(*given)], "应得到"),
    (lambda *given: [text.replace("<tool_call>", "") for text in MENDED(*given)], "应得到"),
    (with_texts(lambda texts: list(dict.fromkeys(texts))), "项数和 texts 的不一样"),
    (lambda *given: [text.rstrip() for text in MENDED(*given)], "应"),
    (with_texts(lambda texts: [text.strip() for text in texts]), "应得到"),
    (with_texts(lambda texts: [text.replace("<|endoftext|>", "") for text in texts]), "被删掉了"),
    (with_most(lambda most: min(most, 2)), "应得到"),
    (with_changes(padding=LEFT, given="**batch,", cut="[:, -most:]"), "应得到"),
    (with_changes(padding=LEFT, given="**batch,", most="max_length=most"), "texts 是"),
    (hides_leading_padding, "当成了填充"),
    (pads_with_the_other_end, "应得到"),
    (removes_the_text, "应得到"),
    (first_lines, "应"),
    (generates(do_sample=False, repetition_penalty=1.0, eos_token_id=151_645), "eos_token_id 不用自己写"),
    (generates(do_sample=False, repetition_penalty=1.0, eos_token_id=[151_643]), "eos_token_id 不用自己写"),
    (generates(do_sample=False, repetition_penalty=1.0, min_new_tokens=3), "应得到"),
    (with_most(lambda most: min(most, 32)), "应得到"),
    (generates(), "现在是抽样"),
    (generates(do_sample=False, repetition_penalty=1.1), "惩罚了重复"),
    (generates(do_sample=True, top_k=1, repetition_penalty=1.3), "惩罚了重复"),
    (stripped, "两头的空格和换行没有了"),
    (with_changes(padding=LEFT), "看第一条警告"),
    (with_changes(given="**batch,"), "看第二条警告"),
    (silenced, "看不见警告不等于改好了"),
    (with_changes(padding=LEFT, given="**batch,", cut=""), "问题也在里面"),
    (with_changes(padding=LEFT, given="**batch,", skip=""), "还留着特殊词元"),
    (with_changes(padding=LEFT, given="**batch,", most="max_new_tokens=most + 5"), "应得到"),
    (with_changes(padding="padding=False", given="**batch,"), "Unable to create tensor"),
    (with_changes(padding=LEFT, given="batch,"), "你的函数报了"),
    (one_by_one, "不止一次"),
    (ids_not_decoded, "还要解码"),
    (cut_by_own_length, "不是文字自己的长度"),
    (mask_by_id, "当成了填充"),
    (one_text, "应得到一个列表"),
    (only_the_longest, "项数和 texts 的不一样"),
    (truncated, "应得到"),
    (with_changes(padding=LEFT + ", truncation=True, max_length=20", given="**batch,"), "应得到"),
    (with_changes(padding=LEFT + ", truncation=True, max_length=512", given="**batch,"), "应得到"),
    (with_texts(lambda texts: texts[:32]), "项数和 texts 的不一样"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, answer):
    accepted(exercise, answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    refused(exercise, answer, says)


@pytest.mark.parametrize("answer", [defined(left_batch.BROKEN), defined("# 我先看看\n" + left_batch.BROKEN)])
def test_what_was_not_touched_is_not_wrong(exercise, answer):
    note = exercise.check(answer)
    assert note.mark == "○"
    assert "还是题目给的代码" in note.text


def test_the_tokenizer_stays_as_it_was(tokenizer, model):
    own = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    assert left_batch.exercise(own, model).check(mends_the_tokenizer).mark == "✓"
    assert own.padding_side == "right"


def test_the_expected_texts_are_those_of_each_text_alone(tokenizer, model):
    mended = defined(left_batch.SOLUTION)
    for case in left_batch.cases(tokenizer, model):
        _, writer, texts, most = case.inputs
        assert case.expected == [mended(tokenizer, writer, [text], most)[0] for text in texts]


@pytest.mark.ci  # 要另开一个 Python：警告一个内核里只说一次
def test_the_statement_shows_what_is_really_said(tokenizer, model):
    program = f"""
import helpers
from helpers.tiny import TINY
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(TINY)
model = AutoModelForCausalLM.from_pretrained(TINY, dtype="float32")
{left_batch.BROKEN}
print(continue_all(tokenizer, model, {left_batch.FAILS_ON}, 6))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8",
                          cwd=ROOT, timeout=120)
    said = [line for line in done.stderr.splitlines() if line.startswith("[transformers]")]
    assert tuple(said) == left_batch.WARNINGS
    mended = defined(left_batch.SOLUTION)(tokenizer, model, left_batch.FAILS_ON, 6)
    text = statement(15)
    assert "\n".join(said) in text
    assert done.stdout.strip() in text
    assert str(mended) in text


def test_the_answer_cell_holds_the_broken_code():
    assert left_batch.BROKEN in ["".join(cell["source"]) for cell in cells(15) if cell["cell_type"] == "code"]
