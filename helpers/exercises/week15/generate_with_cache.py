"""练习“带缓存的生成循环”：第一步读完问题，以后每步只送新写的一个

出处: notebooks/06_writing.ipynb 第 1、2、4 节
"""
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from helpers.exercises.comparing import Case, Wrong, as_lists, brief, check_function, differs_at, has, same_values
from helpers.exercises.exercise import Exercise
from helpers.exercises.running import SECONDS
from helpers.exercises.week15.forward import ForwardOnly, forward_seconds, table_model

HINTS = ("每轮四件事：前向、记下送进几个、选最后一个位置的第一名、看该不该停。"
         "前向的结果里有 past_key_values，下一轮要交回去",
         "第一轮送 input_ids，past_key_values=None；以后送形状 (1, 1) 的新编号。选出的先 .item() 变成整数，"
         "放进列表以后再问在不在 stop_ids 里")
SOLUTION = """def generate_with_cache(model, input_ids, stop_ids, most):
    written = []
    counts = []
    fed = input_ids
    cache = None
    while len(written) < most:
        with torch.inference_mode():
            out = model(input_ids=fed, past_key_values=cache, use_cache=True)
        counts.append(fed.shape[1])
        cache = out.past_key_values  # 前面的 key 和 value 都在里面
        chosen = out.logits[0, -1].argmax().item()
        written.append(chosen)
        if chosen in stop_ids:
            break
        fed = torch.tensor([[chosen]])  # 下一轮只送这一个
    return written, counts"""
WHY = ("问题 25 个词元、写 100 个，没有缓存要送进 7450 个，有缓存只要 124 个，写出的一样。"
       "缓存里总比“问题 + 写出的”少一个：最后写的那个还没有送进去")
LARGEST = 151_664  # 分词器的最后一个编号；打分有 151,936 个
BY_TABLE = "换一个照表写的小模型，"
SAID = "再见，记得保存好你的 Notebook！"  # 一句说完了的回答，接着写的就是结束词元
HARDER = "写完以后接着聊：把第二个问题的编号接在后面，不重新读第一轮。缓存里还缺哪一个编号，要先补进去？"


def exercise(tokenizer, model) -> Exercise:
    """这道题；正确的编号由 model.generate 给出，只算一次；送进几个，在词嵌入那里数"""
    prepared = cache(partial(cases, tokenizer, model))

    def test(answer):
        for case in prepared():
            with counted(model_of(case)) as counts:
                same = partial(is_right, case, counts)
                check_function(answer, [case], forms(case, counts), {}, same)
                check_sent(case, counts)

    return Exercise("带缓存的生成循环", "06 第 1、2、4 节", 16, test, HINTS, SOLUTION, WHY, HARDER, stars=3, minutes=15)


def cases(tokenizer, model) -> list[Case]:
    """问题里有要停的，写出第二个才停；说完就停；换一个小模型：没有要停的，说完了还写；写很多，写到一半停，只写一个，
    问题只有一个词元，写出分词器里没有的编号

    真正的 Qwen 一次前向就要零点几秒：交给它的只有两组，都很短，别的交给小模型
    """
    end = tokenizer.eos_token_id
    never = model.config.vocab_size - 1  # 没有对应词元的一行，模型不会写它
    said = ids_of(tokenizer, chat_of(tokenizer, "再见") + SAID)
    written = continuation(model, said, 1)
    plain = ids_of(tokenizer, "人工智能<|endoftext|>温度")
    last = plain[0, -1].item()
    begun = continuation(model, plain, 2)
    return [
        case(model, plain, begun, {0, begun[-1], last, end, never}, 5),
        case(model, said, written, {written[0], never}, 4),  # 多半就是 end
        goes_on_after_the_end(said, end),
        *small_cases(),
    ]


def goes_on_after_the_end(said, end: int) -> Case:
    """照表写的小模型：写出 <|im_end|>，它不在 stop_ids 里，还要写"""
    last = said[0, -1].item()
    model = table_model({last: end}, 7, [end])  # 生成设置里有它，也不算
    return case(model, said, continuation(model, said, 2), set(), 2, BY_TABLE)


