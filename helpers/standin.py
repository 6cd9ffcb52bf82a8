"""替身：与 Qwen2.5-0.5B-Instruct 同样的结构和文件、随机的权重——速度、内存、加载与真的一样，只是说的是乱语

python -m helpers.standin 文件夹 写出 0.99 GB 的全尺寸替身；不写文件夹就放进缓存
"""
import shutil
import sys
from pathlib import Path

from helpers.errors import ModelError
from helpers.fast.memory import cache_folder
from helpers.tiny.files import CHECKPOINT

QWEN = {"vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32_768, "max_window_layers": 21}
SMALL = {**QWEN, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SHARPNESS = 10.0  # logits 的标准差：放大最后的归一化，才像训练过的那样有高有低
BYTES = 1.1e9     # 全尺寸的替身要多少磁盘


def make(folder: Path, shape: dict = QWEN, seed: int = 14) -> Path:
    """写出一个替身，返回它的文件夹：bf16 的 safetensors、官方分词器、Qwen2.5 的生成设置

    例: make(Path("standin"), SMALL) 写一个几十 MB 的
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    config = Qwen2Config(**shape, tie_word_embeddings=True, rms_norm_eps=1e-6, bos_token_id=151_643,
                         eos_token_id=151_645, pad_token_id=None,
                         rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0})
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        model.model.norm.weight *= SHARPNESS / (config.initializer_range * config.hidden_size ** 0.5)
    model.generation_config.update(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.1,
                                   bos_token_id=151_643, eos_token_id=[151_645, 151_643], pad_token_id=151_643)
    model.to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(CHECKPOINT / name, folder)
    return Path(folder)


def standin(shape: dict = QWEN) -> Path:
    """缓存里的替身，没有就做一次（0.99 GB，约 10 秒），返回文件夹；中断了不留下半个

    磁盘放不下时报 ModelError
    例: standin().name -> "standin"
    """
    folder = cache_folder() / ("standin" if shape == QWEN else f"standin-{shape['hidden_size']}")
    if (folder / "config.json").is_file():
        return folder
    partial = folder.with_name(folder.name + ".incomplete")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    free = shutil.disk_usage(partial).free
    if shape == QWEN and free < BYTES:
        raise ModelError(f"放替身的磁盘应有 {BYTES / 1e9:.1f} GB，现在只剩 {free / 1e9:.1f} GB；腾出空间再试")
    try:
        make(partial, shape)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)
    return folder


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("最多写一个文件夹，例如：python -m helpers.standin standin")
    print(f"写好了 {(make(Path(sys.argv[1])) if len(sys.argv) == 2 else standin()).name}")
