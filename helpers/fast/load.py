"""加载：一层一层地从权重文件变成选好的内核要的样子，最多多占一层的内存"""
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from helpers.download.checkpoint import read_config
from helpers.errors import ModelError
from helpers.fast.decode import Layer, Plan
from helpers.fast.linear import Linear, Recipe
from helpers.fast.model import Qwen2ForCausalLM
from helpers.fast.weights import Weights, opened

import torch
from torch import nn
from transformers import AutoConfig, GenerationConfig
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

GROUPS = {"qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "out": ("self_attn.o_proj",),
          "gate_up": ("mlp.gate_proj", "mlp.up_proj"), "down": ("mlp.down_proj",)}
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def settings(folder: Path):
    """config.json → 设置，dtype 照 from_pretrained(dtype="auto") 的规矩：写了的，没写就是第一个张量的

    不是 Qwen2、已经量化过、设置读不懂时报 ModelError
    """
    given = read_config(folder)
    if given["model_type"] != "qwen2":
        raise ModelError(f"fastest 应用在 Qwen2 或 Qwen2.5 上，现在 {folder.name} 是 {given['model_type']}；"
                         "用 AutoModelForCausalLM.from_pretrained 加载")
    if given.get("quantization_config"):
        raise ModelError(f"fastest 应用在没有量化过的检查点上，现在 {folder.name} 量化过；"
                         "换成名称里没有 GPTQ、AWQ 的，由 fastest 的 bits=8 或 4 来量化")
    try:
        config = AutoConfig.from_pretrained(folder)
    except Exception as error:  # 每种写错的设置，报的错都不一样
        raise ModelError(f"{folder / 'config.json'} 应是 Qwen2 的设置，现在读不懂（{' '.join(str(error).split())}）；"
                         "重新下载这个文件") from None
    if config.dtype is None:
        with opened(folder) as weights:
            config.dtype = weights[next(iter(weights.places), "model.embed_tokens.weight")].dtype
    if config.dtype not in DTYPES:
        raise ModelError(f"权重的类型应是 float32、float16 或 bfloat16，现在是 {config.dtype}；换一个检查点")
    return config


def skeleton(folder: Path) -> Qwen2ForCausalLM:
    """权重仍在文件里（映射进来，读到才占内存）的模型；与 from_pretrained(dtype="auto") 的结果一样用

    权重缺了、形状与 config.json 不合时报 ModelError
    """
    config = settings(folder)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config)
    with opened(folder, config.dtype) as weights:
        missing = set(fill(model, weights))
        model.tie_weights(missing_keys=missing, recompute_mapping=False)  # 两处都有而不同的，不合成一个
        if missing:
            weights[min(missing)]  # 报 ModelError，说缺哪一个
    model.model.rotary_emb = Qwen2RotaryEmbedding(config)
    with suppress(OSError):  # 没有这个文件，照 from_pretrained 用默认的
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model.eval()


def fill(model: Qwen2ForCausalLM, weights: Weights) -> Iterator[str]:
    """把文件里的权重放进模型，逐个给出文件里没有的名字；形状不合时报 ModelError"""
    for name, wanted in list(model.named_parameters(remove_duplicate=False)):
        found = weights.get(name)
        if found is None:
            yield name
        elif found.shape != wanted.shape:
            raise ModelError(f"{name} 的形状按 config.json 应是 {tuple(wanted.shape)}，权重文件里现在是 "
                             f"{tuple(found.shape)}；两个文件不是一套，一起重新下载")
        else:
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, nn.Parameter(found))


def load(folder: Path, recipe: Recipe, head: Recipe | None = None) -> Qwen2ForCausalLM:
    """检查点 → 模型，线性层用 recipe；head: 词表上的线性层用的，None 时也用 recipe（不做重新排列的第二份）"""
    model = skeleton(folder)
    head = head or (Recipe(recipe.one, recipe.one) if recipe.many.packs and recipe.one.lines is None else recipe)
    mapped = {name: weight.detach() for name, weight in model.named_parameters()}
    layers = []
    for index in range(model.config.num_hidden_layers):
        with opened(folder, model.config.dtype) as fresh:
            made = {group: linear(recipe, mapped, fresh, [f"model.layers.{index}.{part}" for part in parts])
                    for group, parts in GROUPS.items()}
        layers.append(Layer(**made))
    with opened(folder, model.config.dtype) as fresh:
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
