"""第 14 周的练习：对的（换个写法也）收，常见的错误各有自己的话，硬编码的、奇怪的答案都不放过也不报错"""
import json
import math
import random
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from helpers.exercises import week14
from helpers.exercises.week14 import chat_text, count_parameters, cut_characters, gigabytes, left_pad, surprises
from helpers.model import TINY
from helpers.tokens import pieces

import pytest
import transformers
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "week14_exercises.ipynb"
NAMES = {
    1: "answer_1",
    2: "count_tokens",
    3: "answer_3",
    4: "cut_characters",
    5: "merge_once",
    6: "chat_text",
    7: "left_pad",
    8: "count_parameters",
    9: "answer_9",
    10: "answer_10",
}
VERSION = transformers.__version__
END = "<|im_end|>"
REASONS = ["数字一位一个词元，合并不会跨过规则切出的小段", "这个字不常见，合并表里没有把它的字节合到底的一条",
           "空格归后面一段，先和字的头一个字节合并了"]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture(scope="module")
def sheet(tokenizer):
    return week14.sheet(tokenizer)


def solved(number: int):
    """运行参考答案，取出答案"""
    space: dict = {}
    exec(week14.sheet(None)[number].code, space)
    return space[NAMES[number]]


# ---- 对的 ----

def count_by_tokenize(tok, text):
    return sum(1 for _ in tok.tokenize(text))


def count_by_tensor(tok, text):
    return tok(text, return_tensors="pt").input_ids.shape[1]


def cut_by_bytes(tok, text):
    edges = set()
    at = 0
    for piece in pieces(tok, text):
        at += len(piece.bytes)
        edges.add(at)
    cut = []
    start = 0
    for letter in text:
        end = start + len(letter.encode())
        inside = range(start + 1, end)
        if edges.intersection(inside):
            cut.append(letter)
        start = end
    return tuple(cut)


def merge_by_loop(parts, rank):
    best = None
    for at, pair in enumerate(pairwise(parts)):
        order = rank.get(pair)
        if order is None:
            continue
        if best is None or order < best:
            best = order
            place = at
    new = parts.copy()
    if best is not None:
        right = new.pop(place + 1)
        new[place] += right
    return tuple(new)


def chat_by_join(messages):
    lines = ["<|im_start|>" + m["role"] + "\n" + m["content"] + END for m in messages]
    return "\n".join([*lines, "<|im_start|>assistant", ""])


def pad_with_tensors(batch, pad_id):
    import torch
    ids = torch.full((len(batch), max(map(len, batch))), pad_id)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(batch):
        if row:
            ids[i, -len(row):] = torch.tensor(row)
            mask[i, -len(row):] = 1
    return [ids, mask.bool()]


def parameters_by_shapes(c):
    h = c["hidden_size"]
    m = c["intermediate_size"]
    table = (c["vocab_size"], h)
    kv = h * c["num_key_value_heads"] // c["num_attention_heads"]
    attention = [(h, h), (h,), (kv, h), (kv,), (kv, h), (kv,), (h, h)]
    layer = [*attention, (m, h), (m, h), (h, m), (h,), (h,)]
    shapes = [table, (h,)] + layer * c["num_hidden_layers"]
    if not c["tie_word_embeddings"]:
        shapes.append(table)
    return float(sum(map(math.prod, shapes)))


OTHER_WAYS = [
    (1, version("transformers")),
    (2, count_by_tokenize),
    (2, count_by_tensor),
    (3, "c"),
    (3, " Ｃ "),
    (3, "13800138000"),
    (4, cut_by_bytes),
    (5, merge_by_loop),
    (6, chat_by_join),
    (7, pad_with_tensors),
    (8, parameters_by_shapes),
    (9, 0.988),
    (9, 494_032_768 * 2 / 1e9),
    (10, dict(zip(["110 和 120", "龘龘", "你 好吗"], REASONS, strict=True))),
]


@pytest.mark.parametrize("number", NAMES)
def test_the_solution_in_the_sheet_passes(sheet, number):
    note = sheet[number].check(solved(number))
    assert note.mark == ("✎" if number == 10 else "✓"), note


