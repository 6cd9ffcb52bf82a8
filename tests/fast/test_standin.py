"""替身：同一个种子同样的权重，不动别人的随机数；坏了的缓存重做，出错和中断不留下半个"""
import json

from helpers.errors import ModelError
from helpers.fast import standin as module
from helpers.fast.standin import SMALL, good, main, make, place, standin

import pytest
import torch
from safetensors import SafetensorError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def broken(monkeypatch):
    """写了一半就出错的 make；返回设定报什么错的函数"""
    def fail(error):
        def half(folder, shape=None):
            (folder / "config.json").write_text("{", encoding="utf-8")
            raise error
        monkeypatch.setattr(module, "make", half)
    return fail


def test_make_keeps_the_random_state_of_others(tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = make(tmp_path / "一", SMALL)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (one, make(tmp_path / "二", SMALL))]
    assert weights[0] == weights[1]
    assert (make(tmp_path / "三", SMALL, seed=15) / "model.safetensors").read_bytes() != weights[0]


@pytest.mark.parametrize("spoil", [lambda folder: (folder / "model.safetensors").write_bytes(b"\x08" + bytes(7)),
                                   lambda folder: (folder / "tokenizer.json").unlink(),
                                   lambda folder: (folder / "config.json").write_text('{"model_type": "qwen2"}'),
                                   lambda folder: (folder / "config.json").write_text("{")])
def test_a_bad_cache_is_made_again(spoil):
    folder = standin(SMALL)
    whole = (folder / "model.safetensors").read_bytes()
    spoil(folder)
    assert not good(folder, SMALL) and standin(SMALL) == folder
    assert good(folder, SMALL) and (folder / "model.safetensors").read_bytes() == whole


def test_a_good_cache_is_kept(own_cache):
    folder = standin(SMALL)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert standin(SMALL) == folder and (folder / "model.safetensors").stat().st_mtime_ns == made
    assert [path.name for path in own_cache.iterdir()] == ["standin-64"]
    other = {**SMALL, "num_hidden_layers": 1}
    assert json.loads((standin(other) / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 1


def test_place_fills_an_empty_folder_only(tmp_path):
    (tmp_path / "空").mkdir()
    assert good(place(tmp_path / "空", SMALL), SMALL)
    (tmp_path / "作业").mkdir()
    (tmp_path / "作业" / "a.txt").write_text("别动", encoding="utf-8")
    for taken in (tmp_path / "作业", tmp_path / "作业" / "a.txt", tmp_path / "空"):
        with pytest.raises(ModelError, match="现在已有东西；换一个名称"):
            place(taken, SMALL)
    assert (tmp_path / "作业" / "a.txt").read_text(encoding="utf-8") == "别动"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["作业", "空"]


@pytest.mark.parametrize("error, says", [(OSError(28, "No space left on device"), "No space left"),
                                         (SafetensorError("I/O error: disk full"), "disk full"),
                                         (KeyboardInterrupt(), "没有留下写到一半的文件")])
@pytest.mark.parametrize("where", ["替身", None])
def test_nothing_half_written_stays(tmp_path, monkeypatch, capsys, broken, error, says, where):
    monkeypatch.setattr(module, "QWEN_SHAPE", SMALL)
    broken(error)
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / where)] if where else [])
    assert says in f"{left.value}{capsys.readouterr().err}"
    assert not list(tmp_path.rglob("*standin*")) and not list(tmp_path.rglob("替身*"))


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "a.txt").touch()
    with pytest.raises(SystemExit, match="现在不能（.*换一个能写"):
        main([str(tmp_path / "a.txt" / "里面")])
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5e8}))
    with pytest.raises(SystemExit, match=r"应有 1\.1 GB，现在只剩 0\.5 GB"):
        main([str(tmp_path / "满了")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
