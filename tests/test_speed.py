"""helpers.speed.fastest：试跑、选、记住；不比快慢，只比这些话和数对不对"""
import json

from helpers import speed
from helpers.errors import ModelError
from helpers.fast import choose, fastest, probe, remembered
from helpers.fast.probe import Timing
from helpers.tiny import TINY

import pytest
import torch

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def quick(monkeypatch):
    """试跑不真的量：这台电脑上能用的内核的秒数是编的，返回量了哪些"""
    asked = []

    def timing(kernel, *_):
        reason = probe.reason_not(kernel)
        asked.extend([] if reason else [kernel.__name__])
        return Timing({} if reason else {rows: rows * (1.0 if kernel.__name__ == "Stored" else 0.5)
                                         for rows in probe.ROWS if rows <= (kernel.lines or rows)}, reason)
    monkeypatch.setattr(probe, "timing", timing)
    return asked


def table(**seconds):
    """内核的名称 → 一行和 512 行的秒数"""
    return {name: Timing({} if pair is None else {1: pair[0], 4: pair[0], 16: pair[0], 40: pair[1], 512: pair[1]},
                         "没有" if pair is None else "") for name, pair in seconds.items()}


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
    with pytest.raises(ModelError, match=r"应有 1\.5 GB.*只有 1\.2 GB；bits=4 放得下"):
        choose.choose(16, found, 494_000_000, 1e9, 1.2e9)
    with pytest.raises(ModelError, match="哪种都放不下"):
        choose.choose(16, found, 494_000_000, 1e9, 1e8)


def test_probe_is_remembered(quick, own_cache):
    first = fastest.decide(TINY, 16)
    count = len(quick)
    assert count and fastest.decide(TINY, 16) == first and len(quick) == count
    (own_cache / "speed.json").write_text("{broken", encoding="utf-8")
    assert fastest.decide(TINY, 16) == first and len(quick) == 2 * count
    assert json.loads((own_cache / "speed.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["[]", "null", '{"x": 1}', "\x00"])
def test_odd_memories_are_ignored(own_cache, content):
    own_cache.mkdir(parents=True)
    (own_cache / "speed.json").write_text(content, encoding="utf-8")
    assert remembered.recall("a") is None
    remembered.remember("a", 1)
    assert remembered.recall("a") == 1


def test_another_machine_is_probed_again(monkeypatch, quick):
    fastest.decide(TINY, 16)
    count = len(quick)
    monkeypatch.setattr(remembered, "machine", lambda: "另一台")
    fastest.decide(TINY, 16)
    assert len(quick) == 2 * count


def test_an_interrupted_probe_keeps_what_was_finished(monkeypatch, quick, own_cache):
    finished, real = [], probe.timing

    def stop_at_third(kernel, *rest):
        if len(finished) == 2:
            raise KeyboardInterrupt
        finished.append(kernel.__name__)
        return real(kernel, *rest)
    monkeypatch.setattr(probe, "timing", stop_at_third)
    monkeypatch.setattr(probe, "reason_not", lambda *_: "")
    with pytest.raises(KeyboardInterrupt):
        fastest.decide(TINY, 16)
    (known,) = json.loads((own_cache / "speed.json").read_text(encoding="utf-8")).values()
    assert [key.split()[0] for key in known] == finished == choose.names(16)[:2]
    monkeypatch.setattr(probe, "timing", real)
    fastest.decide(TINY, 16)
    assert quick == choose.names(16)  # 每种只量了一次，量完的两种没有重来


def test_an_interrupted_write_keeps_the_old_memory(monkeypatch, own_cache):
    def stop(*_):
        raise KeyboardInterrupt
    remembered.remember("a", 1)
    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        remembered.remember("b", 2)
    assert (remembered.recall("a"), remembered.recall("b")) == (1, None)


def test_fastest_answers_like_the_stock_model(quick, model, tokenizer, capsys):
    fast = speed.fastest("tiny")
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": "什么是词元"}], add_generation_prompt=True,
                                           return_tensors="pt", return_dict=True)
    want = model.generate(**inputs, max_new_tokens=20, do_sample=False)
    assert torch.equal(fast.generate(**inputs, max_new_tokens=20, do_sample=False), want)
    assert "16 位" in fast.explanation and fast.explanation in capsys.readouterr().err


def test_fastest_without_the_kernels_of_x86(monkeypatch, quick):
    only = ("Stored", "Floats", "Int8Weights")
    monkeypatch.setattr(probe, "reason_not", lambda kernel, *_: "" if kernel.__name__ in only else "没有 FBGEMM")
    assert fastest.decide(TINY, 16).recipe.one.__name__ == "Stored"
    assert fastest.decide(TINY, 8).recipe.one.__name__ == "Int8Weights"
    with pytest.raises(ModelError, match="没有 FBGEMM"):
        fastest.decide(TINY, 4)


@pytest.mark.parametrize("bad", [{"bits": 3}, {"bits": True}, {"bits": "8"}])
def test_fastest_refuses_bad_wishes(bad):
    with pytest.raises(ValueError, match="应"):
        speed.fastest("tiny", **bad)


def test_fastest_refuses_a_bad_path(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        speed.fastest(tmp_path)


def test_the_quality_of_every_way(quick, monkeypatch, tmp_path, capsys):
    from helpers.fast import quality

    monkeypatch.setattr(quality, "ANSWER", 8)
    monkeypatch.setattr(quality, "PROSE", quality.PROSE[:30])
    monkeypatch.setattr(quality, "CODE", quality.CODE[:30])
    speed.main(["--quality", "tiny", "--json", str(tmp_path / "quality.json")])
    lines = [line.split(" │ ") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[1:]] == ["讲义的做法", "fastest 16 位", "fastest 8 位", "fastest 4 位"]
    assert float(lines[1][3]) < 0.001
    assert float(lines[3][1]) < 0.001  # 8 位读的是原来的权重
    assert float(lines[4][3]) > float(lines[3][3])
    saved = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    assert saved["model"] == "checkpoint"
    assert saved["ways"]["fastest 4 位"]["写"]["kl"] == pytest.approx(float(lines[4][3]), abs=1e-4)


def test_a_bad_model_for_the_quality(tmp_path):
    with pytest.raises(SystemExit, match=r"config\.json"):
        speed.main(["--quality", str(tmp_path)])
