"""最快：检查点 → 在这台电脑上最快、又放得进内存、质量够好的普通模型"""
import os
import sys
from pathlib import Path

from helpers.errors import ModelError
from helpers.fast import remembered
from helpers.fast.choose import Choice, choose, names
from helpers.fast.linear import Recipe
from helpers.fast.load import load, settings
from helpers.fast.probe import timings, weights_read
from helpers.fast.quality import Quality, quality
from helpers.fast.weights import converted_bytes, total_bytes
from helpers.model import locate
from helpers.tiny import TINY

AGREEMENT = 0.99  # 第一名与 float32 相同的比例至少多少


def fastest(path: str | os.PathLike | None = None, bits: int = 16, agreement: float = AGREEMENT, quiet: bool = False):
    """加载一个 Qwen2 检查点，用这台电脑上最快的做法；返回普通的 Qwen2ForCausalLM，generate 等照常用

    path: 文件夹、"tiny"、"qwen" 或模型编号，None 时看 COURSE_MODEL；
    bits: 16（默认）是权重照存放的，只差舍入，float32 的检查点就仍是 32 位；8 或 4 是量化；
    agreement: 教学小模型上第一名与 float32 相同的比例至少多少，0–1；不到就报 ModelError；quiet: 不说选了什么
    第一次用要试跑十几秒，结果记在缓存里；选了什么在 model.explanation
    路径不对、不是 Qwen2、量化过、内存不够时报 ModelError；bits、agreement 不在范围里报 ValueError
    例: fastest("qwen").generate(**inputs, max_new_tokens=50)
    出处: notebooks/07_speed.ipynb
    """
    if bits not in (16, 8, 4) or isinstance(bits, bool):
        raise ValueError(f"bits 应是 16、8 或 4，现在是 {bits!r}；改一个再试")
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement 应在 0 到 1 之间，现在是 {agreement!r}；默认是 {AGREEMENT}")
    folder = locate(path)
    chosen = decide(folder, bits)
    measured = checked(chosen.recipe, bits, agreement)
    model = load(folder, chosen.recipe)
    model.explanation = chosen.explanation + (
        f"；教学小模型上第一名与 float32 相同的有 {measured.top1:.1%}" if measured else "")
    if not quiet:
        print(model.explanation, file=sys.stderr)
    return model


def decide(folder: Path, bits: int) -> Choice:
    """试跑（或取出记下的结果），定下用什么；不是 Qwen2 时报 ModelError"""
    import psutil

    config = settings(folder)
    available = psutil.virtual_memory().available - converted_bytes(folder, config.dtype)
    return choose(bits, timings(config, names(bits)), weights_read(config), total_bytes(folder), available,
                  8 * config.dtype.itemsize)


def checked(recipe: Recipe, bits: int, agreement: float) -> Quality | None:
    """少于 16 位时量一次质量（记在缓存里），不到 agreement 报 ModelError；16 位只差舍入，不量"""
    if bits == 16:
        return None
    known = tiny_quality(recipe)
    if known.top1 < agreement:
        raise ModelError(f"{bits} 位在教学小模型上与 float32 相同的应至少有 {agreement:.1%}，现在有 {known.top1:.1%}；"
                         "用 bits=16，或者把 agreement 调低")
    return known


def tiny_quality(recipe: Recipe) -> Quality:
    """一种做法在教学小模型上的质量；量过的记在缓存里"""
    weights = (TINY / "model.safetensors").stat()
    key = (f"quality {recipe.one.__name__} {recipe.many.__name__} {recipe.limit} "
           f"{weights.st_size} {weights.st_mtime_ns}")  # 重新训练过就重新量
    try:
        return Quality(**remembered.recall(key))
    except TypeError:
        known = quality(load(TINY, recipe))
        remembered.remember(key, vars(known))
        return known
