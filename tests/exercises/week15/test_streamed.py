"""练习“边写边看，不见半个字”：几种写法都对；显示半个字、等得太久、一个一个解码各有自己的话"""
import codecs
import re

from helpers.exercises.week15 import streamed
from helpers.tokens import piece, piece_of

import pytest
from answers import accepted, refused, statement


@pytest.fixture(scope="module")
def exercise(tokenizer):
    return streamed.exercise(tokenizer)


def solved():
    space = {}
    exec(streamed.SOLUTION, space)
    return space["streamed"]


def prefixes(tokenizer, ids):
    return [tokenizer.decode(ids[:k], skip_special_tokens=True) for k in range(1, len(ids) + 1)]


# ---- 对的 ----

def by_removing(tokenizer, ids):
    return [text.replace("�", "") for text in prefixes(tokenizer, ids)]


def by_bytes(tokenizer, ids):
    data = b""
    screens = ()
    for token_id in ids:
        if token_id not in tokenizer.all_special_ids:
            data += piece(tokenizer, token_id).bytes
        screens += (data.decode(errors="ignore"),)
    return screens


def by_waiting(tokenizer, ids):
    waiting = []
    shown = ""
    screens = []
    for token_id in ids:
        waiting.append(token_id)
        text = tokenizer.decode(waiting, skip_special_tokens=True)
        screens.append(shown + text.rstrip("�"))
        if not text.endswith("�"):
            shown += text
            waiting = []
    return screens


def by_recursion(tokenizer, ids):
    if not ids:
        return []
    text = tokenizer.decode(ids, skip_special_tokens=True)
    while text and text[-1] == "�":
        text = text[:-1]
    return by_recursion(tokenizer, ids[:-1]) + [text]


def by_an_incremental_decoder(tokenizer, ids):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    special = set(tokenizer.all_special_ids)
    screens = []
    for token_id in ids:
        data = b"" if token_id in special else piece(tokenizer, token_id).bytes
        screens.append("".join(screens[-1:]) + decoder.decode(data))
    return screens


def by_a_map(tokenizer, ids):
    return list(map(lambda text: text.split("�")[0], prefixes(tokenizer, ids)))


# ---- 错的 ----

def with_halves(tokenizer, ids):
    return prefixes(tokenizer, ids)


def with_halves_at_the_end(tokenizer, ids):
    screens = solved()(tokenizer, ids)
    if ids:
        screens[-1] = tokenizer.decode(ids, skip_special_tokens=True)
    return screens


def alone(tokenizer, ids):
    return ["".join(tokenizer.decode([i], skip_special_tokens=True) for i in ids[:k + 1]) for k in range(len(ids))]


def alone_without_halves(tokenizer, ids):
    return [text.replace("�", "") for text in alone(tokenizer, ids)]


def waits_too_long(tokenizer, ids):
    waiting = []
    screen = ""
    screens = []
    for token_id in ids:
        waiting.append(token_id)
        text = tokenizer.decode(waiting, skip_special_tokens=True)
        if "�" not in text:
            screen += text
            waiting = []
        screens.append(screen)
    return screens


def with_special_tokens(tokenizer, ids):
    return [tokenizer.decode(ids[:k + 1]).rstrip("�") for k in range(len(ids))]


def with_everything(tokenizer, ids):
    return [tokenizer.decode(ids[:k + 1]) for k in range(len(ids))]


def one_late(tokenizer, ids):
    return [tokenizer.decode(ids[:k], skip_special_tokens=True).rstrip("�") for k in range(len(ids))]


def only_new(tokenizer, ids):
    screens = ["", *solved()(tokenizer, ids)]
    return [after[len(before):] for before, after in zip(screens, screens[1:], strict=False)]


def only_when_something_is_new(tokenizer, ids):
    return [text for text in only_new(tokenizer, ids) if text]


def from_nothing_on(tokenizer, ids):
    return ["", *solved()(tokenizer, ids)]


def only_the_last(tokenizer, ids):
    return "".join(solved()(tokenizer, ids)[-1:])


def stripped(tokenizer, ids):
    return [text.strip() for text in solved()(tokenizer, ids)]


def stripped_on_the_right(tokenizer, ids):
    return [text.rstrip("� ") for text in prefixes(tokenizer, ids)]


def one_half_off(tokenizer, ids):
    return [text.removesuffix("�") for text in ["x" + text for text in prefixes(tokenizer, ids)]]


def ids_so_far(tokenizer, ids):
    return [ids[:k + 1] for k in range(len(ids))]


def without_special_steps(tokenizer, ids):
    return solved()(tokenizer, [i for i in ids if i not in tokenizer.all_special_ids])


def eats_the_ids(tokenizer, ids):
    screens = solved()(tokenizer, ids)
    ids.clear()
    return screens


def nothing_after_a_special_token(tokenizer, ids):
    shown = []
    screens = []
    for token_id in ids:
        if shown and shown[-1] in tokenizer.all_special_ids:
            screens.append(screens[-1])
            continue
        shown.append(token_id)
        screens.append(tokenizer.decode(shown, skip_special_tokens=True).rstrip("�"))
    return screens


