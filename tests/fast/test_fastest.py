"""helpers.fast.fastest：各种检查点都与 from_pretrained 的结果一样，用不了的说清楚"""
import json
import shutil

from helpers import model, speed
from helpers.errors import ModelError
from helpers.fast import choose, fastest
from helpers.fast.linear import linears
from helpers.tiny import TINY

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
UP = "model.layers.0.mlp.up_proj.weight"
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


@pytest.fixture(autouse=True)
def short(own_cache, monkeypatch):
    """每个测试用自己的缓存文件夹，试跑只算两遍；这里的检查点没有对话模板，locate 不先试用"""
    monkeypatch.setattr(choose, "ROUNDS", 2)
    monkeypatch.setattr(model, "demand_usable", lambda folder: folder)


@pytest.fixture
def make(tmp_path):
    """写一个很小的检查点：tied 是 config 写的，saved 是存的类型，change 改权重，其余改 config.json（None 是删掉）"""
    def make(tied=True, change=lambda weights: None, saved=torch.bfloat16, **changes):
        torch.manual_seed(0)
        config = Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                             num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=tied,
                             bos_token_id=None, eos_token_id=None, initializer_range=0.3)
        folder = tmp_path / "模型"
        Qwen2ForCausalLM(config).to(saved).save_pretrained(folder)
        shutil.copy(TINY / "tokenizer.json", folder)
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        written = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
        kept = {name: value for name, value in written.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")
        return folder
    return make


def own_head(weights):
    weights[HEAD] = torch.randn(64, 32).bfloat16()


def only_head(weights):
    weights[HEAD] = weights.pop(EMBEDDING)


def mixed(weights):
    weights[UP] = weights[UP].float() + 1e-3
    weights["model.norm.weight"] = weights["model.norm.weight"].half()


CASES = {
    "合用": {}, "合用而另有不同的": {"change": own_head}, "合用而只有输出层": {"change": only_head},
    "不合用": {"tied": False}, "几种类型": {"change": mixed}, "没写类型": {"change": mixed, "dtype": None},
    "写的是别的类型": {"dtype": "float16"}, "float32": {"saved": torch.float32}, "float16": {"saved": torch.float16}}


@pytest.mark.parametrize("case", CASES)
def test_equal_to_from_pretrained(make, case):
    folder = make(**CASES[case])
    stock = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    fast = fastest.fastest(folder, quiet=True)
    assert fast.dtype == stock.dtype
    assert not fast.training
    with torch.inference_mode():
        own = stock(IDS).logits.float()
        want = stock.float()(IDS).logits
        got = fast(IDS).logits.float()
        past = fast(IDS[:, :-1]).past_key_values
        wrote = fast(IDS[:, -1:], past_key_values=past).logits.float()
    rounding = (own - want).norm() + 1e-4 * want.norm()  # 16 位的模型自己的舍入误差
    assert (got - want).norm() < 1.5 * rounding
    assert (wrote[:, 0] - want[:, -1]).norm() < 1.5 * rounding


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_fastest_answers_like_the_stock_model(bits, model, tokenizer, capsys):
    fast = speed.fastest("tiny", bits)
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": "什么是词元"}], add_generation_prompt=True,
                                           return_tensors="pt", return_dict=True)
    want = model.generate(**inputs, max_new_tokens=20, do_sample=False)
    assert torch.equal(fast.generate(**inputs, max_new_tokens=20, do_sample=False), want)
    assert fast.explanation.startswith(f"{bits} 位：写词元时")
    assert fast.explanation in capsys.readouterr().err


def drop(*names):
    def change(weights):
        for name in names:
            del weights[name]
    return change


def reshape(weights):
    weights[UP] = torch.zeros(3, 5)


@pytest.mark.parametrize("options, says", [
    ({"tied": False, "change": drop(HEAD)}, "应有 lm_head.weight，现在没有"),
    ({"change": drop(EMBEDDING)}, "现在没有；这不是完整的检查点"), ({"change": drop(UP)}, f"应有 {UP}"),
    ({"change": reshape}, "应能加载 模型，现在不能"),
    ({"model_type": "zzz"}, "应能加载 模型，现在不能.*zzz"),
    ({"hidden_size": "x"}, "应能加载 模型，现在不能.*hidden_size"),
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "没有量化过的检查点"),
    ({"model_type": "vit"}, "应能加载 模型，现在不能")])
def test_what_it_cannot_take(make, options, says):
    with pytest.raises(ModelError, match=says) as error:
        fastest.fastest(make(**options))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [{"bits": 3}, {"bits": True}, {"bits": "8"}])
def test_bad_wishes(bad):
    with pytest.raises(ValueError, match="应"):
        speed.fastest("tiny", **bad)


def test_a_bad_path(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        speed.fastest(tmp_path)


def test_too_little_memory_is_said(monkeypatch):
    memory = psutil.virtual_memory()._replace(available=10)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(ModelError, match=r"8 位应有 0\.6 GB 可用的内存，现在只有 0\.0 GB；关掉别的程序"):
        fastest.fastest("tiny", 8)


def test_without_the_ways_of_x86(monkeypatch):
    """FBGEMM、oneDNN 的做法只在 x86 上有：别的电脑上仍能用，用不了的说清楚"""
    only = {"Stored", "Widened", "Int8Weights"}
    monkeypatch.setattr(choose, "reason_against", lambda way, _: None if way.__name__ in only else "没有 FBGEMM")
    used = {type(linear.one.way).__name__ for linear in linears(fastest.fastest("tiny", 8)).values()}
    assert used == {"Int8Weights"}
    used = {type(linear.one.way).__name__ for linear in linears(fastest.fastest("tiny", 16)).values()}
    assert used == {"Stored"}
    with pytest.raises(ModelError, match="没有 FBGEMM"):
        fastest.fastest("tiny", 4)