def small_cases() -> list[Case]:
    """交给小模型的：同一个编号会写好几次"""
    import torch

    small = small_model()
    other = small_model(4)
    question = torch.tensor([[7, 6, 0, 0, 1]])
    turned = question.flip(1)
    lone = question[:, :1]
    book = torch.arange(1_500)[None] % 97
    long = continuation(small, question, 270)
    told = "换一个随机的小模型，"
    return [
        case(small, question, long, set(), 40, told),
        case(small, question, long, {long[24]}, 40, told),
        case(small, question, long, {long[10]}, 40, told),
        case(small, question, long, set(), 1, told),
        case(small, turned, continuation(small, turned, 2), set(), 1, told),
        case(other, turned, continuation(other, turned, 2), set(), 1, told),
        case(small, book, continuation(small, book, 3), set(), 3, told),
        case(small, question, long, set(), 270, told),
        case(small, lone, continuation(small, lone, 3), set(), 3, told),
        beyond_the_tokenizer(),
    ]


def beyond_the_tokenizer() -> Case:
    """照表写的小模型：写出的编号有的比分词器的都大；问题只有一个词元"""
    import torch

    model = table_model({5: LARGEST + 200, LARGEST + 200: LARGEST + 1}, 7, [9])
    lone = torch.tensor([[5]])
    return case(model, lone, continuation(model, lone, 3), set(), 3, BY_TABLE)


def small_model(seed: int = 3):
    """两层的 Qwen，100 个编号，随机的权重；一次前向不到 2 毫秒。不动学生的随机数种子"""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        num_hidden_layers=2,
        hidden_size=32,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        vocab_size=100,
        pad_token_id=0,
        initializer_range=0.5,  # 大一些，第一名和第二名才分得开
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen2ForCausalLM(config).eval()


def chat_of(tokenizer, question: str) -> str:
    """套好模板的问题，末尾是助手的开头；里面有结束词元"""
    messages = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def ids_of(tokenizer, text: str):
    """文字的编号，形状 (1, n)"""
    return tokenizer(text, return_tensors="pt").input_ids


def continuation(model, input_ids, most: int) -> list[int]:
    """model.generate 贪心写出的 most 个新编号，不因为结束词元停下"""
    output_ids = model.generate(
        input_ids,
        attention_mask=input_ids.new_ones(input_ids.shape),  # 不给的话，generate 会把 <|endoftext|> 当成填充
        min_new_tokens=most,
        max_new_tokens=most,
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=model.config.vocab_size - 1,
    )
    prompt_length = input_ids.shape[1]
    return output_ids[0, prompt_length:].tolist()


def case(model, input_ids, written: list[int], stop_ids: set[int], most: int, told: str = "") -> Case:
    """一组输入；written: 不停的话会写什么；told: 还要告诉学生什么"""
    ids = until_stop(written[:most], stop_ids)
    length = input_ids.shape[1]
    counts = [length] + [1] * (len(ids) - 1)
    where = f"{told}input_ids 是 {brief(input_ids.tolist(), 40)}（{length} 个），{stop_ids=}，{most=}"
    seconds = 3 * SECONDS + 3 * most * forward_seconds(model)  # 没有用缓存的、电脑正忙的也算得完
    inputs = (ForwardOnly(model), input_ids, stop_ids, most)
    return Case(inputs, [ids, counts], where, seconds)


def model_of(case: Case):
    """这一组交给哪个模型，没有包着的"""
    return case.inputs[0]._wrapped


def until_stop(written: list[int], stop_ids: set[int]) -> list[int]:
    """到第一个结束词元为止，连它。例: until_stop([1, 2, 3], {2}) -> [1, 2]"""
    kept = []
    for token_id in written:
        kept.append(token_id)
        if token_id in stop_ids:
            break
    return kept


@contextmanager
def counted(model) -> Iterator[list[int]]:
    """在里面时，每次前向送进几个词元都记在列表里；词嵌入是谁都绕不过的"""
    counts = []

    def note(module, inputs, output):
        counts.append(output.shape[-2])

    hook = model.get_input_embeddings().register_forward_hook(note)
    try:
        yield counts
    finally:
        hook.remove()


