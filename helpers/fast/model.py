"""模型：仍是 transformers 的 Qwen2ForCausalLM，只有前向走平直的路；走不了的时候照 transformers 的走"""
import itertools

from helpers.fast import decode
from helpers.fast.cache import growing

import torch
import transformers
from transformers import DynamicCache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import CausalLMOutputWithPast


class Qwen2ForCausalLM(transformers.Qwen2ForCausalLM):
    """generate、流式输出、聊天模板、一批问题、logits、past_key_values、beam search 都与原来一样用

    plan: 平直的前向要用的（helpers.fast.load 准备）；explanation: 选了哪种做法、为什么
    训练、要中间结果（output_hidden_states、output_attentions）、挂了 hook、用别的缓存时，走 transformers 原来的路
    """
    plan: decode.Plan | None = None
    explanation = ""

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
                inputs_embeds=None, labels=None, use_cache=None, logits_to_keep=0, **kwargs):
        refuse_empty(input_ids)
        keep = kept(logits_to_keep)
        use_cache = self.config.use_cache if use_cache is None else use_cache
        cache = DynamicCache(config=self.config) if use_cache and past_key_values is None else past_key_values
        if labels is not None or not self.plain(kwargs, cache, attention_mask, input_ids, inputs_embeds):
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids,
                                   past_key_values=past_key_values, inputs_embeds=inputs_embeds, labels=labels,
                                   use_cache=use_cache, logits_to_keep=logits_to_keep, **kwargs)
        with torch.no_grad():
            hidden = self.model.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
            past = cache.get_seq_length() if cache is not None else 0
            mask = self.mask(hidden, attention_mask, cache, position_ids, past)
            if position_ids is None:
                position_ids = torch.arange(past, past + hidden.shape[1])[None]
            layers = None if cache is None else cache.layers
            hidden = decode.forward(self.model, self.plan, hidden, position_ids, layers, mask)
            logits = decode.head(self.plan, hidden[:, keep])
        return CausalLMOutputWithPast(logits=logits, past_key_values=cache if use_cache else None)

    def generate(self, inputs=None, *args, **kwargs):
        """与原来一样；没有词元的问题报 ValueError"""
        refuse_empty(kwargs.get("input_ids") if inputs is None else inputs)
        return super().generate(inputs, *args, **kwargs)

    def plain(self, kwargs: dict, cache, attention_mask, input_ids, inputs_embeds) -> bool:
        """这一次能不能走平直的路"""
        config = self.config
        return (self.plan is not None and not self.training and (input_ids is None) != (inputs_embeds is None)
                and all(value is None or name == "return_dict" or value is False and name != "is_causal"
                        for name, value in kwargs.items())
                and kwargs.get("return_dict") is not False and config.return_dict
                and config.hidden_act == "silu" and not self.model.has_sliding_layers
                and not (config.output_attentions or config.output_hidden_states)
                and config._attn_implementation == "sdpa"
                and (attention_mask is None or isinstance(attention_mask, torch.Tensor) and attention_mask.ndim == 2)
                and (inputs_embeds is None or not (torch.is_grad_enabled() and inputs_embeds.requires_grad))
                and (cache is None or growing(cache, config.num_hidden_layers))
                and not self.watched())

    def watched(self) -> bool:
        """有没有人在模块上挂了 hook；transformers 自己的（取过中间结果以后留下的）不算"""
        return any(not (getattr(hook, "__module__", None) or "").startswith("transformers.")
                   for table in self.hooks() if table for hook in table.values())

    def hooks(self) -> list[dict]:
        """全部模块的 hook 的表"""
        if "hook_tables" not in self.__dict__:
            self.__dict__["hook_tables"] = list(itertools.chain.from_iterable(
                (module._forward_hooks, module._forward_pre_hooks)
                for module in self.modules() if module is not self))  # 自己的由 __call__ 叫
        return self.hook_tables

    def mask(self, hidden: torch.Tensor, attention_mask, cache, positions: torch.Tensor, past: int):
        """注意力的遮罩；没有填充时，一个新词元、或从头读问题，都不用遮罩"""
        simple = hidden.shape[1] == 1 or past == 0 and (
            cache is not None or attention_mask is not None or positions is None)
        if simple and (attention_mask is None or bool(attention_mask.all())):
            return None
        return create_causal_mask(config=self.config, inputs_embeds=hidden, attention_mask=attention_mask,
                                  past_key_values=cache, position_ids=positions, allow_is_causal_skip=False)


def refuse_empty(ids) -> None:
    """至少一句，每句至少一个词元，否则报 ValueError"""
    if isinstance(ids, torch.Tensor) and 0 in ids.shape:
        raise ValueError(f"input_ids 应至少有一句、每句至少一个词元，现在的形状是 {tuple(ids.shape)}；"
                         "问题不要留空，先套上对话模板")


def kept(logits_to_keep) -> slice | torch.Tensor:
    """要算 logits 的位置：整数是最后几个（0 是全部），也可以是切片或一维的编号；别的报 ValueError"""
    if isinstance(logits_to_keep, int):
        return slice(-logits_to_keep, None)
    if isinstance(logits_to_keep, slice) or isinstance(logits_to_keep, torch.Tensor) and logits_to_keep.ndim == 1:
        return logits_to_keep
    shape = f"形状 {tuple(logits_to_keep.shape)} 的张量" if isinstance(logits_to_keep, torch.Tensor) else logits_to_keep
    raise ValueError(f"logits_to_keep 应是整数、切片或一维的编号，现在是 {shape}；要最后一个位置就写 1")
