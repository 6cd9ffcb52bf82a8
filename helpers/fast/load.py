"""加载：一层一层地从权重文件变成选好的内核要的样子，最多多占一层的内存"""
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, GenerationConfig
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from helpers.fast.decode import Layer, Plan
from helpers.fast.linear import Linear, Recipe
from helpers.fast.model import Qwen2ForCausalLM
from helpers.fast.weights import Weights, opened

GROUPS = {"qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "out": ("self_attn.o_proj",),
          "gate_up": ("mlp.gate_proj", "mlp.up_proj"), "down": ("mlp.down_proj",)}


def skeleton(folder: Path) -> Qwen2ForCausalLM:
    """权重仍在文件里（映射进来，读到才占内存）的模型；与 from_pretrained(dtype="auto") 的结果一样用"""
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config)
    weights = Weights(folder)
    for name, _ in list(model.named_parameters()):
        if name in weights or name != "lm_head.weight":
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, nn.Parameter(weights[name]))
    weights.close()
    model.tie_weights()
    model.model.rotary_emb = Qwen2RotaryEmbedding(config)
    config.dtype = model.model.norm.weight.dtype
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model.eval()


def load(folder: Path, recipe: Recipe, head: Recipe | None = None) -> Qwen2ForCausalLM:
    """检查点 → 模型，线性层用 recipe；head: 词表上的线性层用的，None 时也用 recipe（不做重新排列的第二份）"""
    model = skeleton(folder)
    head = head or (Recipe(recipe.one, recipe.one) if recipe.many.packs and recipe.one.lines is None else recipe)
    mapped = {name: weight.detach() for name, weight in model.named_parameters()}
    layers = []
    for index in range(model.config.num_hidden_layers):
        with opened(folder) as fresh:
            made = {group: linear(recipe, mapped, fresh, [f"model.layers.{index}.{part}" for part in parts])
                    for group, parts in GROUPS.items()}
        layers.append(Layer(**made))
    with opened(folder) as fresh:
        name = "lm_head" if "lm_head.weight" in fresh else "model.embed_tokens"
        last = linear(head, {**mapped, "lm_head.weight": model.lm_head.weight.detach()}, fresh, [name])
    model.plan = Plan(layers, last, norms(model), model.model.norm.weight.dtype)
    warm_up(model, recipe)
    return model


def linear(recipe: Recipe, mapped, fresh, names: list[str]) -> Linear:
    """几个共用输入的线性层 → Linear"""
    def read(source):
        return tuple([source.get(f"{name}.{last}") for name in names] for last in ("weight", "bias"))
    return Linear(recipe, lambda: read(mapped), lambda: read(fresh))


def norms(model: Qwen2ForCausalLM) -> dict[torch.dtype, list[torch.Tensor]]:
    """类型 → 全部归一化的权重，按用到的次序"""
    weights = [weight for layer in model.model.layers
               for weight in (layer.input_layernorm.weight, layer.post_attention_layernorm.weight)]
    weights.append(model.model.norm.weight)
    return {dtype: [weight.detach().to(dtype) for weight in weights]
            for dtype in {torch.float32, torch.bfloat16, weights[0].dtype}}


def warm_up(model: Qwen2ForCausalLM, recipe: Recipe) -> None:
    """两种内核各跑一次：映射的权重读进内存，内核做完第一次的准备"""
    with torch.inference_mode():
        for rows in (recipe.limit + 1, 1):
            model(torch.zeros(1, rows, dtype=torch.int64), use_cache=False)
