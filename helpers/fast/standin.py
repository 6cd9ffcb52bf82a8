"""替身：与 Qwen2.5-0.5B-Instruct 同样的结构和文件、随机的权重——速度、内存、加载与真的一样，只是说的是乱语

python -m helpers.fast.standin 文件夹 写出 0.99 GB 的全尺寸替身；不写文件夹就放进缓存
"""
import argparse
import shutil
from pathlib import Path

from helpers.download.checkpoint import check_checkpoint, read_config
from helpers.errors import ModelError, friendly_errors
from helpers.files import course_folder, incomplete
from helpers.tiny import TINY

from safetensors import SafetensorError

QWEN_SHAPE = {"vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32_768, "max_window_layers": 21}
SMALL = {**QWEN_SHAPE, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SHARPNESS = 10.0  # logits 的标准差：放大最后的归一化，才像训练过的那样有高有低
BYTES = 1.1e9     # 全尺寸的替身要多少磁盘


def make(folder: Path, shape: dict = QWEN_SHAPE, seed: int = 14) -> Path:
    """写出一个替身，返回它的文件夹：bf16 的 safetensors、官方分词器、Qwen2.5 的生成设置

    seed 相同，权重就相同；不动 torch 的随机数
    例: make(Path("standin"), SMALL) 写一个几十 MB 的
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(**shape, tie_word_embeddings=True, rms_norm_eps=1e-6, bos_token_id=151_643,
                         eos_token_id=151_645, pad_token_id=None,
                         rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0})
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        model.model.norm.weight *= SHARPNESS / (config.initializer_range * config.hidden_size ** 0.5)
    model.generation_config.update(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.1,
                                   bos_token_id=151_643, eos_token_id=[151_645, 151_643], pad_token_id=151_643)
    model.to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(TINY / name, folder)
    return Path(folder)


def standin(shape: dict = QWEN_SHAPE) -> Path:
    """缓存里的替身，没有、不完整或者是别的形状就重做一次（0.99 GB，约 10 秒），返回文件夹

    做不了时报 ModelError，见 place
    例: standin().name -> "standin"
    """
    folder = course_folder() / ("standin" if shape == QWEN_SHAPE else f"standin-{shape['hidden_size']}")
    if not good(folder, shape):
        shutil.rmtree(folder, ignore_errors=True)
        place(folder, shape)
    return folder


def good(folder: Path, shape: dict) -> bool:
    """folder 里是不是一个完整的、这个形状的替身"""
    try:
        return shape.items() <= read_config(check_checkpoint(folder)).items()
    except ModelError:
        return False


def place(folder: Path, shape: dict = QWEN_SHAPE) -> Path:
    """在新的（或空的）文件夹 folder 里做一个替身，返回 folder；全部写好才出现，出错、中断都不留下半个

    folder 里已有东西、不能写、磁盘放不下时报 ModelError
    例: place(Path("standin"), SMALL) 写一个几十 MB 的
    """
    folder = Path(folder).resolve()
    partial = incomplete(folder)
    if folder.is_file() or folder.is_dir() and any(folder.iterdir()):
        raise ModelError(f"{folder} 应是新的或空的文件夹，现在已有东西；换一个名称，或者自己先删掉它")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        free = shutil.disk_usage(partial).free
        if shape == QWEN_SHAPE and free < BYTES:
            raise ModelError(f"放替身的磁盘应有 {BYTES / 1e9:.1f} GB，现在只剩 {free / 1e9:.1f} GB；腾出空间再试")
        make(partial, shape)
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"应能把替身写进 {folder}，现在不能（{error}）；换一个能写、空间够的位置") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def main(arguments: list[str] | None = None) -> None:
    """python -m helpers.fast.standin 的入口；出错时说一句中文，退出代码 1"""
    parser = argparse.ArgumentParser(prog="python -m helpers.fast.standin", description="做一个全尺寸（0.99 GB）的替身")
    parser.add_argument("folder", nargs="?", type=Path, help="写在哪个新的文件夹里；不写就放进缓存")
    folder = parser.parse_args(arguments).folder
    with friendly_errors("已停止，没有留下写到一半的文件"):
        print(f"写好了 {(place(folder) if folder else standin()).name}")


if __name__ == "__main__":
    main()
