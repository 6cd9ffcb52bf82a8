"""模型里面：每层每个头看前面哪里（注意力权重），每层的隐藏状态会说出什么（logit lens）

出处: notebooks/10_inside.ipynb；logit lens 见 nostalgebraist 2020, interpreting GPT: the logit lens
"""
from collections.abc import Iterator
from dataclasses import dataclass

from helpers.generation import check_ids
from helpers.sampling import check_k
from helpers.tokens import piece

import torch
from torch import Tensor


@torch.inference_mode()
def attention(model, input_ids: Tensor) -> Tensor:
    """一次前向里的注意力权重，形状 (层数, 头数, n, n)，float32：[层, 头, 谁在看, 看谁]

    每行加起来是 1（16 位的模型差几个千分之一），右上角是 0：看不到后面
    input_ids: 形状 (1, n)；加载时没有写 attn_implementation="eager" 就报 ValueError
    例: attention(model, inputs.input_ids)[0, 0, -1] 是第一层第一个头里，最后一个词元看每个词元的权重
    """
    check_ids(model, input_ids)
    used = model.config._attn_implementation
    if used != "eager":
        raise ValueError(
            f"应得到每一层的注意力权重，现在用的 {used} 算得快，但不留下它们；"
            "加载时写 AutoModelForCausalLM.from_pretrained(..., attn_implementation=\"eager\")")
    out = model(input_ids=input_ids, output_attentions=True)
    return torch.stack([weights[0].float() for weights in out.attentions])


def strongest(weights: Tensor, count: int = 3) -> list[int]:
    """权重最大的几个位置，从大到小；权重是 0 的不算。例: strongest(torch.tensor([.2, 0, .8])) -> [2, 0]"""
    best = weights.topk(min(count, len(weights))).indices.tolist()
    return [i for i in best if weights[i] > 0]


def token_name(tokenizer, token_id: int) -> str:
    """编号 → 看得见的名字；词表末尾没有词元的编号写成 #151700 这样。例: token_name(tokenizer, 198) -> "↵" """
    if token_id >= len(tokenizer):
        return f"#{token_id}"
    return piece(tokenizer, token_id).label


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """两列数的名次有多一致：1 是完全一样，0 是没有关系，-1 是正好相反（Spearman 相关系数）

    例: rank_correlation(torch.tensor([1, 5, 3]), torch.tensor([10, 90, 20])) -> 1.0
    """
    pair = torch.stack([ranking(a), ranking(b)])
    return torch.corrcoef(pair)[0, 1].item()


def ranking(numbers: Tensor) -> Tensor:
    """每个数排第几，从小到大，从 0 数；一样大的，在前的排前。例: ranking(torch.tensor([5, 9, 2])) -> [1., 2., 0.]"""
    order = numbers.argsort(stable=True)  # 第 0 名是第几个数
    return order.argsort().float()  # 反过来：第几个数是第几名


@dataclass(frozen=True)
class LensTable:
    """每层、每个位置的前 k 名：ids 和 probabilities 的形状都是 (层数 + 1, n, k)

    第 i 行是过了 i 层以后：第 0 行只查了词嵌入，最后一行就是模型的输出
    """
    ids: Tensor
    probabilities: Tensor

    @property
    def agree(self) -> Tensor:
        """第一名与最后一行的第一名相同吗，形状 (层数 + 1, n)，最后一行都是 True"""
        first = self.ids[:, :, 0]
        return first == first[-1]

    def settled(self, position: int) -> int:
        """在 position 这个位置（从 0 数，负数从后面数），过了几层以后第一名不再变。例: lens.settled(-1) -> 6"""
        agree = self.agree[:, position].tolist()
        settled = 0
        for layer, same in enumerate(agree):
            if not same:
                settled = layer + 1
        return settled


def lens(model, input_ids: Tensor, k: int = 1) -> LensTable:
    """logit lens：在每一层就让模型回答，每个位置的前 k 名

    input_ids: 形状 (1, n)；k: 1 到词表大小
    例: lens(model, inputs.input_ids).ids[-1, -1, 0] 是回答的第一个词元
    """
    rows = list(lens_rows(model, input_ids, k))
    ids, probabilities = zip(*rows, strict=True)
    return LensTable(torch.stack(ids), torch.stack(probabilities))


@torch.inference_mode()
def lens_rows(model, input_ids: Tensor, k: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
    """lens 的一行一行：(编号, 概率)，形状都是 (n, k)；一层一层地算，只留前 k 名，所以大模型也放得下

    例: len(list(lens_rows(model, inputs.input_ids))) 是层数 + 1
    """
    check_ids(model, input_ids)
    check_k(k, model.config.vocab_size, usual="1 或 5")
    out = model(input_ids=input_ids, output_hidden_states=True)
    for logits in layer_logits(model, out.hidden_states, out.logits):
        scores = logits[0].float()
        best = scores.topk(k).indices  # 形状 (n, k)
        yield best, scores.softmax(dim=-1).gather(1, best)


def layer_logits(model, hidden_states: tuple[Tensor, ...], output: Tensor) -> Iterator[Tensor]:
    """每层的隐藏状态提前送进最后的归一化和输出层，一层给一个 logits，形状 (1, n, 词表大小)

    hidden_states: 层数 + 1 个；transformers 给的最后一个已经归一化，不能再来一次
    output: 模型自己的 logits，用来核对最后一层；差得超过舍入误差就报 ValueError
    例: list(layer_logits(model, out.hidden_states, out.logits))[-1] 就是 out.logits；大模型要一个一个地取
    """
    *earlier, last = hidden_states
    for state in earlier:
        yield model.lm_head(model.model.norm(state))
    for state in (last, model.model.norm(last)):  # 第二种给留下归一化以前的数的版本
        logits = model.lm_head(state)
        if same_logits(logits, output):
            yield logits
            return
    raise ValueError(
        "最后一层的 logits 应与模型的输出相同，现在不同；检查 hidden_states 和 logits 是不是同一次前向的，"
        "模型是不是 Qwen2、Qwen3、Llama 这样的结构")


def same_logits(ours: Tensor, theirs: Tensor) -> bool:
    """两组 logits 只差舍入误差：最大的差不超过最大的打分乘 8 个机器精度（float32 约百万分之一，bf16 约 6 %）"""
    precision = torch.finfo(theirs.dtype).eps
    allowed = 8 * precision * theirs.abs().max().item()
    return torch.allclose(ours, theirs, rtol=0, atol=allowed)
