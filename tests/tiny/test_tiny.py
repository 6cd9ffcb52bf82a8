"""教学小模型：标准文件、没训练过的编号有多容易抽中、在每种 CPU 上答案相同、模型卡上的数字"""
import json
import math
import os
import statistics
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

from helpers.files import replace_folder
from helpers.tiny import TINY, evaluate, questions, train

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen2ForCausalLM

ANSWER_50 = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from helpers.tiny import evaluate, questions
torch.set_num_threads(int(sys.argv[1]))
tokenizer = AutoTokenizer.from_pretrained(evaluate.TINY)
model = AutoModelForCausalLM.from_pretrained(evaluate.TINY, dtype=sys.argv[2])
prompts = [w for q in questions.read() for w in q.wordings[:3]][:50]
said = evaluate.answers(model, tokenizer, prompts, size=1)
print(torch.backends.cpu.get_cpu_capability(), file=sys.stderr)
print(json.dumps([len(prompts), said]))
"""


def test_a_standard_checkpoint_of_modest_size(model):
    files = {path.name: path.stat().st_size for path in TINY.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(files)
    assert not [name for name in files if name.endswith((".py", ".bin"))]
    assert sum(files.values()) <= 60_000_000
    assert sum(len(zlib.compress(path.read_bytes())) for path in TINY.iterdir()) <= 20_000_000
    assert type(model) is Qwen2ForCausalLM
    assert model.config.vocab_size == 151_936 and model.config.tie_word_embeddings
    assert model.generation_config.eos_token_id == [151_645, 151_643]


def test_unused_ids_are_out_of_reach_of_greedy_and_top_k(model, tokenizer):
    unused = evaluate.unused_ids(model)
    assert unused.sum() > 140_000
    texts = [question.title for question in questions.read()[:20]]
    for text in [*texts, "完全没有学过的话 xyz 囧"]:
        logits = evaluate.first_logits(model, tokenizer, text)
        above = logits[~unused] > logits[unused].max()
        assert above.sum() > 1000  # 滑块的 k 最多 50


def test_the_card_tells_how_likely_unused_ids_are(model, tokenizer):
    card = (TINY / "README.md").read_text(encoding="utf-8")
    figures = json.loads((TINY / "evaluation.json").read_text(encoding="utf-8"))["unused"]
    assert figures["count"] == evaluate.unused_ids(model).sum()
    assert f"{figures['count']:,} 个编号没有训练过" in card
    assert figures["shares"] == evaluate.unused_shares(model, tokenizer, OPEN)
    assert [row["temperature"] for row in figures["shares"]] == [1.0, 1.5, 2.0]
    for row in figures["shares"]:
        assert evaluate.share_row(row) in card
    cool, warm, hot = figures["shares"]
    assert cool["most"] < 0.1
    assert warm["most"] < 5
    assert hot["mean"] > 10


# 几个线程、哪种指令、哪种数：每两样的每一种搭配都在里面
WAYS = [("1", "avx2", "auto"), ("2", "default", "auto"), ("1", "default", "float32"), ("2", "avx2", "float32")]


def answered(way: tuple[str, str, str]) -> str:
    """另开一个 Python，照 way 回答 50 个问题；给出它印的那一行"""
    threads, capability, dtype = way
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability, "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run([sys.executable, "-c", ANSWER_50, threads, dtype], capture_output=True, encoding="utf-8",
                            env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.ci
def test_the_same_answers_on_every_cpu_and_thread_count():
    with ThreadPoolExecutor(2) as pool:
        said = set(pool.map(answered, WAYS))
    assert len(said) == 1
    assert json.loads(said.pop())[0] == 50


OPEN = [question.title for question in questions.read(questions.paths(["00_open"]))]


def asked(tokenizer, text: str):
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                         return_tensors="pt", return_dict=True)


def test_ten_open_questions():
    assert len(OPEN) == 10 and OPEN[0] == "人工智能未来会取代人类吗？"


@pytest.mark.parametrize("text", OPEN)
def test_the_first_tokens_have_rivals(model, tokenizer, text):
    inputs = asked(tokenizer, text)
    with torch.inference_mode():
        out = model.generate(**inputs, max_new_tokens=3, do_sample=False, output_scores=True,
                             return_dict_in_generate=True)
    rivals = [(torch.softmax(scores[0], dim=-1) > 0.05).sum().item() for scores in out.scores]
    assert max(rivals) >= 3


@pytest.mark.ci
@pytest.mark.parametrize("text", OPEN)
def test_temperature_changes_the_variety(model, tokenizer, text):
    inputs = asked(tokenizer, text)
    different = []
    for temperature in (0.3, 1.0, 1.5):
        torch.manual_seed(14)
        ids = model.generate(**inputs, max_new_tokens=8, do_sample=True, temperature=temperature, top_k=0, top_p=1.0,
                             num_return_sequences=32)
        different.append(len(set(tokenizer.batch_decode(ids[:, inputs.input_ids.shape[1]:]))))
    assert different[0] < different[1] < different[2]


def test_loads_within_a_second_once_the_libraries_are_there(tokenizer, model):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1


def writing_rate(model, inputs):
    """写满 60 个词元，每秒几个"""
    start = time.perf_counter()
    model.generate(**inputs, min_new_tokens=60, max_new_tokens=60, do_sample=False)
    return 60 / (time.perf_counter() - start)


@pytest.mark.ci
def test_as_stored_it_is_about_as_fast_as_in_float32_on_any_cpu(tokenizer, model):
    stored = AutoModelForCausalLM.from_pretrained(TINY)  # 照文件里的 float16，有的 CPU 没有它的指令
    assert stored.dtype == torch.float16
    inputs = asked(tokenizer, OPEN[0])
    rounds = [(writing_rate(stored, inputs), writing_rate(model, inputs)) for _ in range(6)]
    ratios = [as_stored / in_float32 for as_stored, in_float32 in rounds]
    assert statistics.median(ratios) > 0.5, rounds  # 同一时刻轮流量，与电脑快慢无关


@pytest.mark.ci
def test_the_card_tells_what_is_measured_now():
    figures = evaluate.evaluation()
    assert json.loads((TINY / "evaluation.json").read_text(encoding="utf-8")) == figures
    card = (TINY / "README.md").read_text(encoding="utf-8")
    for name in ("held_out", "fresh"):
        graded = figures[name]
        assert f"{graded['on_subject']} / {graded['asked']}" in card
        assert all(evaluate.table_row(row) in card for row in graded["failures"])


def test_nine_of_ten_unseen_questions_are_answered_on_the_subject():
    graded = json.loads((TINY / "evaluation.json").read_text(encoding="utf-8"))["fresh"]
    assert graded["asked"] >= 300
    assert graded["on_subject"] / graded["asked"] >= 0.9


def test_grade_by_hand():
    everything = questions.read()
    index = {q.title: i for i, q in enumerate(everything)}
    hot, cold, cache = (index[t] for t in ("为什么温度越高回答越乱", "为什么温度越低回答越稳", "什么是 KV cache"))
    asked = [("甲", hot), ("乙", hot), ("丙", hot), ("丁", hot)]
    said = [everything[hot].answers[0], everything[cold].answers[0], everything[cache].answers[0], "咕噜咕噜咕噜"]
    graded = evaluate.grade(everything, asked, said)
    assert (graded["asked"], graded["exact"], graded["on_subject"]) == (4, 1, 2)
    assert [row[0] for row in graded["failures"]] == ["丙", "丁"]


def test_closest_by_hand():
    known = [(0, evaluate.bigrams("词元是单位")), (1, evaluate.bigrams("天气我不知道"))]
    assert evaluate.bigrams("词元是") == {"词元", "元是"}
    assert evaluate.closest("词元是", known) == (0, 0.5)


def test_the_shared_row_counts_once_for_every_unused_id():
    torch.manual_seed(0)
    small = Qwen2ForCausalLM(train.config(5)).eval()
    ids = torch.tensor([[0, 1, 2]])
    loss = train.loss_of(small, ids, torch.tensor([[0.0, 1.0, 0.0]]), unused=7)
    logits = small(input_ids=ids).logits[0, 0].double()
    total = logits[:4].exp().sum() + 7 * math.exp(train.UNUSED_MARGIN) * logits[4].exp()
    assert loss.item() == pytest.approx((total.log() - logits[1]).item(), rel=1e-4)


def test_widen_puts_rows_back_under_their_official_ids():
    small = Qwen2ForCausalLM(train.config(4))
    full = train.widen(small, used=[3, 108_386, 151_645])
    rows, table = small.model.embed_tokens.weight, full.lm_head.weight
    assert torch.equal(table[[3, 108_386, 151_645]], rows[:3])
    assert torch.equal(table[0], rows[3]) and torch.equal(table[151_935], rows[3])


def test_a_failed_write_leaves_the_checkpoint_alone(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "a").write_text("旧", encoding="utf-8")
    with pytest.raises(OSError), replace_folder(folder) as new:
        (new / "a").write_text("新", encoding="utf-8")
        raise OSError("磁盘满")
    assert (folder / "a").read_text(encoding="utf-8") == "旧"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    with replace_folder(folder) as new:
        (new / "a").write_text("新", encoding="utf-8")
    assert (folder / "a").read_text(encoding="utf-8") == "新"
