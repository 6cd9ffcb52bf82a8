"""KV cache 的比赛：写的和 model.generate 一样，送进几个和手算一样；停、重来、关掉都说得清楚；在真的内核里也停得下来"""
import asyncio
import re

from helpers.fast.standin import SMALL, make
from helpers.generation import steps, stop_ids
from helpers.widgets import race as race_file
from helpers.widgets.race import Race, to_feed, without_stops

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from transformers import AutoModelForCausalLM

QUESTION, COUNT = "再见", 20  # 回答很短，写 20 个就越过了结束词元


@pytest.fixture
def view(tokenizer, model):
    yield Race(tokenizer, model, QUESTION, COUNT)
    Race.live = None


def wrote(view) -> list[int]:
    return [len(lane.written) for lane in view.lanes]


def during(view, story) -> None:
    """在事件循环里按“开始”，两边都写了词元以后做 story，等它停下"""
    async def play():
        view.start.click()
        while not min(wrote(view)):
            await asyncio.sleep(0.001)
        await story()
        await asyncio.wait_for(view.task, 60)
    asyncio.run(play())
    assert Race.live is None


def test_to_feed_by_hand():
    assert (to_feed(20, 100, True), to_feed(20, 100, False)) == (119, 6950)
    assert to_feed(7, 1, True) == to_feed(7, 1, False) == 7
    assert to_feed(2, 3, False) == 2 + 3 + 4


def test_without_stops_takes_the_best_that_goes_on(model):
    logits = torch.zeros(model.config.vocab_size)
    for place, token_id in enumerate([5, 7, *stop_ids(model)], 1):
        logits[token_id] = place
    assert without_stops(model)(logits) == 7
    assert logits.argmax().item() in stop_ids(model)


def test_both_write_what_generate_writes(view, model):
    view.start.click()
    asked = torch.tensor([view.ids])
    theirs = model.generate(asked, attention_mask=torch.ones_like(asked), min_new_tokens=COUNT, max_new_tokens=COUNT,
                            do_sample=False)[0, len(view.ids):].tolist()
    assert [lane.written for lane in view.lanes] == [theirs, theirs]
    assert len(theirs) == COUNT
    assert len(list(steps(model, asked, COUNT))) < COUNT  # 不拦住结束词元，早就停了
    assert not stop_ids(model).intersection(theirs)


def test_the_finished_lanes(view, tokenizer):
    view.start.click()
    assert re.search(r"各写 20 个词元：有 KV cache 用 [\d.]+ 秒，没有用 [\d.]+ 秒，前者的速度是后者的 [\d.]+ 倍；"
                     "两边写的逐个核对过，完全相同", view.message.value)
    n = len(tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True,
                                          return_dict=True).input_ids)
    assert [lane.fed for lane in view.lanes] == [n + 19, sum(n + i for i in range(20))]
    for lane in view.lanes:
        assert lane.bar.value == lane.bar.max == COUNT
        assert lane.seconds > 0
        assert f"{lane.fed} / {lane.fed}" in lane.facts.value
        assert f"{COUNT / lane.seconds:.1f}" in lane.facts.value
        assert "再见，记得保存好" in lane.text.value
    fast, slow = view.lanes
    assert f"{slow.seconds / fast.seconds:.1f} 倍" in view.message.value
    assert Race.live is None


def test_different_texts_are_told(view):
    view.start.click()
    view.lanes[1].written[4] += 1
    assert "从第 5 个词元起不同" in view.result()
    assert "完全相同" not in view.result()


def test_whoever_used_less_time_writes_next(view):
    turns = view.turns(1)
    Race.live, view.number = view, 1
    for turn in range(8):
        behind = min(view.lanes, key=lambda lane: lane.seconds)
        before = len(behind.written)
        next(turns)
        assert len(behind.written) == before + 1
        assert sum(wrote(view)) == turn + 1
    turns.close()
    assert Race.live is None


def test_the_slider_and_the_question_set_the_course(view):
    view.count.value = 10
    assert [lane.count for lane in view.lanes] == [10, 10]
    assert "0 / 10" in view.lanes[0].facts.value
    view.question.value = "你好"
    n = len(view.ids)
    assert [lane.total for lane in view.lanes] == [n + 9, 10 * n + 45]
    view.start.click()
    assert wrote(view) == [10, 10]
    view.count.value = view.count.max
    assert [lane.bar.max for lane in view.lanes] == [200, 200]
    assert wrote(view) == [0, 0]


def test_stop_and_start_again(view):
    async def story():
        view.stop.click()
        assert re.search(r"停了：有 KV cache 的写了 \d+ 个，没有 KV cache 的写了 \d+ 个", view.message.value)
    view.count.value = 200
    during(view, story)
    stopped = wrote(view)
    assert 0 < max(stopped) < 200
    assert "停了" in view.message.value
    view.stop.click()
    assert "没有在比" in view.message.value
    assert wrote(view) == stopped
    view.count.value = 10
    view.start.click()
    assert wrote(view) == [10, 10]
    assert "完全相同" in view.message.value


