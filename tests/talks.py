"""聊天的测试共用：消息，套了模板的编号，没有缓存时写出的"""
from helpers.generation import steps

import torch


def asked(text: str, *earlier: dict) -> list[dict]:
    """接在 earlier 后面问 text"""
    return [*earlier, {"role": "user", "content": text}]


def templated(tokenizer, messages: list[dict]) -> list[int]:
    """送进模型的编号，替助手开好头"""
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True).input_ids


def fresh(model, ids: list[int], count: int) -> list[int]:
    """没有缓存留下来时写的"""
    return [step.token_id for step in steps(model, torch.tensor([ids]), count)]
