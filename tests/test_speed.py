"""helpers.speed：量、选、记住、报告；不比快慢，只比这些话和数对不对"""
import json

import pytest
import torch

from helpers import speed
from helpers.errors import ModelError
from helpers.fast import choose, fastest, memory, peers, probe, report
from helpers.fast.bench import HANDOUT, Result
from helpers.fast.measure import memory_bandwidth
from helpers.fast.probe import Timing
from helpers.standin import SMALL, standin
from helpers.tiny.files import CHECKPOINT


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """每个测试用自己的缓存文件夹"""
    monkeypatch.setattr(memory, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("helpers.standin.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def quick(monkeypatch):
    """试跑不真的量：每种内核的秒数是编的，返回量了几次"""
    asked = []

    def timing(kernel, sizes):
        asked.append(kernel.__name__)
        return Timing({rows: rows * (1.0 if kernel.__name__ == "Stored" else 0.5) for rows in probe.ROWS
                       if rows <= (kernel.lines or rows)})
    monkeypatch.setattr(probe, "timing", timing)
    return asked


def table(**seconds):
    """内核的名称 → 一行和 512 行的秒数"""
    return {name: Timing({} if pair is None else {1: pair[0], 4: pair[0], 16: pair[0], 40: pair[1], 512: pair[1]},
                         "没有" if pair is None else "") for name, pair in seconds.items()}


def test_measure_counts_and_fits(model):
    found = speed.measure(model, prompt_length=3, new_tokens=4, batch=2, threads=1, repeats=2, load_seconds=1.5)
    assert (found.prompt_length, found.new_tokens, found.batch, found.threads) == (3, 4, 2, 1)
    assert 0 < found.slowest <= found.tokens_per_second <= found.fastest and found.first_token > 0
    assert found.peak_bytes > 1e8 and found.load_seconds == 1.5


def test_measure_gives_the_threads_back(model):
    before = torch.get_num_threads()
    speed.measure(model, 1, 2, threads=1, repeats=1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("bad", [{"prompt_length": 0}, {"prompt_length": -3}, {"new_tokens": 1}, {"batch": 0},
                                 {"threads": 0}, {"repeats": 0}, {"batch": True}, {"prompt_length": 2.5}])
def test_measure_refuses(model, bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} 应是不小于"):
        speed.measure(model, **bad)


def test_measure_refuses_what_does_not_fit(model):
    with pytest.raises(ValueError, match="应不超过"):
        speed.measure(model, prompt_length=10**6)


def test_bandwidth_is_a_rate():
    assert 1e8 < memory_bandwidth(size=1 << 22, repeats=1) < 1e13
    with pytest.raises(ValueError, match="应不小于"):
        memory_bandwidth(size=0)


def test_recipe_takes_the_fastest_of_each_kind():
    found = table(Stored=(3, 8), Vector=(2, 9), Half=(1, 20), Floats=(9, 30))
    assert choose.recipe(16, found) == ("Half", "Stored", 16)
    found = table(Stored=(3, 8), Vector=None, Half=(1, 8.5), Floats=(9, 30))
    assert choose.recipe(16, found)[1] == "Half"  # 差不到一成就只放一份权重
    found = table(Stored=(3, 8), Vector=(2, 0.1), Half=None, Floats=(9, 30))
    assert choose.recipe(16, found)[:2] == ("Vector", "Stored")


def test_recipe_without_any_kernel_says_why():
    with pytest.raises(ModelError, match="换成 bits=16"):
        choose.recipe(4, table(Stored=(1, 1), Floats=(1, 1), Int4=None))


def test_choice_fits_the_memory():
    found = table(Stored=(3, 8), Vector=None, Half=(1, 20), Floats=(9, 30))
    rich = choose.choose(16, found, 494_000_000, 1e9, 8e9)
    assert rich.recipe.many.__name__ == "Stored" and "3.0 倍" in rich.explanation
    tight = choose.choose(16, found, 494_000_000, 1e9, 1.9e9)
    assert tight.recipe.many is tight.recipe.one and "只放一份权重" in tight.explanation and tight.needs < 1.9e9
    with pytest.raises(ModelError, match=r"应有 1\.5 GB.*只有 1\.2 GB；bits=8 放得下"):
        choose.choose(16, found, 494_000_000, 1e9, 1.2e9)
    with pytest.raises(ModelError, match="哪种都放不下"):
        choose.choose(16, found, 494_000_000, 1e9, 1e8)


def test_probe_is_remembered(quick, own_cache):
    first = fastest.decide(CHECKPOINT, 16)
    count = len(quick)
    assert count == len(choose.names(16)) and fastest.decide(CHECKPOINT, 16) == first and len(quick) == count
    (own_cache / "speed.json").write_text("{broken", encoding="utf-8")
    assert fastest.decide(CHECKPOINT, 16) == first and len(quick) == 2 * count
    assert json.loads((own_cache / "speed.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["[]", "null", '{"x": 1}', "\x00"])
def test_odd_memories_are_ignored(own_cache, content):
    own_cache.mkdir()
    (own_cache / "speed.json").write_text(content, encoding="utf-8")
    assert memory.recall("a") is None
    memory.remember("a", 1)
    assert memory.recall("a") == 1


def test_another_machine_is_probed_again(monkeypatch, quick):
    fastest.decide(CHECKPOINT, 16)
    count = len(quick)
    monkeypatch.setattr(memory, "machine", lambda: "另一台")
    fastest.decide(CHECKPOINT, 16)
    assert len(quick) == 2 * count


def test_an_interrupted_probe_leaves_nothing(monkeypatch, own_cache):
    def stop(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(probe, "timing", stop)
    with pytest.raises(KeyboardInterrupt):
        fastest.decide(CHECKPOINT, 16)
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_fastest_answers_like_the_stock_model(quick, model, tokenizer, capsys):
    fast = speed.fastest("tiny")
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": "什么是词元"}], add_generation_prompt=True,
                                           return_tensors="pt", return_dict=True)
    want = model.generate(**inputs, max_new_tokens=20, do_sample=False)
    assert torch.equal(fast.generate(**inputs, max_new_tokens=20, do_sample=False), want)
    assert "16 位" in fast.explanation and fast.explanation in capsys.readouterr().err


def test_fastest_refuses_too_low_a_quality(monkeypatch, quick):
    monkeypatch.setattr(fastest, "quality", lambda _: speed.Quality(0.8, 0.5, 10))
    with pytest.raises(ModelError, match=r"应至少有 99\.0%，现在有 80\.0%"):
        speed.fastest("tiny", bits=8)


@pytest.mark.parametrize("bad", [{"bits": 3}, {"bits": True}, {"agreement": 2}])
def test_fastest_refuses_bad_wishes(bad):
    with pytest.raises(ValueError, match="应"):
        speed.fastest("tiny", **bad)


def test_fastest_refuses_a_bad_path(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        speed.fastest(tmp_path)


def test_small_standin_is_made_once(own_cache):
    folder = standin(SMALL)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert standin(SMALL) == folder and (folder / "model.safetensors").stat().st_mtime_ns == made
    assert not list(own_cache.glob("*.incomplete"))


def test_report_by_hand(tmp_path):
    results = {HANDOUT: Result(16, {7: [10.0, 20.0, 12.0], 512: [8.0]}, [2.0, 1.5], [180.0], 2_000_000_000),
               "快": Result(8, {7: [24.0], 512: [16.0]}, [0.75], [], 0, 0.0, (0.995, 0.01)),
               "坏": Result(4, note="内存不够")}
    shown = repr(report.table(results, 1_000_000_000, 48e9)).splitlines()
    assert shown[1] == "讲义的做法 │ 12.0 │ 1.00 │ 8.0 │ 1.00 │ 50% │ 1,500 │ 15.00 │ 2.0 │ — │ —"
    assert shown[2] == "快 │ 24.0 │ 2.00 │ 16.0 │ 2.00 │ 50% │ 750 │ — │ — │ 99.5% │ 0.0100"
    assert shown[3].startswith("坏 │ 内存不够")
    report.save(tmp_path / "a.json", results, 1_000_000_000, 48e9, 2)
    saved = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert saved["ways"]["快"]["share"] == 0.5 and saved["threads"] == 2
    report.draw(tmp_path / "a.png", results)
    assert (tmp_path / "a.png").stat().st_size > 1_000


def test_llama_bench_is_read(tmp_path, monkeypatch):
    def run(command, **_):
        deep = command[command.index("-d") + 1] != "0"
        entries = [{"n_gen": 24, "avg_ts": 30.0 if deep else 40.0, "avg_ns": 1}]
        entries += [] if deep else [{"n_gen": 0, "avg_ts": 500.0, "avg_ns": 900_000_000}]
        return type("Done", (), {"stdout": json.dumps(entries)})
    monkeypatch.setattr(peers.subprocess, "run", run)
    assert peers.llama_bench(tmp_path / "b", tmp_path / "m", 2) == {"7": 40.0, "512": 30.0, "first": 0.9}
    monkeypatch.undo()
    with pytest.raises(ModelError, match="检查两个路径"):
        peers.llama_bench(tmp_path / "b", tmp_path / "m", 2)


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--threads", "-1"], ["--llama-bench", "x"],
                                       ["--llama-bench", "x", "--gguf", "y"]])
def test_the_command_refuses(arguments, capsys):
    with pytest.raises(SystemExit):
        speed.main(arguments)
    said = capsys.readouterr().err
    assert any(word in said for word in ("应", "要"))


def test_the_command_says_when_memory_is_short():
    with pytest.raises(ModelError, match="至少应有"):
        speed.fitting([HANDOUT], 494_000_000, 1e8)
    assert speed.fitting(["float32", HANDOUT], 494_000_000, 2.3e9) == [HANDOUT]