def test_stop_then_start_at_once_runs_one_race(view):
    async def story():
        before = view.task
        view.stop.click()
        view.start.click()
        assert "正在比" in view.message.value
        await before
        assert max(wrote(view)) < COUNT  # 原来那一场不再写
    during(view, story)
    assert wrote(view) == [COUNT, COUNT]
    assert [lane.fed for lane in view.lanes] == [lane.total for lane in view.lanes]
    assert "完全相同" in view.message.value


def test_what_is_computed_while_stopping_is_not_counted(view):
    def stopping(steps):
        view.stop.click()  # JupyterLab 里另一个线程按的
        yield from steps
    turns = view.turns(1)
    Race.live, view.number = view, 1
    for _ in range(3):
        next(turns)
    before = wrote(view)
    for lane in view.lanes:
        lane.steps = stopping(lane.steps)
    assert list(turns) == []
    assert wrote(view) == before
    assert "停了" in view.message.value


def test_controls_during_a_race(view):
    async def story():
        view.start.click()
        assert "⚠" in view.message.value
        assert "正在比" in view.message.value
        for control, value in ((view.count, 10), (view.question, "   ")):
            control.value = value
            assert "下一场才用" in view.message.value
    during(view, story)
    assert wrote(view) == [COUNT, COUNT]
    assert "完全相同" in view.message.value
    view.start.click()
    assert "现在是空的" in view.message.value
    assert wrote(view) == [COUNT, COUNT]


def test_another_race_stops_this_one(view, tokenizer, model):
    other = Race(tokenizer, model, "你好", 10)

    async def story():
        other.start.click()
        assert "另一场比赛开始了" in view.message.value
        await other.task
    view.count.value = 200
    during(view, story)
    assert wrote(other) == [10, 10]
    assert max(wrote(view)) < 200
    assert "完全相同" in other.message.value


def test_a_closed_race_writes_no_more(view):
    async def story():
        view.box.close()
    view.count.value = 200
    during(view, story)
    assert max(wrote(view)) < 200


def test_an_error_is_told_and_the_next_race_runs(view, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("内存不够")
    with monkeypatch.context() as patch:
        patch.setattr(race_file.Lane, "take", broken)
        view.start.click()
        assert "⚠ 内存不够" in view.message.value
        assert Race.live is None
    view.start.click()
    assert "完全相同" in view.message.value


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("   ", "现在是空的"), ("好" * 10_000, "缩短"),
                                        ("a\ud800b", "半个字符")])
def test_bad_questions_keep_the_course(view, text, said):
    before = view.picture()
    view.question.value = text
    assert "⚠" in view.message.value
    assert said in view.message.value
    assert view.picture() == before
    view.question.value = "你好"
    assert "⚠" not in view.message.value
    assert view.asked == "你好"


@pytest.mark.parametrize("text", ["😀😀", "\x00\x07", "<|im_end|>", "<b>粗</b>"])
def test_odd_questions_work(view, text):
    view.count.value, view.question.value = 10, text
    view.start.click()
    assert "完全相同" in view.message.value
    assert "<b>粗" not in view.picture().html


def test_the_picture_counts_and_never_times(tokenizer, model, view):
    before = view.picture()
    assert before == Race(tokenizer, model, QUESTION, COUNT).picture()
    view.start.click()
    assert view.picture() == before
    assert "秒" not in before.text + before.html
    assert [line.rsplit(" ", 1)[1] for line in before.text.splitlines()[2:]] == [str(lane.fed) for lane in view.lanes]
    assert {"text/html", "text/plain"} <= set(view._repr_mimebundle_())


def test_another_qwen2_in_bf16(tokenizer, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(make(tmp_path, SMALL), dtype="bfloat16")
    view = Race(tokenizer, model, "你好", 20)
    view.start.click()
    assert wrote(view) == [20, 20]
    assert "⚠" not in view.message.value
    assert [lane.fed for lane in view.lanes] == [lane.total for lane in view.lanes]


CELLS = ["""
import asyncio
from transformers import AutoModelForCausalLM, AutoTokenizer
from helpers.tiny import TINY
from helpers.widgets.race import Race
tokenizer = AutoTokenizer.from_pretrained(TINY)
race = Race(tokenizer, AutoModelForCausalLM.from_pretrained(TINY, dtype="float32"), count=10)
race.start.click()
assert not race.task.done()  # 这一格先结束，比赛在它后面接着跑
""", """
await asyncio.wait_for(race.task, 60)
assert [len(lane.written) for lane in race.lanes] == [10, 10] and "完全相同" in race.message.value
race.count.value = 200
race.start.click()
""", """
while not race.lanes[1].written:
    await asyncio.sleep(0.01)
race.stop.click()
stopped = [len(lane.written) for lane in race.lanes]
await asyncio.wait_for(race.task, 60)
assert [len(lane.written) for lane in race.lanes] == stopped and max(stopped) < 200 and "停了" in race.message.value
"""]


@pytest.mark.ci
def test_in_a_real_kernel():
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120, kernel_name="python3").execute()
