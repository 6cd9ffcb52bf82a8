"""练习“左填充”：在短的句子左边补齐，连同 attention_mask

出处: notebooks/03_tokenization.ipynb 第 9 节
"""
import random

from helpers.exercises.comparing import Case, Form, Slip, brief, check_function
from helpers.exercises.exercise import Exercise

HINTS = ("先求最长的一句有多长；每一句差几个，就在前面补几个",
         "[pad_id] * 个数 得到一列填充；attention_mask 用同样的个数补 0，后面是 len(row) 个 1")
SOLUTION = """def left_pad(batch, pad_id):
    longest = max(len(row) for row in batch)
    input_ids = [[pad_id] * (longest - len(row)) + row for row in batch]
    attention_mask = [[0] * (longest - len(row)) + [1] * len(row) for row in batch]  # 按长度，不看编号
    return input_ids, attention_mask"""


def exercise() -> Exercise:
    """这道题；正确的结果由 torch 的 pad_sequence 给出"""
    def test(answer):
        check_function(answer, cases(), MISTAKES)

    return Exercise("左填充", "03 第 9 节", 12, test, HINTS, SOLUTION)


def cases() -> list[Case]:
    """手写的：句子里有 pad_id、已经一样长、有空的句子；随机的"""
    chance = random.Random(7)
    batches = [([[5, 9, 5], [7]], 5), ([[3], [4, 4, 4, 4]], 151_643), ([[1, 2]], 0), ([[], [6, 8]], 9)]
    for count in (3, 6, 30):
        pad_id = chance.randint(1, 9)
        batch = [random_row(chance) for _ in range(count)]
        batches.append((batch, pad_id))
    return [case(batch, pad_id) for batch, pad_id in batches]


def case(batch: list[list[int]], pad_id: int) -> Case:
    """一组输入"""
    where = f"batch 是 {brief(batch, 60)}，pad_id 是 {pad_id}"
    return Case((batch, pad_id), pad_left(batch, pad_id), where)


def random_row(chance: random.Random) -> list[int]:
    """一句：1 到 12 个编号"""
    length = chance.randint(1, 12)
    return [chance.randint(1, 9) for _ in range(length)]


def padded(rows: list[list[int]], value: int, side: str = "left") -> list[list[int]]:
    """torch 用 value 补齐的结果。例: padded([[5, 9], [7]], 0) -> [[5, 9], [0, 7]]"""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=value, padding_side=side).tolist()


def filled(batch: list[list[int]], value: int) -> list[list[int]]:
    """和 batch 一样长短的几行，全是 value。例: filled([[5, 9], [7]], 1) -> [[1, 1], [1]]"""
    return [[value] * len(row) for row in batch]


def pad_left(batch: list[list[int]], pad_id: int) -> list:
    """正确的 [input_ids, attention_mask]"""
    return [padded(batch, pad_id), padded(filled(batch, 1), 0)]


# ---- 常见的错误 ----

def is_dict(got):
    return isinstance(got, dict)


def is_not_a_pair(got):
    return len(got) != 2


def pad_right(batch, pad_id):
    return [padded(batch, pad_id, "right"), padded(filled(batch, 1), 0, "right")]


def pad_only_ids_right(batch, pad_id):
    return [padded(batch, pad_id, "right"), padded(filled(batch, 1), 0)]


def pad_only_mask_right(batch, pad_id):
    return [padded(batch, pad_id), padded(filled(batch, 1), 0, "right")]


def flip_mask(batch, pad_id):
    return [padded(batch, pad_id), padded(filled(batch, 0), 1)]


def pad_with_zero(batch, pad_id):
    return pad_left(batch, 0)


def different(row, pad_id):
    return [int(token != pad_id) for token in row]


def mask_by_id(batch, pad_id):
    input_ids = padded(batch, pad_id)
    return [input_ids, [different(row, pad_id) for row in input_ids]]


def swap(batch, pad_id):
    return pad_left(batch, pad_id)[::-1]


def mask_nothing(batch, pad_id):
    return [padded(batch, pad_id), padded(filled(batch, 1), 1)]


def leave_as_is(batch, pad_id):
    return [batch, filled(batch, 1)]


MISTAKES = [
    Form("应得到两个列表，现在是字典；return input_ids, attention_mask", is_dict),
    Form("应得到 input_ids 和 attention_mask 两样，现在不是；用逗号隔开两样", is_not_a_pair),
    Slip("你补在了右边，应补在左边：生成要接着最后一个词元写；把填充放在句子前面", pad_right),
    Slip("input_ids 补在了右边，attention_mask 却补在左边；两样都应补在左边", pad_only_ids_right),
    Slip("attention_mask 的 0 应在左边，现在在右边；它要和 input_ids 一一对应", pad_only_mask_right),
    Slip("attention_mask 反了：1 是要看的，0 是填充；换过来", flip_mask),
    Slip("应用 pad_id 来补，现在补的是 0；0 是一个普通词元的编号", pad_with_zero),
    Slip("句子里本来就有一个编号等于 pad_id，它也应是 1，现在成了 0；按长度写 attention_mask，不要拿编号来判断",
         mask_by_id),
    Slip("次序反了，应先 input_ids、后 attention_mask；换一下", swap),
    Slip("填充的位置在 attention_mask 里应是 0，现在全是 1；补上的不算", mask_nothing),
    Slip("每一行应一样长，现在没有补；短的补到和最长的一样长", leave_as_is),
]
