"""helpers.fast.load：各种检查点都与 from_pretrained 的结果一样，用不了的说清楚"""
import json
import shutil

from helpers.errors import ModelError
from helpers.fast import kernels
from helpers.fast.fastest import decide, fastest
from helpers.fast.linear import Recipe
from helpers.fast.load import load, settings, skeleton
from helpers.fast.weights import Weights, converted_bytes
from helpers.tiny import TINY

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

HEAD, EMBEDDING, UP = "lm_head.weight", "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


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
        (folder / "config.json").write_text(json.dumps({k: v for k, v in written.items() if v is not None}),
                                            encoding="utf-8")
        return folder
    return make


def own_head(weights):
    weights[HEAD] = torch.randn(64, 32).bfloat16()


def same_head(weights):
    weights[HEAD] = weights[EMBEDDING].clone()


def only_head(weights):
    weights[HEAD] = weights.pop(EMBEDDING)


def mixed(weights):
    weights[UP] = weights[UP].float() + 1e-3
    weights["model.norm.weight"] = weights["model.norm.weight"].half()


CASES = {
    "合用": {}, "合用而另有不同的": {"change": own_head}, "合用而另有相同的": {"change": same_head},
    "合用而只有输出层": {"change": only_head}, "不合用": {"tied": False}, "几种类型": {"change": mixed},
    "没写类型": {"change": mixed, "dtype": None}, "写的是别的类型": {"dtype": "float16"},
    "float32": {"saved": torch.float32}, "float16": {"saved": torch.float16}}


@pytest.mark.parametrize("kernel", [kernels.Stored, kernels.Floats])
@pytest.mark.parametrize("case", CASES)
def test_equal_to_from_pretrained(make, case, kernel):
    folder = make(**CASES[case])
    stock, fast = AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), load(folder, Recipe(kernel, kernel))
    assert fast.dtype == stock.dtype == fast.config.dtype
    assert (fast.lm_head.weight is fast.model.embed_tokens.weight) == (
        stock.lm_head.weight is stock.model.embed_tokens.weight)
    with torch.inference_mode():
        want = stock.float()(IDS).logits
        for got in (fast(IDS).logits, fast(IDS, output_hidden_states=True).logits):  # 平直的路和 transformers 的路
            assert (got.float() - want).norm() / want.norm() < 0.03


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
    ({"change": reshape}, rf"{UP} 的形状按 config.json 应是 \(64, 32\)，权重文件里现在是 \(3, 5\)")])
def test_weights_that_do_not_fit(make, options, says):
    with pytest.raises(ModelError, match=says):
        skeleton(make(**options))


@pytest.mark.parametrize("changes, says", [
    ({"model_type": "zzz"}, "现在 模型 是 zzz"), ({"model_type": "llama"}, "现在 模型 是 llama"),
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "没有量化过的检查点"),
    ({"hidden_size": "x"}, "读不懂.*hidden_size"), ({"dtype": "banana"}, "读不懂.*banana"),
    ({"dtype": "float64"}, r"现在是 torch\.float64")])
def test_fastest_says_what_it_cannot_take(make, changes, says):
    with pytest.raises(ModelError, match=says) as error:
        fastest(make(**changes))
    assert "\n" not in str(error.value)


def test_a_broken_generation_config_is_ignored_as_in_transformers(make):
    folder = make()
    (folder / "generation_config.json").write_text("{", encoding="utf-8")
    assert skeleton(folder).generate(IDS, max_new_tokens=2, do_sample=False).shape == (1, IDS.shape[1] + 2)


def test_only_converted_weights_take_memory(make):
    assert converted_bytes(make(), torch.bfloat16) == 0
    assert converted_bytes(make(change=mixed), torch.bfloat16) == 2 * (64 * 32 + 32)


def test_decide_passes_the_stored_dtype(make, monkeypatch, own_cache):
    monkeypatch.setattr("helpers.fast.probe.PATIENCE", 0.0)
    chosen = decide(make(saved=torch.float32), 16)
    assert chosen.explanation.startswith("32 位") and not chosen.recipe.one.packs
    assert "torch.float32" in (own_cache / "speed.json").read_text(encoding="utf-8")


def test_a_model_for_which_no_int4_fits(make, monkeypatch, own_cache):
    monkeypatch.setattr("helpers.fast.probe.PATIENCE", 0.0)
    folder = make()
    monkeypatch.setattr("helpers.fast.probe.shapes", lambda config: [(64, 48)])
    with pytest.raises(ModelError, match="4 位应至少有一种算法.*换成 bits=16"):
        decide(folder, 4)


def test_the_embedding_and_the_head_are_one_tensor():
    tied = skeleton(TINY)
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    assert settings(TINY).dtype == torch.float16


def test_a_broken_weight_file_says_so(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(ModelError, match="应能读出来"):
        Weights(tmp_path)
