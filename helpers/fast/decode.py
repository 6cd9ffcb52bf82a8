"""前向：把 Qwen2 的一次前向写成一个平直的循环，少付 Python 的开销；数学与 transformers 的一样，只差舍入

一个词元要过 24 层，transformers 每层要走十几个 Python 对象；这里每层只有必要的运算。
出处: transformers/models/qwen2/modeling_qwen2.py（数学照它）
"""
from dataclasses import dataclass

from helpers.fast.linear import Linear

import torch
from torch.nn import functional as F


@dataclass
class Layer:
    """一层的四组线性层"""
    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear


@dataclass
class Plan:
    """整个模型要用的

    norms: 类型 → 归一化的权重，每层两个，最后还有一个；dtype: 检查点的类型，KV 缓存也用它
    """
    layers: list[Layer]
    head: Linear
    norms: dict[torch.dtype, list[torch.Tensor]]
    dtype: torch.dtype


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """旋转位置编码；sin 的前一半已经变号，所以转半圈再乘就行"""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)


def angles(model, hidden: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """每个位置的 cos 和（前一半变号的）sin，形状 (批, 1, 词元, 头维)"""
    cos, sin = model.rotary_emb(hidden, positions)
    sin = torch.cat([-sin[..., :sin.shape[-1] // 2], sin[..., sin.shape[-1] // 2:]], dim=-1)
    return cos.unsqueeze(1), sin.unsqueeze(1)


def attend_one(fused: torch.Tensor, heads: tuple[int, int, int], angle, cached, mask, dtype) -> torch.Tensor:
    """只有一个新词元的注意力：(批, 1, q+k+v) → (批, 1, q)；同组的 q 头当作几个位置，k、v 不用复制"""
    n, kv, dim = heads
    batch = fused.shape[0]
    both = fused.view(batch, n + 2 * kv, 1, dim)
    turned = rotate(both[:, :n + kv], *angle).to(dtype)
    keys, values = cached(turned[:, n:], both[:, n + kv:].to(dtype))
    out = F.scaled_dot_product_attention(turned[:, :n].reshape(batch, kv, n // kv, dim), keys, values, attn_mask=mask)
    return out.view(batch, 1, n * dim)


def attend_many(parts, heads: tuple[int, int, int], angle, cached, mask, dtype) -> torch.Tensor:
    """几个新词元的注意力；没有遮罩时每个词元只看自己和以前的"""
    n, kv, dim = heads
    q, k, v = (part.unflatten(-1, (-1, dim)).transpose(1, 2) for part in parts)
    q, k = rotate(q, *angle), rotate(k, *angle)
    keys, values = cached(k.to(dtype), v.to(dtype))
    out = F.scaled_dot_product_attention(q, keys.to(q.dtype), values.to(q.dtype), attn_mask=mask,
                                         is_causal=mask is None, enable_gqa=n != kv)
    return out.transpose(1, 2).flatten(2)


def forward(model, plan: Plan, hidden: torch.Tensor, positions: torch.Tensor, layers, mask) -> torch.Tensor:
    """词嵌入 (批, 词元, 维) → 最后一层归一化以后的 hidden；layers 是 KV 缓存的各层，没有缓存就是 None"""
    rows, config = hidden.shape[0] * hidden.shape[1], model.config
    eps, size, one = config.rms_norm_eps, (hidden.shape[-1],), hidden.shape[1] == 1
    heads = (config.num_attention_heads, config.num_key_value_heads,
             getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    compute = plan.layers[0].qkv.kernel(rows).compute or plan.dtype
    hidden = hidden.to(compute)
    angle, norms = angles(model, hidden, positions), plan.norms[compute]
    for index, layer in enumerate(plan.layers):
        x = F.rms_norm(hidden, size, norms[2 * index], eps)
        cached = layers[index].update if layers is not None else lambda k, v: (k, v)
        qkv = layer.qkv.kernel(rows)
        if one:
            x = attend_one(qkv(x), heads, angle, cached, mask, plan.dtype)
        else:
            x = attend_many(qkv.parts(x), heads, angle, cached, mask, plan.dtype)
        hidden = hidden + layer.out.kernel(rows)(x.to(compute))
        x = F.rms_norm(hidden, size, norms[2 * index + 1], eps)
        gate, up = layer.gate_up.kernel(rows).parts(x)
        hidden = hidden + layer.down.kernel(rows)(F.silu(gate).mul_(up))
    return F.rms_norm(hidden, size, norms[-1], eps)


def head(plan: Plan, hidden: torch.Tensor) -> torch.Tensor:
    """hidden → 词表上的 logits"""
    kernel = plan.head.kernel(hidden.shape[0] * hidden.shape[1])
    return kernel(hidden.to(kernel.compute or plan.dtype))
