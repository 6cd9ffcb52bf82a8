"""helpers.model：选对模型，坏输入说清楚应该是什么、现在是什么、怎么办"""
import json
import shutil

from helpers import model
from helpers.download import names, usable
from helpers.errors import ModelError
from helpers.model import locate
from helpers.tiny import TINY

import pytest
import torch
from checkpoints import random_model, saved
from transformers import AutoModelForCausalLM


@pytest.fixture
def folder(tmp_path, own_cache, monkeypatch):
    """一个很小、完整、随机的检查点"""
    monkeypatch.setattr(usable, "run_trial", usable.use_once)
    return saved(random_model(), tmp_path / "模型 一")


def test_default_environment_and_argument(monkeypatch, folder):
    monkeypatch.delenv("COURSE_MODEL", raising=False)
    assert locate() == TINY
    assert locate("tiny") == TINY
    monkeypatch.setenv("COURSE_MODEL", str(folder))
    assert locate() == folder
    assert locate("tiny") == TINY


def test_a_local_folder_loads(folder):
    assert AutoModelForCausalLM.from_pretrained(locate(folder)).num_parameters() > 0


@pytest.mark.parametrize("where", ["models/Qwen--Qwen2.5-0.5B-Instruct/snapshots/master",
                                   "hub/models/Qwen/Qwen2___5-0___5B-Instruct", "hub/Qwen/Qwen2___5-0___5B-Instruct"])
def test_qwen_from_every_cache_layout(monkeypatch, tmp_path, folder, where):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(folder, tmp_path / "cache" / where)
    assert locate("qwen") == tmp_path / "cache" / where
    assert locate("Qwen/Qwen2.5-0.5B-Instruct") == tmp_path / "cache" / where


@pytest.mark.parametrize("choice, says", [
    ("qwen", ["拒绝", "tiny"]),
    ("qwen/Qwen-0.5B", ["没有发布过", "Qwen/Qwen2.5-0.5B-Instruct"]),
    ("tinny", ["'tinny'", "tiny"]), ("   ", ["''"]), ("../没有/这个", ["文件夹"])])
def test_names_that_lead_nowhere(monkeypatch, tmp_path, choice, says):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError) as error:
        locate(choice)
    for part in ["应", "现在", *says]:
        assert part in str(error.value)


def damage_config(folder):
    (folder / "config.json").write_text("{", encoding="utf-8")


def drop_config(folder):
    (folder / "config.json").unlink()


def empty_config(folder):
    (folder / "config.json").write_text("{}", encoding="utf-8")


def drop_weights(folder):
    (folder / "model.safetensors").unlink()


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


def web_page_as_weights(folder):
    (folder / "model.safetensors").write_text("<html>校园网登录</html>", encoding="utf-8")


def no_bytes(folder):
    (folder / "model.safetensors").write_bytes(b"")


def pickle_only(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def missing_shard(folder):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def drop_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize("damage, says", [
    (damage_config, "应是 JSON"), (drop_config, "应有 config.json"), (empty_config, "model_type"),
    (drop_weights, "没有权重文件"), (cut_weights, "没有下载完或已损坏"), (web_page_as_weights, "读不出文件头"),
    (no_bytes, "读不出文件头"), (pickle_only, "pytorch_model.bin"), (missing_shard, "model-00001-of-00002.safetensors"),
    (drop_tokenizer, "分词器")])
def test_damaged_folders(folder, damage, says):
    damage(folder)
    with pytest.raises(ModelError, match=says) as error:
        locate(folder)
    assert "应" in str(error.value)
    assert "现在" in str(error.value)


def test_model_ids():
    assert names.is_model_id("Qwen/Qwen2.5-0.5B")
    for text in ("./a", "a", "a/b/c", "C:\\a/b", "/a"):
        assert not names.is_model_id(text)


def test_the_nearest_name():
    assert names.nearest_ids("Qwen/Qwen2.5-0.5B-Instrct").startswith("；名字最像的有：Qwen/Qwen2.5-0.5B-Instruct")
    assert "Qwen/Qwen2.5-0.5B-Instruct" in names.nearest_ids("qwen2.5")
    assert names.nearest_ids("xyz") == ""
    assert names.nearest_ids("") == ""


def test_matrix_seconds_are_measured():
    assert 0 < model.matrix_seconds(torch.float32, rows=4) < 5


@pytest.mark.parametrize("stored, slower, free, wanted", [
    ("bfloat16", 3.0, 8e9, "float32"), ("bfloat16", 1.1, 8e9, "auto"), ("bfloat16", 3.0, 1e9, "auto"),
    ("float16", 3.0, 8e9, "auto"), ("float32", 3.0, 8e9, "auto")])
def test_the_dtype_to_load_with(tmp_path, monkeypatch, stored, slower, free, wanted):
    import psutil

    (tmp_path / "config.json").write_text(f'{{"model_type": "qwen2", "dtype": "{stored}"}}', encoding="utf-8")
    monkeypatch.setattr(model, "slowdown", lambda: slower)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": free}))
    assert model.dtype_for(tmp_path) == wanted
