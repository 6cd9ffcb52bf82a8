"""词元：文字切成了哪些块，每块的编号和字节，它们的样子，以及问题怎样套上对话模板

出处: notebooks/03_tokenization.ipynb
"""
import json
from dataclasses import dataclass
from functools import cache
from html import escape
from unicodedata import category

from helpers.tables import Shown, grid

from transformers.convert_slow_tokenizer import bytes_to_unicode

TOKEN_COLORS = ["#e1f5fe", "#fff9c4", "#c8e6c9", "#f8d7e8"]  # 前三种是讲义流程图的颜色；相邻的块还用竖线隔开
VISIBLE_SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥"}
LETTER_OF = bytes_to_unicode()  # 字节 → 词表里代表它的字符：LETTER_OF[32] 是 "Ġ"
BYTE_OF = {letter: byte for byte, letter in LETTER_OF.items()}


# 一个词元，和它的样子

def visible(text: str) -> str:
    """看得见的样子：空格写成 ␣，换行写成 ↵，制表符写成 ⇥；别的控制字符、格式字符没有样子，写成它的字节

    例: visible("a \\0") -> "a␣‹00›"
    出处: Unicode 的字符类别 Cc（控制）和 Cf（格式）
    """
    return "".join(visible_letter(letter) for letter in text)


def visible_letter(letter: str) -> str:
    """一个字符看得见的样子"""
    if letter in VISIBLE_SIGNS:
        return VISIBLE_SIGNS[letter]
    if category(letter) in ("Cc", "Cf"):
        return visible_bytes(letter.encode())
    return letter


def visible_bytes(data: bytes) -> str:
    """没有样子的字节。例: b"\\xe9\\xba" -> "‹e9 ba›" """
    return f"‹{data.hex(' ')}›"


@dataclass(frozen=True)
class Piece:
    """一个词元：编号、字节，以及单独解码出的文字（字节不完整时含 �）"""
    id: int
    bytes: bytes

    @property
    def text(self) -> str:
        return self.bytes.decode("utf-8", errors="replace")

    @property
    def label(self) -> str:
        """看得见的样子：空格写成 ␣，换行写成 ↵，半个字写成它的字节。例: b"\\xe9\\xba" -> "‹e9 ba›" """
        try:
            return visible(self.bytes.decode("utf-8"))
        except UnicodeDecodeError:
            return visible_bytes(self.bytes)


# 文字和编号应是什么

def check_text(text: str, empty: bool = False) -> None:
    """text 应是字符串（默认还要非空），否则报 TypeError 或 ValueError"""
    if not isinstance(text, str):
        raise TypeError(f"应是一段文字（str），现在是 {type(text).__name__}；文字两边要有引号，例如 \"你好\"")
    if not text and not empty:
        raise ValueError("应是至少一个字的文字，现在是空的；写几个字再试，例如 \"你好\"")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        broken = ascii(text[error.start])
        raise ValueError(
            f"应是完整的文字，现在里面有半个字符 {broken}；"
            "删掉它再试（复制时切断了一个表情，就会这样）") from None


def check_id(tokenizer, token_id: int) -> int:
    """编号应是 0 到 len(tokenizer)-1 的整数，否则报 TypeError 或 ValueError；返回普通的 int"""
    if isinstance(token_id, bool) or not hasattr(token_id, "__index__"):
        kind = type(token_id).__name__
        raise TypeError(f"编号应是整数，现在是 {token_id!r}（{kind}）；张量先用 .tolist() 变成整数")
    number = int(token_id)
    last = len(tokenizer) - 1
    if not 0 <= number <= last:
        raise ValueError(
            f"编号应在 0 到 {last} 之间，现在是 {number}；"
            "用 tokenizer(文字).input_ids 得到编号")
    return number


# 文字、编号、字节之间

def pieces(tokenizer, text: str) -> list[Piece]:
    """文字 → 一个个词元；它们的字节连起来就是（NFC 规范化后的）文字

    例: [p.id for p in pieces(tokenizer, "你好啊")] -> [108386, 103924]
    """
    check_text(text)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    return [piece(tokenizer, token_id) for token_id in ids]


def piece(tokenizer, token_id: int) -> Piece:
    """编号 → 词元

    例: piece(tokenizer, 108386) -> Piece(108386, "你好" 的 6 个字节)
    """
    number = check_id(tokenizer, token_id)
    token = tokenizer.convert_ids_to_tokens(number)
    if number in tokenizer.added_tokens_decoder:
        return Piece(number, token.encode())
    data = token_bytes(token)
    return Piece(number, data)