@pytest.mark.parametrize("number, answer", OTHER_WAYS)
def test_other_ways_pass_too(sheet, number, answer):
    note = sheet[number].check(answer)
    assert note.mark in "✓✎", note


# ---- 常见的错误 ----

def cut_alone(tok, text):
    return [letter for letter in text if len(tok(letter).input_ids) > 1]


def cut_without_space(tok, text):
    return [letter for letter in cut_by_bytes(tok, text) if len(tok(letter).input_ids) > 1]


def mergeable(parts, rank):
    """可合的每一对的 (次序, 位置)"""
    return [(rank[pair], at) for at, pair in enumerate(pairwise(parts)) if pair in rank]


def leftmost(candidates):
    return min(candidates, key=lambda one: one[1])


def rightmost(candidates):
    return min(candidates, key=lambda one: (one[0], -one[1]))


def every(parts, rank, choose=min, once=True, same=False):
    """合并的各种写法，错的"""
    parts = list(parts)
    while mergeable(parts, rank):
        order, at = choose(mergeable(parts, rank))
        pair = parts[at], parts[at + 1]
        parts[at:at + 2] = [b"".join(pair)]
        while same and pair in list(pairwise(parts)):
            at = list(pairwise(parts)).index(pair)
            parts[at:at + 2] = [b"".join(pair)]
        if once:
            break
    return parts


def merge_in_place(parts, rank):
    parts[:] = every(parts, rank)
    return parts


def merge_falsy_zero(parts, rank):
    return every(parts, {pair: order for pair, order in rank.items() if rank.get(pair)})


def merge_keeps_right(parts, rank):
    new = every(parts, rank)
    for at, part in enumerate(new):
        if part != parts[at]:
            return new[:at + 1] + parts[at + 1:]
    return parts


def chat(start="<|im_start|>", middle="\n", end=END + "\n", role=None, tail="<|im_start|>assistant\n", some=None):
    """手写对话模板的各种写法，错的"""
    def answer(messages):
        text = ""
        for m in messages[some:]:
            text += f"{start}{role or m['role']}{middle}{m['content']}{end}"
        return text + tail
    return answer


def pad(side="left", value=None, flip=False, by_id=False, ones=False):
    """左填充的各种写法，错的"""
    def answer(batch, pad_id):
        fill = pad_id if value is None else value
        longest = max(map(len, batch))
        ids = [filled(row, longest, fill, side) for row in batch]
        mask = [filled([1] * len(row), longest, 0, side) for row in batch]
        if flip:
            mask = [[1 - bit for bit in row] for row in mask]
        if by_id:
            mask = [[int(i != pad_id) for i in row] for row in ids]
        if ones:
            mask = [[1] * longest for _ in batch]
        return ids, mask
    return answer


def filled(row, longest, fill, side):
    more = [fill] * (longest - len(row))
    if side == "left":
        return more + row
    return row + more


def counted(bias=True, wide=False, output=True, twice=False, final=True, norms=2, o_bias=False, matrices=3):
    def answer(c):
        h = c["hidden_size"]
        kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
        if wide:
            kv = h
        layer = 2 * h * h + 2 * h * kv
        layer += bias * (h + 2 * kv)
        layer += o_bias * h
        layer += matrices * h * c["intermediate_size"]
        layer += norms * h
        tables = 1
        if twice or (output and not c["tie_word_embeddings"]):
            tables = 2
        return tables * c["vocab_size"] * h + c["num_hidden_layers"] * layer + final * h
    return answer


