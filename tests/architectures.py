"""另外两种结构的检查点：Qwen3 和 Llama 的形状，随机的权重，各有自己的分词器、对话模板和生成设置

例: like_qwen3(Path("qwen3"))、like_llama(Path("llama"))，都是几十 MB
"""
import json
from pathlib import Path

from helpers.fast.standin import SHARPNESS
from helpers.tiny import TINY

import torch
from qwen3_like import MORE_TOKENS
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

LITTLE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 4_096}
QWEN3_TEMPLATE = (
    "{%- for message in messages %}"
    "{%- set said = message.content %}"
    "{%- if message.role == 'assistant' %}{%- set said = said.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{{- '<|im_start|>' + message.role + '\\n' + said + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- endif %}")
LLAMA_PLAIN = 128_000  # 普通的词元；后面是特殊的
LLAMA_TOKENS = {0: "<|begin_of_text|>", 1: "<|end_of_text|>", 4: "<|finetune_right_pad_id|>",
                6: "<|start_header_id|>", 7: "<|end_header_id|>", 8: "<|eom_id|>", 9: "<|eot_id|>"}
LLAMA_TEMPLATE = (
    "{{- bos_token }}"
    "{%- if messages[0].role != 'system' %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023<|eot_id|>' }}"
    "{%- endif %}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}")


def like_qwen3(folder: Path) -> Path:
    """Qwen3 的形状：头宽 32，4 个头合起来 128，比宽度 64 大；q_norm、k_norm，没有偏置；模板认 enable_thinking"""
    config = Qwen3Config(
        **LITTLE,
        vocab_size=151_936,
        head_dim=32,
        tie_word_embeddings=True,
        attention_bias=False,
        eos_token_id=151_645,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
    )
    model = random_weights(Qwen3ForCausalLM, config)
    model.generation_config.update(
        do_sample=True,
        temperature=0.6,
        top_k=20,
        top_p=0.95,
        bos_token_id=151_643,
        eos_token_id=[151_645, 151_643],
        pad_token_id=151_643,
    )
    model.save_pretrained(folder)
    write_qwen3_tokenizer(folder)
    return folder


def like_llama(folder: Path) -> Path:
    """Llama 3 的形状：输出层另有一张表，没有偏置，rope_theta 500000；别的特殊词元

    分词器在每段文字前面加一个，没有填充用的
    """
    config = LlamaConfig(
        **LITTLE,
        vocab_size=LLAMA_PLAIN + 256,
        tie_word_embeddings=False,
        attention_bias=False,
        bos_token_id=128_000,
        eos_token_id=128_009,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
    )
    model = random_weights(LlamaForCausalLM, config)
    model.generation_config.update(
        do_sample=True,
        temperature=0.6,
        top_p=0.9,
        bos_token_id=128_000,
        eos_token_id=[128_001, 128_008, 128_009],
    )
    model.save_pretrained(folder)
    write_llama_tokenizer(folder)
    return folder


def saved_again(checkpoint: Path, folder: Path, largest: str) -> Path:
    """同一个检查点再存一次，一个权重文件最大 largest。例: "10MB"，权重就分成几个文件"""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="auto")
    model.save_pretrained(folder, max_shard_size=largest)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.save_pretrained(folder)
    return folder


def random_weights(kind, config):
    """这种结构的随机模型，bfloat16；不动 torch 的随机数"""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(14)
        model = kind(config)
    spread = config.initializer_range * config.hidden_size ** 0.5
    with torch.no_grad():
        model.model.norm.weight *= SHARPNESS / spread
    return model.to(torch.bfloat16)


def tiny_settings(name: str) -> dict:
    """教学小模型的一个 JSON 文件"""
    path = TINY / name
    return json.loads(path.read_text(encoding="utf-8"))


def write_qwen3_tokenizer(folder: Path) -> None:
    """Qwen2.5 的分词器，多四个词元；它们不算特殊词元，解码时留着"""
    content = tiny_settings("tokenizer.json")
    added = content["added_tokens"]
    first = len(added) + added[0]["id"]
    for number, token in enumerate(MORE_TOKENS, start=first):
        added.append(added_token(number, token, special=False))
    settings = tiny_settings("tokenizer_config.json")
    write_tokenizer(folder, content, settings, QWEN3_TEMPLATE)


def write_llama_tokenizer(folder: Path) -> None:
    """Qwen 的词表只留前 128,000 个，换成 Llama 3 的 256 个特殊词元"""
    content = tiny_settings("tokenizer.json")
    keep_first(content["model"], LLAMA_PLAIN)
    content["added_tokens"] = []
    for number in range(256):
        token = LLAMA_TOKENS.get(number, f"<|reserved_special_token_{number}|>")
        content["added_tokens"].append(added_token(LLAMA_PLAIN + number, token, special=True))
    start = LLAMA_TOKENS[0]
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": start, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [],
        "special_tokens": {start: {"id": start, "ids": [LLAMA_PLAIN], "tokens": [start]}},
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": start,
        "eos_token": LLAMA_TOKENS[9],
    }
    write_tokenizer(folder, content, settings, LLAMA_TEMPLATE)


def keep_first(model: dict, count: int) -> None:
    """BPE 的词表只留编号小于 count 的词元，次序表只留合得出它们的"""
    kept = {}
    for token, number in model["vocab"].items():
        if number < count:
            kept[token] = number
    merges = []
    for pair in model["merges"]:
        if pair.replace(" ", "") in kept:
            merges.append(pair)
    model["vocab"] = kept
    model["merges"] = merges


def added_token(number: int, token: str, special: bool) -> dict:
    """词表以外另加的一个词元，tokenizer.json 的写法"""
    return {
        "id": number,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def write_tokenizer(folder: Path, content: dict, settings: dict, template: str) -> None:
    """分词器的三个文件"""
    settings["model_max_length"] = LITTLE["max_position_embeddings"]
    store(folder / "tokenizer.json", content)
    store(folder / "tokenizer_config.json", settings)
    path = folder / "chat_template.jinja"
    path.write_text(template, encoding="utf-8")


def store(path: Path, content: dict) -> None:
    """content 存成 JSON"""
    text = json.dumps(content)
    path.write_text(text, encoding="utf-8")
