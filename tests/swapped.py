"""几个测试共用：线性层换过的模型"""
from helpers.fast import ways
from helpers.fast.linear import Choice, find_groups, swap_linears


def swapped(model, writing, reading=ways.Stored):
    """就地换掉线性层，每种形状都用同样的做法"""
    groups = find_groups(model)
    return swap_linears(model, groups, {group.shape: Choice(writing, reading) for group in groups})