def is_right(case: Case, counts: list[int], got: object, expected: list) -> bool:
    """编号对、写的“送进几个”也对吗"""
    if is_no_pair(got, case):
        return False
    ids, fed = as_lists(got)
    sent = list(counts)
    right = same_values(fed, expected[1]) and is_greedy(case, ids)
    counts[:] = sent  # 上一行也可能做前向，那不是学生做的
    return right


def check_sent(case: Case, sent: list[int]) -> None:
    """写的都对，真的送进模型的也应这么多"""
    _, fed = case.expected
    if sent == fed:
        return
    if sent[0] < fed[0]:
        said = "第一步应把整个问题一次送进去"
    elif sent[:len(fed)] == fed:
        said = f"写 {len(fed)} 个应做 {len(fed)} 次前向，真的做了 {len(sent)} 次；最后写的那个不用再送"
    else:
        said = SENT_AGAIN
    raise Wrong(f"结果对了，可是每步真的送进了 {brief(sent)}（模型那里数的）：{said}\n这次的输入：{case.where}")


def is_greedy(case: Case, ids: list) -> bool:
    """ids 是贪心写出的吗；16 位数时，打分只差舍入的也算第一名"""
    expected = case.expected[0]
    if not all(type(token_id) is int for token_id in ids):
        return False
    if same_values(ids, expected):
        return True
    model = model_of(case)
    if model.dtype.itemsize > 2 or len(ids) != len(expected):
        return False
    import torch

    _, input_ids, stop_ids, _ = case.inputs
    if until_stop(ids, stop_ids) != ids:
        return False
    whole = torch.cat([input_ids, torch.tensor([ids])], dim=1)
    first = input_ids.shape[1] - 1
    rows = ForwardOnly(model)(whole).logits[0, first:-1].float()
    chosen = rows.gather(1, torch.tensor(ids)[:, None])[:, 0]
    best = rows.max(dim=-1).values
    return bool((chosen >= best - 0.02 * best.abs() - 0.05).all())


# ---- 常见的错误 ----

SENT_AGAIN = "前面的词元又送了一遍，没有用上缓存；第一步以后每步只送新写的 1 个"


def is_no_pair(got, case):
    pair = as_lists(got)
    if not isinstance(pair, list) or len(pair) != 2:
        return True
    return not all(isinstance(part, list) for part in pair)


def is_swapped(got, case):
    return as_lists(got) == case.expected[::-1]


def has_another_layer(got, case):
    ids, fed = as_lists(got)
    return any(isinstance(item, list) for item in ids + fed)


def has_texts(got, case):
    ids, _ = as_lists(got)
    return any(isinstance(item, str) for item in ids)


def has_floats_or_bools(got, case):
    ids, _ = as_lists(got)
    return has((float, bool), ids)


def leaves_out_the_last_rows(got, case):
    ids, _ = as_lists(got)
    return max(case.expected[0]) > LARGEST >= max(ids)


def starts_with_prompt(got, case):
    ids, _ = as_lists(got)
    prompt = case.inputs[1][0].tolist()
    return ids[:len(prompt)] == prompt


def is_without_repeats(got, case):
    ids, _ = as_lists(got)
    wanted = case.expected[0]
    return ids != wanted and ids == list(dict.fromkeys(wanted))


def goes_on(got, case):
    ids, _ = as_lists(got)
    wanted = case.expected[0]
    return len(ids) > len(wanted) and ids[:len(wanted)] == wanted


def lacks_some(got, case):
    ids, _ = as_lists(got)
    wanted = case.expected[0]
    return len(ids) < len(wanted) and wanted[:len(ids)] == ids


def ids_are_wrong(got, case):
    ids, _ = as_lists(got)
    return ids != case.expected[0]


def only_first_is_right(got, case):
    ids, _ = as_lists(got)
    wanted = case.expected[0]
    return len(ids) > 1 and ids[0] == wanted[0] and ids != wanted


def forgot_first(got, case):
    _, fed = as_lists(got)
    return fed != case.expected[1] and set(fed) == {1}


