"""第 15 周的练习：对的（几种写法）都通过，学生会写错的都被拒绝并收到有针对性的话，check 从不报错"""
import copy
import json
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, TopPLogitsWarper

from helpers.exercises import week15
from helpers.exercises.week15 import answer_text, keep_top_p_ids, kv_cache_bytes, probabilities_at
from helpers.fast.standin import SMALL, make

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "week15_exercises.ipynb"
NAMES = ["answer_1", "probabilities_at", "answer_3", "keep_top_p_ids", "generate_greedily", "answer_text",
         "surprise_bits", "kv_cache_bytes", "answer_9", "answer_10"]
CODE = [2, 4, 5, 6, 7, 8]
log_softmax = torch.log_softmax


@pytest.fixture(scope="module")
def sheet(tokenizer, model):
    return week15.sheet(tokenizer, model)


def solved(number: int) -> object:
    """参考答案里的代码运行以后得到的答案"""
    names = {"torch": torch}
    exec(week15.sheet(None, None)[number].code, names)
    return names[NAMES[number - 1]]


def softmax(scores: list[float]) -> list[float]:
    """用 math 算的 softmax，不用 torch"""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def loop(body: str):
    """一个 generate_greedily 的写法：body 是函数体，每行缩进 4 格"""
    names = {"torch": torch}
    exec("def generate_greedily(model, input_ids, stop_ids, most):\n" + body, names)
    return names["generate_greedily"]


def with_cache(model, input_ids, stop_ids, most):
    written, fed, cache = [], input_ids, None
    for _ in range(most):
        out = model(fed, past_key_values=cache, use_cache=True)
        fed, cache = out.logits[:, -1].argmax(-1, keepdim=True), out.past_key_values
        written.append(fed[0, 0])
        if int(fed) in stop_ids:
            break
    return tuple(written)


def top_p_by_hand(logits, p):
    order = sorted(range(len(logits)), key=lambda i: logits[i].item(), reverse=True)
    probabilities, kept, total = torch.softmax(logits, 0), [], 0.0
    for i in order:
        kept.append(i)
        total += probabilities[i].item()
        if total >= p:
            break
    return torch.tensor(kept)


def bits_one_by_one(model, input_ids):
    found = []
    for i in range(1, input_ids.shape[1]):
        p = torch.softmax(model(input_ids[:, :i]).logits[0, -1].double(), -1)[input_ids[0, i]]
        found.append(-math.log2(p))
    return found


GOOD_REPORT = {"问题": "top_p 变小会怎样？", "做法": "同一个问题和种子，只把 top_p 从 0.95 改成 0.1，各运行一次",
               "看到": ("今天天气很好", "今天天气很好，适合出门"),
               "结论": "Top_p 小的时候只剩第一名可抽，几次运行的文字都差不多"}
OTHER_WAYS = {
    1: [[2, 25, 151_936], torch.Size([2, 25, 151_936])],
    2: [lambda z, T: torch.softmax(z / T, -1), lambda z, T: softmax([x / T for x in z.tolist()]),
        lambda z, T: torch.exp(log_softmax(z / T, 0)).numpy()],
    3: [" d ", "Ｄ", "D　约 10 倍"],
    4: [top_p_by_hand,
        lambda z, p: tuple(i for i in z.argsort(descending=True).tolist()
                           if TopPLogitsWarper(p)(None, z[None])[0][i] > -math.inf)],
    5: [with_cache],
    6: [lambda t, ids, n: t.batch_decode(ids[:, n:], skip_special_tokens=True)[0],
        lambda t, ids, n: t.decode([i for i in ids[0].tolist()[n:] if i not in t.all_special_ids])],
    7: [bits_one_by_one, lambda m, ids: -log_softmax(m(ids).logits[0], -1)[range(ids.shape[1] - 1), ids[0, 1:]]
        / math.log(2)],
    8: [lambda c, n, b: 2 * n * b * c.num_hidden_layers * c.num_key_value_heads
        * c.hidden_size / c.num_attention_heads],
    9: [40.0],
    10: [GOOD_REPORT],
}


