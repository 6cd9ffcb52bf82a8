"""练习“还缺多少字节”：几种算法都收；少算一部分、看错位置、没有想到文件头也会断，各有自己的话"""
import json
import math
import re
import struct

from helpers.exercises.week14 import bytes_missing
from helpers.exercises.week14.bytes_missing import header_end

import pytest
from answers import accepted, refused
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from week14_solutions import solved

SIZES = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8, "BOOL": 1}

# ---- 对的 ----


def by_struct(data):
    if len(data) < 8:
        return -1
    (n,) = struct.unpack("<Q", data[:8])
    if len(data) - 8 < n:
        return -1
    header = json.loads(data[8:8 + n].decode())
    header.pop("__metadata__", None)
    return 8 + n + max(tensor["data_offsets"][1] for tensor in header.values()) - len(data)


def by_trying(data):
    try:
        n = int.from_bytes(data[0:8], byteorder="little")
        header = json.loads(data[8:n + 8])
    except ValueError:
        return -1
    if len(data) < n + 8:  # JSON 完整了，末尾补的空格还没有下完
        return -1
    ends = [tensor["data_offsets"][-1] for tensor in header.values() if "data_offsets" in tensor]
    return n + 8 + max(ends) - len(data)


def by_shapes(data):
    if len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "little"):
        return -1
    n = int.from_bytes(data[:8], "little")
    size = 8 + n
    for name, tensor in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            size += math.prod(tensor["shape"]) * SIZES[tensor["dtype"]]
    return size - len(data)


def by_lengths(data):
    n = sum(byte * 256 ** place for place, byte in enumerate(data[:8]))
    if len(data) < 8 or len(data[8:8 + n]) < n:
        return -1
    have = len(data) - 8 - n
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return sum(end - start for start, end in (entry["data_offsets"] for entry in header.values())) - have


def by_sorting(data):
    head = data[:8]
    if len(head) != 8:
        return -1.0
    n = int.from_bytes(head, "little", signed=False)
    text = data[8:][:n]
    if len(text) != n:
        return -1
    tensors = [value for key, value in json.loads(text).items() if key != "__metadata__"]
    tensors.sort(key=lambda tensor: tensor["data_offsets"])
    return tensors[-1]["data_offsets"][1] - len(data[8 + n:])


def by_searching(data):
    """在文件头的文字里找，不读 JSON：名字里有 data_offsets 就找错了"""
    if len(data) < 8 or len(data) < header_end(data):
        return -1
    header = data[8:header_end(data)]
    ends = [int(last) for _, last in re.findall(rb"data_offsets\D*(\d+)\D+(\d+)", header)]
    return header_end(data) + max(ends) - len(data)


RIGHT = [solved(8), by_struct, by_trying, by_shapes, by_lengths, by_sorting]


@pytest.mark.parametrize("answer", RIGHT)
def test_right(sheet, answer):
    accepted(sheet[8], answer)


# ---- 错的 ----

def when_known(answer):
    """先看过 data 够不够长，再算"""
    def checked(data):
        if len(data) < 8 or len(data) < header_end(data):
            return -1
        return answer(data)
    return checked


def careful(answer):
    """先看过 data 够不够长，再把文件头的长度、张量也交给 answer"""
    @when_known
    def checked(data):
        n = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + n])
        header.pop("__metadata__", None)
        return answer(data, n, list(header.values()))
    return checked


def end_of(tensors):
    return max(tensor["data_offsets"][1] for tensor in tensors)


def size_of(tensor):
    return tensor["data_offsets"][1] - tensor["data_offsets"][0]


def start_of(tensor):
    return tensor["data_offsets"][0]


def largest_before_a_bracket(header):
    return max(map(int, re.findall(rb"(\d+)\]", header)))


