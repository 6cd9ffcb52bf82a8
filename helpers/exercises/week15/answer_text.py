"""练习“只要回答”：从 model.generate 的结果里切出回答，解码成文字

出处: notebooks/07_pipeline.ipynb 第 4 节
"""
from helpers.exercises.comparing import Case, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.week15.forward import make_it_pad

HALF = "�"
HINTS = ("先切编号，再解码：问题占了开头的几个编号？切掉它们，剩下的一次解码",
         "output_ids[0, 从哪里开始:] 是第 0 句的后一段；decode 有一个参数叫 skip_special_tokens")
WHY = ("generate 还回来的总是连问题一起，讲义的 run_qwen.py 就忘了切。按编号切不会错：按文字找，"
       "回答里又说一遍问题时就会多切；随手 strip() 会丢掉代码的缩进和诗的空行")
HARDER = "一批三个问题，左边填充，返回三个回答的列表；为什么这时每句切掉的个数都一样？"
SOLUTION = """def answer_text(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)"""


def exercise(tokenizer) -> Exercise:
    """这道题；回答是事先写好的，不靠解码得来"""
    def test(answer):
        check_function(answer, cases(tokenizer), FORMS, SLIPS)

    return Exercise("只要回答", "07 第 4 节", 10, test, HINTS, SOLUTION, WHY, HARDER, stars=1, minutes=5)


def cases(tokenizer) -> list[Case]:
    """套模板的和直接接着写的；又说了一遍问题、有生僻字、很长、空的回答；后面有几个特殊词元的

    前后有空格和换行、有制表符、有大写、有几行、像代码和网页和特殊词元的、断在半个字上的：一个字也不能改
    """
    make_it_pad(tokenizer)
    end = tokenizer.eos_token_id
    padding = tokenizer.pad_token_id
    others = tokenizer.all_special_ids[-2:]  # 别的特殊词元
    question = "什么是分词器"
    messages = [{"role": "user", "content": question}]
    chat = tokenizer.apply_chat_template(
        messages,
        add_generation_prompt=True,
        tokenize=False,
    )
    code = "\n  for Word in [' Hello , World !']:\n\n    print(f'<b>{Word}</b>')\n"
    poem = "秋风送爽，\n\n落叶飘零。 \n"
    long = "一步一步词元词元模型写 token ，然后，" * 600 + "。"
    return [
        case(tokenizer, question, chat, "这要看情况：先想一想，再试一试。", [end]),
        case(tokenizer, "你好", "你好", "你好你好，再说一次你好！", []),
        case(tokenizer, question, chat, "犇骉麤，笑一个 🙂👍🏽", [end, padding, padding]),
        case(tokenizer, "从前有一座山", "从前有一座山", long, [end]),
        case(tokenizer, question, chat, "", [end]),
        case(tokenizer, question, chat, poem, [padding]),
        case(tokenizer, "写一段 Python", "写一段 Python", code, [end, padding]),
        case(tokenizer, "你好", "你好", " 标记 <|x|>\t是这样 ", [end]),
        case(tokenizer, "现在几点", "现在几点", "<tool_call>\n看看钟\n</tool_call><|fim_prefix|>", [end]),
        case(tokenizer, question, chat, "一项", others + [end]),
        case(tokenizer, question, chat, f"你问的是：\nassistant\n{question}？", [end]),
        spelled_out(tokenizer, question, chat, [end]),
        unnormalized(tokenizer, question, chat, [end]),
        broken_off(tokenizer, question, chat, []),
        broken_off(tokenizer, question, chat, [end]),
    ]


def case(tokenizer, question: str, prompt: str, answer: str, tail: list[int]) -> Case:
    """一组输入；prompt: 套好模板的问题；tail: 回答后面的特殊词元"""
    answer_ids = tokenizer(answer, add_special_tokens=False, verbose=False).input_ids  # 很长也不警告
    told = f"回答是 {brief(answer, 20)}"
    return case_of_ids(tokenizer, question, prompt, answer_ids + tail, answer, told)


def torch_row(ids: list[int]):
    """一列编号，形状 (1, n) 的张量"""
    import torch

    return torch.tensor([ids])


def spelled_out(tokenizer, question: str, prompt: str, tail: list[int]) -> Case:
    """回答里用普通的词元写着特殊词元的名字：它是文字，不是特殊词元"""
    answer = "写 <|im_end|> 就停"
    answer_ids = tokenizer(answer, add_special_tokens=False, split_special_tokens=True).input_ids
    told = f"回答是 {answer!r}，里面的 <|im_end|> 是用普通的词元写的"
    return case_of_ids(tokenizer, question, prompt, answer_ids + tail, answer, told)


def unnormalized(tokenizer, question: str, prompt: str, tail: list[int]) -> Case:
    """模型写的 é 是两个字符（e 和上面的记号），没有合成一个：照它写的"""
    answer_ids = tokenizer("cafe", add_special_tokens=False).input_ids
    answer_ids += tokenizer("\u0301", add_special_tokens=False).input_ids
    told = "回答是 'cafe' 接上记号 '\\u0301'"
    return case_of_ids(tokenizer, question, prompt, answer_ids + tail, "cafe\u0301", told)


