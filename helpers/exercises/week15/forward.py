"""第 15 周的练习交给学生的模型：只能做前向"""
import time
from functools import cache

ONE_TEXT = 20  # 量一次前向时送进去几个词元


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
