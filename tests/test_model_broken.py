"""坏的模型文件夹：每一种都是一句中文，没有 traceback，也没有说胡话的模型；好的文件夹一个也不拒绝"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.download import usable
from helpers.errors import ModelError
from helpers.model import here, locate
from helpers.tiny import TINY

import pytest
import torch
from broken_folders import BROKEN, HANGING, put, settings
from checkpoints import random_model, saved
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return saved(random_model(), tmp_path_factory.mktemp("好的"))


@pytest.fixture
def folder(good, tmp_path, own_cache):
    """好的文件夹的一份，文件都是硬链接"""
    return Path(shutil.copytree(good, tmp_path / "模型 一", copy_function=os.link))


@pytest.fixture
def in_process(monkeypatch):
    """不另开 Python，就在这里试用：快得多，做的事一样"""
    monkeypatch.setattr(usable, "run_trial", usable.use_once)


@pytest.mark.parametrize("damage, says", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_broken_folders_end_in_a_sentence(folder, in_process, damage, says):
    damage(folder)
    with pytest.raises(ModelError) as caught:
        locate(folder)
    for part in (says, "应", "现在"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_folder_is_not_remembered_as_good(folder, in_process):
    settings("config.json", model_type="qwen99")(folder)
    for _ in range(2):
        with pytest.raises(ModelError, match="应是一对"):
            locate(folder)


def test_the_table_is_long_and_says_each_once():
    names = [row[0] for row in BROKEN + HANGING]
    assert len(set(names)) == len(names) >= 55


@pytest.mark.parametrize("damage, says", [row[1:] for row in HANGING], ids=[row[0] for row in HANGING])
def test_what_never_ends_is_stopped(folder, monkeypatch, damage, says):
    monkeypatch.setattr(usable, "START_SECONDS", 1)
    damage(folder)
    with pytest.raises(ModelError, match=says):
        locate(folder)


def test_a_process_that_dies_is_told(folder, monkeypatch):
    monkeypatch.setattr(usable.sys, "executable", shutil.which("false"))
    with pytest.raises(ModelError, match=r"半路停了（1）"):
        locate(folder)


def run(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "run_qwen.py", "你好"], cwd=ROOT, capture_output=True, encoding="utf-8",
                          env={**os.environ, "COURSE_MODEL": str(folder)}, timeout=120)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["model_type 没听说过", "一个 NaN", "说是 BERT", "对话模板攻击", "config.json 有 BOM"])
def test_the_program_says_the_same(folder, name):
    damage, says = next(row[1:] for row in BROKEN if row[0] == name)
    damage(folder)
    result = run(folder)
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_technical_text_is_in_a_file(folder, own_cache):
    settings("config.json", model_type="qwen99")(folder)
    with pytest.raises(ModelError, match="技术细节在"):
        locate(folder)
    assert "Traceback" in (own_cache / "trial.txt").read_text(encoding="utf-8")


def test_a_good_folder_is_tried_once(folder, monkeypatch, capsys):
    tries = []
    monkeypatch.setattr(usable, "run_trial", tries.append)
    assert locate(folder) == here(folder) == folder
    assert len(tries) == 1
    settings("config.json", use_cache=True)(folder)
    assert locate(folder) == folder
    assert len(tries) == 2
    assert capsys.readouterr().err.count("第一次用") == 2


def test_the_embedded_model_is_not_tried_but_would_pass(monkeypatch):
    monkeypatch.setattr(usable, "run_trial", None)
    assert locate("tiny") == TINY
    usable.use_once(TINY)


def test_a_cache_that_cannot_be_written(folder, monkeypatch, own_cache):
    monkeypatch.setattr(usable, "run_trial", usable.use_once)
    put(own_cache.parent.parent, "cache", "占了")
    assert locate(folder) == folder


@pytest.mark.parametrize("kind, dtype, options", [
    ("qwen3", torch.bfloat16, {}), ("llama", torch.float16, {}), ("tied", torch.float32, {}),
    ("untied", torch.bfloat16, {}), ("tied", torch.bfloat16, {"max_shard_size": "20KB"}),
    ("untied", torch.float32, {"max_shard_size": "20KB"})])
def test_right_folders_pass(tmp_path, own_cache, in_process, kind, dtype, options):
    folder = saved(random_model(kind).to(dtype), tmp_path / "对的", **options)
    assert locate(folder) == folder
    assert AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype == dtype
    assert len(list(folder.glob("*.safetensors"))) > 1 or not options


def test_the_embedded_model_saved_again_passes(tmp_path, own_cache, in_process):
    folder = tmp_path / "又存一次"
    AutoModelForCausalLM.from_pretrained(TINY).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY).save_pretrained(folder)
    assert locate(folder) == folder
