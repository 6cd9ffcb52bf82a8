"""真正的大小的结构，没有权重：Qwen2.5-0.5B 和 Qwen3-0.6B 的设置，放在 meta 上的模型"""
import torch
from transformers import Qwen2Config, Qwen3Config

QWEN2 = Qwen2Config(  # Qwen2.5-0.5B
    vocab_size=151_936,
    hidden_size=896,
    intermediate_size=4_864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    tie_word_embeddings=True,
    max_position_embeddings=32_768,
)
QWEN3 = Qwen3Config(  # Qwen3-0.6B
    vocab_size=151_936,
    hidden_size=1_024,
    intermediate_size=3_072,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    tie_word_embeddings=True,
    max_position_embeddings=40_960,
)


def on_meta(kind, config):
    """config 的模型：只有形状，没有数，不占内存。例: on_meta(Qwen2ForCausalLM, QWEN2)"""
    with torch.device("meta"):
        return kind(config)
