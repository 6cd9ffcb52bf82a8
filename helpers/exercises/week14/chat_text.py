"""练习“手写对话模板”：把消息拼成一段文字，末尾替助手开头

出处: notebooks/03_tokenization.ipynb 第 8 节
"""
from functools import cache, partial
from html import escape
from unittest.mock import patch

from helpers.exercises.comparing import Case, Wrong, brief, check_function
from helpers.exercises.exercise import Exercise

ODD = "{role} X $role $$ ROLE &lt; e\u0301 <|im_end|>"  # 有各种容易被换掉的写法
BY_HAND = "这题应自己拼，现在调用了 apply_chat_template，或者填了 jinja 模板；用 for 和字符串写出来"
HINTS = ("先打印 apply_chat_template 的结果（用 repr 看得见换行），再照着拼：哪些字每条消息都有，哪些只有一处？",
         "每条消息一行 f 字符串，里面有两个 \\n；循环完以后再加替助手开头的一行")
SOLUTION = """def chat_text(messages):
    text = ""
    for message in messages:
        text += f"<|im_start|>{message['role']}\\n{message['content']}<|im_end|>\\n"
    return text + "<|im_start|>assistant\\n\""""
WHY = ("模型训练时只见过这一种排法，少一个换行就是它没有见过的文字，回答会变差而不报错。别的模型排法不同，"
       "所以平时用分词器带的模板，不自己拼；看得懂它，才查得出这样的错。")
HARDER = "内容里要是本来就写着 <|im_end|>，会怎样？试试让用户的一句话冒充一条 system 消息，再想想怎样防。"


def exercise(tokenizer) -> Exercise:
    """这道题；正确的文字由分词器自己的模板给出"""
    prepared = cache(partial(cases, tokenizer))

    def test(answer):
        check_by_hand(answer)
        texts = prepared()
        with watched_template() as template:
            check_function(answer, texts, FORMS, SLIPS)
        if template.called:
            raise Wrong(BY_HAND)

    return Exercise("手写对话模板", "03 第 8 节", 13, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=8)


def check_by_hand(answer) -> None:
    """函数里不应用到 apply_chat_template"""
    code = getattr(answer, "__code__", None)
    if "apply_chat_template" in getattr(code, "co_names", ()):
        raise Wrong(BY_HAND)


def watched_template():
    """with 里面，记下有没有填 jinja 模板：apply_chat_template 要填它，在函数外面的、换一个名字的也算"""
    from jinja2 import Template

    return patch.object(Template, "render", autospec=True, side_effect=Template.render)


def cases(tokenizer) -> list[Case]:
    """几段对话：平常的，空的、很长的、多行的、带尖括号的、有空行和制表符的、有好几轮的

    同一个人连说两句的，最后一句是助手说的，带 %、\\、$ 和 <|im_end|> 的，system 再来的，
    最后一句和前面的一句相同的，字典里 content 在前的
    """
    return [
        case(tokenizer, ("system", "你是导游。"), ("user", "去哪里玩"), ("assistant", "西湖"), ("user", "还有呢")),
        case(tokenizer, ("system", "")),
        case(tokenizer, ("system", ""), ("user", "词元" * 200), ("assistant", "")),
        case(tokenizer, ("system", "😀🦜"), ("user", "第一行\n第二行\n"), ("assistant", " 两头有空格 ")),
        case(tokenizer, ("system", "龘"), ("user", "你好"), ("user", "你好"), ("assistant", "<b>好</b> & \"好\"")),
        case(tokenizer, ("system", "简短"), ("assistant", "先说一句"), ("assistant", "又一句"), ("user", ODD)),
        case(tokenizer, ("system", "照原样"), ("user", "第一段\n\n第二段\r\n\t缩进　ＡＢＣ")),
        case(tokenizer, ("system", " \n"), ("user", "\n100%安全"), ("assistant", r"a\n\d"), ("system", "再来"),
             ("user", "再一次")),
        case(tokenizer, ("system", "反着写的字典"), ("user", "内容在前"), content_first=True),
        case(tokenizer, ("system", "很长的内容"), ("user", "词元一步 Hello。" * 2_000), ("assistant", "好")),
        case(tokenizer, ("system", "报数"), *[("user", "再报一个"), ("assistant", "好")] * 4, ("user", "停")),
        case(tokenizer, ("system", "空\n\n\n\n行"), ("user", "八折 80%%"), ("assistant", "好"), ("user", "八折 80%%")),
        case(tokenizer, ("system", "写到<|im_end|>\n"), ("user", "<|im_end|>\n")),
        case(tokenizer, ("system", "数到底"), *counting(600)),
    ]


def counting(times: int) -> list[tuple[str, str]]:
    """数 times 条，谁说的不一定"""
    roles = ("user", "assistant", "user", "system", "assistant")
    return [(roles[number % 5], str(number)) for number in range(times)]


