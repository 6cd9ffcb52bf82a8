"""练习“手写对话模板”：把消息拼成一段文字，末尾替助手开头

出处: notebooks/03_tokenization.ipynb 第 8 节
"""
from functools import partial

from helpers.exercises.comparing import Case, Wrong, brief, check_function
from helpers.exercises.exercise import Exercise

HINTS = ("先打印 apply_chat_template 的结果（用 repr 看得见换行），再照着拼",
         "每条消息一行 f 字符串，里面有两个 \\n；循环完以后再加替助手开头的一行")
SOLUTION = """def chat_text(messages):
    text = ""
    for message in messages:
        text += f"<|im_start|>{message['role']}\\n{message['content']}<|im_end|>\\n"
    return text + "<|im_start|>assistant\\n\""""


def exercise(tokenizer) -> Exercise:
    """这道题；正确的文字由分词器自己的模板给出"""
    def test(answer):
        check_by_hand(answer)
        check_function(answer, cases(tokenizer), FORMS, SLIPS)

    return Exercise("手写对话模板", "03 第 8 节", 12, test, HINTS, SOLUTION)


def check_by_hand(answer) -> None:
    """函数里不应用到 apply_chat_template"""
    code = getattr(answer, "__code__", None)
    if "apply_chat_template" in getattr(code, "co_names", ()):
        raise Wrong("这题应自己拼，现在调用了 apply_chat_template；用 for 和字符串写出来")


def cases(tokenizer) -> list[Case]:
    """几段对话，有空的、很长的、多行的"""
    return [
        case(tokenizer, "你是导游。", "去哪里玩", "西湖", "还有呢"),
        case(tokenizer, ""),
        case(tokenizer, "", "词元" * 200),
        case(tokenizer, "😀🦜", "第一行\n第二行", " 两头有空格 ", "你好"),
        case(tokenizer, "龘", "你好", "你好", "x == 1", "", "x == 1"),
    ]


def case(tokenizer, *contents):
    """一组输入：第一句是 system，后面 user、assistant 轮着说"""
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    messages = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return Case((messages,), text, f"messages 是 {brief(messages, 70)}")


# ---- 常见的错误 ----

def is_not_text(got, case):
    return not isinstance(got, str)


def join(messages, start="<|im_start|>", middle="\n", end="<|im_end|>\n", tail="<|im_start|>assistant\n"):
    """照模板拼；换掉一样就是一种错法"""
    lines = [f"{start}{one['role']}{middle}{one['content']}{end}" for one in messages]
    return "".join(lines) + tail


def join_all_as_user(messages):
    return join([one | {"role": "user"} for one in messages])


def join_only_last(messages):
    return join(messages[-1:])


def join_without_system(messages):
    return join(messages[1:])


ENDED = "末尾是替助手开头，应停在换行，现在多了 <|im_end|>；它要等模型自己写"
NO_NEWLINE = "<|im_end|> 后面应换行，现在没有；每条消息后面都有一个换行"
FORMS = {
    is_not_text: "应得到一段文字，现在是别的；把各条消息连成一个字符串再 return",
}
SLIPS = {
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
    join_only_last: "应有全部消息，现在只有最后一条；循环里一条条接起来",
    join_without_system: "应有全部消息，现在少了开头的 system；不要跳过它",
    partial(join, start="", tail="assistant\n"): "每条消息开头应有 <|im_start|>，现在没有；写在角色前面",
}
