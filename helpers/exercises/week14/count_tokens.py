"""练习“数词元”：文字切成了几个词元

出处: notebooks/03_tokenization.ipynb 第 1 节
"""
from dataclasses import replace
from functools import cache, partial

from helpers.exercises.comparing import Case, as_lists, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.running import quiet

HINTS = ("先在另一格里看看 tokenizer(\"你好啊\") 的结果里有哪几样，哪一样是一个词元占一项",
         "编号在 input_ids 里，一个词元一个；数它有几项就行，空文字也不用另外处理")
SOLUTION = """def count_tokens(tokenizer, text):
    return len(tokenizer(text).input_ids)"""
WHY = ("模型一次能看多长、网上的模型怎样收费、写一个词要多久，算的都是词元，不是字数；"
       "发出去以前，就用这一行数一数。")
HARDER = "一段很长的文字，只许用前 100 个词元，应怎样截断，才不会在末尾留下半个字？"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的个数由分词器的 tokenize 给出"""
    prepared = cache(partial(cases, tokenizer))
    last = cache(partial(longest, tokenizer))

    def test(answer):
        check_function(answer, prepared(), FORMS, SLIPS)
        with quiet():
            check_function(answer, [last()], LONG_FORMS, {})  # 很长，不一样一样地试错法

    return Exercise("数词元", "03 第 1 节", 5, test, HINTS, SOLUTION, WHY, HARDER, stars=1, minutes=4)


def cases(tokenizer) -> list[Case]:
    """平常的、空的、重复的、生僻的、只有空格的、两头有空白的、大写的、混在一起的、有特殊词元的、很长的

    有看不见的字符的、开头一样的

    最长的不到 1024 个词元，教学小模型的分词器才不警告
    """
    texts = ["今天 天气真好，犇骉麤猋， 我们去公园玩", "今天天气真好，人工智能，我们去公园玩",
             "人工智能和魔搭社区的龘 123", "", "好好好，好好好好", "犇骉麤", " ", "  两头有空白，都是空白\n\n",
             "HELLO! World! from_pretrained",
             "他说：“好！！”\r\n　a，全角ＡＢ１２    return", "🫠词元 hello world\n\t靐x 好",
             "<|im_start|>user\n你好，请坐<|im_end|>", "词元" * 505, "今天 天气very good，12 个人\r\n" * 80,
             "\ufeff开头\u200d里面\u200b", "今天 天气very good，12 个人\r\n" * 81]
    return [case(tokenizer, text) for text in texts]


def longest(tokenizer) -> Case:
    """132,000 个词元，比真正的 Qwen 一次能读的（131,072）还多；每 17 个字符一个样"""
    return replace(case(tokenizer, "词元一步 Hello world，" * 22_000), seconds=20)


def case(tokenizer, text):
    """一组输入"""
    expected = token_count(tokenizer, text)
    return Case((tokenizer, text), expected, f"文字是 {brief(text, 30)}")


def token_count(tokenizer, text):
    """正确的个数"""
    return len(tokenizer.tokenize(text))


# ---- 常见的错误 ----

def is_list(got, case):
    return isinstance(as_lists(got), list)


def is_text(got, case):
    return isinstance(got, str)


def is_cut_short(got, case):
    """整数百，或 2 的几次方：truncation 截到了那里"""
    return case.expected > got >= 100 and (got % 100 == 0 or got & (got - 1) == 0)


def has_fewer(got, case):
    return got < case.expected


def has_more(got, case):
    return got > case.expected


def count_as_plain_text(tokenizer, text):
    return len(tokenizer(text, split_special_tokens=True).input_ids)


def count_without_added(tokenizer, text):
    return sum(token_id < tokenizer.vocab_size for token_id in tokenizer(text).input_ids)


def count_at_least_one(tokenizer, text):
    return max(1, token_count(tokenizer, text))


def count_letters(tokenizer, text):
    return len(text)


def count_words(tokenizer, text):
    return len(text.split())


def count_words_apart(tokenizer, text):
    """按空白分开，一个词一个词地切"""
    return sum(token_count(tokenizer, word) for word in text.split())


def count_in_template(tokenizer, text):
    messages = [{"role": "user", "content": text}]
    return len(tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"])


def count_fields(tokenizer, text):
    return len(tokenizer(text))


def count_sentences(tokenizer, text):
    return len(tokenizer([text]).input_ids)


def count_bytes(tokenizer, text):
    return len(text.encode())


def count_lower(tokenizer, text):
    return token_count(tokenizer, text.lower())


def count_stripped(tokenizer, text):
    return token_count(tokenizer, text.strip())


def count_letter_by_letter(tokenizer, text):
    return sum(token_count(tokenizer, letter) for letter in text)


def count_different(tokenizer, text):
    return len(set(tokenizer.tokenize(text)))


FORMS = {
    is_text: "应得到一个整数，现在是文字；不要变成字符串",
    is_list: "应得到一个整数，现在是一串；数一数它有几个",
    is_cut_short: "长的文字被截短了，应数全部的词元；不要截",
}
LONG_FORMS = {
    has_fewer: "很长的文字被截短了，应数全部的词元；多长都不要截",
    has_more: "很长的文字多数了，像是分成几段切的；要整段一起切，段的边上才不会多切一刀",
}
SLIPS = {
    count_at_least_one: "空文字一块也切不出来，应是 0，现在是 1；不要另外加上什么",
    count_as_plain_text: "<|im_end|> 这样的特殊词元应算一个，现在当作普通文字切碎了；照分词器平常的切法",
    count_without_added: "<|im_end|> 这样的特殊词元也要数，现在没有算",
    count_letters: "这是字符数，应是词元数；先让分词器切开，再数 input_ids",
    count_fields: "得到 2：你数的是分词结果里的两样，input_ids 和 attention_mask；应数 input_ids 里的编号，先取出它",
    count_sentences: "得到 1：input_ids 是一张表格时，len 数的是有几句话；去掉 return_tensors，或者数第 0 句",
    count_in_template: "像是套上了对话模板再数的；只数这段文字自己的",
    count_bytes: "这是字节数，应是词元数；几个字节会合成一个词元",
    count_lower: "像是先改了大小写再切的；大写和小写是不同的词元，文字要照原样切",
    count_stripped: "先去掉两头空白再切的；空格和换行也是词元的一部分，文字要照原样切",
    count_words: "这是按空白分开的词数，应是词元数；先让分词器切开，再数 input_ids",
    count_words_apart: "像是先去掉了空白，或者先按空白分开，再一个词一个词地切的；空白也是词元的一部分，要整段一起切",
    count_letter_by_letter: "像是一个字一个字地切的；几个字会合成一个词元，要整段一起切",
    count_different: "同样的词元出现几次，应算几个，现在只算了一个；不要去掉重复的",
}