MISTAKES = [
    (1, 5.23, "应是字符串"),
    (1, f" {VERSION} ", "空格"),
    (1, VERSION.rpartition(".")[0], "只有开头"),
    (1, f"transformers=={VERSION}", "只写版本号"),
    (1, tuple(VERSION.split(".")), "应是字符串"),
    (1, "4.37.0", "这个内核里 transformers"),
    (1, version("torch").split("+")[0], "是 torch 的"),
    (1, version("modelscope"), "是 modelscope 的"),
    (2, lambda tok, text: len(text), "这是字符数"),
    (2, lambda tok, text: len(tok(text)), "两样"),
    (2, lambda tok, text: len(text.encode()), "这是字节数"),
    (2, lambda tok, text: tok(text).input_ids, "现在是一串"),
    (2, lambda tok, text: len(tok(text, return_tensors="pt").input_ids), "几句话"),
    (2, lambda tok, text: max(1, len(tok(text).input_ids)), "应是 0，现在是 1"),
    (2, lambda tok, text: len(set(tok(text).input_ids)), "去掉重复"),
    (2, lambda tok, text: 7, "应得到"),
    (2, lambda tok, text: None, "忘了 return"),
    (2, lambda text: 1, "TypeError"),
    (3, "A", "常用的词"),
    (3, "b", "字符最多"),
    (3, "D", "只有三个字"),
    (3, "E", "A、B、C、D"),
    (3, 3, "应是一个字母"),
    (4, lambda tok, text: [p.label for p in pieces(tok, text) if "‹" in p.label], "半个字"),
    (4, lambda tok, text: [t for i in tok(text).input_ids if "�" in (t := tok.decode([i]))], "半个字"),
    (4, lambda tok, text: [i for i in tok(text).input_ids if "�" in tok.decode([i])], "现在是编号"),
    (4, lambda tok, text: [c for c in text if len(c.encode()) > 1], "所有多字节"),
    (4, cut_alone, "漏了和空格粘在一起"),
    (4, cut_without_space, "漏了和空格粘在一起"),
    (4, lambda tok, text: list(dict.fromkeys(cut_by_bytes(tok, text))), "只写了一次"),
    (4, lambda tok, text: list(cut_by_bytes(tok, text))[::-1], "次序反了"),
    (4, lambda tok, text: set(cut_by_bytes(tok, text)), "应得到一个列表"),
    (4, lambda tok, text: [" " + c for c in cut_by_bytes(tok, text)], "空格没有被切开"),
    (4, lambda tok, text: ["麤"], "应得到"),
    (5, lambda p, r: every(p, r, choose=leftmost), "最左边可合的"),
    (5, lambda p, r: every(p, r, choose=max), "次序最大"),
    (5, lambda p, r: every(p, r, same=True), "现在全合了"),
    (5, lambda p, r: every(p, r, once=False), "合到了底"),
    (5, merge_in_place, "被改了"),
    (5, merge_falsy_zero, "0 也是次序"),
    (5, merge_keeps_right, "右边那块还在"),
    (5, lambda p, r: every(p, r, choose=rightmost), "现在合了右边的"),
    (5, lambda p, r: p, "一对也没有合"),
    (5, lambda p, r: b"".join(p), "应得到一个列表"),
    (5, lambda p, r: [x.hex() for x in every(p, r)], "应是 bytes"),
    (5, lambda p, r: [b"a", b"bc"], "应得到"),
    (6, chat(tail=""), "替助手开头"),
    (6, chat(tail="<|im_start|>assistant"), "assistant 后面应有换行"),
    (6, chat(end=END), "后面应换行"),
    (6, chat(end=END, tail="\n<|im_start|>assistant\n"), "后面应换行"),
    (6, chat(middle=""), "角色和内容之间"),
    (6, chat(middle=" "), "现在是空格"),
    (6, chat(end="\n"), "应有 <|im_end|>"),
    (6, chat(end=""), "应有 <|im_end|> 和换行"),
    (6, chat(role="user"), "不要写死"),
    (6, chat(some=-1), "只有最后一条"),
    (6, chat(some=1), "少了开头的 system"),
    (6, chat(tail=f"<|im_start|>assistant\n{END}\n"), "多了 <|im_end|>"),
    (6, chat(middle="", end=END, tail="<|im_start|>assistant"), "一个也没有"),
    (6, lambda m: [m], "应得到一段文字"),
    (6, chat(start="", tail="assistant\n"), "开头应有 <|im_start|>"),
    (6, chat(end=f"\n{END}\n"), "现在多了一个"),
    (6, lambda m: f"<|im_start|>system\n你是导游。{END}\n<|im_start|>assistant\n", "应得到"),
    (7, pad(side="right"), "补在了右边"),
    (7, pad(flip=True), "反了"),
    (7, pad(value=0), "现在补的是 0"),
    (7, pad(by_id=True), "不要拿编号来判断"),
    (7, pad(ones=True), "现在全是 1"),
    (7, lambda b, p: pad()(b, p)[::-1], "次序反了"),
    (7, lambda b, p: pad()(b, p)[0] * 3, "两样"),
    (7, lambda b, p: (pad("right")(b, p)[0], pad()(b, p)[1]), "却补在左边"),
    (7, lambda b, p: (pad()(b, p)[0], pad("right")(b, p)[1]), "0 应在左边"),
    (7, lambda b, p: {"input_ids": b}, "现在是字典"),
    (7, lambda b, p: (b, [[1] * len(r) for r in b]), "没有补"),
    (7, lambda b, p: ([[11, 12, 13], [0, 0, 21]], [[1, 1, 1], [0, 0, 1]]), "应得到"),
    (8, counted(bias=False), "偏置没有数"),
    (8, counted(wide=True), "K、V 应比 Q 窄"),
    (8, counted(output=False), "没有数；加上它"),
    (8, counted(twice=True), "数了两次"),
    (8, counted(final=False), "末尾的归一化"),
    (8, counted(norms=1), "只数了一个"),
    (8, counted(norms=0), "两个归一化没有数"),
    (8, counted(o_bias=True), "O 没有偏置"),
    (8, counted(norms=0, final=False), "归一化都没有数"),
    (8, counted(matrices=2), "只数了两个"),
    (8, lambda c: 494_032_768, "应得到"),
    (9, 1.98, "float32"),
    (9, 0.49, "忘了乘"),
    (9, 988, "MB"),
    (9, 0.92, "1024"),
    (9, 988_065_536, "字节为单位"),
    (9, 7.9, "8 位是 1 个字节"),
    (9, "0.99", "不要引号"),
    (9, True, "应是一个数"),
    (9, 1, "参数个数乘"),
    (9, float("nan"), "不对"),
    (10, ["110 和 120"], "应是一个字典"),
    (10, {}, "至少有三段"),
    (10, {"110 和 120": "短"}, "至少 15 个字"),
    (10, {"110 和 120": REASONS[0]}, "现在有 1 段"),
    (10, {"你好": REASONS[0]}, "五种意外"),
    (10, {"犇骉麤": REASONS[0]}, "课文里的例子"),
    (10, {"110 和 120": "好" * 20}, "反复出现"),
    (10, {t: REASONS[0] for t in ("2026", "龘", "1 1 月 1 号")} | {"龘": REASONS[1]}, "课文里的例子"),
    (10, {t: REASONS[0] for t in ("2026", "靐", "吃 饭")}, "一模一样"),
    (10, {2026: REASONS[0]}, "字符串"),
]


