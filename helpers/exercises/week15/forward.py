"""第 15 周的练习交给学生的模型：只能做前向；generate 是不是贪心"""
import time
from functools import cache

ONE_TEXT = 20  # 量一次前向时送进去几个词元
NOT_GREEDY = "generate 现在是抽样，或者惩罚了重复：do_sample=False 和 repetition_penalty=1.0 都要留着"


class ForwardOnly:
    """包着模型，前向时不记梯度；没有 generate，题目要学生自己写循环"""

    def __init__(self, model):
        self._wrapped = model

    def __call__(self, *inputs, **named):
        import torch

        with torch.no_grad():
            return self._wrapped(*inputs, **named)

    def __getattr__(self, name: str):
        if name == "generate":
            raise RuntimeError("这一题要自己写循环，不能用 model.generate")
        return getattr(self._wrapped, name)


@cache
def forward_seconds(model) -> float:
    """这台电脑上送进 20 个词元的一次前向要几秒，量两次取长的；一个模型只量一次

    例: forward_seconds(model) -> 0.01
    """
    import torch

    input_ids = torch.arange(ONE_TEXT)[None] + 1000
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        ForwardOnly(model)(input_ids)
        seconds.append(time.perf_counter() - start)
    return max(seconds)


def is_greedy(model, named: dict) -> bool:
    """这样运行 model.generate(**named)，是贪心、不惩罚重复吗；没有写的，看模型自己的 generation_config

    例: is_greedy(model, {"do_sample": False, "repetition_penalty": 1.2}) -> False
    """
    def setting(name: str):
        if name in named:
            return named[name]
        given = getattr(named.get("generation_config"), name, None)
        if given is not None:
            return given
        return getattr(model.generation_config, name, None)

    if setting("do_sample") and setting("top_k") != 1:
        return False
    return setting("repetition_penalty") in (None, 1)
