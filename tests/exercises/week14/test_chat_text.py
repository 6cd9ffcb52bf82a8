"""练习“手写对话模板”：几种拼法都收；差一个换行、写死角色、改了内容，各有自己的话"""
import re
from html import escape, unescape
from string import Template
from unicodedata import normalize

from helpers.exercises.week14 import chat_text

import pytest
from answers import accepted, refused
from week14_solutions import solved

START = "<|im_start|>"
END = "<|im_end|>"

# ---- 对的 ----


def by_join(messages):
    lines = [START + m["role"] + "\n" + m["content"] + END for m in messages]
    return "\n".join([*lines, START + "assistant", ""])


def by_format(messages):
    line = "{start}{role}\n{content}{end}\n".format
    text = "".join(line(start=START, end=END, **message) for message in messages)
    return f"{text}{START}assistant\n"


def by_recursion(messages):
    if not messages:
        return f"{START}assistant\n"
    first = messages[0]
    return f"{START}{first['role']}\n{first['content']}{END}\n" + by_recursion(messages[1:])


def by_parts(messages):
    parts = []
    for message in messages:
        parts += [START, message["role"], "\n", message["content"], END, "\n"]
    parts += [START, "assistant", "\n"]
    return "".join(parts)


def by_opening(messages):
    """先加一条空的 assistant，再去掉它的结尾"""
    more = [*messages, {"role": "assistant", "content": ""}]
    text = "".join(f"{START}{m['role']}\n{m['content']}{END}\n" for m in more)
    return text.removesuffix(END + "\n")


@pytest.mark.parametrize("answer", [solved(6), by_join, by_format, by_recursion, by_parts, by_opening])
def test_right(sheet, answer):
    accepted(sheet[6], answer)


# ---- 错的 ----

def chat(start=START, middle="\n", end=END + "\n", role=None, tail=START + "assistant\n", some=None):
    """手写对话模板的各种写法，错的"""
    def answer(messages):
        text = ""
        for m in messages[some:]:
            text += f"{start}{role or m['role']}{middle}{m['content']}{end}"
        return text + tail
    return answer


def by_position(messages):
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    return by_join([{"role": role, "content": m["content"]} for role, m in zip(roles, messages, strict=False)])


def first_is_system(messages):
    roles = ["system"] + ["user"] * len(messages)
    return by_join([{"role": role, "content": m["content"]} for role, m in zip(roles, messages, strict=False)])


def without_opening_after_assistant(messages):
    text = by_join(messages)
    if messages[-1]["role"] == "assistant":
        return text.removesuffix(START + "assistant\n")
    return text


def continues_assistant(messages):
    text = by_join(messages)
    if messages[-1]["role"] == "assistant":
        return text.removesuffix(END + "\n" + START + "assistant\n")
    return text


def empties(messages):
    text = ""
    while messages:
        text += chat(tail="")([messages.pop(0)])
    return text + START + "assistant\n"


def appends(messages):
    messages.append({"role": "assistant", "content": ""})
    return chat(tail="")(messages).removesuffix(END + "\n")


def changed(change):
    return lambda messages: by_join([m | {"content": change(m["content"])} for m in messages])


def at_the_first(messages):
    """return 写在了循环里面"""
    for message in messages:
        return chat()([message])
    return ""


def by_values(messages):
    text = ""
    for message in messages:
        role, content = message.values()
        text += f"{START}{role}\n{content}{END}\n"
    return text + f"{START}assistant\n"


def later_system_as_user(messages):
    return by_join([messages[0], *[one | {"role": one["role"].replace("system", "user")} for one in messages[1:]]])


def by_percent(messages):
    text = ""
    for message in messages:
        text += (START + message["role"] + "\n" + message["content"] + "%s\n") % END
    return text + f"{START}assistant\n"


def by_pattern(messages):
    lines = [re.sub("内容", one["content"], f"{START}{one['role']}\n内容{END}\n") for one in messages]
    return "".join(lines) + f"{START}assistant\n"


def by_replacing(messages):
    """先放内容，再放角色：内容里的 ROLE 也换掉了"""
    lines = []
    for message in messages:
        line = f"{START}ROLE\nCONTENT{END}\n".replace("CONTENT", message["content"])
        lines.append(line.replace("ROLE", message["role"]))
    return "".join(lines) + f"{START}assistant\n"


def only_some(first, last):
    """只留开头的 first 条和最后的 last 条"""
    def answer(messages):
        if len(messages) <= first + last:
            return by_join(messages)
        return by_join(messages[:first] + messages[-last:])
    return answer


def by_template(messages):
    return messages.tokenizer.apply_chat_template(messages)


def without_the_last_said_before(messages):
    """和最后一句相同的，前面的那一句丢了"""
    last = messages[-1]
    kept = [message for message in messages[:-1] if message != last]
    return by_join([*kept, last])