def broken_off(tokenizer, question: str, prompt: str, tail: list[int]) -> Case:
    """写满就断了的：“麤”的后一半没有写出来，decode 把剩下的半个显示成 �"""
    answer_ids = tokenizer("三个难字：犇骉麤", add_special_tokens=False).input_ids[:-1]
    answer = tokenizer.decode(answer_ids)
    told = f"回答断在半个字上：{answer!r}"
    return case_of_ids(tokenizer, question, prompt, answer_ids + tail, answer, told)


def case_of_ids(tokenizer, question: str, prompt: str, written: list[int], answer: str, told: str) -> Case:
    """一组输入；written: 问题后面的编号，answer: 它们的文字，told: 怎样说给学生听"""
    prompt_ids = tokenizer(prompt, add_special_tokens=False).input_ids
    inputs = (tokenizer, torch_row(prompt_ids + written), len(prompt_ids))
    return Case(inputs, answer, f"问题是 {question!r}，{told}")


# ---- 常见的错误 ----

def without_names(tokenizer, output_ids, prompt_length):
    text = tokenizer.decode(output_ids[0, prompt_length:])
    return remove_names(tokenizer, text)


def remove_names(tokenizer, text):
    """照文字去掉特殊词元的名字"""
    for name in tokenizer.all_special_tokens:
        text = text.replace(name, "")
    return text


def is_in_a_list(got, case):
    return got == [case.expected]


def is_no_text(got, case):
    return not isinstance(got, str)


def is_empty(got, case):
    return got == ""


def lost_its_ends(got, case):
    return len(got) < len(case.expected) and got.strip() == case.expected.strip()


def has_special_tokens(got, case):
    tokenizer, _, _ = case.inputs
    after = got.removeprefix(case.expected)
    return got != after and after.startswith(tuple(tokenizer.all_special_tokens))


def decode_everything(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0], skip_special_tokens=True)


def cut_too_early(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length - 1:], skip_special_tokens=True)


def cut_too_late(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length + 1:], skip_special_tokens=True)


def leave_special_tokens(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:])


def cut_and_skip_nothing(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0])


def lower_answer(tokenizer, output_ids, prompt_length):
    return right_text(tokenizer, output_ids, prompt_length).lower()


def take_first_line(tokenizer, output_ids, prompt_length):
    return right_text(tokenizer, output_ids, prompt_length).split("\n")[0]


def drop_half(tokenizer, output_ids, prompt_length):
    return right_text(tokenizer, output_ids, prompt_length).replace(HALF, "")


def drop_last(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:-1])


def right_text(tokenizer, output_ids, prompt_length) -> str:
    return tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)


def replace_question(tokenizer, output_ids, prompt_length):
    question = tokenizer.decode(output_ids[0, :prompt_length], skip_special_tokens=True)
    return decode_everything(tokenizer, output_ids, prompt_length).replace(question, "")


def cut_the_question_again(tokenizer, output_ids, prompt_length):
    question = tokenizer.decode(output_ids[0, :prompt_length], skip_special_tokens=True)
    return right_text(tokenizer, output_ids, prompt_length).removeprefix(question)


def drop_all_added(tokenizer, output_ids, prompt_length):
    added = tokenizer.added_tokens_decoder
    kept = [token_id for token_id in output_ids[0, prompt_length:].tolist() if token_id not in added]
    return tokenizer.decode(kept)


OFF_BY_ONE = "切的位置差了一个：问题有 prompt_length 个词元，回答从下标 prompt_length 开始"
LEFT_SPECIAL = ("还留着特殊词元：解码时让它跳过；"
                "特殊词元不只 <|im_end|> 和 <|endoftext|>，见 tokenizer.all_special_tokens")
FORMS = {
    is_empty: "现在是空的，应有文字：output_ids 的形状是 (1, 总长)，先取第 0 句，再从 prompt_length 切；"
              "按文字切的话，回答里又说一遍问题，就切错了",
    lost_its_ends: "前后的空格或换行不见了：模型写了什么就给什么，不用 strip()",
    has_special_tokens: LEFT_SPECIAL,
    is_in_a_list: "文字是对的，外面多了一层列表；取第 0 个",
    is_no_text: "应是一段文字，现在不是",
}
SLIPS = {
    without_names: "照文字去掉了特殊词元的名字：用普通的词元拼出来的是文字，要留着；照编号去掉",
    lower_answer: "大写变成了小写：模型写了什么就给什么",
    drop_half: "末尾的半个字不见了：decode 把它显示成 �，那也是模型写的，照样留着",
    take_first_line: "只剩第一行：回答可能有几行",
    drop_last: "像是去掉了最后一个编号：后面可能没有特殊词元，也可能有几个；解码时让它跳过",
    decode_everything: "把问题也解码了：先切掉前 prompt_length 个编号，再解码",
    cut_the_question_again: "像是切掉编号以后，又按文字去掉了一遍问题：回答自己说的那一遍要留着",
    cut_too_early: OFF_BY_ONE,
    cut_too_late: OFF_BY_ONE,
    leave_special_tokens: LEFT_SPECIAL,
    cut_and_skip_nothing: "问题和特殊词元都还在：先切掉问题的编号，解码时跳过特殊词元",
    drop_all_added: "<tool_call> 这样另外加进词表的词元，不都是特殊词元：跳过的只是 tokenizer.all_special_ids 里的",
    replace_question: "像是用 replace 去掉问题，回答里同样的话也没了：按编号切，不按文字",
}