def adds_up(got, case):
    _, fed = as_lists(got)
    length = case.inputs[1].shape[1]
    return len(fed) > 1 and fed == list(range(length, length + len(fed)))


def has_another_length(got, case):
    _, fed = as_lists(got)
    return len(fed) != len(case.expected[1])


def counts_wrong(got, case):
    return not ids_are_wrong(got, case)


def forms(case: Case, counts: list[int]) -> dict:
    """不合题目的样子；counts: 每次前向真的送进几个。写多、写少了怎样说，看这一组是停下来的，还是写满的"""
    _, _, stop_ids, most = case.inputs
    ids, fed = case.expected
    if ids[-1] in stop_ids:
        more = ("写出 stop_ids 里的编号以后应停下，现在还在写；stop_ids 里的每一个都算，"
                "选出的若是张量，先 .item() 变成整数，再问在不在里面")
        less = "停得太早，或者少了结束词元：写出的结束词元也要留在列表里，问题里的不算"
    else:
        more = f"最多写 {most} 个，现在写多了；数一数循环几轮"
        less = (f"应写满 {most} 个，现在写少了：写出的不在 stop_ids 里就不停（stop_ids 是空的，写什么都不停），"
                "也不要另外定一个上限；问题里有不要紧，写出的才算")

    length = case.inputs[1].shape[1]

    def lacks_the_last(got, case):
        few, _ = as_lists(got)
        return ids[-1] not in stop_ids and few == ids[:-1]

    def splits_the_prompt(got, case):
        return counts[0] < length

    def resends_with_cache(got, case):
        return only_first_is_right(got, case) and counts[1:] and counts[1] > 1

    def forgets_cache(got, case):
        few_are_right = differs_at(as_lists(got)[0], ids) < 3
        return few_are_right and only_first_is_right(got, case) and set(counts[1:]) == {1}

    def sends_again(got, case):
        return len(counts) > 1 and counts[1] > 1

    return {
        is_no_pair: "应返回两样：写成 return 新编号的列表, 送进几个的列表",
        is_swapped: "两样的次序反了：先新写的编号，再每一步送进几个",
        has_another_layer: "应是两列整数，现在里面还有一层；取第 0 句",
        has_texts: "应是编号的列表，现在是文字；不用解码",
        has_floats_or_bools: "编号要是整数，现在有小数或真假；选出的先 .item() 变成整数",
        leaves_out_the_last_rows: "像是只在打分的前面一部分里选：打分有多少个，就在多少个里选最高的，"
                                  "分词器里没有的编号也算",
        starts_with_prompt: "把问题也返回了：只要新写的编号",
        is_without_repeats: "同一个编号可以写好几次，每次都留着；不要去掉重复的",
        goes_on: more,
        lacks_the_last: f"应写满 {most} 个，现在少写了一个：数一数循环几轮，range(1, {most}) 只有 {most - 1} 轮；"
                        "也可能停得太早，写出的不在 stop_ids 里就不停",
        lacks_some: less,
        splits_the_prompt: f"第一步应把整个问题（{length} 个）一次送进去，现在第一步只送了一部分",
        resends_with_cache: "第一个对，后面错了：交回了 past_key_values，又把前面的词元再送一遍；"
                            "缓存里已经有的不要再送",
        forgets_cache: "第一个对，后面错了：每步只送了一个，模型看不见前面的，或者看错了位置。没有把 past_key_values "
                       "交回去？自己写了 position_ids、attention_mask，或者选的不是打分最高的，也会这样",
        ids_are_wrong: f"新写的编号应是 {brief(ids)}，现在不是；看最后一个位置的打分，选最大的，再接上",
        sends_again: f"编号对了，可是{SENT_AGAIN}",
        forgot_first: "第一步送进的是整个问题，不是 1 个",
        adds_up: "这是到那一步为止一共的个数；题目要每一步送进几个",
        has_another_length: f"编号对了；写出 {len(ids)} 个就有 {len(ids)} 步，“送进几个”也应有 {len(ids)} 个数",
        counts_wrong: f"编号对了，“送进几个”应是 {brief(fed)}：第一步整个问题，以后每步 1 个",
    }
