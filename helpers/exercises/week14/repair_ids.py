"""练习“读报错：表里没有这一格”：数每个编号出现几次，遇到特殊词元报了 IndexError，把函数修好

出处: notebooks/03_tokenization.ipynb 第 1、7、8 节
"""
from copy import deepcopy
from functools import cache

from helpers.exercises.comparing import Case, Wrong, as_lists, brief, check_function, is_nested
from helpers.exercises.exercise import Exercise
from helpers.exercises.repairing import expect_changes

BROKEN = '''import torch


def id_counts(tokenizer, text: str):
    """每个编号在 text 里出现几次，一个编号一格"""
    counts = torch.zeros(tokenizer.vocab_size, dtype=torch.long)
    for token_id in tokenizer(text).input_ids:
        counts[token_id] += 1
    return counts'''
FAILS_ON = "<|im_start|>user\n你好<|im_end|>\n"
ERROR = "IndexError: index 151644 is out of bounds for dimension 0 with size 151643"
MODEL_ROWS = 151_936  # 模型的词嵌入表有几行，比分词器的词元多
GREW = ("你的函数改动了分词器：它的词元变多了。数编号不用添词元，只用问它一共有多少个；"
        "自己运行过这个函数的，先重启内核，分词器才变回原来的")
HINTS = ("最后一行有两个数：151644 是哪个词元的编号（用 tokenizer.decode([151644]) 问它）？"
         "151643 是函数的哪一行定下来的？"
         "箭头指着的不一定是要改的那一行",
         "tokenizer.vocab_size 只数了由合并造出来的普通词元，后面还有附加词元；课文 03 第 1 节用另一个办法数过，"
         "两种都在内")
SOLUTION = '''import torch

def id_counts(tokenizer, text):
    counts = torch.zeros(len(tokenizer), dtype=torch.long)  # 普通的和附加的词元都在内：151665
    for token_id in tokenizer(text).input_ids:
        counts[token_id] += 1
    return counts'''
WHY = ("词表的大小有三个数：tokenizer.vocab_size 是 151643，只数普通的；len(tokenizer) 是 151665，加上附加的 22 个；"
       "模型的 config.vocab_size 是 151936，表做得更大。平常的文字碰不到差别，一套模板就碰到了："
       "所以试一个函数，要用真正会遇到的输入。")
