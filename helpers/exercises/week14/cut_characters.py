"""练习“找半个字”：哪些字的字节分在两个以上的词元里

出处: notebooks/03_tokenization.ipynb 第 4 节
"""
from collections import Counter

from helpers.exercises.comparing import Case, as_lists, brief, check_function
from helpers.exercises.exercise import Exercise

HINTS = ("半个字单独解码会出现 �。如果只解码前 k 个词元，什么时候末尾会是 �？",
         "对每个 k 解码 ids[:k]；末尾是 � 时，去掉 � 再数有几个完整的字，被切开的就是下一个；同一个位置只算一次")
SOLUTION = """def cut_characters(tokenizer, text):
    ids = tokenizer(text).input_ids
    places = []
    for k in range(1, len(ids)):
        done = tokenizer.decode(ids[:k])
        place = len(done.rstrip("�"))  # 前面有几个完整的字，被切开的就是第几个（从 0 数）
        if done.endswith("�") and place not in places:
            places.append(place)
    return [text[place] for place in places]"""


def exercise(tokenizer) -> Exercise:
    """这道题；正确的字由分词器报告的位置给出"""
    def test(answer):
        check_function(answer, cases(tokenizer), FORMS, SLIPS)

    return Exercise("找半个字", "03 第 4 节", 15, test, HINTS, SOLUTION)


def cases(tokenizer) -> list[Case]:
    """有字被切开的、没有的、和空格粘在一起的、只有一个字的、混在一起的、很长的"""
    texts = ["龙和龘都说 好，🦜也说 好", "人工智能 world", "我 爱 你", "靐", "🫠词元 😀\n靐x 好", "龘的 好123" * 20]
    return [case(tokenizer, text) for text in texts]


def case(tokenizer, text):
    """一组输入"""
    expected = split_letters(tokenizer, text)
    return Case((tokenizer, text), expected, f"文字是 {brief(text, 30)}")


def split_letters(tokenizer, text: str) -> list[str]:
    """被切在内部的字：分词器自己报告的位置里，有两个以上的词元盖住它"""
    encoding = tokenizer(text, return_offsets_mapping=True)
    covered = Counter()
    for start, end in encoding.offset_mapping:
        covered.update(range(start, end))
    split = []
    for place, letter in enumerate(text):
        if covered[place] > 1:
            split.append(letter)
    return split


# ---- 常见的错误 ----

def has_no_order(got, case):
    return isinstance(got, str | set | dict)


def has_ids(got, case):
    return any(isinstance(item, int) for item in as_lists(got))


def has_tokens(got, case):
    return any(isinstance(item, bytes) or "�" in item or "‹" in item for item in got)


def has_longer_items(got, case):
    return any(len(item) != 1 for item in got)


def multibyte_letters(tokenizer, text):
    return [letter for letter in text if len(letter.encode()) > 1]


def letters_cut_alone(tokenizer, text):
    return [letter for letter in text if len(tokenizer(letter).input_ids) > 1]


def without_glued_letters(tokenizer, text):
    alone = letters_cut_alone(tokenizer, text)
    return [letter for letter in split_letters(tokenizer, text) if letter in alone]


def without_repeats(tokenizer, text):
    return list(dict.fromkeys(split_letters(tokenizer, text)))


def in_reverse(tokenizer, text):
    return split_letters(tokenizer, text)[::-1]


GLUED = "漏了和空格粘在一起的字：空格和它的头一个字节在同一个词元里，它也应算被切开；切整段，不要一个字一个字地切"
FORMS = {
    has_no_order: "应得到一个列表，现在是别的；一个字一项，按出现的次序",
    has_ids: "列表里应是字，现在是编号；找出它们来自哪个字",
    has_tokens: "列表里应是完整的字，现在是词元（半个字）；找出这些字节属于哪个字",
    has_longer_items: "列表里每一项应是一个字，现在有长有短；空格没有被切开，去掉它",
}
SLIPS = {
    multibyte_letters: "这是所有多字节的字，应只有被切开的；几个字节在同一个词元里，就没有切开",
    letters_cut_alone: GLUED,
    without_glued_letters: GLUED,
    without_repeats: "同一个字被切开几次，应写几次，现在只写了一次；不要去掉重复的",
    in_reverse: "次序反了，应按在文字里出现的次序；从前往后找",
}