@pytest.mark.parametrize("number, answer", [(k, solved(k)) for k in range(1, 11)] +
                         [(k, answer) for k, answers in OTHER_WAYS.items() for answer in answers])
def test_right_answers_pass(sheet, number, answer):
    note = sheet[number].check(answer)
    assert note.mark == ("✎" if number == 10 else "✓"), note.text


LOOP = """    new = []
    while {condition}:
        logits = model(input_ids).logits
        token = logits[0, {position}].argmax().item()
        {add}
        input_ids = {join}
    return {result}
"""
FINE = {"condition": "len(new) < most and not stop_ids & set(new)", "position": "-1", "add": "new.append(token)",
        "join": "torch.cat([input_ids, torch.tensor([[token]])], 1)", "result": "new"}


def raw_top_p(z, p):
    values, order = z.sort(descending=True)
    return order[values.cumsum(0) - values < p].tolist()


def sorted_top_p(z, p, change):
    q, order = torch.softmax(z, 0).sort(descending=True)
    return change(order, q, p)


def ce(model, ids, logits=slice(None, -1), targets=slice(1, None), dim=-1):
    return -log_softmax(model(ids).logits[0, logits], dim)[range(len(ids[0, targets])), ids[0, targets]] / math.log(2)


def kv(c, n, b, **change):
    parts = {"both": 2, "layers": c.num_hidden_layers, "heads": c.num_key_value_heads, "tokens": n,
             "bytes_each": b, "width": c.hidden_size // c.num_attention_heads}
    return math.prod((parts | change).values())


def report(**change):
    return {key: value for key, value in (GOOD_REPORT | change).items() if value != "缺"}


WRONG = [
    (1, (25, 151_936), "少了一个数"), (1, (25, 2, 151_936), "次序反了"), (1, (2, 25, 151_665), "vocab_size"),
    (1, (1, 25, 151_936), "一批有 2 句"), (1, (2, 151_936), "不只是最后一个位置"), (1, (2, 25), "input_ids 的形状"),
    (1, "(2, 25, 151936)", "应是一个元组"), (1, 7_596_800, "应是一个元组"), (1, (1, 2, 3), "应有三个数"),
    (2, lambda z, T: torch.softmax(z * T, -1), "应除以温度"), (2, lambda z, T: torch.softmax(z, -1), "没有用到温度"),
    (2, lambda z, T: torch.exp(z / T) / torch.exp(z / T).sum(), "先减去最大值"),
    (2, lambda z, T: torch.exp(z / T - (z / T).max()), "忘了除以总和"), (2, lambda z, T: z / T, "还是打分"),
    (2, lambda z, T: torch.exp(z / T), "忘了除以总和"), (2, lambda z, T: torch.softmax(z, -1) / T, "次序反了"),
    (2, lambda z, T: log_softmax(z / T, -1), "概率的对数"),
    (2, lambda z, T: torch.softmax(z[None] / T, -1), "多了一层"),
    (2, lambda z, T: [0.0159, 0.8668, 0.1173], "应得到"),
    (2, lambda z, T: torch.softmax(z / T, -1).max(), "应得到"),
    (3, "A", "温度会让分布变尖"), (3, "b", "温度是除"), (3, "C", "不是概率之比"), (3, 10, "一个字母"),
    (3, "E", "一个字母"), (3, "DABC", "一个字母"),
    (4, raw_top_p, "先 softmax"),
    (4, lambda z, p: sorted_top_p(z, p, lambda order, q, p: order[q.cumsum(0) <= p].tolist()), "加上它才够 p"),
    (4, lambda z, p: top_p_by_hand(z, p)[:-1] if len(top_p_by_hand(z, p)) > 1 and p < 1 else
     top_p_by_hand(z, p), "加上它才够 p"),
    (4, lambda z, p: sorted_top_p(z, p, lambda order, q, p: order[q.cumsum(0) - q < p].tolist() if q[0] < p else []),
     "至少要留一个"),
    (4, lambda z, p: top_p_by_hand(z, p).sort().values, "不是按编号"),
    (4, lambda z, p: top_p_by_hand(z, p).flip(0), "次序反了"),
    (4, lambda z, p: z.argsort(descending=True)[:len(top_p_by_hand(z, p)) + 1].tolist(), "多留了一个"),
    (4, lambda z, p: sorted_top_p(z, p, lambda order, q, p: q[q.cumsum(0) - q < p]), "应是编号"),
    (4, lambda z, p: TopPLogitsWarper(p)(None, z[None])[0], "应是编号"), (4, lambda z, p: [1, 3], "应得到"),
    (4, lambda z, p: top_p_by_hand(z, p)[None], "多了一层"),
    (5, loop(LOOP.format(**FINE | {"result": "input_ids[0].tolist()"})), "把问题也返回了"),
    (5, loop(LOOP.format(**FINE | {"condition": "len(new) < most"})), "应停下"),
    (5, loop(LOOP.format(**FINE | {"condition": "len(new) <= most and not stop_ids & set(new)"})), "写多了"),
    (5, loop(LOOP.format(**FINE | {"condition": "len(new) < most - 1 and not stop_ids & set(new)"})), "少写了一个"),
    (5, loop(LOOP.format(**FINE | {"condition": "len(new) < most",
                                   "add": "if token in stop_ids: return new\n        new.append(token)"})), "少了它"),
    (5, loop(LOOP.format(**FINE | {"join": "input_ids"})), "接到输入的末尾"),
    (5, loop(LOOP.format(**FINE | {"position": "0"})), "最后一个位置"),
    (5, loop(LOOP.format(**FINE | {"result": "[new]"})), "多了一层"),
    (5, loop(LOOP.format(**FINE | {"result": "str(new)"})), "不用解码"),
    (5, lambda m, ids, stops, most: m.generate(ids, max_new_tokens=most), "自己写循环"),
    (5, lambda m, ids, stops, most: [11, 22], "应得到"),
    (6, lambda t, ids, n: t.decode(ids[0], skip_special_tokens=True), "问题也解码了"),
    (6, lambda t, ids, n: t.decode(ids[0, n:]), "还留着特殊词元"), (6, lambda t, ids, n: t.decode(ids[0]), "都还在"),
    (6, lambda t, ids, n: t.decode(ids[0], skip_special_tokens=True).replace(
        t.decode(ids[0, :n], skip_special_tokens=True), ""), "按编号切"),
    (6, lambda t, ids, n: t.decode(ids[0, n + 1:], skip_special_tokens=True), "差了一个"),
    (6, lambda t, ids, n: t.decode(ids[0, n - 1:], skip_special_tokens=True), "差了一个"),
    (6, lambda t, ids, n: t.batch_decode(ids[:, n:], skip_special_tokens=True), "多了一层列表"),
    (6, lambda t, ids, n: t.decode(ids[n:], skip_special_tokens=True), "先取第 0 句"),
    (6, lambda t, ids, n: "你好啊", "应得到"), (6, lambda t, ids, n: ids[0, n:], "应是一段文字"),
    (7, lambda m, ids: ce(m, ids) * math.log(2), "自然对数"), (7, lambda m, ids: -ce(m, ids), "符号反了"),
    (7, lambda m, ids: -ce(m, ids) * math.log(2), "以 2 为底"), (7, lambda m, ids: 2 ** -ce(m, ids), "还要取 -log2"),
    (7, lambda m, ids: ce(m, ids, slice(None, -1), slice(None, -1)), "错了一格"),
    (7, lambda m, ids: ce(m, ids, slice(1, None), slice(1, None)), "错了一格"),
    (7, lambda m, ids: ce(m, ids, slice(1, None), slice(None, -1)), "错了一格"),
    (7, lambda m, ids: ce(m, ids, slice(None), slice(None)), "应从第 2 个算起"),
    (7, lambda m, ids: ce(m, ids, dim=0), "维度不对"), (7, lambda m, ids: ce(m, ids).sum(), "不要加起来"),
    (7, lambda m, ids: ce(m, ids).mean().item(), "也不要平均"), (7, lambda m, ids: ce(m, ids)[None], "多了一层"),
    (7, lambda m, ids: [2.0, 1.0], "应得到"),
    (8, lambda c, n, b: kv(c, n, b, both=1), "两份"), (8, lambda c, n, b: kv(c, n, b, layers=1), "只算了一层"),
    (8, lambda c, n, b: kv(c, n, b, heads=c.num_attention_heads), "不是全部的头"),
    (8, lambda c, n, b: 2 * c.num_hidden_layers * c.hidden_size * n * b, "也不是整个 hidden_size"),
    (8, lambda c, n, b: kv(c, n, b, width=c.hidden_size), "现在像是没有除"),
    (8, lambda c, n, b: kv(c, n, b, tokens=1), "再乘词元的个数"),
    (8, lambda c, n, b: kv(c, n, b, bytes_each=1), "再乘每个数的字节"),
    (8, lambda c, n, b: kv(c, n, b) / 1e6, "不是 MB"),
    (8, lambda c, n, b: 12_288, "应得到"), (8, lambda c, n, b: kv(c, n, b, layers=24), "应得到"),
    (9, 20, "float32"), (9, 20.24, "float32"), (9, 0.04, "不是 40 MB"), (9, 0.0247, "倒过来"), (9, 24.7, "倒过来"),
    (9, 40.48, "取整"), (9, 41, "向下取整"), (9, 81, "就是字节数"), (9, 43, "不是 2 的 30 次方"), (9, "40", "不写引号"),
    (9, True, "一个整数"), (9, 10_000, "不对"), (9, float("nan"), "不对"),
    (10, "温度变大更乱", "应是一个字典"), (10, report(结论="缺"), "缺 结论"),
    (10, report(看到=["一样", "一样 "]), "至少两条不同"), (10, report(看到="一样"), "文字的列表"),
    (10, report(看到=["", "一样"]), "至少两条不同"), (10, report(做法="改温度"), "至少 20 个字"),
    (10, report(结论="温度" * 20), "写具体"), (10, report(问题=...), "“问题”"), (10, report(看到=[1, 2]), "文字的列表"),
    (10, report(结论="两次运行得到的文字很不一样，第二次的更短也更乱一些"), "应提到"),
    (10, report(结论=GOOD_REPORT["做法"]), "一字不差"),
    (10, report(做法="同一个问题运行了很多很多次，每一次都认真记下得到的文字"), "改变了哪个量"),
]


@pytest.mark.parametrize("number, answer, says", WRONG)
def test_wrong_answers_are_told_what_is_wrong(sheet, number, answer, says):
    note = sheet[number].check(answer)
    assert note.mark == "✗" and says in note.text


def test_the_loop_in_these_tests_is_right_when_nothing_is_changed(sheet):
    assert sheet[5].check(loop(LOOP.format(**FINE))).mark == "✓"


def test_an_endless_loop_is_stopped(sheet):
    note = sheet[5].check(loop(LOOP.format(**FINE | {"condition": "not stop_ids & set(new)", "join": "input_ids"})))
    assert note.mark == "✗" and "停下来的条件" in note.text


def breaks(*inputs):
    raise SystemExit("走了")


@pytest.mark.parametrize("number", range(1, 11))
def test_check_never_raises(sheet, number):
    assert [sheet[number].check(answer).mark for answer in (..., None)] == ["○", "○"]
    for answer in (3, -1.5, "好", [], {}, object(), breaks, lambda: 1, lambda *x: None, lambda *x: "好",
                   lambda *x: [None],
                   lambda *x: torch.zeros(0), lambda *x: float("nan"), lambda *x: object()):
        assert sheet[number].check(answer).mark == "✗"


@pytest.mark.parametrize("number", CODE)
def test_not_a_function_is_said_so(sheet, number):
    assert "应是一个函数" in sheet[number].check([1, 2]).text


@pytest.mark.parametrize("number", range(1, 11))
def test_hints_and_solutions(tokenizer, model, number):
    exercise = week15.sheet(tokenizer, model)[number]
    assert all(len(hint) > 5 for hint in exercise.hints) and len(exercise.hints) == 2
    exercise.hint()
    assert "提示 2" in exercise.hint().text and NAMES[number - 1] in exercise.solution().text


def test_a_hundred_points_and_one_open_exercise(sheet):
    assert sum(exercise.points for exercise in sheet.exercises) == 100
    assert [exercise.number for exercise in sheet.exercises if exercise.open] == [10]


def test_the_expected_answers_stand_on_the_model(tokenizer, model):
    batch = torch.zeros(2, 25, dtype=torch.long)
    assert tuple(model(batch).logits.shape) == solved(1)
    ratios = [p.max() / p.min() for p in (solved(2)(torch.tensor([math.log(2), 0.0]), T) for T in (1.0, 0.3))]
    assert [round(float(ratio), 1) for ratio in ratios] == [2.0, 10.1]
    assert solved(9) == 40e9 // 988_097_824


def test_the_references_are_sound(tokenizer):
    for case in probabilities_at.cases():
        logits, temperature = case.inputs
        by_hand = softmax([score / temperature for score in logits.tolist()])
        assert torch.allclose(torch.tensor(case.expected), torch.tensor(by_hand), atol=1e-4)
    for case in keep_top_p_ids.cases():
        logits, p = case.inputs
        totals = torch.softmax(logits.double(), 0).sort(descending=True).values.cumsum(0)
        assert p == 1 or (totals - p).abs().min() > 1e-3  # 离分界远，舍入误差不会改变结果
    for case in answer_text.cases(tokenizer):
        _, output_ids, prompt_length = case.inputs
        assert tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True) == case.expected


