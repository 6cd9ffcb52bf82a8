"""像 Qwen3、Qwen3.5 的很小的随机模型和分词器：先思考再回答，线性注意力"""
from copy import deepcopy

import torch
from transformers import Qwen3_5ForCausalLM, Qwen3_5TextConfig

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
