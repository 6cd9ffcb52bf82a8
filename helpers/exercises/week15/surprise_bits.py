"""练习“模型有多意外”：每个词元的 -log2 概率，单位是比特

出处: notebooks/05_next_token.ipynb 第 3 节
"""
import math
from functools import cache, partial

from helpers.exercises.comparing import Case, as_lists, brief, check_function, close_numbers, is_nested
from helpers.exercises.exercise import Exercise
from helpers.exercises.running import SECONDS
from helpers.exercises.week15.forward import ForwardOnly, forward_seconds
from helpers.exercises.week15.generate_with_cache import small_model

WHY = ("全部意外的平均，就是训练时的损失（换了底数）；2 的平均意外次方是困惑度。"
       "按词元看，还能找出模型没料到的地方：错别字、事实的关键处、它没读过的名字")
HARDER = "把一篇作文里最意外的十个词元标出来，看看是错别字、专名，还是写得好的地方"
HINTS = ("第 i 个位置的打分猜第 i+1 个词元，所以打分去掉最后一个，编号去掉第一个，两边对齐",
         "torch.log_softmax(…, dim=-1) 是自然对数；除以 log(2) 换成以 2 为底，再取负号")
SOLUTION = """def surprise_bits(model, input_ids):
    with torch.inference_mode():
        logits = model(input_ids=input_ids).logits[0, :-1].float()  # 最后一个位置没有答案可对
    log_p = torch.log_softmax(logits, dim=-1)
    chosen = log_p.gather(1, input_ids[0, 1:, None])[:, 0]  # 每个位置取真正出现的那个词元
    return (-chosen / torch.log(torch.tensor(2.0))).tolist()"""


def exercise(tokenizer, model) -> Exercise:
    """这道题；正确的比特数由 torch 的 nll_loss 给出，只算一次"""
    prepared = cache(partial(cases, tokenizer, model))

    def test(answer):
        margin = tolerance(model)
        same = partial(close_numbers, tolerance=margin)
        check_function(answer, prepared(), FORMS, SLIPS, same)

    return Exercise("模型有多意外", "05 第 3 节", 12, test, HINTS, SOLUTION, WHY, HARDER, stars=2, minutes=10)


def tolerance(model) -> float:
    """允许差多少；模型是 16 位数时放宽"""
    if model.dtype.itemsize == 2:
        return 0.05
    return 1e-4


def cases(tokenizer, model) -> list[Case]:
    """平常的；有英文、重复的词元、特殊词元的；别的交给小模型，真正的 Qwen 一次前向就要零点几秒"""
    question = "人工智能，人工智能<|endoftext|>，人工智能像电一样，会慢慢进到每一样东西里。The black cat sat still."
    messages = [{"role": "user", "content": question}]
    chat = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    texts = ["昨天我们学习怎样生成🙂，犇", chat]
    given = []
    for text in texts:
        input_ids = tokenizer(text, return_tensors="pt").input_ids
        given.append(case(ForwardOnly(model), input_ids, f"文字是 {text!r}"))
    return given + small_cases()


def small_cases() -> list[Case]:
    """两个随机的小模型：一个和两个词元的（一样长的有两个），很长的，打分很大的"""
    long = [number ** 2 % 97 for number in range(330)]
    small = small_model(3)
    first = ForwardOnly(small)
    second = ForwardOnly(small_model(4))
    given = [(first, [7]), (first, [8]), (first, [7, 6]), (first, [6, 9]), (first, long), (second, long)]
    cases = []
    for model, ids in given:
        cases.append(small_case(model, ids))
    cases.append(small_case(Higher(small), long[:9], "，打分都加上 200"))
    return cases


def small_case(model, ids: list[int], more: str = "") -> Case:
    """小模型的一组；more: 还要告诉学生什么"""
    import torch

    told = told_of(ids) + more
    return case(model, torch.tensor([ids]), told)


class Higher(ForwardOnly):
    """打分都加上 200：概率不变，直接取指数就是无穷大"""

    def __call__(self, *inputs, **named):
        output = super().__call__(*inputs, **named)
        output.logits = output.logits + 200
        return output


def told_of(ids: list[int]) -> str:
    """小模型的一组，怎样说给学生听"""
    return f"换一个随机的小模型，input_ids 是 {brief([ids], 40)}"


def case(model, input_ids, told: str) -> Case:
    """一组输入；told: 怎样说给学生听"""
    bits = bits_of(model, input_ids)
    where = f"{told}（{len(bits) + 1} 个词元）"
    seconds = SECONDS + 3 * len(bits) * forward_seconds(model._wrapped)  # 一个一个地算也算得完
    return Case((model, input_ids), bits.tolist(), where, seconds)


def bits_of(model, input_ids, positions=slice(None, -1), targets=slice(1, None), dimension=-1):
    """每个词元的 -log2 概率，形状 (n-1,)；换掉一样就是一种错法

    positions、targets: 用哪些位置的打分，去猜哪些词元；dimension: 在哪一维上 softmax
    """
    logits = position_logits(model, input_ids)
    log_p = logits[positions].log_softmax(dimension)
    wanted = input_ids[0, targets]
    return bits_at(log_p, wanted)