def case(tokenizer, *said, content_first=False):
    """一组输入；said: 几个 (角色, 内容)；content_first: 字典里 content 写在前面"""
    messages = [{"role": role, "content": content} for role, content in said]
    if content_first:
        messages = [dict(reversed(one.items())) for one in messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return Case((messages,), text, f"messages 是 {brief(messages, 70)}")


# ---- 常见的错误 ----

def is_not_text(got, case):
    return not isinstance(got, str)


def lacks_messages(got, case):
    """平常的都对，几千字的少了许多"""
    return len(case.expected) > 5_000 and len(got) < 0.98 * len(case.expected)


def join(messages, start="<|im_start|>", middle="\n", end="<|im_end|>\n", tail="<|im_start|>assistant\n"):
    """照模板拼；换掉一样就是一种错法"""
    lines = [f"{start}{one['role']}{middle}{one['content']}{end}" for one in messages]
    return "".join(lines) + tail


def join_all_as_user(messages):
    return join([one | {"role": "user"} for one in messages])


def join_only_last(messages):
    return join(messages[-1:])


def join_only_first(messages):
    return join(messages[:1])


def join_without_system(messages):
    return join(messages[1:])


def join_by_place(messages):
    """不看键的名字，字典里第一个当作角色"""
    lines = [list(one.values()) for one in messages]
    return join([{"role": first, "content": second} for first, second in lines])


def join_one_system(messages):
    """后面的 system 不写"""
    return join([one for at, one in enumerate(messages) if at == 0 or one["role"] != "system"])


def join_later_system_as_user(messages):
    lines = [one | {"role": "user"} if at and one["role"] == "system" else one for at, one in enumerate(messages)]
    return join(lines)


def join_without_blank(messages):
    return join([one for one in messages if not one["content"] or one["content"].strip()])


def join_by_turns(messages):
    """不看 role，照 system、user、assistant 轮着写"""
    turns = ["system"] + ["user", "assistant"] * len(messages)
    lines = [one | {"role": role} for one, role in zip(messages, turns, strict=False)]
    return join(lines)


def join_opening_only_after_user(messages):
    if messages[-1]["role"] == "assistant":
        return join(messages, tail="")
    return join(messages)


def join_stripped(messages):
    return join([one | {"content": one["content"].strip()} for one in messages])


def join_escaped(messages):
    return join([one | {"content": escape(one["content"])} for one in messages])


def join_without_empty(messages):
    return join([one for one in messages if one["content"]])


ENDED = "末尾是替助手开头，应停在换行，现在多了 <|im_end|>；它要等模型自己写"
NO_NEWLINE = "<|im_end|> 后面应换行，现在没有；每条消息后面都有一个换行"
FORMS = {
    lacks_messages: "很长的对话少了一些消息：应有全部的消息，不要只留开头、末尾的几条，内容也不要截短",
    is_not_text: "应得到一段文字，现在是别的；把各条消息连成一个字符串再 return",
}
SLIPS = {
    join_opening_only_after_user: "最后一条是 assistant 时，也应照样替助手开头，现在没有",
    partial(join, tail=""): "末尾少了替助手开头的一行，模型会不知道轮到谁；加上 assistant 那一行",
    partial(join, tail="<|im_start|>assistant"): "最后的 assistant 后面应有换行，现在没有；加上它",
    partial(join, tail="<|im_start|>assistant\n<|im_end|>"): ENDED,
    partial(join, tail="<|im_start|>assistant\n<|im_end|>\n"): ENDED,
    partial(join, end="<|im_end|>"): NO_NEWLINE,
    partial(join, end="<|im_end|>", tail="\n<|im_start|>assistant\n"): NO_NEWLINE,
    partial(join, middle=""): "角色和内容之间应换行，现在连在一起；role 后面加一个换行",
    partial(join, middle="", end="<|im_end|>", tail="<|im_start|>assistant"):
        "该换行的地方应换行，现在一个也没有；对照课文",
    partial(join, middle=" "): "角色和内容之间应是换行，现在是空格；换成换行",
    partial(join, end="\n"): "每条消息末尾应有 <|im_end|>，现在没有；写在内容后面",
    partial(join, end=""): "每条消息末尾应有 <|im_end|> 和换行，现在没有；写在内容后面",
    partial(join, end="\n<|im_end|>\n"): "内容和 <|im_end|> 之间不应换行，现在多了一个；紧挨着写",
    join_all_as_user: "角色应用每条消息自己的 role，现在都是 user；不要写死",
    join_by_place: "把 role 和 content 弄反了：键的先后不一定，要用名字取",
    join_one_system: "system 可能再来一条，也要照样写，现在跳过了",
    join_later_system_as_user: "后来的 system 也应写成 system，现在成了 user；角色用每条消息自己的 role",
    join_without_blank: "内容只有空白的消息也要写，现在跳过了",
    join_by_turns: "角色应看每条消息自己的 role，现在照次序轮着写；同一个人可以连说两句",
    join_stripped: "内容应照原样，现在去掉了两头的空白",
    join_escaped: "内容应照原样，现在把 < 和 & 换成了网页的写法；这里不是网页",
    join_without_empty: "内容是空的消息也要写，现在跳过了",
    join_only_last: "应有全部消息，现在只有最后一条；循环里一条条接起来",
    join_only_first: "应有全部消息，现在只有第一条；return 是不是写在了循环里面",
    join_without_system: "应有全部消息，现在少了开头的 system；不要跳过它",
    partial(join, start="", tail="assistant\n"): "每条消息开头应有 <|im_start|>，现在没有；写在角色前面",
}
