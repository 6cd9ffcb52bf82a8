"""练习“找半个字”：哪些字的字节分在两个以上的词元里

出处: notebooks/03_tokenization.ipynb 第 4 节
"""
import unicodedata
from collections import Counter
from functools import cache, partial

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
WHY = ("聊天软件边写边显示，靠的就是这个判断：末尾是半个字，就先等一等。逐个词元解码、在词元的边界上截断文字、"
       "把日志按词元切开存，都会在这些字上露出 �。")
HARDER = "改成返回每个被切开的字切成了几块，例如 {\"麤\": 2}；一块里还可能装着前一个字的尾巴和后一个字的开头。"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的字由分词器报告的位置给出"""
    prepared = cache(partial(cases, tokenizer))

    def test(answer):
        check_function(answer, prepared(), FORMS, SLIPS)

    return Exercise("找半个字", "03 第 4 节", 14, test, HINTS, SOLUTION, WHY, HARDER, stars=3, minutes=15)


def cases(tokenizer) -> list[Case]:
    """有字被切开的、没有的、和空格粘在一起的、只有一个字的、混在一起的、开头有空格的、有特殊词元的、很长的、有大写的

    “ǖ”只有两个字节，“％”是标点，“①”是数字，“能”的切口只在第一个字节后面
    “麤”前后的“好”一个被切开、一个没有
    “🂤”切在正中；\u2003、\u2028、\u200d 是切得开的空白、分行符和连接符，有的拆行的办法会丢掉它们
    最后三段开头二十个字一样；九十九个“好”以后是一个空格，第一百个字被切开；两个空格后面也会切开
    “打名”的切口在“打”的内部，“打字”的不在；“テーマ”是一个词元，其中的“ーマ”单独切会碎：都要看整段
    """
    texts = ["龘龘的麤🦜靐", "龙和龘都说 好，🦜也说 好", "人工智能 world", "我 爱 你", "靐", "🫠词元 😀 \n爱，靐x 好",
             "先打名单，后打字", "テーマ是主题，サーフィン是冲浪，インターネット", " 爱，说 好 ", "说 <|im_end|>好和靐",
             "倒着的Ɐ和正着的A", " 好麤好的靐", " 好麤好", "学ǖ，好 ％ 能说①和靐",
             "龘的 好123 internationalization" * 82, "牌🂤和🂨", "空\u2003白\u2028行\u200d连，靐🦜 好",
             "说  好", "好" * 99 + " 好",
             "这一段的开头和下一段一模一样，一个字也不差：好", "这一段的开头和下一段一模一样，一个字也不差： 好"]
    return [case(tokenizer, text) for text in texts]


def case(tokenizer, text):
    """一组输入"""
    expected = split_letters(tokenizer, text)
    return Case((tokenizer, text), expected, f"文字是 {brief(text, 30)}")


def split_letters(tokenizer, text: str) -> list[str]:
    """被切在内部的字：分词器自己报告的位置里，有两个以上的词元盖住它"""
    return [text[place] for place in split_places(tokenizer, text)]


def split_places(tokenizer, text: str) -> list[int]:
    """被切在内部的是第几个字，从 0 数"""
    covered = times_covered(tokenizer, text)
    return [place for place in range(len(text)) if covered[place] > 1]


def times_covered(tokenizer, text: str) -> Counter:
    """第几个字 → 有几个词元盖住它"""
    encoding = tokenizer(text, return_offsets_mapping=True)
    covered = Counter()
    for start, end in encoding.offset_mapping:
        covered.update(range(start, end))
    return covered


# ---- 常见的错误 ----

def is_text(got, case):
    return isinstance(got, str)


def has_no_order(got, case):
    return isinstance(got, set | dict)


def has_places(got, case):
    return bool(got) and as_lists(got) == split_places(*case.inputs)


def has_ids(got, case):
    return any(isinstance(item, int) for item in as_lists(got))


def has_tokens(got, case):
    return any(isinstance(item, bytes) or "�" in item or "‹" in item for item in got)


def has_token_texts(got, case):
    """词元在词表里的写法，例如 é¾ĺ"""
    tokenizer, text = case.inputs
    tokens = set(tokenizer.tokenize(text))
    return any(item in tokens and item not in text for item in got)


def has_no_repeats(got, case):
    return len(got) == len(set(got)) < len(case.expected) and set(got) == set(case.expected)


def has_only_emoji(got, case):
    emoji = [letter for letter in case.expected if len(letter.encode()) == 4]
    return len(got) > 0 and as_lists(got) == emoji


def has_longer_items(got, case):
    return any(len(item) != 1 for item in got)


def has_other_order(got, case):
    got = as_lists(got)
    return got != case.expected[::-1] and sorted(got) == sorted(case.expected)


def lacks_much_of_a_long_text(got, case):
    return len(case.expected) > 100 and len(got) < len(case.expected)


def lacks_unseen(got, case):
    """少的全是看不见的字"""
    missing = [letter for letter in case.expected if letter not in got]
    return len(missing) > 0 and not any(letter.isprintable() for letter in missing)


def multibyte_letters(tokenizer, text):
    return [letter for letter in text if len(letter.encode()) > 1]


def letters_cut_alone(tokenizer, text):
    return [letter for letter in text if len(tokenizer(letter).input_ids) > 1]


def without_glued_letters(tokenizer, text):
    alone = letters_cut_alone(tokenizer, text)
    return [letter for letter in split_letters(tokenizer, text) if letter in alone]


def letters_cut_when_stripped(tokenizer, text):
    return split_letters(tokenizer, text.strip())


def letters_cut_when_lowered(tokenizer, text):
    return split_letters(tokenizer, text.lower())


def letters_cut_after_one(tokenizer, text):
    """每个字连同前一个字一起切"""
    cut = []
    for place, letter in enumerate(text):
        before = text[max(place - 1, 0):place]
        if split_places(tokenizer, before + letter)[-1:] == [len(before)]:
            cut.append(letter)
    return cut


def letters_cut_somewhere(tokenizer, text):
    cut = split_letters(tokenizer, text)
    return [letter for letter in text if letter in cut]


def pieces_of_letters(tokenizer, text):
    """切成几块，就写几次"""
    covered = times_covered(tokenizer, text)
    cut = []
    for place, letter in enumerate(text):
        if covered[place] > 1:
            cut.extend([letter] * covered[place])
    return cut


def cuts_of_letters(tokenizer, text):
    """切了几刀，就写几次"""
    covered = times_covered(tokenizer, text)
    cut = []
    for place, letter in enumerate(text):
        if covered[place] > 1:
            cut.extend([letter] * (covered[place] - 1))
    return cut


def letters_cut_after_blank(tokenizer, text):
    """每个字单独切，前面有空格的连同空格"""
    cut = []
    for place, letter in enumerate(text):
        before = " " if text[:place].endswith(" ") else ""
        if len(tokenizer(before + letter).input_ids) > 1:
            cut.append(letter)
    return cut


def letters_of_broken_runs(tokenizer, text, blanks=True):
    """连着的碎词元合起来解码，里面的字都算"""
    cut = ""
    run = []
    for token_id in [*tokenizer(text).input_ids, None]:
        if token_id is not None and "�" in tokenizer.decode([token_id]):
            run.append(token_id)
        else:
            cut += tokenizer.decode(run)
            run = []
    if blanks:
        return list(cut)
    return [letter for letter in cut if not letter.isspace()]


def letters_found_without_special(tokenizer, text):
    """解码时跳过特殊词元，后面的位置就往前错了"""
    ids = tokenizer(text).input_ids
    places = []
    for count in range(1, len(ids)):
        done = tokenizer.decode(ids[:count], skip_special_tokens=True)
        place = len(done.rstrip("�"))
        if done.endswith("�") and place not in places:
            places.append(place)
    return [text[place] for place in places]


def of_fewer_than_four_bytes(tokenizer, text):
    return [letter for letter in split_letters(tokenizer, text) if len(letter.encode()) < 4]


def nothing(tokenizer, text):
    return []


def rewritten(tokenizer, text):
    return [unicodedata.normalize("NFKC", letter) for letter in split_letters(tokenizer, text)]


def without_last(tokenizer, text):
    return split_letters(tokenizer, text)[:-1]


def letters_never_whole(tokenizer, text):
    """逐个词元解码，没有见过完整的"""
    shown = "".join(tokenizer.decode([token_id]) for token_id in tokenizer(text).input_ids)
    return [letter for letter in text if letter not in shown]


def of_three_bytes(tokenizer, text):
    return [letter for letter in split_letters(tokenizer, text) if len(letter.encode()) > 2]


def without_punctuation(tokenizer, text):
    return [letter for letter in split_letters(tokenizer, text) if letter.isalnum() or len(letter.encode()) == 4]


def in_reverse(tokenizer, text):
    return split_letters(tokenizer, text)[::-1]


BY_LETTER = ("一个字一个字地切，和整段切，切口不一样：例如空格会和后一个字的头一个字节粘在一起，那个字也应算被切开；"
             "先把整段切好，再看切口落在哪里")
GLUED = ("少了和空格粘在一起的字：空格会和后一个字的头一个字节粘成一块，那个字就被切开了；"
         "先把整段切好（不去掉空格，也不要一个字一个字地切），再看切口落在哪里，切成三块的也算")
NEIGHBORS = ("碎词元里的字不一定都被切开：一个碎词元里，可能有前一个字的尾巴，也可能有完整的空格或字；"
             "要看切口落在哪个字的内部")
FORMS = {
    is_text: "应得到一个列表，现在是一段文字；一个字一项，放进列表",
    has_no_order: "应得到一个列表，现在是集合或字典：没有次序，同一个字也只有一个；一处一项，按出现的次序",
    has_places: "列表里应是字，现在是它们在第几个位置；取出那里的字",
    has_ids: "列表里应是字，现在是编号（或者别的整数）；找出它们来自哪个字",
    has_tokens: "列表里应是完整的字，现在有半个字、词元或者字节；找出它们属于哪个字",
    has_token_texts: "列表里应是完整的字，现在有词元在词表里的写法；找出它们属于哪个字",
    has_only_emoji: "只有表情这样的字（4 个字节）；汉字、字母也会被切开，也要写",
    lacks_much_of_a_long_text: "短的文字都对，很长的少了一些字：应看全部的词元，多长都不要截",
    lacks_unseen: "少了看不见的字：特别的空白、分行的记号、连接符也是字符，也会被切开",
    has_no_repeats: "同一个字在文字里有几处被切开，应写几项，现在只写了一项；不要去掉重复的",
    has_other_order: "该写的字都有，次序不对：应按在文字里出现的次序；同一个字有几处时，要看被切开的是哪一处",
    has_longer_items: "列表里每一项应是一个字，现在有长有短；空格没有被切开，去掉它；几个字连在一起的，一个一个分开写",
}
SLIPS = {
    letters_cut_when_stripped: "先去掉了两头的空白；空格会和后面的字粘在一起，文字要照原样切",
    letters_cut_when_lowered: "把大写换成了小写；文字要照原样切，字也要照原样写",
    of_fewer_than_four_bytes: "少了表情这样的字（4 个字节）；一个字有几个字节都可能被切开",
    rewritten: "字被改写了（例如全角变成了半角）；应是 text 里原样的字",
    letters_of_broken_runs: NEIGHBORS,
    partial(letters_of_broken_runs, blanks=False): NEIGHBORS,
    letters_found_without_special: "特殊词元以后的位置错了：解码时跳过了特殊词元，数出来的字就少了；它们也要解码出来",
    of_three_bytes: "少了只有两个字节的字；字母也算，有的字母也会被切开",
    without_punctuation: "少了标点；汉字、假名、字母、表情、标点都算",
    multibyte_letters: "这是所有多字节的字，应只有被切开的；几个字节在同一个词元里，就没有切开",
    without_glued_letters: GLUED,
    letters_cut_alone: BY_LETTER,
    letters_cut_after_one: "只看了旁边的一个字；切口在哪里，要看整段：先把整段切好，再看切口落在哪里",
    letters_never_whole: "在别处完整地出现过的字，被切开的那一处也要写；一处一处地看，不是看这个字",
    without_last: "少了文字里最后被切开的那一处；循环完以后，手里是不是还剩着没有写进去的",
    letters_cut_somewhere: "同一个字，有的地方被切开，有的地方没有；要看这一处，不是看这个字",
    letters_cut_after_blank: "像是每个字单独切的，前面有空格的连同空格；先把整段切好，再看切口落在哪里",
    cuts_of_letters: "一处被切成几块，也只写一项；现在切了几刀就写了几项",
    pieces_of_letters: "一处被切成几块，也只写一项；现在切成几块就写了几项",
    in_reverse: "次序反了，应按在文字里出现的次序；从前往后找",
    nothing: "这段文字里有被切开的字，现在一个也没有找到；用 colored 看看它切在哪里，再看你的条件",
}
