"""最快：检查点 → 在这台电脑上最快、又放得进内存的普通模型"""
import os
import sys
from pathlib import Path

from helpers.fast.choose import Choice, choose, names
from helpers.fast.load import load, settings
from helpers.fast.probe import timings, weights_read
from helpers.fast.weights import converted_bytes, total_bytes
from helpers.model import locate


def fastest(path: str | os.PathLike | None = None, bits: int = 16, quiet: bool = False):
    """加载一个 Qwen2 检查点，用这台电脑上最快的做法；返回普通的 Qwen2ForCausalLM，generate 等照常用

    path: 文件夹、"tiny"、"qwen" 或模型编号，None 时看 COURSE_MODEL；
    bits: 16（默认）是权重照存放的，只差舍入，float32 的检查点就仍是 32 位；8 或 4 是量化；
    quiet: 不说选了什么。少几位要付什么代价，见 python -m helpers.speed --quality
    第一次用要试跑十几秒，结果记在缓存里；选了什么在 model.explanation
    路径不对、不是 Qwen2、量化过、内存不够时报 ModelError；bits 不对报 ValueError
    例: fastest("qwen").generate(**inputs, max_new_tokens=50)
    出处: notebooks/08_speed.ipynb
    """
    if bits not in (16, 8, 4) or isinstance(bits, bool):
        raise ValueError(f"bits 应是 16、8 或 4，现在是 {bits!r}；改一个再试")
    folder = locate(path)
    chosen = decide(folder, bits)
    model = load(folder, chosen.recipe)
    model.explanation = chosen.explanation
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