def by_names(end):
    """end(文件头里的张量，名字 → 张量): 数到哪里为止"""
    def answer(data, n, tensors):
        header = json.loads(data[8:8 + n])
        header.pop("__metadata__", None)
        return 8 + n + end(header) - len(data)
    return careful(answer)


def big_endian(data):
    n = int.from_bytes(data[:8], "big")
    if len(data) < 8 + n:
        return -1
    return 8 + n


def big_endian_unchecked(data):
    n = int.from_bytes(data[:8], "big")
    return 8 + n + end_of(json.loads(data[8:8 + n]).values()) - len(data)


def one_byte(data):
    if not data or len(data) < 8 + data[0]:
        return -1
    return 8 + data[0] + end_of(json.loads(data[8:8 + data[0]]).values()) - len(data)


def without_looking(data):
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return 8 + n + end_of(header.values()) - len(data)


def trusts_json(data):
    """只看 JSON 完整不完整"""
    n = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:8 + n])
    except ValueError:
        return -1
    header.pop("__metadata__", None)
    return 8 + n + end_of(header.values()) - len(data)


def expects_json_errors_only(data):
    """断在一个汉字中间，报的是另一种错"""
    n = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:8 + n])
    except json.JSONDecodeError:
        return -1
    header.pop("__metadata__", None)
    return 8 + n + end_of(header.values()) - len(data)


def metadata_comes_first(data):
    if len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "little"):
        return -1
    n = int.from_bytes(data[:8], "little")
    names = list(json.loads(data[8:8 + n]).items())
    if names[0][0] == "__metadata__":
        names.pop(0)
    return 8 + n + end_of(tensor for _, tensor in names) - len(data)


def two_bytes(data):
    if len(data) < 8 or len(data) < 8 + int.from_bytes(data[:2], "little"):
        return -1
    n = int.from_bytes(data[:2], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return 8 + n + end_of(header.values()) - len(data)


def swallows(data):
    try:
        return keeps_metadata(data)
    except Exception:
        return -1


def counted_by(sizes, scalar=1):
    """由形状算出的大小；sizes: 每种数几个字节，没有的算 4 个；scalar: 没有维的张量有几个数"""
    def answer(data, n, tensors):
        size = 8 + n
        for tensor in tensors:
            numbers = math.prod(tensor["shape"]) if tensor["shape"] else scalar
            size += numbers * sizes.get(tensor["dtype"], 4)
        return size - len(data)
    return careful(answer)


@careful
def bits_in_the_name(data, n, tensors):
    """类型的名字里的数当作位数：BF16 是 16 位；BOOL 里没有数"""
    size = 0
    for tensor in tensors:
        size += math.prod(tensor["shape"]) * int(re.sub(r"\D", "", tensor["dtype"])) // 8
    return 8 + n + size - len(data)


def keeps_metadata(data):
    if len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "little"):
        return -1
    n = int.from_bytes(data[:8], "little")
    return 8 + n + end_of(json.loads(data[8:8 + n]).values()) - len(data)


def only_eight(data):
    if len(data) < 8:
        return -1
    return without_looking(data)


def zero_when_unknown(data):
    return max(solved(8)(data), 0)


def header_rest_when_unknown(data):
    found = solved(8)(data)
    if found == -1:
        return max(8 - len(data), 8 + int.from_bytes(data[:8], "little") - len(data))
    return found


def by_notes(is_tensor):
    """is_tensor 认出哪些是张量，别的当成备注"""
    @when_known
    def answer(data):
        header = json.loads(data[8:header_end(data)])
        tensors = [entry for entry in header.values() if is_tensor(entry)]
        return header_end(data) + end_of(tensors) - len(data)
    return answer


@when_known
def up_to_the_first_end(data):
    """文件头当作到第一处 }} 为止"""
    text = data[8:header_end(data)].split(b"}}")[0] + b"}}"
    header = json.loads(text)
    header.pop("__metadata__", None)
    return header_end(data) + end_of(header.values()) - len(data)


