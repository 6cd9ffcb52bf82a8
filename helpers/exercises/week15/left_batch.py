"""练习“读警告：一批里有几句答坏了”：generate 警告了两件事，把函数修好

出处: notebooks/06_writing.ipynb 第 6 节、09_faq.ipynb 第 5 节
"""
from functools import cache, partial

from helpers.exercises.comparing import Case, Wrong, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.repairing import expect_changes
from helpers.exercises.running import quiet
from helpers.exercises.week14.repair_batch import as_it_comes
from helpers.exercises.week15.forward import (
    NOT_GREEDY,
    forward_seconds,
    is_greedy,
    make_it_pad,
    once_a_model,
    table_model,
)
from helpers.exercises.week15.generate_with_cache import chat_of

BROKEN = '''def continue_all(tokenizer, model, texts: list[str], most: int) -> list[str]:
    """每段文字后面接着写，最多 most 个词元；返回新写的文字"""
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    output_ids = model.generate(batch.input_ids, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    longest = batch.input_ids.shape[1]
    return tokenizer.batch_decode(output_ids[:, longest:], skip_special_tokens=True)'''
FAILS_ON = ["人工智能", "人工智能未来会取代人类吗？", "温度"]
WARNINGS = (
    "[transformers] The attention mask is not set with a batched input, and cannot be inferred from input because "
    "pad token is same as eos token. As a consequence, you may observe unexpected behavior. "
    "Please pass your input's `attention_mask` to obtain reliable results.",
    "[transformers] A decoder-only architecture is being used, but right-padding was detected! "
    "For correct generation results, please set `padding_side='left'` when initializing the tokenizer.",
)
HINTS = ("两条警告各说一件事，各改一处。第一条说 generate 少收到了什么？第二条说补在了哪一边？",
         "tokenizer(…) 有一个选项管补在哪一边（课文 06 第 6 节）；它给的字典里有两样，现在只交给 generate 一样")
SOLUTION = '''def continue_all(tokenizer, model, texts, most):
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")  # 最后一列才都是文字自己的
    output_ids = model.generate(**batch, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)  # 两样都给
    longest = batch.input_ids.shape[1]
    return tokenizer.batch_decode(output_ids[:, longest:], skip_special_tokens=True)'''
WHY = ("没有报错，最长的那一句又总是对的，所以只试一句的人看不出毛病。"
       "四十个人共用的服务器、给一千条评论分类的程序，都是一批一批地写：警告是唯一的线索，只改一条还是错的。")
HARDER = "不用填充：按长短分组，一样长的才放在一批，最后照原来的次序放回去"


class Watched:
    """包着模型，数一数 generate 运行了几次，看是不是每次都贪心，有没有自己写 eos_token_id"""

    def __init__(self, model):
        self._wrapped = model
        self.times = 0
        self.greedy = True
        self.names_the_ends = False

    def generate(self, *inputs, **named):
        self.times += 1
        if "eos_token_id" in named:
            self.names_the_ends = True
        if not is_greedy(self._wrapped, named):
            self.greedy = False
        return self._wrapped.generate(*inputs, **named)

    def __call__(self, *inputs, **named):
        return self._wrapped(*inputs, **named)

    def __getattr__(self, name: str):
        return getattr(self._wrapped, name)


def exercise(tokenizer, model) -> Exercise:
    """这道题；正确的文字由左填充、带 attention_mask 的 generate 给出，只算一次"""
    prepared = cache(partial(cases, tokenizer, model))

    def test(answer):
        expect_changes(answer, BROKEN)
        with as_it_comes(tokenizer):
            for case in prepared():
                check_one(answer, case)

    return Exercise("读警告：一批里有几句答坏了", "06 第 6 节、09 第 5 节", 0, test, HINTS, SOLUTION, WHY, HARDER,
                    stars=2, minutes=8)


def check_one(answer: object, case: Case) -> None:
    """在一组输入上运行；结果对了，再看是不是贪心、一批一起写的"""
    tokenizer, model, texts, most = case.inputs
    watched = Watched(model)
    check_function(answer, [Case((tokenizer, watched, texts, most), case.expected, case.where, case.seconds)],
                   FORMS, SLIPS)
    if not watched.greedy:
        raise Wrong(f"这次的结果碰巧对了，可是 {NOT_GREEDY}\n这次的输入：{case.where}")
    if watched.times > 1:
        raise Wrong(f"{ONE_BY_ONE}\n这次的输入：{case.where}")