def nothing_after_the_end(tokenizer, ids):
    screens = solved()(tokenizer, ids)
    if tokenizer.eos_token_id not in ids:
        return screens
    at = ids.index(tokenizer.eos_token_id)
    return screens[:at] + screens[at:at + 1] * (len(ids) - at)


def without_two_names(tokenizer, ids):
    texts = with_everything(tokenizer, ids)
    return [text.replace("<|im_end|>", "").replace("<|endoftext|>", "").rstrip("�") for text in texts]


def without_what_looks_special(tokenizer, ids):
    return [re.sub(r"<\|.*?\|>", "", text).rstrip("�") for text in with_everything(tokenizer, ids)]


def changed(change):
    """正确的，每一项再改一改"""
    return lambda tokenizer, ids: [change(text) for text in solved()(tokenizer, ids)]


def without_added_ids(tokenizer, ids):
    """当作 151643 和更大的编号全是特殊词元；<tool_call> 不是"""
    screens = []
    for k in range(len(ids)):
        plain = [token_id for token_id in ids[:k + 1] if token_id < 151_643]
        screens.append(tokenizer.decode(plain).rstrip("\ufffd"))
    return screens


RIGHT = [solved(), by_removing, by_bytes, by_waiting, by_recursion, by_an_incremental_decoder, by_a_map]
WRONG = [
    (lambda tokenizer, ids: [text.replace("<|im_end|>", "") for text in solved()(tokenizer, ids)], "名字"),
    (lambda tokenizer, ids: [""] * (len(ids) - 1) + solved()(tokenizer, ids)[-1:], "等到最后才显示"),
    (lambda tokenizer, ids: solved()(tokenizer, ids)[-1:] * len(ids), "只能用前 k 个"),
    (lambda tokenizer, ids: [tokenizer.decode([i]) for i in ids], "只有那一个编号"),
    (lambda tokenizer, ids: [tokenizer.decode([i]).rstrip("�") for i in ids], "只有那一个编号"),
    (lambda tokenizer, ids: ["" if "�" in text else text for text in prefixes(tokenizer, ids)], "屏幕变空了"),
    (lambda tokenizer, ids: [text.replace("�", "?") for text in prefixes(tokenizer, ids)], "别的符号"),
    (lambda tokenizer, ids: [text.encode() for text in solved()(tokenizer, ids)], "现在有字节"),
    (changed(str.rstrip), "空格和换行也是字符"),
    (changed(lambda text: text.replace("\n", "")), "空格和换行也是字符"),
    (lambda tokenizer, ids: by_bytes(tokenizer, ids[:500]), "现在少了"),
    (lambda tokenizer, ids: by_bytes(tokenizer, ids)[-500:], "现在少了"),
    (with_halves, "末尾凑不齐的半个字先不显示"),
    (with_halves_at_the_end, "半个字还是半个字"),
    (alone, "一个一个地解码"),
    (alone_without_halves, "单独解码"),
    (waits_too_long, "等得太久"),
    (with_special_tokens, "特殊词元不显示"),
    (with_everything, "先不显示"),
    (one_late, "晚了一步"),
    (only_new, "每一步新显示的"),
    (only_when_something_is_new, "现在少了"),
    (without_special_steps, "现在少了"),
    (from_nothing_on, "现在多了"),
    (only_the_last, "应是一个列表"),
    (stripped, "空格和换行也是字符"),
    (stripped_on_the_right, "等得太久"),
    (one_half_off, "应得到"),
    (ids_so_far, "现在有编号"),
    (nothing_after_a_special_token, "应"),
    (nothing_after_the_end, "应得到"),
    (without_two_names, "应"),
    (without_what_looks_special, "应"),
    (changed(lambda text: text.lstrip(" ")), "应"),
    (changed(lambda text: text.replace("\u200d", "")), "应"),
    (eats_the_ids, "保持原样"),
    (without_added_ids, "应"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(exercise, answer):
    accepted(exercise, answer)


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    refused(exercise, answer, says)


def test_the_example_in_the_notebook(tokenizer):
    ids = tokenizer("你好 龘！").input_ids
    assert ids == [108386, 18137, 122, 246, 6313]
    assert [piece(tokenizer, token_id).bytes.hex(" ") for token_id in ids[1:4]] == ["20 e9", "be", "98"]
    screens = solved()(tokenizer, ids)
    assert screens == ["你好", "你好 ", "你好 ", "你好 龘", "你好 龘！"]
    assert f"`streamed(tokenizer, {ids})` 得到 `{screens}`" in statement(15)


def test_no_case_holds_the_replacement_character(tokenizer):
    whole = {piece_of(tokenizer, "��".encode()).id}
    for case in streamed.cases(tokenizer):
        assert whole.isdisjoint(case.inputs[1])
        assert not any("�" in screen for screen in case.expected)


def test_a_half_is_waiting_in_some_step_of_most_cases(tokenizer):
    waiting = [case for case in streamed.cases(tokenizer) if any("�" in t for t in prefixes(*case.inputs))]
    assert len(waiting) >= 5
