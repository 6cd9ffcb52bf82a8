"""练习“读报错：变不成一张表”：一次切几段长短不同的文字，报了 ValueError，把函数修好

出处: notebooks/03_tokenization.ipynb 第 9 节
"""
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from helpers.exercises.comparing import Case, as_lists, brief, check_function, has_floats, is_nested, same_integers
from helpers.exercises.exercise import Exercise
from helpers.exercises.repairing import expect_changes

BROKEN = '''def last_ids(tokenizer, texts: list[str]) -> list[int]:
    """每段文字的最后一个词元的编号"""
    batch = tokenizer(texts, return_tensors="pt")
    return batch.input_ids[:, -1].tolist()  # 每一行的最后一个'''
FAILS_ON = ["你好", "今天天气怎么样"]
ERROR = ("ValueError: Unable to create tensor, you should probably activate truncation and/or padding with "
         "'padding=True' 'truncation=True' to have batched tensors with the same length. Perhaps your features "
         "(`input_ids` in this case) have excessive nesting (inputs type `list` where type `int` is expected).")
CAUSE = "ValueError: expected sequence of length 1 at dim 1 (got 3)"  # 红字上半截的另一行
HINTS = ("最后一行有三句：出了什么事（Unable…），劝你写什么（you should…），也许是什么（Perhaps…）。"
         "照第二句改，再打印 batch.input_ids，看看最后一列是谁",
         "最后一列要都是句子自己的词元，填充就不能在右边；课文 03 第 9 节有一个选项，管补在哪一边")
SOLUTION = '''def last_ids(tokenizer, texts):
    batch = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")  # 补在左边
    return batch.input_ids[:, -1].tolist()  # 最后一列才都是句子自己的'''
WHY = ("红字只劝你怎样不再报错，没有说怎样才对：照它写 padding=True，红字没有了，短的句子却得到 151643，"
       "那是补上去的 <|endoftext|>。修好一个错，要看结果对不对，不只看还报不报错。")
