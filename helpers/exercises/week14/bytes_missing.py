"""练习“还缺多少字节”：断在半路的 safetensors 文件，从已经下到的字节算出还缺几个

出处: notebooks/04_model_loading.ipynb 第 3 节；格式见 safetensors 的说明
"""
import json
from functools import cache

from helpers.exercises.comparing import Case, brief, check_function
from helpers.exercises.exercise import Exercise

UNKNOWN = -1  # 文件头还没有下完
HINTS = ("先在纸上画出文件的三部分：开头 8 个字节，文件头，数。每一部分有多长，写在前一部分的哪里？",
         "完整的文件有 8 + n + end 个字节，end 是各个张量结束的位置里最大的（备注那一项不是张量）；"
         "和 data 的长度比。算 n 以前、读文件头以前，都先看看 data 够不够长")
SOLUTION = """import json


def bytes_missing(data):
    if len(data) < 8:
        return -1
    n = int.from_bytes(data[:8], "little")
    if len(data) < 8 + n:
        return -1
    header = json.loads(data[8:8 + n])
    end = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            end = max(end, tensor["data_offsets"][1])
    return 8 + n + end - len(data)"""
WHY = ("断网、磁盘满、U 盘拔早了，文件就停在半路；一行“文件坏了”不如一句“还缺多少”。"
       "课程的 locate 每次加载前就这样看一眼文件头，不读权重，几毫秒就知道。大小对了，内容还可能坏，那要靠 sha256。")
HARDER = "再返回一样：哪些张量已经完整地下到了，也就是不等全部下完就能用的。"


def exercise() -> Exercise:
    """这道题；完整的文件由 safetensors 库写出"""
    def test(answer):
        check_function(answer, cases(), FORMS, SLIPS, errors=RAISED)

    return Exercise("还缺多少字节", "04 第 3 节", 12, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=12)


@cache
def cases() -> list[Case]:
    """几个文件，断在各处：一个字节不缺的、一个数也没有的、缺几个的、缺一大半的、文件头刚下完的、文件头没有下完的

    quoted 的备注里写着像 data_offsets 的话
    文件头没有下完的，有的只差末尾补上的空格（JSON 已经完整），有的断在一个汉字中间
    """
    one = saved({"weight": (3,)})
    several = saved({"a": (), "b.bias": (7,), "c.weight": (4, 1, 5), "d": (2, 3)}, "bfloat16", {"format": "pt"})
    noted = saved({"词嵌入": (60, 9), "偏置": (1,)}, "float16", {"说明": "教学用，只有两个张量"})
    nothing = saved({"空": (0, 4)})
    whole_numbers = saved({"ids": (5,), "mask": (3,)}, "int64")
    long_header = saved({"w": (3,)}, notes={"format": "pt", "说明": "很长的备注" * 8_000})
    quoted = saved({"w": (3,)}, notes={"说明": '{{"data_offsets":[0,99999999]}}'})
    three_notes = saved({"w": (3,)}, notes={"format": "pt", "作者": "小明", "说明": "三条"})
    named_like_keys = saved({"dtype": (3,), "shape": (4,)})
    named_like_notes = saved({"a": (3,), "metadata": (4,)})
    inside_letter = noted.index("明".encode()) + 1
    return [
        case(one, len(one) - 5),
        case(one, len(one)),
        case(several, len(several)),
        case(several, len(several) - 1),
        case(several, header_end(several)),
        case(noted, len(noted) - 700),
        case(noted, len(noted)),
        case(out_of_order(), len(out_of_order()) - 9),
        case(nothing, len(nothing)),
        case(whole_numbers, len(whole_numbers) - 3),
        case(long_header, len(long_header) - 2),
        case(quoted, len(quoted) - 1),
        case(three_notes, len(three_notes) - 1),
        case(named_like_keys, len(named_like_keys) - 1),
        case(named_like_notes, len(named_like_notes) - 1),
        case(empty_note(), len(empty_note()) - 1),
        case(several, header_end(noted) + 9),
        case(noted, header_end(noted) + 9),
        barely_begun(),
        case(noted, 100),
        case(noted, inside_letter),
        case(one, 8),
        case(one, 7),
        case(one, 0),
        case(several, header_end(several) - 1),
    ]


def saved(shapes: dict, dtype: str = "float32", notes: dict | None = None) -> bytes:
    """safetensors 库写出的一个完整的文件；shapes: {张量的名字: 形状}；notes: 备注"""
    import torch
    from safetensors.torch import save

    tensors = {name: torch.ones(shape, dtype=getattr(torch, dtype)) for name, shape in shapes.items()}
    return save(tensors, notes)