def cases(tokenizer, model) -> list[Case]:
    """长短不同的；各种文字在一批；照表写的。真正的 Qwen 一步就要零点几秒，所以只有两批

    各种文字：中间、开头是填充的词元的，同样的两段、首尾有空格和换行的，写出的头一个是换行的
    """
    make_it_pad(tokenizer)
    prepare = partial(case, tokenizer, model)
    padding = "<|endoftext|>"
    mixed = [f"你好{padding}人工智能", f"{padding}人工智能", " 温度 \n", " 温度 \n", "The end.<|im_end|>"]
    return [
        prepare(["你好", "什么是词元", "今天天气很好，我们一起去公园，"], 2),
        prepare(mixed, 2),
        *cases_by_table(tokenizer),
    ]


def cases_by_table(tokenizer) -> list[Case]:
    """交给照表写的小模型的：一批有的写 <|im_end|> 就停，有的写 <|endoftext|> 就停，有的一直写

    也有写很多的、很多段的、一段很长的；词表大，所以不能样样都多
    """
    end = tokenizer.eos_token_id
    padding = tokenizer.pad_token_id
    following = {}
    for before, after in ("好。", "嗯！", "呢呢", "行\n"):
        following[one_id(tokenizer, before)] = one_id(tokenizer, after)
    following[one_id(tokenizer, "。")] = end
    following[one_id(tokenizer, "！")] = padding
    small = table_model(following, one_id(tokenizer, "好"), [end, padding])
    told = "换一个照表写的小模型，"
    return [
        case(tokenizer, small, ["你好", "嗯", "再来一段呢"], 34, told),
        case(tokenizer, small, [chat_of(tokenizer, "再见") + "你好"], 9, told),  # 没有写满就完了
        case(tokenizer, small, ["你好", "嗯", "再来一段呢"], 3, told),
        case(tokenizer, small, ["行", "再来一段呢"], 1, told),  # 写出的是一个换行
        case(tokenizer, small, ["嗯", "你好", "再来一段呢"], 3, told),
        case(tokenizer, small, ["好", "再来一段呢", "嗯", "呢"] * 10, 3, told),
        case(tokenizer, small, ["说了很多，" * 180 + "嗯"], 1, told),
        *cases_of_odd_tokens(tokenizer, told),
    ]


def cases_of_odd_tokens(tokenizer, told: str) -> list[Case]:
    """写出的是附加而不特殊的 <tool_call>，是“麤”的前一半：decode 写出来的样子，一个也不改"""
    half = tokenizer("麤").input_ids[0]
    following = {one_id(tokenizer, "查"): one_id(tokenizer, "<tool_call>"), one_id(tokenizer, "难"): half}
    ends = [tokenizer.eos_token_id, tokenizer.pad_token_id]
    small = table_model(following, one_id(tokenizer, "好"), ends)
    return [
        case(tokenizer, small, ["查", "再来一段"], 2, told),
        case(tokenizer, small, ["难", "再来一段"], 1, told),
    ]


def one_id(tokenizer, text: str) -> int:
    """text 的最后一个编号"""
    return tokenizer(text).input_ids[-1]


def case(tokenizer, model, texts: list[str], most: int, told: str = "") -> Case:
    """一组输入；told: 还要告诉学生什么"""
    expected = written(tokenizer, model, texts, most)
    seconds = 5 + (40 + 2 * most) * forward_seconds(model)
    where = f"{told}texts 是 {brief(texts)}，{most=}"
    return Case((tokenizer, model, texts, most), expected, where, seconds)


def written(tokenizer, model, texts, most, side="left", mask="given") -> list[str]:
    """一批一起写，新写的文字；换掉一样就是一种错法"""
    output_ids, longest = generated(unwrapped(model), tokenizer, tuple(texts), most, side, mask)
    return tokenizer.batch_decode(output_ids[:, longest:], skip_special_tokens=True)


def unwrapped(model):
    """Watched 里的模型；别的原样"""
    if isinstance(model, Watched):
        return model._wrapped
    return model


