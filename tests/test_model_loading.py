"""课文 04 里说的、写的数：每一条都有出处或者量得出来"""
import builtins
import json
import logging
import math
import signal
import sys
from pathlib import Path

from helpers.environment import pins
from helpers.tiny import TINY

import pytest
import torch
from dashscope.tokenizers import qwen_tokenizer
from shapes import QWEN2, on_meta
from transformers import AutoConfig, AutoModelForCausalLM, Qwen2ForCausalLM, modeling_utils

PARAMETERS = 494_032_768  # Qwen2.5-0.5B
FILE_BYTES = 988_097_824  # 魔搭上它的 model.safetensors


@pytest.fixture(scope="module")
def outline():
    return on_meta(Qwen2ForCausalLM, QWEN2)


def test_where_the_271_spare_rows_come_from():
    extras = len(qwen_tokenizer.EXTRAS)
    first_generation = qwen_tokenizer.SPECIAL_START_ID + 3 + extras  # endoftext、im_start、im_end
    assert first_generation == 151_851
    assert 3 + extras == 208
    assert math.ceil(first_generation / 128) * 128 == 151_936 == 151_665 + 271
    assert math.ceil(151_665 / 128) * 128 == 151_680 == 151_665 + 15


def test_the_file_is_the_header_and_the_numbers(outline):
    """照 safetensors 的格式，连文件头也算出来：正好是魔搭上的大小"""
    assert outline.num_parameters() == PARAMETERS
    entries = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in sorted(outline.state_dict().items()):
        if name == "lm_head.weight":
            continue  # 和词嵌入是同一张表，不另存
        start = end
        end = start + tensor.numel() * 2
        entries[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    length = len(json.dumps(entries, separators=(",", ":")))
    length = math.ceil(length / 8) * 8  # 文件头补空格，凑成 8 的倍数
    assert len(entries) - 1 == 290
    assert 8 + length + end == FILE_BYTES
    assert FILE_BYTES - 2 * PARAMETERS == 32_288


def test_the_width_of_a_head(outline):
    """第 4 节：一个头宽 64，K 和 V 宽 128"""
    attention = outline.model.layers[0].self_attn
    assert attention.head_dim == 896 // 14 == 64
    assert attention.k_proj.weight.shape == attention.v_proj.weight.shape == (128, 896)


def test_the_weights_beside_the_tokenizer():
    """第 1 节：教学小模型的权重是第二名的 8.8 倍"""
    weights = (TINY / "model.safetensors").stat().st_size
    tokenizer = (TINY / "tokenizer.json").stat().st_size
    assert f"{weights / tokenizer:.1f}" == "8.8"


def test_a_model_made_by_hand_is_training(outline):
    assert outline.training


def test_what_an_empty_shell_is_filled_with():
    """第 5 节：矩阵是随机数，偏置全是 0，归一化全是 1"""
    shell = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(TINY))
    for name, tensor in shell.named_parameters():
        values = tensor.unique()
        if name.endswith(".bias"):
            assert values.tolist() == [0.0], name
        elif "norm" in name:
            assert values.tolist() == [1.0], name
        else:
            assert len(values) > 1000, name


@pytest.mark.skipif(sys.platform != "linux", reason="/proc 只有 Linux 有")
def test_the_stored_numbers_are_mapped_and_not_read():
    """第 8 节：照存的 dtype 加载，文件只和内存对应起来；换一种 dtype，就要另放一份"""
    def mapped():
        return str(TINY / "model.safetensors") in Path("/proc/self/maps").read_text()

    model = AutoModelForCausalLM.from_pretrained(TINY, dtype="auto", use_safetensors=True)
    assert mapped()
    del model
    assert not mapped()
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype="float32", use_safetensors=True)
    assert model.dtype == torch.float32
    assert not mapped()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows 装不成别的系统")
def test_on_windows_the_file_is_read(monkeypatch):
    """第 8 节：Windows 上没有内存映射；装作三种系统，各加载一次"""
    backends = []
    ordinary = modeling_utils.safe_open

    def opened(*given, **options):
        backends.append(options["backend"])
        return ordinary(*given, **options)

    monkeypatch.setattr(modeling_utils, "safe_open", opened)
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        AutoModelForCausalLM.from_pretrained(TINY, use_safetensors=True)
    assert backends == ["mmap", "mmap", "pread"]


def test_when_float16_becomes_infinite():
    stored = torch.tensor([65504.0, 65519.0, 65520.0], dtype=torch.float16)
    assert stored.tolist() == [65504.0, 65504.0, math.inf]


def test_the_pins_are_past_the_hole_in_transformers():
    """CVE-2026-4372：5.3.0 以前，还要装有 kernels"""
    major, minor, _ = pins()["transformers"].split(".")
    assert (int(major), int(minor)) >= (5, 3)
    assert "kernels" not in pins()


@pytest.fixture
def stranger(tmp_path):
    """一个带代码的模型仓库；代码运行过，就有 mark 这个文件"""
    mark = tmp_path / "mark"
    config = {"model_type": "stranger", "auto_map": {"AutoConfig": "code.StrangerConfig"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(
        "from pathlib import Path\n"
        "from transformers import PretrainedConfig\n"
        f"Path({str(mark)!r}).touch()\n"
        "class StrangerConfig(PretrainedConfig):\n"
        "    model_type = 'stranger'\n")
    return tmp_path


def answering(monkeypatch, answer):
    """有人问就回答 answer；返回问过的话"""
    asked = []

    def reply(question):
        asked.append(question)
        return answer

    monkeypatch.setattr(builtins, "input", reply)
    return asked


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows 没有 SIGALRM")
@pytest.mark.parametrize("answer, runs", [("", False), ("n", False), ("y", True)])
def test_enter_means_no(stranger, monkeypatch, answer, runs):
    asked = answering(monkeypatch, answer)
    if runs:
        AutoConfig.from_pretrained(stranger)
    else:
        with pytest.raises(ValueError, match="pass the argument `trust_remote_code=True`"):
            AutoConfig.from_pretrained(stranger)
    assert "Do you wish to run the custom code? [y/N]" in asked[0]
    assert (stranger / "mark").exists() == runs


def test_without_the_signal_nobody_is_asked(stranger, monkeypatch):
    """Windows 上就是这样"""
    monkeypatch.delattr(signal, "SIGALRM", raising=False)
    asked = answering(monkeypatch, "y")
    with pytest.raises(ValueError, match="pass the argument `trust_remote_code=True`"):
        AutoConfig.from_pretrained(stranger)
    assert asked == []
    assert not (stranger / "mark").exists()


def test_it_waits_15_seconds():
    from transformers import dynamic_module_utils

    assert dynamic_module_utils.TIME_OUT_REMOTE_CODE == 15


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows 没有 SIGALRM")
def test_a_notebook_goes_on_waiting(caplog):
    """第 9 节：在笔记本里，到时候报的错被内核吞掉，问题还在等；要按“中断”才停"""
    import zmq
    from ipykernel.kernelbase import Kernel
    from jupyter_client.session import Session
    from transformers import dynamic_module_utils

    rings = []

    def ring(number, frame):
        rings.append(number)
        if len(rings) == 1:
            dynamic_module_utils._raise_timeout_error(number, frame)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        kernel = Kernel(log=logging.getLogger("kernel"), session=Session(), stdin_socket=socket)
        signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
        try:
            with pytest.raises(KeyboardInterrupt):
                kernel._input_request("?", b"", {})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    assert len(rings) == 2
    assert "trust_remote_code=True" in caplog.text