def without(name):
    """叫 name 的张量当成了备注"""
    def end(header):
        header.pop(name, None)
        return max((entry["data_offsets"][1] for entry in header.values()), default=0)
    return by_names(end)


@when_known
def by_expression(data):
    """备注里像 data_offsets 的话也算了进去"""
    ends = re.findall(rb'data_offsets\\?":\s*\[\d+,\s*(\d+)\]', data[:header_end(data)])
    return header_end(data) + max(map(int, ends)) - len(data)


@pytest.mark.parametrize("answer, says", [
    (by_expression, "应得到"),
    (up_to_the_first_end, "读的不正好是文件头"),
    (without("shape"), "每个都看"),
    (without("metadata"), "每个都看"),
    (lambda data: -1 if int.from_bytes(data[:8], "little") > 100_000 else solved(8)(data), "文件头已经下完了"),
    (by_notes(lambda entry: not isinstance(next(iter(entry.values())), str) or "dtype" in entry), "StopIteration"),
    (by_notes(lambda entry: len(entry) == 3), "KeyError"),
    (by_names(lambda header: end_of(list(header.values())[:128])), "应得到"),
    (careful(lambda data, n, tensors: (8 + n + end_of(tensors) - len(data)) & 0x7FFFFFFF), "应得到"),
    (careful(lambda data, n, tensors: n + end_of(tensors) - len(data)), "也是文件的一部分"),
    (careful(lambda data, n, tensors: 8 + end_of(tensors) - len(data)), "也是文件的一部分"),
    (careful(lambda data, n, tensors: end_of(tensors) - len(data)), "也是文件的一部分"),
    (careful(lambda data, n, tensors: len(data) - 8 - n - end_of(tensors)), "正负号反了"),
    (careful(lambda data, n, tensors: 8 + n + end_of(tensors)), "减去已经有的"),
    (careful(lambda data, n, tensors: 8 + n + tensors[-1]["data_offsets"][1] - len(data)), "结束得最晚"),
    (careful(lambda data, n, tensors: 8 + n + max(tensors, key=size_of)["data_offsets"][1] - len(data)), "最大的张量"),
    (careful(lambda data, n, tensors: 8 + n + max(tensors, key=start_of)["data_offsets"][1] - len(data)), "开始得最晚"),
    (careful(lambda data, n, tensors: 8 + n + int(max(str(end_of([t])) for t in tensors)) - len(data)), "当作文字"),
    (careful(lambda data, n, tensors: 8 + n + largest_before_a_bracket(data[8:8 + n]) - len(data)), "应得到"),
    (by_names(lambda header: header[max(header)]["data_offsets"][1]), "名字排在最后"),
    (careful(lambda data, n, tensors: 8 + n + sorted(tensors, key=start_of)[-1]["data_offsets"][1] - len(data)), "应"),
    (careful(lambda data, n, tensors: 8 + n + sum(set(map(size_of, tensors))) - len(data)), "应得到"),
    (careful(lambda data, n, tensors: 8 + n + (end_of(tensors) or 1) - len(data)), "应是 0，现在是 1"),
    (bits_in_the_name, "ValueError"),
    (by_names(lambda header: end_of(t for name, t in header.items() if name[0] != "_")), "名字什么样的都要算"),
    (by_names(lambda header: end_of(t for name, t in header.items() if name[:2] != "__")), "名字什么样的都要算"),
    (by_names(lambda header: end_of(t for name, t in header.items() if "metadata" not in name)), "名字什么样的都要算"),
    (lambda data: solved(8)(data) or -1, "应是 0；-1 只用在"),
    (careful(lambda data, n, tensors: 8 + n + sum(t["data_offsets"][1] for t in tensors) - len(data)), "不是长度"),
    (careful(lambda data, n, tensors: 8 + n + max(t["data_offsets"][0] for t in tensors) - len(data)), "开始的位置"),
    (careful(lambda data, n, tensors: 8 + n + sum(math.prod(t["shape"]) for t in tensors) - len(data)), "几个数"),
    (careful(lambda data, n, tensors: 8 + n + 4 * sum(math.prod(t["shape"]) for t in tensors) - len(data)), "4 个字节"),
    (careful(lambda data, n, tensors: 8 + len(data[8:8 + n].decode()) + end_of(tensors) - len(data)), "现在数的是字符"),
    (careful(lambda data, n, tensors: 8 + n + end_of(tensors) > len(data)), "现在是真假"),
    (careful(lambda data, n, tensors: data.find(b"}}") + 2 + end_of(tensors) - len(data)), "末尾补的空格"),
    (careful(lambda data, n, tensors: 8 + n + tensors[0]["data_offsets"][1] - len(data)), "第一个张量"),
    (careful(lambda data, n, tensors: max(8 + n + end_of(tensors) - len(data) - 1, 0)), "应得到"),
    (lambda data: -1 if len(data) <= header_end(data) else solved(8)(data), "文件头正好下完了"),
    (big_endian, "低位在前"),
    (swallows, "接住的是什么错"),
    (trusts_json, "有没有 8 + n 个字节"),
    (expects_json_errors_only, "UnicodeDecodeError"),
    (metadata_comes_first, "__metadata__ 那一项是备注"),
    (two_bytes, "低位在前，数的是字节"),
    (counted_by({"BF16": 2, "F16": 2}), "把每个数都当成了 4 个字节"),
    (counted_by(SIZES, scalar=0), "形状是 [] 的张量"),
    (one_byte, "低位在前，数的是字节"),
    (big_endian_unchecked, "低位在前，数的是字节"),
    (without_looking, "先看 data 有没有 8 + n 个字节"),
    (only_eight, "先看 data 有没有 8 + n 个字节"),
    (lambda data: struct.unpack("<Q", data[:8]) and solved(8)(data), "先看 data 有没有 8 个字节"),
    (keeps_metadata, "__metadata__ 那一项是备注"),
    (careful(lambda data, n, tensors: 8 + n + max(map(size_of, tensors)) - len(data)), "最大的张量的长度"),
    (careful(lambda data, n, tensors: 8 + len(data[8:8 + n].strip()) + end_of(tensors) - len(data)), "末尾补的空格"),
    (careful(lambda data, n, tensors: max(1, 8 + n + end_of(tensors) - len(data))), "应是 0，现在是 1"),
    (zero_when_unknown, "应得到 -1"),
    (header_rest_when_unknown, "应得到 -1"),
    (lambda data: 0, "应得到"),
    (by_searching, "应得到"),
    (lambda data: -1, "不应是 -1"),
    (lambda data: str(solved(8)(data)), "应得到"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[8], answer, says)


def test_true_is_not_one(sheet):
    note = sheet[8].check(careful(lambda data, n, tensors: bool(8 + n + end_of(tensors) - len(data))))
    assert note.mark == "✗"


# ---- 参照本身 ----

def test_the_file_out_of_order_is_a_real_one(tmp_path):
    tensors = load(bytes_missing.out_of_order())
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "empty": (0, 999), "__late.metadata__": (12,), "also_empty": (0,), "early": (10,),
        "data_offsets 0 99999": (), "zeta": (1,), "before": (1,)}
    cut = tmp_path / "断了.safetensors"
    cut.write_bytes(bytes_missing.out_of_order()[:-9])
    with pytest.raises(SafetensorError), safe_open(cut, "pt"):
        pass


def test_the_cases_hold_what_the_exercise_is_about():
    expected = [case.expected for case in bytes_missing.cases()]
    assert expected.count(-1) >= 4
    assert expected.count(0) >= 3
    assert max(expected) > 0
    assert any(int.from_bytes(case.inputs[0][:8], "little") > 255 for case in bytes_missing.cases())