@once_a_model
def generated(model, tokenizer, texts: tuple, most: int, side: str, mask: str) -> tuple:
    """generate 的结果，和补齐以后问题有多长；同样的只算一次

    side: 补在哪一边
    mask: given 分词器给的，ones 全是 1（不给 attention_mask 也是这样），by_id 照编号认填充，leading 只在开头照编号认
    """
    import torch

    batch = tokenizer(list(texts), return_tensors="pt", padding=True, padding_side=side)
    input_ids = batch.input_ids
    own = (input_ids != tokenizer.pad_token_id).long()
    masks = {
        "given": batch.attention_mask,
        "ones": torch.ones_like(input_ids),
        "by_id": own,
        "leading": own.cummax(1).values,
    }
    with quiet():
        output_ids = model.generate(input_ids, attention_mask=masks[mask], max_new_tokens=most, do_sample=False,
                                    repetition_penalty=1.0)
    return output_ids, input_ids.shape[1]


# ---- 常见的错误 ----

def is_one_text(got, case):
    return isinstance(got, str)


def has_no_texts(got, case):
    return not all(isinstance(item, str) for item in got)


def has_other_length(got, case):
    return len(got) != len(case.expected)


def names_the_ends(got, case):
    _, watched, _, _ = case.inputs
    return watched.names_the_ends


def is_not_greedy(got, case):
    _, watched, _, _ = case.inputs
    return not watched.greedy


def right_ids(tokenizer, model, texts, most) -> tuple:
    return generated(unwrapped(model), tokenizer, tuple(texts), most, "left", "given")


def keep_the_question(tokenizer, model, texts, most):
    output_ids, _ = right_ids(tokenizer, model, texts, most)
    return tokenizer.batch_decode(output_ids, skip_special_tokens=True)


def keep_special_tokens(tokenizer, model, texts, most):
    output_ids, longest = right_ids(tokenizer, model, texts, most)
    return tokenizer.batch_decode(output_ids[:, longest:])


def cut_by_own_length(tokenizer, model, texts, most):
    output_ids, _ = right_ids(tokenizer, model, texts, most)
    written = []
    for text, row in zip(texts, output_ids, strict=True):
        own = len(tokenizer(text).input_ids)
        written.append(tokenizer.decode(row[own:], skip_special_tokens=True))
    return written


def strip_the_ends(tokenizer, model, texts, most):
    return [text.strip() for text in written(tokenizer, model, texts, most)]


def delete_padding_tokens(tokenizer, model, texts, most):
    return written(tokenizer, model, [text.replace(tokenizer.pad_token, "") for text in texts], most)


ONE_BY_ONE = "结果对了，可是 generate 运行了不止一次；题目要一批一起写：搬一遍权重，几段一起用（课文 08 第 6 节）"
PADDING_IN_THE_TEXT = ("有一段文字自己就有 <|endoftext|>，它是文字的，要看，现在被删掉了，或者被当成了填充；"
                       "用分词器给的 attention_mask")
FORMS = {
    is_one_text: "应得到一个列表，每段文字一项，现在是一段文字",
    has_no_texts: "列表里应是文字，现在不是；output_ids 切掉问题以后还要解码",
    has_other_length: "应每段文字一项，现在的项数和 texts 的不一样",
    is_not_greedy: NOT_GREEDY,
    names_the_ends: "eos_token_id 不用自己写：结束词元有 <|im_end|> 和 <|endoftext|> 两个，写出哪一个都算说完，"
                    "模型自己知道；只写一个，另一个来了就不停",
}
SLIPS = {
    keep_the_question: "问题也在里面：只要新写的，补齐以后每一行的问题都是 longest 个词元",
    keep_special_tokens: "还留着特殊词元：解码时让它跳过",
    cut_by_own_length: "切的位置不对：补齐以后每一行的问题都是 longest 个词元，不是文字自己的长度",
    strip_the_ends: "写出的应一个字不改，现在两头的空格和换行没有了",
    delete_padding_tokens: PADDING_IN_THE_TEXT,
    partial(written, mask="by_id"): PADDING_IN_THE_TEXT,
    partial(written, mask="leading"): PADDING_IN_THE_TEXT,
    partial(written, mask="ones"): "填充到了左边，可是模型把填充也当成话来读：哪些是填充，没有告诉 generate；"
                                   "看第一条警告",
    partial(written, side="right"): "attention_mask 有了，填充还在右边，generate 就接着一个填充往下写；看第二条警告",
    partial(written, side="right", mask="ones"): "和原来写出的一样：看不见警告不等于改好了，先改填充的那一边，"
                                                 "再把 attention_mask 照原样交给 generate",
}
