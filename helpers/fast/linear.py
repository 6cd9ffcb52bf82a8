"""线性层：同一组权重的两种内核，按行数选一种——生成时一次一行，读问题和一批问题时很多行"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """一组线性层用哪两种内核（helpers.fast.kernels 里的类）

    one: 行数不超过 limit 时用；many: 行数更多时用
    """
    one: type
    many: type
    limit: int = 1


class Linear:
    """一组共用输入的线性层；mapped、fresh: 名字 → (权重, 偏置) 的列表，重新排列的内核从 fresh 读，别的用 mapped"""

    def __init__(self, recipe: Recipe, mapped, fresh):
        self.one = recipe.one(*(fresh() if recipe.one.packs else mapped()))
        self.many = self.one if recipe.many is recipe.one else recipe.many(
            *(fresh() if recipe.many.packs else mapped()))
        self.limit = recipe.limit if recipe.one.lines is None else min(recipe.limit, recipe.one.lines)

    def kernel(self, rows: int):
        """这么多行用哪一种内核"""
        return self.one if rows <= self.limit else self.many
