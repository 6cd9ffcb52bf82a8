"""练习“左填充”：在短的句子左边补齐，连同 attention_mask

出处: notebooks/03_tokenization.ipynb 第 9 节
"""
from functools import cache, partial

from helpers.exercises.comparing import Case, as_lists, brief, check_function, has, has_floats, same_integers
from helpers.exercises.exercise import Exercise

HINTS = ("先在纸上写：最长的一句有多长，每一句差几个；差的那几个补在哪一头？",
         "列表乘一个整数，就是重复；两个列表用 + 连。attention_mask 只和每一句有多长有关，不用看编号")
SOLUTION = """def left_pad(batch, pad_id):
    longest = max(len(row) for row in batch)
    input_ids = [[pad_id] * (longest - len(row)) + row for row in batch]
    attention_mask = [[0] * (longest - len(row)) + [1] * len(row) for row in batch]  # 按长度，不看编号
    return input_ids, attention_mask"""
WHY = ("一次回答几个人的问题，就要这样拼成一张表；服务器正是靠它省时间。补错一头、反一个 0 和 1，程序不报错，"
       "只是悄悄地答错，所以值得自己写一遍。")
HARDER = "再返回 position_ids：每一句的第一个真正的词元是第 0 个位置，填充的位置写 0。"


def exercise() -> Exercise:
    """这道题；正确的结果由 torch 的 pad_sequence 给出"""
    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS, same_integers)

    return Exercise("左填充", "03 第 9 节", 13, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=9)


@cache
def cases() -> list[Case]:
    """句子里有 pad_id 的、长短差得多的、只有一句的、有空的句子、用 0 来补的、好几句的"""
    return [
        case([[5, 9, 5], [7]], 5),
        case([[3], [4, 0, 4, 4]], 151_643),
        case([[1, 2]], 0),
        case([[], [6, 8]], 0),
        case([[1, 2]], 9),
        case([[5, 9, 5], [7]], 0),
        case([[5, 8, 5], [7]], 0),
        case([[7], [5, 9, 5]], 0),
        case([[number, 4][number % 2:] for number in range(900)], 2),
        case([[7], list(range(5_000))], 2),
        case([[8, 2, 8], [3], [1, 8, 4, 8, 8], [8, 8], [8, 2, 8], [6, 7, 8, 9]], 8),
    ]


def case(batch, pad_id):
    """一组输入"""
    where = f"batch 是 {brief(batch, 60)}，pad_id 是 {pad_id}"
    return Case((batch, pad_id), pad(batch, pad_id), where)


def padded(rows, value, side="left"):
    """torch 用 value 补齐的结果。例: padded([[5, 9], [7]], 0) -> [[5, 9], [0, 7]]"""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=value, padding_side=side).tolist()


def pad(batch, pad_id, ids_side="left", mask_side="left", real=1, padding=0):
    """正确的 [input_ids, attention_mask]；换掉一样就是一种错法"""
    mask = [[real] * len(row) for row in batch]
    input_ids = padded(batch, pad_id, ids_side)
    attention_mask = padded(mask, padding, mask_side)
    return [input_ids, attention_mask]


# ---- 常见的错误 ----

def has_text(got, case):
    return has((str, bytes), got)


def is_dict(got, case):
    return isinstance(got, dict)


def is_one_table(got, case):
    first_row = as_lists(got)[0]
    return isinstance(first_row[0], int)


def is_not_a_pair(got, case):
    return len(got) != 2


def mask_is_flat(got, case):
    return isinstance(as_lists(got)[1][0], int)


def mask_has_other_numbers(got, case):
    ids, mask = as_lists(got)
    return ids == case.expected[0] and not set().union(*mask) <= {0, 1}


def has_other_rows(got, case):
    return len(got[0]) != len(case.expected[0])


def is_in_other_order(got, case):
    ids = as_lists(got)[0]
    return ids != case.expected[0] and sorted(ids) == sorted(case.expected[0])


def is_not_padded(got, case):
    widths = set(map(len, got[0]))
    return len(widths) > 1


def is_narrow(got, case):
    return len(got[0][0]) < len(case.expected[0][0])


def is_wide(got, case):
    return len(got[0][0]) > len(case.expected[0][0])


def pad_with_the_tokenizers(batch, pad_id):
    """不看 pad_id，用 Qwen 的 <|endoftext|>"""
    return pad(batch, 151_643)


def mask_from_the_first_other(batch, pad_id):
    """从第一个不是 pad_id 的编号起是 1"""
    ids = padded(batch, pad_id)
    mask = []
    for row in ids:
        start = 0
        while start < len(row) and row[start] == pad_id:
            start += 1
        mask.append([0] * start + [1] * (len(row) - start))
    return [ids, mask]


def pad_with_zero(batch, pad_id):
    return pad(batch, 0)


def mask_by_id(batch, pad_id):
    import torch

    input_ids = torch.tensor(padded(batch, pad_id))
    return [input_ids, input_ids != pad_id]


def swap(batch, pad_id):
    return pad(batch, pad_id)[::-1]


FORMS = {
    is_dict: "应得到两个列表，现在是字典；return input_ids, attention_mask",
    is_one_table: "应得到 input_ids 和 attention_mask 两样，现在只有一张表；return input_ids, attention_mask",
    is_not_a_pair: "应得到 input_ids 和 attention_mask 两样，现在不是；用逗号隔开两样",
    has_floats: "编号应是整数，0 和 1 也是，现在有带小数点的数；用张量的，看看它的 dtype",
    has_text: "编号应是整数，现在有文字；不要变成字符串",
    has_other_rows: "应一句一行，和 batch 一样多，现在不是；空的、重复的句子也要一行",
    is_in_other_order: "各句的次序应和 batch 里一样，现在换了；不要排序",
    is_not_padded: "每一行应一样长，现在有长有短，没有补齐；短的补到和最长的一样长",
    is_narrow: "最长的句子应是完整的，现在行比它短；不要截，补到和最长的一样长",
    is_wide: "只应补到和最长的一句一样长，现在补多了；最长的那一句不用补",
    mask_is_flat: "attention_mask 应和 input_ids 一样是一张表，一句一行，现在是一长串",
    mask_has_other_numbers: "attention_mask 里应只有 0 和 1，现在有别的数",
}
SLIPS = {
    partial(pad, ids_side="right", mask_side="right"):
        "你补在了右边，应补在左边：生成要接着最后一个词元写；把填充放在句子前面",
    partial(pad, ids_side="right"): "input_ids 补在了右边，attention_mask 却补在左边；两样都应补在左边",
    partial(pad, mask_side="right"): "attention_mask 的 0 应在左边，现在在右边；它要和 input_ids 一一对应",
    partial(pad, real=0, padding=1): "attention_mask 反了：1 是要看的，0 是填充；换过来",
    pad_with_zero: "应用 pad_id 来补，现在补的是 0；0 是一个普通词元的编号",
    pad_with_the_tokenizers: "应用传进来的 pad_id 来补，现在补的是 151643；换一个分词器，它就不对了",
    mask_from_the_first_other: "句子开头就有一个编号等于 pad_id，它也应是 1，现在成了 0；按长度写，不要拿编号来判断",
    mask_by_id: "句子里本来就有一个编号等于 pad_id，它也应是 1，现在成了 0；按长度写 attention_mask，不要拿编号来判断",
    swap: "次序反了，应先 input_ids、后 attention_mask；换一下",
    partial(pad, padding=1): "填充的位置在 attention_mask 里应是 0，现在全是 1；补上的不算",
}
