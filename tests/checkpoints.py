"""很小的检查点：随机的权重，256 个字节的分词器，模板和 Qwen 的一样；加载只要几十毫秒"""
import json
import shutil
from pathlib import Path

from helpers.tiny import TINY

from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

SHAPE = {"vocab_size": 512, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1}


def random_model(kind: str = "tied"):
    """一种结构的很小的随机模型：qwen3、llama，或者 Qwen2.5 的 tied（词嵌入和输出是同一张表）、untied"""
    options = {**SHAPE, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    match kind:
        case "qwen3":
            return Qwen3ForCausalLM(Qwen3Config(**options, head_dim=8))
        case "llama":
            return LlamaForCausalLM(LlamaConfig(**options))
    return Qwen2ForCausalLM(Qwen2Config(**options, tie_word_embeddings=kind == "tied"))


def saved(model, folder: Path, **options) -> Path:
    """存好一个模型，配上很小的分词器；options 交给 save_pretrained"""
    model.save_pretrained(folder, **options)
    content = json.loads((TINY / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"] = dict(list(content["model"]["vocab"].items())[:256])  # 只留单个字节
    content["model"]["merges"] = []
    for number, token in enumerate(content["added_tokens"]):
        token["id"] = 256 + number
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(TINY / name, folder)
    return folder
