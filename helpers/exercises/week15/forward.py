"""第 15 周的练习交给学生的模型：只能做前向"""


class ForwardOnly:
    """包着模型，前向时不记梯度；没有 generate，题目要学生自己写循环"""

    def __init__(self, model):
        self.model = model

    def __call__(self, *inputs, **named):
        import torch

        with torch.no_grad():
            return self.model(*inputs, **named)

    def __getattr__(self, name: str):
        if name == "generate":
            raise RuntimeError("这一题要自己写循环，不能用 model.generate")
        return getattr(self.model, name)
