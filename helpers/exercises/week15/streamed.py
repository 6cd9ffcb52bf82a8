"""练习“边写边看，不见半个字”：每来一个编号，屏幕上该有什么

出处: notebooks/06_writing.ipynb 第 3 节、03_tokenization.ipynb 第 4 节
"""
import codecs
from functools import partial

from helpers.exercises.comparing import Case, as_lists, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.week15.answer_text import remove_names
from helpers.exercises.week15.forward import make_it_pad

HALF = "�"
HINTS = ("每来一个编号，就把到现在为止的编号放在一起解码，看看末尾有没有半个字",
         "半个字解码出来是末尾的 �：去掉末尾的 �，剩下的就是该显示的；特殊词元让解码跳过")
SOLUTION = """def streamed(tokenizer, ids):
    screens = []
    for k in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:k], skip_special_tokens=True)  # 到现在为止的，放在一起解码
        screens.append(text.rstrip("�"))  # 末尾的半个字先不显示
    return screens"""
WHY = ("聊天的页面都是边收边显示的。服务器一次送来一个词元，断在半个字是常事：少了这一步，"
       "生僻字和表情符号就会闪出 �，直播弹幕、字幕、串口和网络里收到的文字也是一样。")
HARDER = "回答里本来就有 � 这个字符呢？不能再靠 � 认半个字：从每个编号的字节做起，用 codecs 的增量解码器。"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的结果由 Python 自己的增量解码器给出"""
    def test(answer):
        check_function(answer, cases(tokenizer), FORMS, SLIPS)

    return Exercise("边写边看，不见半个字", "06 第 3 节、03 第 4 节", 0, test, HINTS, SOLUTION,
                    why=WHY, harder=HARDER, stars=2, minutes=10)


def cases(tokenizer) -> list[Case]:
    """有切开的字、首尾有换行的、和空格粘在一起的、断在半个字的、有特殊词元的（也在中间）、像特殊词元的、很长的、空的"""
    make_it_pad(tokenizer)
    end = tokenizer.eos_token_id
    return [
        case(tokenizer, "犇骉麤，真多"),
        case(tokenizer, "\n靐🫠 ok \n"),
        case(tokenizer, "写 龘 字"),
        case(tokenizer, "靐，🦜", cut=1),
        case(tokenizer, "词元 龘", cut=1, tail=[end]),
        case(tokenizer, "答完了🦜。", tail=[end, tokenizer.pad_token_id]),
        case(tokenizer, " 词<|box_start|><|im_end|>元 <|x|> <|endoftext|>👩\u200d🏫"),
        case(tokenizer, "<tool_call>看看 龘</tool_call><|fim_prefix|>"),  # 样子像，不是特殊词元
        case(tokenizer, "一步一步 龘a🫠" * 90),
        case(tokenizer, "一步一步 龘b🫠" * 90),
        spelled_out(tokenizer, "写 <|im_end|> 就停"),
        Case((tokenizer, []), [], "ids 是空的"),
    ]


def case(tokenizer, text: str, cut: int = 0, tail: list[int] | None = None) -> Case:
    """一组输入；cut: 末尾少送几个编号；tail: 后面的特殊词元"""
    ids = tokenizer(text).input_ids
    sent = ids[:len(ids) - cut] + (tail or [])
    where = f"文字是 {brief(text, 30)}，ids 是 {brief(sent, 60)}"
    if cut:
        where += f"（最后 {cut} 个词元没有送来）"
    return Case((tokenizer, sent), screens_of(tokenizer, sent), where)


def spelled_out(tokenizer, text: str) -> Case:
    """用普通的词元写着特殊词元的名字：它是文字，要显示"""
    ids = tokenizer(text, split_special_tokens=True).input_ids
    where = f"文字是 {text!r}，里面的 <|im_end|> 是用普通的词元写的，ids 是 {brief(ids, 60)}"
    return Case((tokenizer, ids), screens_of(tokenizer, ids), where)


def screens_of(tokenizer, ids: list[int]) -> list[str]:
    """每来一个编号以后，屏幕上的全部文字：一个字节一个字节地解码，凑不齐的等着"""
    from helpers.tokens import piece

    decoder = codecs.getincrementaldecoder("utf-8")()
    screen = ""
    screens = []
    for token_id in ids:
        if token_id not in tokenizer.all_special_ids:
            screen += decoder.decode(piece(tokenizer, token_id).bytes)
        screens.append(screen)
    return screens


# ---- 常见的错误 ----

def without_names(tokenizer, ids):
    return [remove_names(tokenizer, screen) for screen in screens_of(tokenizer, ids)]


def is_one_text(got, case):
    return isinstance(got, str)


def has_ids(got, case):
    return any(isinstance(item, int | list) for item in as_lists(got))


def has_fewer(got, case):
    return len(got) < len(case.expected)


def has_more(got, case):
    return len(got) > len(case.expected)


def decode_one_by_one(tokenizer, ids):
    screen = ""
    screens = []
    for token_id in ids:
        screen += tokenizer.decode([token_id], skip_special_tokens=True)
        screens.append(screen)
    return screens


def drop_halves(tokenizer, ids):
    return [screen.replace(HALF, "") for screen in decode_one_by_one(tokenizer, ids)]


def show_halves(tokenizer, ids):
    return [tokenizer.decode(ids[:k + 1], skip_special_tokens=True) for k in range(len(ids))]


def show_halves_at_the_end(tokenizer, ids):
    return screens_of(tokenizer, ids)[:-1] + show_halves(tokenizer, ids)[-1:]


def show_special_tokens(tokenizer, ids):
    return [tokenizer.decode(ids[:k + 1]).rstrip(HALF) for k in range(len(ids))]


def show_halves_and_special_tokens(tokenizer, ids):
    return [tokenizer.decode(ids[:k + 1]) for k in range(len(ids))]


def wait_for_the_whole_token(tokenizer, ids):
    screens = []
    screen = ""
    for text in show_halves(tokenizer, ids):
        if not text.endswith(HALF):
            screen = text
        screens.append(screen)
    return screens


def show_one_late(tokenizer, ids):
    return ["", *screens_of(tokenizer, ids)[:-1]]


def only_the_new(tokenizer, ids, show=screens_of):
    new = []
    before = ""
    for screen in show(tokenizer, ids):
        new.append(screen[len(before):])
        before = screen
    return new


def show_everything_at_the_end(tokenizer, ids):
    *before, last = screens_of(tokenizer, ids)
    return [""] * len(before) + [last]


def show_everything_at_once(tokenizer, ids):
    return screens_of(tokenizer, ids)[-1:] * len(ids)


def decode_each(tokenizer, ids, skip, half):
    texts = [tokenizer.decode([token_id], skip_special_tokens=skip) for token_id in ids]
    return [text.replace(HALF, half) for text in texts]


def clear_the_screen(tokenizer, ids):
    texts = show_halves(tokenizer, ids)
    return ["" if text.endswith(HALF) else text for text in texts]


def show_something_else(tokenizer, ids, half):
    return [text.replace(HALF, half) for text in show_halves(tokenizer, ids)]


def drop_spaces(tokenizer, ids):
    return ["".join(screen.split()) for screen in screens_of(tokenizer, ids)]


def drop_line_ends(tokenizer, ids):
    return [screen.replace("\n", "") for screen in screens_of(tokenizer, ids)]


def strip_on_the_left(tokenizer, ids):
    return [screen.lstrip() for screen in screens_of(tokenizer, ids)]


def strip_on_the_right(tokenizer, ids):
    return [screen.rstrip() for screen in screens_of(tokenizer, ids)]


def drop_only_spaces(tokenizer, ids):
    return [screen.replace(" ", "") for screen in screens_of(tokenizer, ids)]


def has_bytes(got, case):
    return any(isinstance(item, bytes) for item in as_lists(got))


def strip_the_ends(tokenizer, ids):
    return [screen.strip() for screen in screens_of(tokenizer, ids)]


EACH_ALONE = ("像是每一项只有那一个编号的文字：要的是到这一步为止的全部文字；"
              "单独解码，切开的字也凑不齐")
NOTHING_INSTEAD = "半个字的地方写了别的符号：凑不齐的什么也不显示"
SPACES = "空格和换行也是字符，应照样显示；只去掉末尾的半个字"
ONLY_NEW = "这是每一步新显示的；题目要的是到这一步为止屏幕上的全部文字"
FORMS = {
    is_one_text: "应是一个列表，每来一个编号一项，现在是一段文字",
    has_ids: "列表里应是文字，现在有编号；解码以后再放进去",
    has_bytes: "列表里应是文字，现在有字节；再解码成文字",
    has_fewer: "每来一个编号就有一项，现在少了：这一步没有新的字显示，也要写上屏幕上原来的文字",
    has_more: "每来一个编号就有一项，现在多了；特殊词元来了也只有一项，没有来以前不算",
}
SLIPS = {
    without_names: "照文字去掉了特殊词元的名字：用普通的词元拼出来的是文字，要显示；照编号去掉",
    show_halves: "屏幕上出现了 �：末尾凑不齐的半个字先不显示",
    show_halves_at_the_end: "最后一步显示了 �：编号送完了，半个字还是半个字，一直不显示",
    decode_one_by_one: "一个一个地解码，半个字永远凑不齐；把到现在为止的编号放在一起解码",
    drop_halves: "切开的字一直没有显示：每个编号单独解码，丢掉了它的半个字；凑齐以后应显示出来",
    wait_for_the_whole_token: "等得太久：一个词元里有空格和半个字，空格是完整的，应马上显示，只有半个字等着",
    show_special_tokens: "特殊词元不显示：解码时让它跳过",
    show_halves_and_special_tokens: "半个字和特殊词元都不应显示，现在有 �，也没有跳过特殊词元",
    show_one_late: "晚了一步：第 k 项应包括第 k 个编号，切片 ids[:k] 不包括下标 k",
    only_the_new: ONLY_NEW,
    partial(only_the_new, show=show_halves): ONLY_NEW,
    partial(only_the_new, show=wait_for_the_whole_token): ONLY_NEW,
    show_everything_at_the_end: "等到最后才显示：每来一个编号，凑齐的字就马上显示",
    show_everything_at_once: "每一项都是最后的全部文字：第 k 项只能用前 k 个编号，后面的还没有收到",
    partial(decode_each, skip=True, half=HALF): EACH_ALONE,
    partial(decode_each, skip=False, half=HALF): EACH_ALONE,
    partial(decode_each, skip=True, half=""): EACH_ALONE,
    partial(decode_each, skip=False, half=""): EACH_ALONE,
    clear_the_screen: "半个字来的时候，屏幕变空了：前面已经显示的字要留着，等着的只有半个字",
    partial(show_something_else, half="?"): NOTHING_INSTEAD,
    partial(show_something_else, half="？"): NOTHING_INSTEAD,
    partial(show_something_else, half=" "): NOTHING_INSTEAD,
    partial(show_something_else, half="…"): NOTHING_INSTEAD,
    strip_the_ends: SPACES,
    strip_on_the_left: SPACES,
    strip_on_the_right: SPACES,
    drop_spaces: SPACES,
    drop_only_spaces: SPACES,
    drop_line_ends: SPACES,
}