HARDER = "一行也不用 for：查一查 torch.bincount 的 minlength"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的次数由 torch.bincount 数出来"""
    @cache
    def asked() -> list[Case]:
        return cases(deepcopy(tokenizer))  # 函数要是改了它，别的题还用原来的

    def test(answer):
        expect_changes(answer, BROKEN)
        lent = asked()[0].inputs[0]
        try:
            check_function(answer, asked(), FORMS, SLIPS, same_counts)
        finally:
            if len(lent) != len(tokenizer):
                asked.cache_clear()
                raise Wrong(GREW)

    return Exercise("读报错：表里没有这一格", "03 第 1、7、8 节", 0, test, HINTS, SOLUTION, WHY, HARDER, stars=2,
                    minutes=8)


def cases(tokenizer) -> list[Case]:
    """平常的、重复的、套了模板的、空的、最后一个编号的、附加而不特殊的、很长的"""
    texts = [
        "牛多叫犇骉麤",
        "好好好，好好好好" * 5,
        FAILS_ON,
        "",
        "<|file_sep|>README.md",
        "<tool_call>{}</tool_call><tool_call>",
        "写完了<|endoftext|>",
        "啊，" * 260,
        "哦，" * 260,
        "一段\n\n\n二段\n\n",
        " " * 10_240 + "完",  # 一万多个字符，八十来个词元
        " internationalization" * 260,  # 五千多个字符，520 个词元：一个词元一行 one-hot 的也放得下
    ]
    return [case(tokenizer, text) for text in texts]


def case(tokenizer, text):
    """一组输入"""
    expected = counted(tokenizer, text, len(tokenizer))
    return Case((tokenizer, text), expected, f"text 是 {brief(text, 60)}")


def counted(tokenizer, text, size: int):
    """每个编号出现几次，至少 size 格"""
    import torch

    ids = torch.tensor(tokenizer(text).input_ids, dtype=torch.long)
    return torch.bincount(ids, minlength=size)


def same_counts(got, want) -> bool:
    """十五万格全都相同吗；一次比完，比一格一格地看快"""
    import torch

    return torch.equal(torch.as_tensor(got, dtype=torch.float64), want.double())


# ---- 常见的错误 ----

def is_dict(got, case):
    return hasattr(got, "keys")


def is_text(got, case):
    return isinstance(got, str)


def is_one_number(got, case):
    return isinstance(as_lists(got), int | float)


def has_rows_of_the_model(got, case):
    return len(got) == MODEL_ROWS


def has_no_added(got, case):
    return len(got) == len(case.expected) - 22


def has_no_added_but_one(got, case):
    return len(got) == len(case.expected) - 21


def is_empty_for_no_text(got, case):
    return case.inputs[1] == "" and len(got) == 0


def grows_with_the_text(got, case):
    tokenizer, text = case.inputs
    needed = max(tokenizer(text).input_ids, default=-1) + 1
    return len(got) == needed < len(case.expected)


def has_too_few(got, case):
    return len(got) < len(case.expected)


def has_too_many(got, case):
    return len(got) > len(case.expected)


def has_texts(got, case):
    return isinstance(got[0], str)


def has_nothing(got, case):
    """一个也没有数"""
    return in_all(case.expected) > 0 == in_all(got)


def has_more_in_all(got, case):
    """比这段文字的词元多；先变成小写也会多，那另有话说"""
    return in_all(got) > in_all(case.expected) and not same_counts(got, in_small_letters(*case.inputs))


def lacks_some_of_many(got, case):
    return in_all(got) < in_all(case.expected) > 500


def in_all(counts) -> float:
    """一共数了几个"""
    import torch

    return torch.as_tensor(counts, dtype=torch.float64).sum().item()


def skip_added(tokenizer, text):
    counts = counted(tokenizer, text, len(tokenizer))
    counts[tokenizer.vocab_size:] = 0
    return counts


def skip_special(tokenizer, text):
    counts = counted(tokenizer, text, len(tokenizer))
    counts[tokenizer.all_special_ids] = 0
    return counts


def put_into_the_last(tokenizer, text):
    counts = counted(tokenizer, text, len(tokenizer))
    last = tokenizer.vocab_size - 1
    counts[last] += counts[last + 1:].sum()
    counts[last + 1:] = 0
    return counts


def only_whether(tokenizer, text):
    return counted(tokenizer, text, len(tokenizer)).clamp(max=1)


def without_blanks(tokenizer, text):
    return counted(tokenizer, text.strip(), len(tokenizer))


def in_small_letters(tokenizer, text):
    return counted(tokenizer, text.lower(), len(tokenizer))


def divided_by_total(tokenizer, text):
    counts = counted(tokenizer, text, len(tokenizer))
    return counts / counts.sum()


def positions_of_letters(tokenizer, text):
    import torch

    counts = torch.zeros(len(tokenizer))
    for letter in text:
        for token_id in tokenizer(letter).input_ids:
            counts[token_id] += 1
    return counts


FORMS = {
    is_dict: "应得到一串数，一个编号一格，没有出现的也有一格 0，现在是字典",
    is_text: "应得到一串数，一个编号一格，现在是一段文字；不要转成字符串",
    is_one_number: "应得到一串数，一个编号一格，现在只有一个数",
    is_nested: "应是一维的一串数，现在里面还有一层；取出那一行",
    has_rows_of_the_model: "151936 是模型的表的行数，比词元多；应只给分词器的词元留格子，现在多了 271 格",
    has_no_added: "格子只到普通的词元为止，附加词元还是没有格子；课文 03 第 1 节数过一共有多少个词元",
    is_empty_for_no_text: "空的文字也应有全部的格子，都是 0；现在一格也没有",
    grows_with_the_text: "格数应总是一样的，现在随文字里最大的编号变；两段文字的结果要能相加",
    has_no_added_but_one: "格子只多了一格，附加词元有好些个；普通的和附加的一共有多少个？",
    has_too_few: "格子应够全部的词元用，现在少了；普通的和附加的一共有多少个？",
    has_texts: "应是一串数，现在里面是文字；不要变成字符串",
    has_too_many: "格子应和词元一样多，现在多了；普通的和附加的一共有多少个？",
    has_nothing: "格子够了，可是全是 0，一个也没有数；每遇到一个编号，它的格子加 1",
    has_more_in_all: "一共数了多少，应正好是这段文字的词元数，现在多了；是不是一个字一个字地切了、切碎了特殊词元、"
                     "套了模板，或者留着上一次数的？",
    lacks_some_of_many: "短的都对，很长的应全数进去，现在没有数全；是不是截短了，"
                        "或者一格装不下大的数（uint8 只到 255）？",
}
SKIPPED = "附加词元也要数，现在跳过了它们；不是绕过出错的编号，是给它们格子"
SLIPS = {
    skip_added: SKIPPED,
    skip_special: SKIPPED,
    put_into_the_last: "附加词元应各有自己的格子，现在都算在了最后一个普通词元上；给它们格子",
    without_blanks: "先去掉了两头的空白；换行也是词元，文字要照原样切",
    in_small_letters: "先变成了小写；大写和小写是不同的词元，文字要照原样切",
    only_whether: "应是出现的次数，现在只有 0 和 1；同一个编号再来一次，就再加 1",
    divided_by_total: "应是次数，现在除以了总数；不用除",
    positions_of_letters: "应先切整段再数，现在是一个字一个字地切；几个字会合成一个词元",
}
