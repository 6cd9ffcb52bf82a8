"""最快：检查点 → 在这台电脑上写得最快的普通模型"""
import os
import sys
from pathlib import Path

from helpers.download.checkpoint import one_line, read_config, weight_files
from helpers.errors import ModelError
from helpers.fast.choose import choose
from helpers.fast.linear import find_groups, swap_linears
from helpers.model import locate

SPARE = 0.5e9  # 权重以外留给缓存和中间结果的内存，字节


def fastest(path: str | os.PathLike | None = None, bits: int = 16, quiet: bool = False):
    """加载一个模型，线性层换成这台电脑上最快的做法；还是 transformers 的模型，generate 等照常用，只是不能训练

    path: 文件夹、"tiny"、"qwen" 或模型编号，None 时看 COURSE_MODEL；
    bits: 16（默认）只差舍入；8 或 4 是量化：写词元时用 8 位、4 位的权重，读问题仍用原来的；quiet: 不说选了什么
    第一次用要试跑二三十秒，选了什么记在缓存里，也在 model.explanation 里
    路径不对、加载不了、量化过、内存不够时报 ModelError；bits 不对报 ValueError
    例: fastest("qwen").generate(**inputs, max_new_tokens=50)
    出处: notebooks/08_speed.ipynb 第 7 节
    """
    if bits not in (16, 8, 4) or isinstance(bits, bool):
        raise ValueError(f"bits 应是 16、8 或 4，现在是 {bits!r}；改一个再试")
    folder = locate(path)
    refuse_quantized(folder)
    check_memory(folder, bits)
    model = load(folder)
    groups = find_groups(model)
    chosen = choose(model, groups, bits)
    swap_linears(model, groups, chosen.choices)
    model.explanation = f"{bits} 位：{chosen}"
    if not quiet:
        print(model.explanation, file=sys.stderr)
    return model


def refuse_quantized(folder: Path) -> None:
    """已经量化过的检查点报 ModelError"""
    if read_config(folder).get("quantization_config"):
        raise ModelError(f"fastest 应用在没有量化过的检查点上，现在 {folder.name} 量化过；"
                         "换成名称里没有 GPTQ、AWQ 的，由 fastest 的 bits=8 或 4 来量化")


def check_memory(folder: Path, bits: int) -> None:
    """内存放得下原来的权重和重新排列的一份吗，放不下报 ModelError"""
    import psutil

    stored = sum((folder / name).stat().st_size for name in weight_files(folder))
    packed = 0.3 if bits == 16 else bits / 16  # 16 位的边换边放，只有词嵌入的表要留两份
    need = stored * (1 + packed) + SPARE
    free = psutil.virtual_memory().available
    if free < need:
        raise ModelError(f"{bits} 位应有 {need / 1e9:.1f} GB 可用的内存，现在只有 {free / 1e9:.1f} GB；"
                         "关掉别的程序，或者用 tiny")


def load(folder: Path):
    """照存放的类型加载；transformers 加载不了的、权重不全的报 ModelError"""
    from transformers import AutoModelForCausalLM

    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, device_map="cpu", dtype="auto", trust_remote_code=False, use_safetensors=True,
            output_loading_info=True)
    except Exception as error:  # 每种写错的设置、不支持的结构，报的错都不一样
        raise ModelError(f"transformers 应能加载 {folder.name}，现在不能（{one_line(error)}）；"
                         "换一个会写文字的模型，或者重新下载") from None
    if found["missing_keys"]:
        raise ModelError(f"{folder.name} 的权重文件里应有 {min(found['missing_keys'])}，现在没有；"
                         "这不是完整的检查点，重新下载")
    return model.eval()
