"""练习“左填充”：列表、张量、数组都收；补错一头、看编号写掩码，各有自己的话"""
from helpers.exercises.week14 import left_pad

import numpy as np
import pytest
import torch
from answers import accepted, refused
from week14_solutions import solved

# ---- 对的 ----


def with_tensors(batch, pad_id):
    ids = torch.full((len(batch), max(map(len, batch))), pad_id)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(batch):
        if row:
            ids[i, -len(row):] = torch.tensor(row)
            mask[i, -len(row):] = 1
    return [ids, mask.bool()]


def with_numpy(batch, pad_id):
    longest = max(len(row) for row in batch)
    ids = np.array([np.pad(np.array(row, dtype=int), (longest - len(row), 0), constant_values=pad_id) for row in batch])
    mask = np.array([np.arange(longest) >= longest - len(row) for row in batch])
    return ids, mask.astype(int)


def by_inserting(batch, pad_id):
    rows = [list(row) for row in batch]
    masks = [[1] * len(row) for row in batch]
    longest = max(map(len, rows))
    for row, mask in zip(rows, masks, strict=True):
        while len(row) < longest:
            row.insert(0, pad_id)
            mask.insert(0, 0)
    return rows, masks


def by_reversing(batch, pad_id):
    turned = [torch.tensor(row[::-1], dtype=torch.long) for row in batch]
    ones = [torch.ones(len(row), dtype=torch.long) for row in batch]
    ids = torch.nn.utils.rnn.pad_sequence(turned, batch_first=True, padding_value=pad_id)
    mask = torch.nn.utils.rnn.pad_sequence(ones, batch_first=True)
    return ids.flip(1), mask.flip(1)


def by_indexing(batch, pad_id):
    longest = max(map(len, batch))
    ids = []
    mask = []
    for row in batch:
        missing = longest - len(row)
        ids.append(tuple(row[i - missing] if i >= missing else pad_id for i in range(longest)))
        mask.append([i >= missing for i in range(longest)])
    return ids, mask


@pytest.mark.parametrize("answer", [solved(7), with_tensors, with_numpy, by_inserting, by_reversing, by_indexing])
def test_right(sheet, answer):
    accepted(sheet[7], answer)


# ---- 错的 ----

def pad(side="left", value=None, flip=False, by_id=False, ones=False):
    """左填充的各种写法，错的"""
    def answer(batch, pad_id):
        fill = pad_id if value is None else value
        longest = max(map(len, batch))
        ids = [filled(row, longest, fill, side) for row in batch]
        mask = [filled([1] * len(row), longest, 0, side) for row in batch]
        if flip:
            mask = [[1 - bit for bit in row] for row in mask]
        if by_id:
            mask = [[int(i != pad_id) for i in row] for row in ids]
        if ones:
            mask = [[1] * longest for _ in batch]
        return ids, mask
    return answer


def filled(row, longest, fill, side):
    more = [fill] * (longest - len(row))
    if side == "left":
        return more + row
    return row + more


def in_place(batch, pad_id):
    result = pad()(batch, pad_id)
    longest = max(map(len, batch))
    for row in batch:
        while len(row) < longest:
            row.insert(0, pad_id)
    return result


def by_truth(batch, pad_id):
    """编号是 0 的当作填充"""
    longest = max(map(len, batch))
    mask = [filled([int(i > 0) for i in row], longest, 0, "left") for row in batch]
    return pad()(batch, pad_id)[0], mask


def from_the_first_other(batch, pad_id):
    ids, _ = pad()(batch, pad_id)
    return ids, [[int(any(i != pad_id for i in row[:at + 1])) for at in range(len(row))] for row in ids]


def one_too_wide(batch, pad_id):
    ids, mask = pad()(batch, pad_id)
    return [[pad_id, *row] for row in ids], [[0, *row] for row in mask]


def to_a_fixed_length(batch, pad_id):
    return ([filled(row, 4, pad_id, "left") for row in batch],
            [filled([1] * len(row), 4, 0, "left") for row in batch])


def to_the_first(batch, pad_id):
    return ([filled(row, len(batch[0]), pad_id, "left") for row in batch],
            [filled([1] * len(row), len(batch[0]), 0, "left") for row in batch])


@pytest.mark.parametrize("answer, says", [
    (lambda batch, pad_id: solved(7)(batch[:512], pad_id), "应"),
    (lambda batch, pad_id: solved(7)([row[-2048:] for row in batch], pad_id), "应"),
    (pad(side="right"), "补在了右边"),
    (pad(flip=True), "反了"),
    (pad(value=0), "现在补的是 0"),
    (lambda b, p: pad()(b, p or 151_643), "现在补的是 151643"),
    (pad(value=151_643), "现在补的是 151643"),
    (from_the_first_other, "句子开头就有一个编号"),
    (lambda b, p: tuple(torch.tensor(table).float() for table in pad()(b, p)), "看看它的 dtype"),
    (lambda b, p: (torch.tensor(pad()(b, p)[0]).double(), pad()(b, p)[1]), "现在有带小数点的数"),
    (lambda b, p: (pad()(b, p)[0], np.array(pad()(b, p)[1]) * 1.0), "现在有带小数点的数"),
    (lambda b, p: [[[str(i) for i in row] for row in table] for table in pad()(b, p)], "现在有文字"),
    (lambda b, p: tuple(map(iter, pad()(b, p))), "外面加 list"),
    (lambda b, p: zip(*pad()(b, p), strict=True), "外面加 list"),
    (lambda b, p: (pad()(b, p)[0], [map(int, row) for row in pad()(b, p)[1]]), "外面加 list"),
    (lambda b, p: (pad()(b, p)[0], sum(pad()(b, p)[1], [])), "现在是一长串"),
    (lambda b, p: (pad()(b, p)[0], [[sum(row)] * len(row) for row in pad()(b, p)[1]]), "现在有别的数"),
    (lambda b, p: pad()([row for row in b if row], p), "空的、重复的句子也要一行"),
    (lambda b, p: pad()([row[:len(min(b, key=len))] for row in b], p), "不要截"),
    (one_too_wide, "补多了"),
    (pad(by_id=True), "不要拿编号来判断"),
    (pad(ones=True), "现在全是 1"),
    (lambda b, p: pad()(b, p)[::-1], "次序反了"),
    (lambda b, p: pad()(b, p)[0] * 3, "两样"),
    (lambda b, p: (pad("right")(b, p)[0], pad()(b, p)[1]), "却补在左边"),
    (lambda b, p: (pad()(b, p)[0], pad("right")(b, p)[1]), "0 应在左边"),
    (lambda b, p: {"input_ids": b, "attention_mask": b}, "现在是字典"),
    (lambda b, p: (b, [[1] * len(r) for r in b]), "没有补"),
    (to_a_fixed_length, "补多了"),
    (to_the_first, "补到和最长的一样长"),
    (lambda b, p: pad()(sorted(b, key=len), p), "不要排序"),
    (lambda b, p: pad()(list(map(list, dict.fromkeys(map(tuple, b)))), p), "重复的句子也要"),
    (by_truth, "应得到"),
    (in_place, "应保持原样"),
    (lambda b, p: pad()(b, p)[0], "现在只有一张表"),
    (lambda b, p: ([[11, 12, 13], [0, 0, 21]], [[1, 1, 1], [0, 0, 1]]), "应得到"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[7], answer, says)


def test_the_second_hint_is_not_the_code(sheet):
    assert "[pad_id] *" not in sheet[7].hints[1]


def test_the_reference_is_right():
    assert left_pad.padded([[5, 9, 5], [7]], 5) == [[5, 9, 5], [5, 5, 7]]
