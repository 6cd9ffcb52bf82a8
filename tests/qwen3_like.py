"""像 Qwen3、Qwen3.5 的很小的随机模型和分词器：先思考再回答，线性注意力"""
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

from helpers.tiny import TINY

import torch
from checkpoints import SHAPE, saved
from transformers import (
    AutoTokenizer,
    Qwen3_5Config,
    Qwen3_5ForCausalLM,
    Qwen3_5ForConditionalGeneration,
    Qwen3_5TextConfig,
    Qwen3Config,
    Qwen3ForCausalLM,
)

# Qwen3 比 Qwen2.5 多的四个词元，照它的次序：</think> 正好是 151668 号
MORE_TOKENS = ["<tool_response>", "</tool_response>", "<think>", "</think>"]
# 和 Qwen3 的模板一样的几条规则：从前的思考去掉；不思考时替它写一段空的思考；最后一条回答总带着思考
TEMPLATE = """\
{%- set last = namespace(user=-1) -%}
{%- for message in messages -%}
    {%- if message.role == "user" -%}{%- set last.user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
    {%- set parts = message.content.split("</think>") -%}
    {%- set answer = parts[-1].lstrip("\n") if parts[1:] else message.content -%}
    {%- set thought = parts[0].split("<think>")[-1].strip("\n") if parts[1:] else "" -%}
    {{- "<|im_start|>" + message.role + "\n" -}}
    {%- if message.role == "assistant" and loop.index0 > last.user -%}
        {{- "<think>\n" + thought + "\n</think>\n\n" -}}
    {%- endif -%}
    {{- answer + "<|im_end|>\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "<|im_start|>assistant\n" -}}
    {%- if enable_thinking is defined and not enable_thinking -%}{{- "<think>\n\n</think>\n\n" -}}{%- endif -%}
{%- endif -%}
"""


def thinker(tokenizer):
    """tokenizer 的一份，加上思考的词元和模板"""
    other = deepcopy(tokenizer)
    other.add_tokens(MORE_TOKENS)
    other.chat_template = TEMPLATE
    return other


def hybrid(longest: int = 1024):
    """四层的 Qwen3.5：三层线性注意力，一层普通的；词表和 Qwen2.5 的一样大，最多读 longest 个词元"""
    torch.manual_seed(14)
    config = Qwen3_5TextConfig(
        vocab_size=151936, hidden_size=16, intermediate_size=16, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, linear_num_key_heads=2, linear_num_value_heads=2, linear_key_head_dim=8,
        linear_value_head_dim=8, tie_word_embeddings=True, max_position_embeddings=longest, eos_token_id=151645)
    return Qwen3_5ForCausalLM(config).eval()


def with_pictures(folder: Path) -> Path:
    """存好一个很小的 Qwen3.5，连看图的部分，就像官方的检查点；各讲都能拿来试"""
    text = hybrid().config.to_dict()
    seeing = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
              "num_position_embeddings": 16}
    config = Qwen3_5Config(text_config=text, vision_config=seeing, tie_word_embeddings=True)
    model = Qwen3_5ForConditionalGeneration(config)
    model.generation_config.update(eos_token_id=[151645, 151643], pad_token_id=151643)
    model.save_pretrained(folder)
    thinker(AutoTokenizer.from_pretrained(TINY)).save_pretrained(folder)
    return folder


def scripted(folder: Path, script: list[str]) -> Path:
    """存好一个很小的 Qwen3：接着换行写出 script 里的词元，一个接一个，写完最后一个又写它；没有真的权重，只有下一个是谁

    例: scripted(folder, ["<think>", "a", "</think>", "b", "<|im_end|>"])
    """
    model = Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=8, tie_word_embeddings=False))
    saved(model, folder)
    tokenizer = thinker(AutoTokenizer.from_pretrained(folder))
    tokenizer.save_pretrained(folder)
    chain = tokenizer.convert_tokens_to_ids(["Ċ", *script, script[-1]])  # Ċ 是换行
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:  # 注意力和前馈什么也不加，只剩词嵌入
                parameter.zero_()
        for place, (token_id, following) in enumerate(pairwise(chain)):
            model.model.embed_tokens.weight[token_id, place] = 1.0
            model.lm_head.weight[following, place] = 20.0
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.save_pretrained(folder)
    return folder