def token_bytes(token: str) -> bytes:
    """词表里的写法 → 字节。例: token_bytes("Ġworld") -> b" world" """
    return bytes(BYTE_OF[letter] for letter in token)


def piece_of(tokenizer, data: bytes) -> Piece:
    """字节 → 正好是这些字节的普通词元；词表里没有就报 ValueError

    例: piece_of(tokenizer, b" world").id -> 1879
    """
    token = "".join(LETTER_OF[byte] for byte in data)
    number = tokenizer.convert_tokens_to_ids(token)
    if number in (None, tokenizer.unk_token_id):
        raise ValueError(
            f"应是词表里某个词元的字节，现在是 {data.hex(' ')}；"
            "用 pieces(tokenizer, 文字) 看它切成哪几块")
    return Piece(number, data)


def neighbours(tokenizer, token_id: int, reach: int = 3) -> list[Piece]:
    """词表里的邻居：编号从 token_id - reach 到 token_id + reach 的词元，连它自己；超出词表的不算

    编号不对时报 TypeError 或 ValueError，同 check_id
    例: [p.id for p in neighbours(tokenizer, 1)] -> [0, 1, 2, 3, 4]
    """
    number = check_id(tokenizer, token_id)
    everyone = range(len(tokenizer))
    near = everyone[max(number - reach, 0):number + reach + 1]
    return [piece(tokenizer, i) for i in near]


def normalized(tokenizer, text: str) -> str:
    """分词器真正切的文字：先经过 NFC 规范化，字母和它的组合记号合成一个字符

    例: len("e\\u0301"), len(normalized(tokenizer, "e\\u0301")) -> (2, 1)
    出处: Unicode 标准附件 15
    """
    check_text(text)
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None:
        return text
    return normalizer.normalize_str(text)


@cache
def merge_ranks(tokenizer) -> dict[tuple, int]:
    """BPE 的合并次序：(左边的字节, 右边的字节) → 第几条，越小越先合并

    例: merge_ranks(tokenizer)[(b" ", b" ")] -> 0
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    ranks = {}
    for order, (left, right) in enumerate(model["merges"]):
        ranks[token_bytes(left), token_bytes(right)] = order
    return ranks


# 显示

def chip(p: Piece, number: int) -> str:
    """一个词元的 HTML：底色按 number 轮换，上面是样子，下面是编号"""
    color = TOKEN_COLORS[number % len(TOKEN_COLORS)]
    style = ("display:inline-block;text-align:center;margin:2px 1px;padding:2px 5px;color:#111;"
             f"border-left:2px solid #555;background:{color}")
    return f'<span style="{style}">{escape(p.label)}<br><small>{p.id}</small></span>'


def painted(found: list[Piece]) -> Shown:
    """几个词元，一个挨一个；没有颜色时读竖线"""
    chips = [chip(p, i) for i, p in enumerate(found)]
    labels = [p.label for p in found]
    ids = [str(p.id) for p in found]
    return Shown(
        f'<div style="line-height:1.4">{"".join(chips)}</div>',
        "│".join(labels) + "\n" + "│".join(ids))


def colored(tokenizer, text: str) -> Shown:
    """彩色的词元：每块一种底色，下面写编号；没有颜色时读竖线

    例: colored(tokenizer, "你好啊") 显示成 你好│啊
    """
    return painted(pieces(tokenizer, text))


def token_table(tokenizer, text: str) -> Shown:
    """一行一个词元：词元、编号、字节（十六进制）"""
    rows = []
    for p in pieces(tokenizer, text):
        rows.append((p.label, p.id, p.bytes.hex(" ")))
    return grid(("词元", "编号", "字节"), rows)


# 对话模板

def question_ids(tokenizer, question: str, most: int = 200) -> list[int]:
    """问题 → 套了对话模板（替助手开好头）的编号

    question: 不能只有空白；most: 连同模板最多几个词元
    不是文字报 TypeError，空的、不完整的、太长的报 ValueError
    例: question_ids(tokenizer, "你好")[:3] -> [151644, 8948, 198]
    """
    check_text(question)
    check_text(question.strip())  # 只有空白也算空的
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    count = len(inputs.input_ids)
    if count > most:
        raise ValueError(
            f"问题应不超过 {most} 个词元（连同模板），"
            f"现在有 {count} 个；缩短再试，下面还是上一个问题")
    return inputs.input_ids
