"""练习“生成循环”：每一步选打分最高的，接到后面，再算

出处: notebooks/06_writing.ipynb 第 1、2 节
"""
from functools import cache, partial

from helpers.exercises.comparing import Case, as_lists, check_function, is_nested, same_values
from helpers.exercises.exercise import Exercise
from helpers.exercises.week15.forward import ForwardOnly

HINTS = ("while 循环：写满 most 个，或者最后写的在 stop_ids 里，就停。每轮一次前向，看 logits[0, -1]",
         "先把编号放进列表，再判断停不停，结束词元就会留在列表里；torch.cat 把新词元接到输入的末尾")
SOLUTION = """def generate_greedily(model, input_ids, stop_ids, most):
    written = []
    while len(written) < most:
        with torch.inference_mode():
            logits = model(input_ids=input_ids).logits
        written.append(logits[0, -1].argmax().item())
        if written[-1] in stop_ids:
            break
        input_ids = torch.cat([input_ids, torch.tensor([[written[-1]]])], dim=1)
    return written"""


def exercise(tokenizer, model) -> Exercise:
    """这道题；正确的编号由 model.generate 给出，只算一次"""
    prepared = cache(partial(cases, tokenizer, model))

    def test(answer):
        for case in prepared():
            same = partial(is_greedy, model, case)
            check_function(answer, [case], forms(case), {}, same)

    return Exercise("生成循环", "06 第 1、2 节", 15, test, HINTS, SOLUTION)


def cases(tokenizer, model) -> list[Case]:
    """写满为止、中间停、第一个就停、只写一个"""
    prepare = partial(case, tokenizer, model)
    never = model.config.vocab_size - 1  # 没有对应词元的一行，模型不会写它
    third = prepare("为什么要有参数？", {never}, 3).expected[-1]
    first = prepare("为什么要有词元，", {never}, 1).expected[-1]
    return [
        prepare("为什么要有参数", {never}, 4),
        prepare("为什么要有参数？", {third, never}, 6),
        prepare("为什么要有词元，", {first}, 5),
        prepare("怎样看温度🙂", {never}, 1),
    ]


def case(tokenizer, model, text: str, stop_ids: set[int], most: int) -> Case:
    """一组输入"""
    batch = tokenizer(text, return_tensors="pt")
    input_ids = batch.input_ids
    inputs = (ForwardOnly(model), input_ids, stop_ids, most)
    expected = continuation(model, input_ids, stop_ids, most)
    where = f"文字是 {text!r}，{stop_ids=}，{most=}"
    return Case(inputs, expected, where)


def continuation(model, input_ids, stop_ids: set[int], most: int, use_cache: bool = True) -> list[int]:
    """model.generate 贪心写出的新编号"""
    output_ids = model.generate(
        input_ids,
        max_new_tokens=most,
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=sorted(stop_ids),
        use_cache=use_cache,
    )
    prompt_length = input_ids.shape[1]
    return output_ids[0, prompt_length:].tolist()


def is_greedy(model, case: Case, got: object, expected: list[int]) -> bool:
    """got 是贪心写出的吗；16 位数时，有没有缓存舍入不同，两种结果都算对"""
    if same_values(got, expected):
        return True
    _, input_ids, stop_ids, most = case.inputs
    uncached = continuation(model, input_ids, stop_ids, most, use_cache=False)
    return same_values(got, uncached)


# ---- 常见的错误 ----

def is_string(got, case):
    return isinstance(got, str)


def starts_with_prompt(got, case):
    prompt = case.inputs[1][0].tolist()
    return as_lists(got)[:len(prompt)] == prompt


def goes_on(got, case):
    length = len(case.expected)
    return as_lists(got)[:length] == case.expected


def lacks_the_last(got, case):
    return as_lists(got) == case.expected[:-1]


def reads_first_position(got, case):
    first = as_lists(got)[0]
    if first == case.expected[0]:
        return False
    model, input_ids, _, _ = case.inputs
    return first == model(input_ids).logits[0, 0].argmax()


def repeats_one(got, case):
    ids = as_lists(got)
    if len(ids) == 1 or len(set(case.expected)) == 1:
        return False
    return len(set(ids)) == 1


def forms(case: Case) -> dict:
    """不合题目的样子；写多、写少了怎样说，看这一组是停下来的，还是写满的"""
    _, _, stop_ids, most = case.inputs
    if case.expected[-1] in stop_ids:
        more = "写出结束词元以后应停下，现在还在写；看看循环的条件用到 stop_ids 没有"
        less = "结束词元也要留在列表里，现在少了它"
    else:
        more = f"最多写 {most} 个，现在写多了；数一数循环几轮"
        less = f"应写满 {most} 个，现在少写了一个；数一数循环几轮"
    return {
        is_string: "应是编号的列表，现在是文字；不用解码",
        is_nested: "应是一列编号，现在外面多了一层；取第 0 句",
        starts_with_prompt: "把问题也返回了：只要新写的编号",
        goes_on: more,
        lacks_the_last: less,
        reads_first_position: "第一个就不对，像是看了第一个位置的打分：接着往下写要看最后一个位置",
        repeats_one: "每一步选的都一样：新词元要接到输入的末尾，再算下一步",
    }