def position_logits(model, input_ids):
    """每个位置的打分，形状 (n, 词表大小)"""
    return model(input_ids).logits[0].double()


def bits_at(log_p, targets):
    """第 i 行的第 targets[i] 个自然对数，换成 -log2"""
    from torch.nn.functional import nll_loss

    nats = nll_loss(log_p, targets, reduction="none")
    return nats / math.log(2)


# ---- 常见的错误 ----

def is_one_number(got, case):
    return isinstance(as_lists(got), int | float)


def use_natural_logarithm(model, input_ids):
    return bits_of(model, input_ids) * math.log(2)


def forget_minus(model, input_ids):
    return -bits_of(model, input_ids)


def give_natural_logarithm(model, input_ids):
    return -use_natural_logarithm(model, input_ids)


def give_probabilities(model, input_ids):
    return 2 ** -bits_of(model, input_ids)


def softmax_over_all_positions(model, input_ids):
    logits = position_logits(model, input_ids)
    log_p = logits.log_softmax(0)[:-1]
    wanted = input_ids[0, 1:]
    return bits_at(log_p, wanted)


def use_base_ten(model, input_ids):
    return bits_of(model, input_ids) * math.log10(2)


def multiply_by_the_logarithm(model, input_ids):
    return use_natural_logarithm(model, input_ids) * math.log(2)


def shift_and_use_natural_logarithm(model, input_ids):
    return bits_of(model, input_ids, positions=slice(1, None)) * math.log(2)


def give_scores(model, input_ids):
    scores = position_logits(model, input_ids)[:-1]
    wanted = input_ids[0, 1:, None]
    return scores.gather(1, wanted)[:, 0]


def take_the_best(model, input_ids):
    log_p = position_logits(model, input_ids)[:-1].log_softmax(-1)
    return bits_at(log_p, log_p.argmax(-1))


def take_the_mean(model, input_ids):
    log_p = position_logits(model, input_ids)[:-1].log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1) / math.log(2)


def see_only_one(model, input_ids):
    rows = input_ids[0, :-1, None]
    log_p = model(rows).logits[:, -1].double().log_softmax(-1)
    return bits_at(log_p, input_ids[0, 1:])


def is_the_example(got, case):
    return as_lists(got) == [2.0, 1.0]


def has_one_more(got, case):
    return len(got) == len(case.expected) + 1


def has_one_less(got, case):
    return len(got) == len(case.expected) - 1


def is_rounded(got, case):
    """把正确的取整到几位，就是学生的"""
    return any(round_all(got, digits) == as_lists(got) == round_all(case.expected, digits) for digits in range(4))


def round_all(bits, digits: int) -> list:
    return [round(number, digits) for number in as_lists(bits)]


def has_fewer(got, case):
    return len(got) < len(case.expected)


SHIFTED = "错了一格：第 i 个位置的打分猜的是第 i+1 个词元"
WRONG_DIMENSION = "softmax 的维度不对：应在词表那一维（最后一维）上，现在像是在位置上"
FORMS = {
    is_one_number: "应是每个词元一个数的列表，现在只有一个数；不要加起来，也不要平均；"
                   "用了 squeeze() 的话，只有一项的会变成一个数",
    is_nested: "应是一列数，现在外面多了一层；取第 0 句",
    is_the_example: "这是题目例子里的数：换一个输入就不同，要从模型的打分算出来",
    has_one_more: "多了一个：第 1 个词元前面没有东西，没有谁猜它，应从第 2 个算起",
    has_one_less: "少了一个：从第 2 个起，到最后一个为止，每个词元都有",
    has_fewer: "少了几个：多长的文字，从第 2 个起的每个词元都要有；特殊词元、重复的词元也各算各的",
    is_rounded: "像是取整了：题目不要取整，算出多少就给多少",
}
SLIPS = {
    use_natural_logarithm: "像是用了自然对数：题目的单位是比特，要以 2 为底",
    forget_minus: "符号反了：概率小于 1，对数是负的，前面要加负号",
    give_natural_logarithm: "符号反了，对数也要以 2 为底",
    give_probabilities: "这是概率，还要取 -log2",
    partial(bits_of, targets=slice(None, -1)): SHIFTED,
    partial(bits_of, positions=slice(1, None)): SHIFTED,
    partial(bits_of, positions=slice(1, None), targets=slice(None, -1)): SHIFTED,
    use_base_ten: "像是用了以 10 为底的对数：题目的单位是比特，要以 2 为底",
    multiply_by_the_logarithm: "自然对数换成以 2 为底，现在像是乘了 log(2)：应是除以它",
    shift_and_use_natural_logarithm: f"{SHIFTED}；对数也要以 2 为底",
    give_scores: "这是打分，还不是概率：先在词表那一维上 softmax，再取 -log2",
    take_the_best: "像是取了概率最大的词元：要的是真正出现的那一个",
    take_the_mean: "这是每个位置平均的意外（熵）：要的是真正出现的那一个词元的",
    see_only_one: "像是每次只送进前面的一个词元：猜一个词元，前面的全都要送进去",
    softmax_over_all_positions: WRONG_DIMENSION,
    partial(bits_of, dimension=0): WRONG_DIMENSION,
}