def out_of_order() -> bytes:
    """文件头里的次序、名字的次序都和数的次序不同的文件，有两个空的张量，备注在最后。格式允许这样

    数到最后的是 __late.metadata__：它不是最大的，名字不是最后的，开始得也和空的张量一样晚
    有两个张量一样大；真假（BOOL）一个占一个字节；有一个的名字像是文件头里的词
    """
    header = {
        "empty": {"dtype": "F32", "shape": [0, 999], "data_offsets": [49, 49]},
        "__late.metadata__": {"dtype": "BOOL", "shape": [12], "data_offsets": [49, 61]},
        "also_empty": {"dtype": "F32", "shape": [0], "data_offsets": [49, 49]},
        "early": {"dtype": "F32", "shape": [10], "data_offsets": [0, 40]},
        "data_offsets 0 99999": {"dtype": "BOOL", "shape": [], "data_offsets": [48, 49]},
        "zeta": {"dtype": "F32", "shape": [1], "data_offsets": [40, 44]},
        "before": {"dtype": "F32", "shape": [1], "data_offsets": [44, 48]},
        "__metadata__": {"format": "pt"},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return with_length(text) + bytes(61)


def empty_note() -> bytes:
    """备注里一条也没有的文件"""
    header = b'{"__metadata__":{},"w":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}'
    return with_length(header) + bytes(3)


def with_length(header: bytes) -> bytes:
    """文件头，前面写上它的长度"""
    return len(header).to_bytes(8, "little") + header


def barely_begun() -> Case:
    """15 GB 的文件，文件头刚下完：900 个张量，数在最后的那个写在中间"""
    header = {}
    for number in range(900):
        place = (number + 450) % 900
        header[f"layer.{number}"] = {
            "dtype": "BF16",
            "shape": [8_333_333],
            "data_offsets": [place * 16_666_666, (place + 1) * 16_666_666],
        }
    text = json.dumps(header).encode()
    data = with_length(text)
    missing = 900 * 16_666_666
    return Case((data,), missing, f"data 有 {len(data)} 个字节，是一个 15 GB 的文件的开头：{brief(data, 120)}")


def header_end(data: bytes) -> int:
    """文件头结束的地方"""
    return 8 + int.from_bytes(data[:8], "little")


def case(whole: bytes, have: int):
    """一组输入：完整的文件的前 have 个字节"""
    data = whole[:have]
    missing = len(whole) - have
    if have < header_end(whole):
        missing = UNKNOWN
    return Case((data,), missing, f"data 有 {have} 个字节：{brief(data, 120)}")


# ---- 常见的错误 ----

def is_true_or_false(got, case):
    return isinstance(got, bool)


def should_be_unknown(got, case):
    return case.expected == UNKNOWN


def is_unknown(got, case):
    return got == UNKNOWN


def is_unknown_right_after_the_header(got, case):
    data = case.inputs[0]
    return got == UNKNOWN and len(data) == header_end(data)


def is_unknown_when_complete(got, case):
    return case.expected == 0 and got == UNKNOWN


def fails_before_eight(error, case):
    return len(case.inputs[0]) < 8


def fails_before_header_ends(error, case):
    return case.expected == UNKNOWN


def asks_the_notes_for_offsets(error, case):
    return error.args == ("data_offsets",)


def fails_reading_the_header(error, case):
    return isinstance(error, ValueError) and type(error).__name__.endswith("DecodeError")


def tensors_of(data):
    """文件头里的张量，备注不算"""
    header = json.loads(data[8:header_end(data)])
    return [tensor for name, tensor in header.items() if name != "__metadata__"]


def size_of(tensor):
    """一个张量占几个字节"""
    start, end = tensor["data_offsets"]
    return end - start


def ends(data):
    return [tensor["data_offsets"][1] for tensor in tensors_of(data)]


def missing_without_eight(data):
    return header_end(data) - 8 + max(ends(data)) - len(data)


def missing_without_header(data):
    return max(ends(data)) - len(data)


def missing_without_length(data):
    return 8 + max(ends(data)) - len(data)


def missing_negative(data):
    return len(data) - header_end(data) - max(ends(data))


def whole_size(data):
    return header_end(data) + max(ends(data))


def missing_by_last(data):
    return header_end(data) + ends(data)[-1] - len(data)


def missing_by_first(data):
    return header_end(data) + ends(data)[0] - len(data)


def missing_by_biggest_size(data):
    return header_end(data) + max(map(size_of, tensors_of(data))) - len(data)


def missing_by_stripped_header(data):
    header = data[8:header_end(data)]
    return 8 + len(header.rstrip()) + max(ends(data)) - len(data)


def missing_at_least_one(data):
    return max(1, header_end(data) + max(ends(data)) - len(data))


def missing_by_biggest(data):
    sizes = list(map(size_of, tensors_of(data)))
    return header_end(data) + ends(data)[sizes.index(max(sizes))] - len(data)


def missing_by_last_name(data):
    header = json.loads(data[8:header_end(data)])
    header.pop("__metadata__", None)
    return header_end(data) + header[max(header)]["data_offsets"][1] - len(data)


def missing_by_latest_start(data):
    starts = [tensor["data_offsets"][0] for tensor in tensors_of(data)]
    return header_end(data) + ends(data)[starts.index(max(starts))] - len(data)


def missing_by_ends_as_text(data):
    return header_end(data) + int(max(map(str, ends(data)))) - len(data)


def missing_by_sum(data):
    return header_end(data) + sum(ends(data)) - len(data)


def missing_by_start(data):
    starts = [tensor["data_offsets"][0] for tensor in tensors_of(data)]
    return header_end(data) + max(starts) - len(data)


def numbers_in(tensor):
    """张量里有几个数"""
    count = 1
    for size in tensor["shape"]:
        count *= size
    return count


def missing_by_numbers(data):
    return header_end(data) + sum(map(numbers_in, tensors_of(data))) - len(data)


def missing_by_four(data):
    return header_end(data) + 4 * sum(map(numbers_in, tensors_of(data))) - len(data)


def missing_without_scalars(data):
    """没有维的张量当作没有数"""
    scalars = [tensor for tensor in tensors_of(data) if not tensor["shape"]]
    whole = header_end(data) + max(ends(data))
    return whole - sum(map(size_of, scalars)) - len(data)


def missing_by_letters(data):
    letters = len(data[8:header_end(data)].decode())
    return 8 + letters + max(ends(data)) - len(data)


LENGTH = "开头 8 个字节和文件头也是文件的一部分，完整的大小里要把它们都算上"
FORMS = {
    is_true_or_false: "应是还缺几个字节，现在是真假（True、False）；比较的结果不是个数",
    should_be_unknown: "文件头还没有下完，不知道后面有多少，应得到 -1；读之前先看 data 有没有 8 + n 个字节",
    is_unknown_right_after_the_header: "文件头正好下完了，不应是 -1；后面的数一个也没有下到，可是已经知道有多少",
    is_unknown_when_complete: "文件已经下完了，应是 0；-1 只用在文件头还没有下完的时候；"
                              "用了 try 的，看看它接住的是什么错",
    is_unknown: "文件头已经下完了，不应是 -1；开头 8 个字节的低位在前（little），n 是文件头的字节数；"
                "用了 try 的，看看它接住的是什么错",
}
SLIPS = {
    missing_negative: "正负号反了：缺几个，就是几",
    whole_size: "这是完整的文件有多大，应是还缺多少；减去已经有的",
    missing_without_eight: LENGTH,
    missing_without_header: LENGTH,
    missing_without_length: LENGTH,
    missing_by_biggest: "用的是最大的张量结束的位置；最大的不一定在最后，应看结束得最晚的那个",
    missing_by_ends_as_text: "把结束的位置当作文字来比大小了，\"9\" 比 \"10\" 大；先变成数",
    missing_by_last_name: "用的是名字排在最后的张量；名字的次序不一定是数的次序，应看结束得最晚的那个",
    missing_by_latest_start: "少了数在最后的那个张量：开始得最晚的可能是空的，应看结束得最晚的；"
                             "名字什么样的都要算，只有 __metadata__ 不是张量",
    missing_by_first: "只看了文件头里的第一个张量；数在最后的是哪一个，要每个都看",
    missing_by_biggest_size: "用的是最大的张量的长度，应是结束得最晚的那个张量结束的位置",
    missing_at_least_one: "已经下完了，应是 0，现在是 1",
    missing_by_last: "用的是文件头里的最后一个张量；文件头里的次序不一定是数的次序，应看结束得最晚的那个",
    missing_by_sum: "data_offsets 是从哪里到哪里，不是长度；把各个结束的位置加起来就多了",
    missing_by_start: "用的是张量开始的位置；data_offsets 的第二个数才是结束的位置",
    missing_by_numbers: "数的是有几个数，应是几个字节；data_offsets 已经是字节",
    missing_by_four: "把每个数都当成了 4 个字节；有的占 2 个或 8 个，data_offsets 已经是字节",
    missing_without_scalars: "形状是 [] 的张量也有一个数，现在没有算它；data_offsets 已经是字节",
    missing_by_stripped_header: "文件头末尾补的空格没有算；它们也在 n 里，也是文件的一部分",
    missing_by_letters: "n 是字节数，现在数的是字符；文件头里可能有汉字，一个汉字是 3 个字节",
}
TOO_EARLY = "这时文件头还没有下完，应得到 -1；读之前先看 data 有没有 8 + n 个字节"
RAISED = {
    fails_before_eight: "这时开头的 8 个字节还没有下完，应得到 -1；读 n 以前，先看 data 有没有 8 个字节",
    fails_before_header_ends: TOO_EARLY,
    asks_the_notes_for_offsets: "__metadata__ 那一项是备注，不是张量，没有 data_offsets；不要算它",
    fails_reading_the_header: "读的不正好是文件头：n 是开头全部 8 个字节合成的一个数，低位在前，数的是字节；"
                              "文件头是 8 以后的 n 个字节，里面可能有汉字（UTF-8）",
}