@pytest.mark.parametrize("number, answer, says", MISTAKES)
def test_common_mistakes_each_get_their_own_words(sheet, number, answer, says):
    note = sheet[number].check(answer)
    assert note.mark == "✗", note
    assert says in note.text
    assert not note.text.startswith("答案的样子应像"), note  # 不是检查自己出了错


# ---- 不管给什么 ----

@pytest.mark.parametrize("number", NAMES)
def test_unanswered(sheet, number):
    assert sheet[number].check(...).mark == "○"
    assert sheet[number].check(None).mark == "○"


@pytest.mark.parametrize("answer", [0, -1.5, "", "x", b"x", [], [[]], {}, (), object(), int, print,
                                    lambda *a: 1 / 0, lambda *a: exit(), lambda *a: object(), lambda *a: [[]],
                                    lambda *a: [[1, None], "x"], lambda *a: "", lambda *a: (None, None), lambda *a: -1])
def test_strange_answers_never_raise(sheet, answer):
    for number in NAMES:
        note = sheet[number].check(answer)
        assert note.mark == "✗", (number, note)
        assert note.text, number


def test_an_endless_loop_is_stopped(sheet):
    def forever(parts, rank):
        while True:
            pass

    assert "5 秒" in sheet[5].check(forever).text


def test_the_checks_are_quick(sheet):
    for number in NAMES:
        answer = solved(number)
        start = time.perf_counter()
        sheet[number].check(answer)
        assert time.perf_counter() - start < 1.0, number