def test_checking_leaves_the_students_random_seed_alone():
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    kv_cache_bytes.real_cache_bytes(kv_cache_bytes.shaped(1, 16, 2, 1), 2, 2)
    assert torch.rand(1) == before


@pytest.mark.parametrize("number, answer", [(5, solved(5)), (5, with_cache), (7, solved(7)), (7, bits_one_by_one)])
def test_sixteen_bits_are_fine_too(tokenizer, model, number, answer):
    assert week15.sheet(tokenizer, copy.deepcopy(model).to(torch.bfloat16))[number].check(answer).mark == "✓"


def test_another_model_is_fine_too(tmp_path, tokenizer):
    other = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype=torch.float32)
    sheet = week15.sheet(tokenizer, other)
    assert [sheet[k].check(solved(k)).mark for k in range(1, 11)] == ["✓"] * 9 + ["✎"]


def test_the_examples_in_the_notebook(tokenizer):
    assert [round(p, 4) for p in solved(2)(torch.tensor([0.0, 2.0, 1.0]), 0.5).tolist()] == [0.0159, 0.8668, 0.1173]
    assert solved(4)(torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25])), 0.7) == [1, 3]
    ids = torch.tensor([tokenizer("你好").input_ids + tokenizer("你好啊").input_ids + [tokenizer.eos_token_id]])
    assert solved(6)(tokenizer, ids, 1) == "你好啊"
    qwen = kv_cache_bytes.shaped(24, 896, 14, 2)
    assert kv_cache_bytes.real_cache_bytes(qwen, 1, 2) == 12_288


def test_the_notebook_names_every_exercise_and_is_not_answered(sheet):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) + "\n" for cell in cells)
    for exercise, name in zip(sheet.exercises, NAMES, strict=True):
        heading = f"## 练习 {exercise.number}　{exercise.title}（{exercise.points} 分，课文 {exercise.section}"
        assert heading in text and f"sheet[{exercise.number}].check({name})" in text
    notes = ["".join(output["data"]["text/plain"]) for cell in cells for output in cell.get("outputs", [])]
    assert len(notes) == 11 and all(note.startswith("○") for note in notes)
