"""换线性层：模型还是 transformers 的，加载、前向、缓存、generate 都不动，只把每个 nn.Linear 换成有两种做法的

出处: notebooks/08_speed.ipynb 第 7 节
"""
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Choice:
    """一种形状的矩阵用的两种做法（helpers.fast.ways 里的类）：writing 只有一行时用，reading 许多行时用"""
    writing: type
    reading: type


@dataclass(frozen=True)
class Group:
    """输入是同一个张量的几个线性层，例如一层的 q、k、v；output: 是不是输出层（词表上的那一层）"""
    members: list[nn.Linear]
    output: bool

    @property
    def shape(self) -> str:
        """上下拼起来的形状。例: "1152x896" """
        rows = sum(linear.out_features for linear in self.members)
        return f"{rows}x{self.members[0].in_features}"

    @property
    def weight(self) -> torch.Tensor:
        """拼起来的权重；只有一个就是它自己"""
        weights = [linear.weight.detach() for linear in self.members]
        return weights[0] if len(weights) == 1 else torch.cat(weights)

    @property
    def bias(self) -> torch.Tensor | None:
        """拼起来的偏置，没有偏置的补 0；都没有就是 None"""
        if all(linear.bias is None for linear in self.members):
            return None
        parts = []
        for linear in self.members:
            none = torch.zeros(linear.out_features, dtype=linear.weight.dtype)
            parts.append(none if linear.bias is None else linear.bias.detach())
        return torch.cat(parts)


class Together:
    """几个输入相同的线性层，一次算完；各层来取自己的一段"""

    def __init__(self, way, sizes: list[int]):
        self.way = way      # x → 全部的结果，接在最后一维
        self.sizes = sizes  # 各层的输出维数
        self.last = (None, ())

    def part(self, index: int, x: torch.Tensor) -> torch.Tensor:
        """第 index 层的结果；x 就是刚才算过的那一个，就不再算"""
        seen, parts = self.last
        if index == 0 or seen is not x:
            parts = self.way(x).split(self.sizes, dim=-1)
            self.last = (x, parts)
        if index == len(self.sizes) - 1:
            self.last = (None, ())  # 取完了，不留着占内存
        return parts[index]


class Alone:
    """一个线性层自己算"""

    def __init__(self, way):
        self.way = way

    def part(self, index: int, x: torch.Tensor) -> torch.Tensor:
        """它的结果"""
        return self.way(x)


def calculators(way: type, group: Group) -> list:
    """各层用 way 时去哪里取结果，一层一个；不另占内存的做法不拼，别的拼成一个大的"""
    if way.keeps_weight:
        return [Alone(way(linear.weight.detach(), linear.bias)) for linear in group.members]
    sizes = [linear.out_features for linear in group.members]
    return [Together(way(group.weight, group.bias), sizes)] * len(sizes)


class TwoWayLinear(nn.Linear):
    """有两种做法的线性层：x 只有一行时从 one 取，许多行时从 many 取"""

    def __init__(self, linear: nn.Linear, index: int, one, many):
        nn.Module.__init__(self)  # 不照 nn.Linear 另做一份随机的权重
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self.weight = linear.weight
        self.bias = linear.bias
        self.index = index  # 是组里的第几个
        self.one = one
        self.many = many

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        source = self.one if x.numel() == self.in_features else self.many
        return source.part(self.index, x)


def linears(model) -> dict[str, nn.Linear]:
    """模型里全部的线性层：名字 → 层"""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def find_groups(model) -> list[Group]:
    """让模型读一个词元，看哪些线性层的输入是同一个张量：它们在一组，按用到的次序；没有用到的不在里面"""
    seen = []

    def watch(module, inputs):
        seen.append((module, inputs[0]))

    hooks = [linear.register_forward_pre_hook(watch) for linear in linears(model).values()]
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 1, dtype=torch.int64), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    output = model.get_output_embeddings()
    groups = []
    last = None
    for module, x in seen:
        if x is last:
            groups[-1].members.append(module)
        else:
            groups.append(Group([module], module is output))
        last = x
    return groups


def swap_linears(model, groups: list[Group], choices: dict[str, Choice]):
    """就地换掉 groups 里的线性层，返回同一个 model；换过以后只能推理，不能训练、保存

    choices: Group.shape → Choice；两种做法都不用原来的权重时，原来的那一份放掉，只留下形状
    groups 一边换一边空，好让原来的权重真的放掉
    """
    model.requires_grad_(False)
    names = {id(linear): name for name, linear in linears(model).items()}
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    while groups:
        group = groups.pop()
        choice = choices[group.shape]
        one = calculators(choice.writing, group)
        many = one if choice.reading is choice.writing else calculators(choice.reading, group)
        unused = not choice.writing.keeps_weight and not choice.reading.keeps_weight
        for index, old in enumerate(group.members):
            if unused and id(old.weight) not in tables:  # 与词嵌入是同一张表的要留着
                old.weight = nn.Parameter(old.weight.to("meta"), requires_grad=False)
            owner, _, last = names[id(old)].rpartition(".")
            setattr(model.get_submodule(owner), last, TwoWayLinear(old, index, one[index], many[index]))
    return model


def fits(way: type, group: Group) -> bool:
    """做法能用在这一组上吗"""
    return all(way.fits(linear.weight) for linear in group.members)