# ---- 参照本身 ----

def test_cut_agrees_with_bytes_and_with_decoding(tokenizer):
    chance = random.Random(0)
    pool = [chr(chance.choice([chance.randint(0x4e00, 0x9fff), chance.randint(0x1f300, 0x1f9ff), 0x20, 0x61]))
            for _ in range(300)]
    for _ in range(30):
        text = "".join(chance.choices(pool, k=chance.randint(1, 20)))
        want = cut_characters.split_letters(tokenizer, text)
        assert want == list(cut_by_bytes(tokenizer, text))
        assert want == solved(4)(tokenizer, text)


def test_parameters_of_the_real_shape():
    import torch
    config = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
              "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True}
    with torch.device("meta"):
        model = Qwen2ForCausalLM(Qwen2Config(**config))
    assert model.num_parameters() == gigabytes.PARAMETERS
    assert solved(8)(config) == gigabytes.PARAMETERS


@pytest.mark.parametrize("text, says", [
    ("2026", "三块以上"), ("strawberry", "三块以上"), ("🫠", "切在内部"), ("吃 饭", "粘在一起"),
    ("加油 😀", "粘在一起"),
    ("欢迎来到人工智能", "四个以上"), ("cafe\u0301", "解码回来"), ("你好", None), ("hello world", None), ("12", None)])
def test_surprises(tokenizer, text, says):
    found = surprises.surprises(tokenizer, text)
    if says is None:
        assert found == []
    else:
        assert any(says in one for one in found)


def test_what_the_slips_change_is_right_when_nothing_is_changed(tokenizer):
    for case in count_parameters.cases():
        assert count_parameters.count_parts(*case.inputs) == case.expected
    for case in chat_text.cases(tokenizer):
        assert chat_text.join(*case.inputs) == case.expected


def test_the_padding_cases_hold_what_the_exercise_is_about():
    assert left_pad.padded([[5, 9, 5], [7]], 5) == [[5, 9, 5], [5, 5, 7]]
    tied = {case.inputs[0]["tie_word_embeddings"] for case in count_parameters.cases()}
    assert tied == {True, False}


# ---- 练习本身 ----

def test_the_sheet(sheet):
    assert sum(e.points for e in sheet.exercises) == 100
    assert len(sheet) == len(NAMES)
    assert [e.number for e in sheet.exercises if e.open] == [10]
    for e in sheet.exercises:
        assert len(e.hints) == 2
        assert all(e.hints)
        assert NAMES[e.number] in e.code
        assert e.hint().text != e.hint().text
        assert e.solution().text == e.code


def test_the_sheet_can_be_built_without_a_tokenizer_and_without_torch():
    code = ("import sys; from helpers.exercises import week14; week14.sheet(None); "
            "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))")
    assert subprocess.run([sys.executable, "-c", code], cwd=NOTEBOOK.parent.parent).returncode == 0


def test_the_notebook_and_the_sheet_agree(sheet):
    cells = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]]
    for e in sheet.exercises:
        heading = f"## 练习 {e.number}　{e.title}（{e.points} 分，课文 {e.section}）"
        assert any(cell.startswith(heading) for cell in cells)
        at = cells.index(f"sheet[{e.number}].check({NAMES[e.number]})")
        assert NAMES[e.number] in cells[at - 1]
        assert cells[at - 1].endswith("...")
    for letter, text in week14.TEXTS.items():
        assert f"| {letter} | {text} | {len(text)} |" in "\n".join(cells)