HARDER = "不写 padding_side，填充留在右边，用 attention_mask 算出每一行最后一个词元在哪里"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的编号由分词器一段一段地切出来"""
    @cache
    def asked() -> list[Case]:
        return cases(tokenizer)

    def test(answer):
        expect_changes(answer, BROKEN)
        with as_it_comes(tokenizer):
            check_function(answer, asked(), FORMS, SLIPS, same_integers, RAISED)

    return Exercise("读报错：变不成一张表", "03 第 9 节", 0, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=8)


@contextmanager
def as_it_comes(tokenizer) -> Iterator[None]:
    """检查时填充在右边，和刚拿到的分词器一样；学生的函数改了它的设置，检查完再改回来"""
    side = tokenizer.padding_side
    pad = tokenizer.pad_token
    tokenizer.padding_side = "right"
    try:
        yield
    finally:
        tokenizer.padding_side = side
        tokenizer.pad_token = pad


def cases(tokenizer) -> list[Case]:
    """长短不同的、只有一段的、词元一样多的、字母一样多的、自己就以填充的词元结尾的、以空白结尾的、只有空白的、末尾很多字是一个词元的、好几段的、很长的"""
    return [
        case(tokenizer, FAILS_ON),
        case(tokenizer, ["人工智能"]),
        case(tokenizer, ["今天天气怎么样", "犇骉麤", "你好啊", "x"]),
        case(tokenizer, ["你好啊", "犇骉"]),
        case(tokenizer, ["STRAWBERRY", "strawberry"]),
        case(tokenizer, ["龘", "说完了<|endoftext|>", "return x == 123"]),
        case(tokenizer, ["第一行\n\n", "先空一格 ", "请看，请", "全角Ｂ"]),
        case(tokenizer, [" ", "好"]),
        case(tokenizer, ["短", "=" * 517]),
        case(tokenizer, ["好" * 60, "吃 饭", "好", "13800138000", "好"]),
        case(tokenizer, [f"第 {number} 段，到 {number % 7} 为止" + "。" * (number % 3) for number in range(300)]),
        case(tokenizer, ["短", "今天天气怎么样" * 332 + "今天1啊"]),  # 999 个词元
        case(tokenizer, ["真好!", "短"]),  # “!”的编号是 0
    ]


def case(tokenizer, texts):
    """一组输入"""
    return Case((tokenizer, texts), right_ids(tokenizer, texts), f"texts 是 {brief(texts, 60)}")


def right_ids(tokenizer, texts):
    """每一段单独切，取最后一个编号"""
    return [tokenizer(text).input_ids[-1] for text in texts]


# ---- 常见的错误 ----

def is_batch(got, case):
    return hasattr(got, "keys")


def has_texts(got, case):
    return isinstance(got, str) or any(isinstance(item, str) for item in got)


def has_a_long_text_cut(got, case):
    """最长的那段不对，别的都对"""
    tokenizer, texts = case.inputs
    lengths = [len(tokenizer(text).input_ids) for text in texts]
    longest = lengths.index(max(lengths))
    got = as_lists(got)
    right = list(case.expected)
    right[longest] = got[longest]
    return lengths[longest] > 50 and got == right


def is_one_number(got, case):
    return isinstance(as_lists(got), int)


def has_other_length(got, case):
    return len(got) != len(case.expected)


def cannot_make_a_table(error, case):
    return "Unable to create tensor" in str(error)


def has_no_column(error, case):
    return isinstance(error, TypeError) and "list indices" in str(error)


def first_column_padded_left(tokenizer, texts):
    batch = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
    return batch.input_ids[:, 0]


def second_last_ids(tokenizer, texts):
    return [tokenizer(text).input_ids[-2:][0] for text in texts]


def second_last_column(tokenizer, texts):
    batch = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
    return batch.input_ids[:, -2]


def largest_ids(tokenizer, texts):
    return [max(tokenizer(text).input_ids) for text in texts]


def last_ids_of_the_mask(tokenizer, texts):
    batch = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
    return batch.attention_mask[:, -1]


def lengths(tokenizer, texts):
    return [len(tokenizer(text).input_ids) for text in texts]


def ids_of_split_special(tokenizer, texts):
    return [tokenizer(text, split_special_tokens=True).input_ids[-1] for text in texts]


def padded_right(tokenizer, texts):
    batch = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
    return batch.input_ids[:, -1]


def without_pad_ids(tokenizer, texts):
    rows = []
    for text in texts:
        ids = tokenizer(text).input_ids
        rows.append([token_id for token_id in ids if token_id != tokenizer.pad_token_id])
    return [row[-1] for row in rows]


def first_ids(tokenizer, texts):
    return [tokenizer(text).input_ids[0] for text in texts]


def ids_of_last_letters(tokenizer, texts):
    return [tokenizer(text[-1]).input_ids[-1] for text in texts]


def ids_without_blanks(tokenizer, texts):
    return right_ids(tokenizer, [text.strip() for text in texts])


def in_order_of_ids(tokenizer, texts):
    return sorted(right_ids(tokenizer, texts))


def in_order_of_length(tokenizer, texts):
    rows = sorted(tokenizer(texts).input_ids, key=len)
    return [row[-1] for row in rows]


IN_ORDER = "各项应和 texts 的次序一样，现在换了次序；不要排序"
SECOND_LAST = "应是最后一个，现在像是倒数第二个；下标 -1 才是最后一个，长的也不要截"
FORMS = {
    has_floats: "应得到编号（整数），现在有带小数点的数；不要变成小数",
    is_batch: "应得到一个列表，每段一个编号，现在是字典，或者分词的整个结果；只取出编号",
    has_texts: "应得到编号（整数），现在是文字；不用解码",
    is_one_number: "应得到一个列表，每段文字一项，现在只有一个数",
    is_nested: "应得到一个列表，每段文字一个编号，现在里面还有列表；只取最后一列",
    has_a_long_text_cut: "短的都对，最长的那一段不对：长的被截短了；不要截，把短的补长",
    has_other_length: "应每段文字一项，现在的项数和 texts 的不一样；取的是列还是行？"
                      "有没有跳过哪一段、去掉重复的",
}
SLIPS = {
    padded_right: "不报错了，可是短的那几段得到的是 151643，它是补上去的，不是句子里的；"
                  "打印 batch.input_ids，看看补在了哪一边",
    without_pad_ids: "有一段自己就以 <|endoftext|> 结尾，它是句子的，应算，现在被当成了填充；"
                     "不要拿编号来认填充",
    first_column_padded_left: "补在了左边，取的却是第一列，那里有补上去的；要的是最后一个词元，它在哪一列？",
    last_ids_of_the_mask: "取的是 attention_mask 的最后一列，应是编号的；编号在 input_ids 里",
    lengths: "这是每段有几个词元，应是最后一个词元的编号",
    first_ids: "应是最后一个词元，现在是第一个：是取了第一列，还是把长的截短了？不要截，把短的补长",
    second_last_column: SECOND_LAST,
    second_last_ids: SECOND_LAST,
    largest_ids: "像是最大的编号，应是最后一个词元的编号；编号的大小不是次序",
    ids_of_split_special: "<|endoftext|> 应是一个词元，现在被切碎了：是当作普通文字切了，还是只切了文字末尾的几个字？",
    ids_of_last_letters: "应是整段切开以后的最后一个词元，现在是最后一个字单独切的；几个字会合成一个词元",
    ids_without_blanks: "先去掉了两头的空白；空格和换行也是词元，文字要照原样切",
    in_order_of_ids: IN_ORDER,
    in_order_of_length: IN_ORDER,
}
RAISED = {
    cannot_make_a_table: "还是原来的错：各行不一样长，变不成一张表；truncation 只把太长的截短，不补短的",
    has_no_column: "没有 return_tensors 时，input_ids 是列表的列表，不能用 [:, -1]；一行一行地取，或者先补齐再变成张量",
}
