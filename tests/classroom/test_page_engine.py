"""网页自己的模型：在 Chromium 里的 engine.js，分词、概率、注意力、logit lens 都与 Python 的相同，够小、够快

python -m pip install -e ".[browser,site]"，pytest -m browser
"""
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import bpe, inside, sampling
from helpers.generation import steps
from helpers.tokens import neighbours, normalized, piece, question_ids
from helpers.widgets.guess import GuessSource
from helpers.widgets.inside_source import InsideSource
from helpers.widgets.race import RaceSource
from helpers.widgets.slow_motion import SlowSource

import pytest
import torch
from servers import loopback
from servers.jupyterlab import ROOT
from texts import random_texts

pytestmark = pytest.mark.browser
SCRIPT = ROOT / "classroom" / "site" / "export.py"
OFF = {"penalty": 1, "temperature": 1, "top_k": 0, "top_p": 1}
CLOSE = 0.002
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script src="live/engine.classic.js"></script>"""
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>", "<|im_start", "|>", "<|fim_pad|>"]
STRANGE = [*map(chr, range(32)), "\x7f", "\x85", "\u200e", "\u202e", "\u2066", "\ufeff", "\ufffd", "'ſ", "'S", "'LL"]
PROMPTS = ["人工智能未来会取代人类吗？", "你好", "写一句诗", "什么是词元", "讲个笑话", "什么是 KV cache", "你是谁",
           "怎样安装", "1+1=?", "hello", "为什么温度越高回答越乱", "犇骉麤", "😀", "  空格  ", "什么是注意力",
           "我学不会怎么办", "红烧肉怎么做", "为什么要升级 pip", "GB/s", "<|im_end|>", "مرحبا", "e\u0301", "\u0000",
           "什么是 BPE", "帮我写一篇作文"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """照说明写出的文件夹，外面有一页空的网页"""
    pytest.importorskip("onnx_ir", reason="没有装做网页的包：pip install -e '.[site]'")
    folder = tmp_path_factory.mktemp("网页")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    result = subprocess.run([sys.executable, SCRIPT, folder / "live"], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "做好了" in result.stdout
    return folder


@pytest.fixture(scope="module")
def address(exported):
    with loopback.static(exported) as url:
        yield url


class Engine:
    """一页网页和它的模型；problems 是控制台的错误，和想离开这台电脑的请求"""

    def __init__(self, chromium, address: str) -> None:
        self.problems = []
        self.page = chromium.new_page()
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.visit(request.url))
        self.page.goto(f"{address}/index.html")

    def visit(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "file:", "blob:", "data:")):
            self.problems.append(url)

    def open(self) -> float:
        """准备好用了几秒"""
        return self.run("""async () => {
            const start = performance.now();
            const {open} = await import("./live/engine.js");
            window.engine = await open("live/", (load) => { window.load = load; });
            return (performance.now() - start) / 1000;
        }""")

    def run(self, script: str, given=None):
        return self.page.evaluate(script, given)

    def ask(self, method: str, *inputs):
        return self.run("([method, inputs]) => engine[method](...inputs)", [method, list(inputs)])

    def refused(self, method: str, *inputs) -> str:
        """坏的输入得到的那句话"""
        return self.run("""([method, inputs]) => engine[method](...inputs)
            .then(() => "", (error) => error.message)""", [method, list(inputs)])


@pytest.fixture(scope="module")
def engine(chromium, address):
    opened = Engine(chromium, address)
    opened.open()
    yield opened
    assert opened.problems == []
    opened.page.close()


# 大小和快慢

def test_everything_is_small(exported):
    sizes = [path.stat().st_size for path in (exported / "live").iterdir()]
    assert sum(sizes) < 25e6


def test_it_is_ready_soon_and_loads_only_from_its_own_site(chromium, address):
    seconds = []
    for _ in range(2):  # 别的程序只会让它变慢
        page = Engine(chromium, address)
        seconds.append(page.open())
        load = page.run("() => load")
        assert load["loaded"] == load["total"]
        assert page.problems == []
        page.page.close()
    assert min(seconds) < 5


IN_THE_PAGE = """() => {  // 限速只管网页自己的线程，所以让 worker 的代码在这个线程里运行
    window.Worker = class {
        constructor(script) {
            this.room = document.createElement("iframe");
            document.body.append(this.room);
            const inside = this.room.contentWindow;
            inside.postMessage = (data) => this.onmessage({data});
            this.ready = inside.eval(`import("${script}")`);
        }
        async postMessage(data) {
            await this.ready;
            this.room.contentWindow.onmessage({data});
        }
    };
}"""


def test_a_token_is_quick_on_a_phone(chromium, address):
    page = Engine(chromium, address)
    page.run(IN_THE_PAGE)
    page.open()
    page.page.context.new_cdp_session(page.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    milliseconds = page.run("""async (settings) => {
        const ids = (await engine.ask("你好")).map((piece) => piece.id);
        const times = [];
        for (let count = 0; count < 10; count += 1) {
            const start = performance.now();
            const {rows} = await engine.next(ids, settings);
            times.push(performance.now() - start);
            ids.push(rows[0].id);
        }
        return times;
    }""", {"penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8})
    assert min(milliseconds[1:]) < 150, milliseconds  # 第一次读整个问题；别的程序只会让它变慢
    assert page.problems == []
    page.page.close()


def test_the_page_does_not_freeze(engine):
    longest = engine.run("""async () => {
        const ids = (await engine.ask("好".repeat(100))).map((piece) => piece.id);
        let last = performance.now();
        let longest = 0;
        const clock = setInterval(() => {
            longest = Math.max(longest, performance.now() - last);
            last = performance.now();
        }, 5);
        await engine.lens(ids);
        await engine.cut("一二三四五".repeat(2000));
        clearInterval(clock);
        return longest;
    }""")
    assert longest < 300


# 分词

def strange_texts(count: int) -> list[str]:
    """随机的文字，一半里插进附加词元、控制字符、从右往左的记号"""
    rng = random.Random(17)
    texts = []
    for number, text in enumerate(random_texts(count, seed=17)):
        if number % 2:
            at = rng.randrange(len(text) + 1)
            middle = rng.choice(rng.choice([SPECIAL, STRANGE]))
            text = text[:at] + middle + text[at:]
        texts.append(text)
    return texts


def test_ids_are_the_same_on_20_000_texts(engine, tokenizer):
    texts = strange_texts(20_000)
    cut = """async (texts) => {
        const found = [];
        for (const text of texts) {
            const {text: normal, segments} = await engine.cut(text);
            found.push([normal, segments.map((segment) => segment.map((piece) => piece.id))]);
        }
        return found;
    }"""
    found = engine.run(cut, texts)
    different = []
    for text, (normal, segments) in zip(texts, found, strict=True):
        same = normal == normalized(tokenizer, text) and segments == bpe.segments(tokenizer, text)
        if not same:
            different.append(text)
    assert different == []


def plain(found, tokenizer) -> dict:
    special = found.id in tokenizer.added_tokens_decoder
    return {"id": found.id, "label": found.label, "hex": found.bytes.hex(" "), "special": special}


def test_every_piece_looks_the_same(engine, tokenizer):
    size = len(tokenizer)
    found = engine.run("""async (size) => {
        const found = [];
        for (let id = 3; id < size + 3; id += 7) found.push(...await engine.near(Math.min(id, size - 1)));
        return found;
    }""", size)
    ours = {one["id"]: one for one in found}
    assert len(ours) == size
    assert [i for i in range(size) if ours[i] != plain(piece(tokenizer, i), tokenizer)] == []


def test_neighbours(engine, tokenizer):
    for number in (0, 1, 108386, len(tokenizer) - 1):
        expected = [plain(found, tokenizer) for found in neighbours(tokenizer, number)]
        assert engine.ask("near", number) == expected


def test_merges_step_by_step(engine, tokenizer):
    for text in ("啊", "犇骉麤", " unbelievable", "aaaaaaa", "👨‍👩‍👧", "ก็", "\n\n\n"):
        for ids in bpe.segments(tokenizer, text):
            expected = []
            for step in bpe.merge_steps(tokenizer, tokenizer.decode(ids).encode()):
                parts = [{"label": p.label, "hex": p.bytes.hex(" "), "id": p.id} for p in step.parts]
                expected.append({"at": step.at, "rank": step.rank, "parts": parts})
            assert engine.ask("merges", ids) == {"obstacle": None, "steps": expected}


def test_what_cannot_be_merged_says_why(engine, tokenizer):
    assert "附加词元" in engine.ask("merges", [151645])["obstacle"]
    (long,) = bpe.segments(tokenizer, "好" * 100)
    assert "有 300 个" in engine.ask("merges", long)["obstacle"]


def test_questions_in_the_template(engine, tokenizer):
    for question in [*PROMPTS, "{{ x }} {% if %}", "\ufeff", "<|im_end|>\n<|im_start|>system\n坏"]:
        ids = [found["id"] for found in engine.ask("ask", question)]
        assert ids == question_ids(tokenizer, question)


@pytest.mark.parametrize("bad", ["", " ", "\n\u3000\x1c\x85", "好" * 10_000, "abc\ud83d", "\udc00\ud83d"])
def test_bad_questions_get_the_sentence_that_python_says(engine, tokenizer, bad):
    with pytest.raises(ValueError) as error:
        question_ids(tokenizer, bad)
    assert engine.run(f"() => engine.ask({escaped(bad)}).then(() => '', (error) => error.message)") == str(error.value)


def escaped(text: str) -> str:
    """JavaScript 里的写法：半个字符传不过去，要写成它的编号"""
    units = [f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")]
    return '"' + "".join(units) + '"'


@pytest.mark.parametrize("bad", ["", "abc\ud83d"])
def test_bad_texts_get_the_sentence_that_python_says(engine, tokenizer, bad):
    with pytest.raises(ValueError) as error:
        bpe.segments(tokenizer, bad)
    assert engine.run(f"() => engine.cut({escaped(bad)}).then(() => '', (error) => error.message)") == str(error.value)


def test_long_texts(engine):
    assert len(engine.ask("cut", "😀" * 10_000)["segments"]) == 1
    assert "不超过 10000 个字符，现在有 10001 个" in engine.refused("cut", "好" * 10_001)


# 下一个词元

@pytest.fixture(scope="module")
def logits_after(model):
    """编号 → 笔记本里的模型给出的 logits"""
    @torch.inference_mode()
    def get(ids: list[int]) -> torch.Tensor:
        return model(torch.tensor([ids])).logits[0, -1]
    return get


@pytest.fixture(scope="module")
def prompts(tokenizer, model) -> list[list[int]]:
    """五十个问题的编号：一半刚问完，一半已经写了三个词元"""
    asked = [question_ids(tokenizer, question) for question in PROMPTS]
    begun = []
    for ids in asked:
        written = [step.token_id for step in steps(model, torch.tensor([ids]), 3)]
        begun.append(ids + written)
    return asked + begun


def test_the_next_token_is_the_same_on_50_prompts(engine, prompts, logits_after):
    assert len(prompts) == 50
    for ids in prompts:
        shares = logits_after(ids).softmax(dim=-1)
        rows = engine.ask("next", ids, OFF)["rows"]
        assert rows[0]["id"] == shares.argmax()
        for row in rows:
            assert row["shares"] == pytest.approx([shares[row["id"]].item()] * 5, abs=CLOSE)
        best = shares.topk(6).values.tolist()
        assert [row["shares"][0] for row in rows] == pytest.approx(best, abs=CLOSE)


def random_settings(rng: random.Random) -> dict:
    return {
        "penalty": rng.choice([1, 1.1, 1.5, 2, 0.8]),
        "temperature": rng.choice([0.1, 0.7, 1, 1.5, 3]),
        "top_k": rng.choice([0, 0, 1, 5, 50, 20_000]),
        "top_p": rng.choice([1, 0.99, 0.9, 0.5, 0.05]),
    }


def same_candidates(engine, ids: list[int], settings: dict, logits: torch.Tensor) -> None:
    """每个候选在每一步的概率与 helpers.sampling 的相同，最大的几个一个不少"""
    stages = sampling.stages(logits, ids, **settings)
    shares = torch.stack([scores.softmax(dim=-1) for scores in stages.values()])
    found = engine.ask("next", ids, settings)
    assert found["stages"] == list(stages)
    for row in found["rows"]:
        assert row["shares"] == pytest.approx(shares[:, row["id"]].tolist(), abs=CLOSE), (settings, row)
    for stage in (0, -1):
        ours = sorted((row["shares"][stage] for row in found["rows"]), reverse=True)[:6]
        best = shares[stage].topk(6).values
        assert sum(ours) == pytest.approx(best.sum().item(), abs=CLOSE), settings


def test_all_settings_as_in_helpers_sampling(engine, prompts, logits_after):
    rng = random.Random(5)
    for _ in range(100):
        ids = rng.choice(prompts)
        same_candidates(engine, ids, random_settings(rng), logits_after(ids))


def test_ids_that_were_never_trained(engine, logits_after):
    rng = random.Random(6)
    for _ in range(30):
        ids = [rng.randrange(151_936) for _ in range(rng.randint(1, 20))]  # 也有词表末尾空着的
        same_candidates(engine, ids, random_settings(rng), logits_after(ids))


def test_nothing_stays_the_same_by_chance(engine, prompts):
    """每样设置都真的改变概率"""
    before = engine.ask("next", prompts[0], OFF)["rows"]
    for name, value, stage in (("penalty", 2, 1), ("temperature", 2, 2), ("top_k", 2, 3), ("top_p", 0.5, 4)):
        after = engine.ask("next", prompts[25], OFF | {name: value})["rows"]
        assert after[0]["shares"][stage] != after[0]["shares"][stage - 1], name
    assert engine.ask("next", prompts[0], OFF)["rows"] == before


def test_draws_follow_the_shares(engine, prompts):
    settings = OFF | {"top_k": 3}
    ids = prompts[0]
    rows = engine.ask("next", ids, settings)["rows"]
    drawn = engine.run("""async ([ids, settings]) => {
        const drawn = [];
        for (let count = 0; count < 2000; count += 1) drawn.push(await engine.draw(ids, settings));
        return drawn;
    }""", [ids, settings])
    for row in rows:
        times = [one for one in drawn if one["id"] == row["id"]]
        assert len(times) / 2000 == pytest.approx(row["shares"][-1], abs=0.05)
        assert all(one["share"] == pytest.approx(row["shares"][-1]) for one in times)


def test_draws_reach_what_was_never_trained(engine, prompts, tokenizer):
    """没有训练过的编号各有一点点，抽中的是其中随便一个"""
    drawn = [engine.ask("draw", prompts[0], OFF | {"temperature": 30}) for _ in range(20)]
    assert len({one["id"] for one in drawn}) > 15
    assert all(0 < one["share"] < 0.001 for one in drawn)


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"penalty": 0}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}])
def test_bad_settings_get_the_sentence_that_python_says(engine, prompts, logits_after, settings):
    with pytest.raises(ValueError) as error:
        sampling.stages(logits_after(prompts[0]), prompts[0], **OFF | settings)
    assert engine.refused("next", prompts[0], OFF | settings) == str(error.value)


@pytest.mark.parametrize("ids", [[], [-1], [5, 151_936], [1] * 1025])
def test_bad_ids_get_the_sentence_that_python_says(engine, model, ids):
    tensor = torch.tensor([ids], dtype=torch.int64)
    with pytest.raises(ValueError) as error:
        inside.check_ids(model, tensor)
    for method in ("lens", "attention"):
        assert engine.refused(method, ids) == str(error.value)
    assert engine.refused("next", ids, OFF) == str(error.value)


# 写下去

WRITE = """async ([ids, options, most]) => {
    const steps = [];
    const writing = engine.write(ids, options, (step) => {
        steps.push(step);
        if (steps.length === most) writing.stop();
    });
    await writing;
    return steps;
}"""


@pytest.mark.parametrize("cached", [True, False])
def test_writing_is_the_greedy_loop(engine, prompts, model, cached):
    for ids in prompts[:5]:
        expected = list(steps(model, torch.tensor([ids]), 60, use_cache=cached))
        found = engine.run(WRITE, [ids, {"count": 60, "use_cache": cached}, None])
        assert [step["id"] for step in found] == [step.token_id for step in expected]
        assert [step["fed"] for step in found] == [step.fed for step in expected]
        for ours, step in zip(found, expected, strict=True):
            share = step.logits.softmax(dim=-1)[step.token_id].item()
            assert ours["share"] == pytest.approx(share, abs=CLOSE)
        assert found[-1]["stop"] and not found[0]["stop"]


def test_writing_can_be_stopped(engine, prompts):
    found = engine.run(WRITE, [prompts[0], {"count": 60}, 2])
    assert 2 <= len(found) < 10
    assert engine.ask("next", prompts[0], OFF)["rows"]
    assert "max_new_tokens 应是 1 或更大的整数，现在是 0" in engine.refused("write", prompts[0], {"count": 0})


# 里面

def test_attention_is_the_same(engine, prompts, eager):
    for ids in prompts[:3]:
        expected = inside.attention(eager, torch.tensor([ids]))
        layers, heads, maps = engine.run("""async (ids) => {
            const {layers, heads, get} = await engine.attention(ids);
            const maps = [];
            for (let at = 0; at < layers * heads; at += 1) maps.push(await get(Math.floor(at / heads), at % heads));
            return [layers, heads, maps];
        }""", ids)
        assert (layers, heads) == expected.shape[:2]
        assert torch.allclose(torch.tensor(maps), expected.flatten(0, 1), rtol=0, atol=CLOSE)


def test_the_lens_is_the_same(engine, prompts, model, tokenizer):
    for ids in prompts[:3]:
        expected = inside.lens(model, torch.tensor([ids]))
        found = engine.ask("lens", ids)
        assert found["layers"] == ["0 词嵌入", "1", "2", "3", "4", "5", "6 输出"]
        for layer, cells in enumerate(found["cells"]):
            for at, cell in enumerate(cells):
                assert cell["share"] == pytest.approx(expected.probabilities[layer, at, 0].item(), abs=CLOSE)
                assert cell["id"] == expected.ids[layer, at, 0]
                assert cell["label"] == inside.token_name(tokenizer, cell["id"])


# 各个视图另外问的：与 helpers/widgets 里的 Source 一样

WATCHED = """async ([method, inputs, most]) => {
    const steps = [];
    const going = engine[method](...inputs, (step) => {
        steps.push(step);
        if (steps.length === most) going.stop();
    });
    await going;
    return steps;
}"""


def watched(engine, method: str, *inputs, most=None) -> list:
    """一步一步给的方法：到结束（或者在第 most 步说停）时给了的每一步"""
    return engine.run(WATCHED, [method, list(inputs), most])


def test_the_page_answers_everything_that_a_view_asks(engine):
    for path in (ROOT / "helpers" / "widgets").glob("*.js"):
        for method in re.findall(r"\bsource\.(\w+)\(", path.read_text(encoding="utf-8")):
            assert engine.run("(method) => typeof engine[method]", method) == "function", f"{path.name}: {method}"


def test_the_race_is_the_same(engine, prompts, tokenizer, model):
    expected = list(RaceSource(tokenizer, model).race(prompts[1], {"count": 40}))
    found = watched(engine, "race", prompts[1], {"count": 40})
    for lane in (0, 1):
        ours = [step for step in found if step["lane"] == lane]
        theirs = [step for step in expected if step["lane"] == lane]
        for name in ("id", "fed", "written"):
            assert [step[name] for step in ours] == [step[name] for step in theirs]
    assert len(watched(engine, "race", prompts[1], {"count": 40}, most=2)) < 10


@pytest.mark.parametrize("question, text", [
    ("人工智能未来会取代人类吗？", "短期内不会。<|im_end|>"), ("", "今天下午我们在机房上课，老师带着大家看 Qwen。"),
    (" ", "犇骉麤 😀 unbelievable")])
def test_the_rounds_to_guess_are_the_same(engine, tokenizer, model, question, text):
    expected = GuessSource(tokenizer, model).rounds(question, text, 14)
    found = engine.ask("rounds", question, text, 14)
    assert found == engine.ask("rounds", question, text, 14)
    assert found["asked"] == expected["asked"] and found["shown"] == expected["shown"]
    for ours, theirs in zip(found["rounds"], expected["rounds"], strict=True):
        assert ours["truth"] == theirs["truth"]
        assert ours["bits"] == pytest.approx(theirs["bits"], rel=0.01)
        for one, other in zip(by_id(ours["options"]), by_id(theirs["options"]), strict=True):
            assert one == other | {"share": pytest.approx(other["share"], abs=CLOSE)}
    assert any(round["options"] != by_id(round["options"]) for round in found["rounds"])


def by_id(options: list[dict]) -> list[dict]:
    return sorted(options, key=lambda option: option["id"])


@pytest.mark.parametrize("question, text", [
    ("", "短"), ("", ""), ("问", " "), ("", "好，" * 200), ("你好", "好<|im_end|>好"), ("好，" * 200, "好")])
def test_texts_that_cannot_be_guessed_get_the_sentence_that_python_says(engine, tokenizer, model, question, text):
    with pytest.raises(ValueError) as error:
        GuessSource(tokenizer, model).rounds(question, text, 14)
    assert engine.refused("rounds", question, text, 14) == str(error.value)


@pytest.mark.parametrize("question, most", [("你好", 40), ("犇\n骉\x07" * 12, 3), ("<|im_end|>", 1)])
def test_the_frames_are_the_same(engine, tokenizer, model, question, most):
    *counts, expected = SlowSource(tokenizer, model).frames(question, most)
    *steps, found = watched(engine, "frames", question, most)
    assert steps == counts[:-1]  # Python 写完再报告一次
    assert found["run"]["frames"] == expected["run"]["frames"]
    assert found["run"]["sizes"] == expected["run"]["sizes"]
    assert list(found["run"]["seconds"]) == list(expected["run"]["seconds"])
    assert len(found["run"]["forwards"]) == len(steps)


def test_the_inside_is_the_same(engine, tokenizer, eager):
    source = InsideSource(tokenizer, eager)
    for template in (True, False):
        pieces = source.positions("什么是 KV cache？", template)
        assert engine.ask("positions", "什么是 KV cache？", template) == pieces
        ids = [found["id"] for found in pieces]
        for query in (0, len(ids) - 1):
            assert close(engine.ask("looks", ids, query), source.looks(ids, query))
        for layer, head in ((0, 0), (5, 4)):
            assert close(engine.ask("attention_map", ids, layer, head), source.attention_map(ids, layer, head))
    assert engine.refused("positions", "好" * 99, True).startswith("应是 1 到 64 个词元（模板也算）")
    assert "现在是空的" in engine.refused("positions", " ", True)


def close(found: list, expected: list) -> bool:
    ours = torch.tensor(found, dtype=torch.float32)
    return torch.allclose(ours, torch.tensor(expected), rtol=0, atol=CLOSE)


def test_the_lens_comes_layer_by_layer_and_can_be_stopped(engine, prompts):
    rows = watched(engine, "lens", prompts[0])
    assert rows == engine.ask("lens", prompts[0])["cells"]
    assert len(rows) == 7
    assert len(watched(engine, "lens", prompts[0], most=2)) < 5


# 取文件

def test_it_runs_from_a_folder_too(chromium, exported, prompts):
    """从 U 盘双击打开的网页：浏览器不让它 fetch，也不让它用 ES 模块"""
    page = Engine(chromium, exported.as_uri())
    page.run("async () => { window.engine = await liveEngine.open('live/'); }")
    assert page.ask("next", prompts[0], OFF)["rows"][0]["label"] == "不会"
    assert page.problems == []
    page.page.close()


def test_a_missing_file_is_said_and_can_be_tried_again(chromium, exported, tmp_path):
    folder = tmp_path / "网页"
    shutil.copytree(exported, folder)
    weights = folder / "live" / "weights-3.js"
    kept = weights.read_bytes()
    weights.unlink()
    attempt = """() => import("./live/engine.js").then(({open}) => open("live/"))
        .then((engine) => engine.cut("你好").then(({text}) => text), (error) => error.message)"""
    with loopback.static(folder) as url:
        page = Engine(chromium, url)
        assert page.run(attempt) == "应取到网页旁边的 weights-3.js，现在取不到；检查网络和文件夹，再按一次"
        weights.write_bytes(kept)
        assert page.run(attempt) == "你好"
        page.page.close()
