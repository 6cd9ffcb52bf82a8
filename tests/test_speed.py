"""helpers.speed：记得量过的；python -m helpers.speed 的表和 JSON"""
import json

from helpers import speed
from helpers.fast import remembered

import pytest

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("content", ["[]", "null", '{"x": 1}', "\x00"])
def test_odd_memories_are_ignored(own_cache, content):
    own_cache.mkdir(parents=True)
    (own_cache / "speed.json").write_text(content, encoding="utf-8")
    assert remembered.recall("a") is None
    remembered.remember("a", 1)
    assert remembered.recall("a") == 1


def test_an_interrupted_write_keeps_the_old_memory(monkeypatch, own_cache):
    def stop(*_):
        raise KeyboardInterrupt
    remembered.remember("a", 1)
    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        remembered.remember("b", 2)
    assert (remembered.recall("a"), remembered.recall("b")) == (1, None)


def test_the_quality_of_every_way(monkeypatch, tmp_path, capsys):
    from helpers.fast import choose, quality

    monkeypatch.setattr(choose, "ROUNDS", 2)
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


@pytest.mark.parametrize("where", ["没有/a.json", "."])
def test_a_place_that_cannot_be_written_is_said_first(monkeypatch, where, capsys):
    monkeypatch.setattr(speed, "quality_figures", lambda *_: pytest.fail("不应开始量"))
    with pytest.raises(SystemExit):
        speed.main(["--quality", "tiny", "--json", where])
    assert "应能写出文件" in capsys.readouterr().err
