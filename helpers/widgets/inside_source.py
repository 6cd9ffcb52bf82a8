"""模型里面的两个视图（attention.py、lens.py）问的：一段文字的词元，注意力权重，每一层会说什么

出处: notebooks/10_inside.ipynb；计算在 helpers.inside 里
"""
from collections.abc import Iterator

from helpers.inside import attention, lens_rows, token_name
from helpers.tokens import check_text
from helpers.widgets.source import Source

import torch

MOST_POSITIONS = 64


class InsideSource(Source):
    """一段文字在模型里面"""

    def positions(self, text: str, template: bool) -> list[dict]:
        """文字（套上模板）的词元，1 到 MOST_POSITIONS 个；空的、不完整的、太长的报 ValueError"""
        check_text(text.strip())
        if template:
            messages = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) > MOST_POSITIONS:
            raise ValueError(
                f"应是 1 到 {MOST_POSITIONS} 个词元（模板也算），现在有 {len(ids)} 个；"
                "缩短再试，下面还是上一段文字")
        return self._pieces(ids)

    def looks(self, ids: list[int], query: int) -> list:
        """第 query 个位置（从 0 数）看它自己和前面的：[层][头][位置] 的权重；头 0 是所有的头平均"""
        heads = self._weights(ids)[:, :, query, :query + 1]
        average = heads.mean(dim=1, keepdim=True)
        return four_digits(torch.cat([average, heads], dim=1))

    def attention_map(self, ids: list[int], layer: int, head: int) -> list:
        """一层一个头的整张图：[谁在看][看谁]；layer 从 0 数，head 0 是平均"""
        weights = self._weights(ids)[layer]
        if head == 0:
            return four_digits(weights.mean(dim=0))
        return four_digits(weights[head - 1])

    def lens(self, ids: list[int]) -> Iterator[list[dict]]:
        """一层一层地：每个位置会说什么、概率多大；第 0 行只查了词嵌入，最后一行是模型的输出"""
        return self._replayed("lens", list(ids), lambda: self._rows(ids))

    def _rows(self, ids: list[int]) -> Iterator[list[dict]]:
        for best, probabilities in lens_rows(self.model, torch.tensor([ids])):
            row = []
            for token_id, share in zip(best[:, 0].tolist(), probabilities[:, 0].tolist(), strict=True):
                row.append({"id": token_id, "label": token_name(self.tokenizer, token_id), "share": share})
            yield row

    def _weights(self, ids: list[int]) -> torch.Tensor:
        """注意力权重，形状 (层数, 头数, n, n)"""
        return self._once("attention", list(ids), lambda: attention(self.model, torch.tensor([ids])))


def four_digits(weights: torch.Tensor) -> list:
    """权重，留四位小数：画面用不着更多，送得快"""
    return weights.round(decimals=4).tolist()