@pytest.mark.parametrize("answer, says", [
    (lambda messages: by_join(messages).replace("%%", "%"), "从下标"),
    (lambda messages: re.sub(r"\n{3,}", "\n\n", by_join(messages)), "从下标"),
    (without_the_last_said_before, "从下标"),
    (lambda messages: by_join(messages).replace(f"{END}\n{END}\n", END + "\n"), "末尾应有"),
    (chat(tail=""), "替助手开头"),
    (chat(tail=START + "assistant"), "assistant 后面应有换行"),
    (chat(end=END), "后面应换行"),
    (chat(end=END, tail="\n" + START + "assistant\n"), "后面应换行"),
    (chat(middle=""), "角色和内容之间"),
    (chat(middle=" "), "现在是空格"),
    (chat(end="\n"), "应有 <|im_end|>"),
    (chat(end=""), "应有 <|im_end|> 和换行"),
    (chat(role="user"), "不要写死"),
    (chat(some=-1), "只有最后一条"),
    (chat(some=1), "少了开头的 system"),
    (chat(tail=f"{START}assistant\n{END}\n"), "多了 <|im_end|>"),
    (chat(middle="", end=END, tail=START + "assistant"), "一个也没有"),
    (chat(start="", tail="assistant\n"), "开头应有 <|im_start|>"),
    (chat(end=f"\n{END}\n"), "现在多了一个"),
    (chat(end=f"{END}\n\n"), "不同"),
    (by_position, "可以连说两句"),
    (first_is_system, "不同"),
    (without_opening_after_assistant, "也应照样替助手开头"),
    (continues_assistant, "应"),
    (changed(str.strip), "去掉了两头的空白"),
    (changed(lambda content: content.strip("\n")), "不同"),
    (changed(lambda content: content.replace("{role}", "user")), "不同"),
    (changed(escape), "这里不是网页"),
    (changed(unescape), "不同"),
    (changed(lambda content: normalize("NFC", content)), "不同"),
    (changed(lambda content: content.replace(END, "")), "不同"),
    (changed(lambda content: Template(content).safe_substitute(role="user")), "不同"),
    (by_replacing, "不同"),
    (changed(str.lower), "不同"),
    (changed(lambda content: content.replace("\n", " ")), "不同"),
    (lambda m: by_join([one for one in m if one["content"]]), "现在跳过了"),
    (lambda m: by_join([one for one in m if one["content"] or one["role"] != "assistant"]), "应有"),
    (lambda m: by_join(m).rstrip("\n"), "应有换行"),
    (by_values, "键的先后不一定"),
    (lambda m: by_join(m[:1] + [one for one in m[1:] if one["role"] != "system"]), "system 可能再来"),
    (later_system_as_user, "现在成了 user"),
    (by_percent, "应有结果"),
    (by_pattern, "应"),
    (changed(lambda content: content.lstrip("\n")), "应"),
    (lambda m: by_join([one for one in m if one["content"] == "" or one["content"].strip()]), "只有空白的消息"),
    (empties, "应保持原样"),
    (appends, "应保持原样"),
    (lambda m: [m], "应得到一段文字"),
    (lambda m: by_join(m).encode(), "应得到一段文字"),
    (by_template, "调用了 apply_chat_template"),
    (changed(lambda content: content.replace("\n\n", "\n")), "不同"),
    (changed(lambda content: content.replace("\t", " ")), "不同"),
    (changed(lambda content: content.replace("\r", "")), "不同"),
    (changed(lambda content: normalize("NFKC", content)), "不同"),
    (lambda m: by_join(m[:6]), "应有"),
    (at_the_first, "只有第一条"),
    (only_some(1, 20), "少了一些消息"),
    (only_some(50, 50), "少了一些消息"),
    (only_some(1, 500), "少了一些消息"),
    (lambda m: by_join(m[:100]), "少了一些消息"),
    (lambda m: by_join(m[-128:]), "少了一些消息"),
    (changed(lambda content: content[:500]), "内容也不要截短"),
    (changed(lambda content: content[:20_000]), "内容也不要截短"),
    (lambda m: f"{START}system\n你是导游。{END}\n{START}assistant\n", "只有第一条"),
])
def test_wrong(sheet, answer, says):
    refused(sheet[6], answer, says)


def test_the_first_place_that_differs_is_said(sheet):
    assert "从下标" in sheet[6].check(chat(end=END + " \n")).text


def test_what_the_slips_change_is_right_when_nothing_is_changed(tokenizer):
    for case in chat_text.cases(tokenizer):
        assert chat_text.join(*case.inputs) == case.expected


def test_the_template_by_another_name(sheet, tokenizer):
    fill = tokenizer.apply_chat_template

    def by_detour(messages):
        return fill(messages, tokenize=False, add_generation_prompt=True)

    refused(sheet[6], by_detour, "调用了 apply_chat_template")
    accepted(sheet[6], by_join)


def test_its_own_jinja_template_is_not_by_hand_either(sheet, tokenizer):
    import jinja2

    template = jinja2.Template(tokenizer.chat_template)
    refused(sheet[6], lambda messages: template.render(messages=messages, add_generation_prompt=True), "jinja")
