"""练习“读报错：最后一行什么也没说”：一段照旧教程写的问答，报了没有文字的 AttributeError，把函数修好

出处: notebooks/07_pipeline.ipynb 第 4 节、09_faq.ipynb 第 2 节
"""
from functools import cache, partial

from helpers.exercises.comparing import Case, Wrong, brief, check_function
from helpers.exercises.exercise import Exercise
from helpers.exercises.repairing import expect_changes
from helpers.exercises.week15.forward import NOT_GREEDY, forward_seconds, is_greedy, once_a_model

BROKEN = '''def chat_reply(tokenizer, model, question: str, most: int) -> str:
    """模型对 question 的回答，最多 most 个词元"""
    messages = [{"role": "user", "content": question}]
    input_ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    output_ids = model.generate(input_ids, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return tokenizer.decode(output_ids[0], skip_special_tokens=True)'''
FAILS_ON = "什么是词元"
ASKS = " 用自己的话说一说，system\nuser\nassistant\n是哪三种角色？<|x|>\n"  # 首尾也有空格和换行
ROLES = f"\nsystem 龘\nuser 问：{ASKS}\nassistant\n"  # 一个回答：照文字找开头就会找错
TRACEBACK = [  # 红字里要读的几行，从上到下；中间略去的用省略号
    "KeyError: 'shape'",
    "During handling of the above exception, another exception occurred:",
    "output_ids = model.generate(input_ids, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)",
    "batch_size = inputs_tensor.shape[0]",
    "AttributeError",
]
HINTS = ("最后一行是空的，就往上读：generate 想要 inputs_tensor 的什么？它找的时候，先出了哪一个错？"
         "这种错是哪一类东西才会报的？",
         "打印 type(input_ids)：名字叫 input_ids，其实是一个字典。不报错以后，再看返回的文字是从哪里开始的")
SOLUTION = '''def chat_reply(tokenizer, model, question, most):
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output_ids = model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    prompt_length = inputs.input_ids.shape[1]
    return tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)  # 切掉问题再解码'''
WHY = ("网上的教程多半是 transformers 5 以前写的：那时 apply_chat_template 给的是张量，现在给的是字典。"
       "最后一行空着，就往上读两处：前一个错（KeyError: 'shape'，在字典里找 shape），和红字里自己写的那一行。"
       "红字没有了也不算修好：这一段原来就忘了切掉问题。")
HARDER = "再加一个参数 history，是前面几轮的消息，让它接着聊；第二轮起，prompt_length 怎样变？"


class Watched:
    """包着模型，记下 generate 收到的问题、是不是贪心；怎样回答由 answer 定"""

    def __init__(self, model):
        self._wrapped = model
        self.start()

    def start(self) -> None:
        """忘掉上一次的"""
        self.fed = None
        self.greedy = True

    def generate(self, inputs=None, input_ids=None, **named):
        question = input_ids
        if question is None:
            question = inputs
        wants_more = named.pop("return_dict_in_generate", False)
        output_ids = self.answer(question, named)
        self.fed = question.tolist()
        self.greedy = is_greedy(self._wrapped, named)
        if wants_more:
            return with_sequences(output_ids)
        return output_ids

    def __call__(self, *inputs, **named):
        raise RuntimeError("这一题用 model.generate，不用自己写循环")

    def __getattr__(self, name: str):
        return getattr(self._wrapped, name)


def most_new(named: dict, prompt_length: int) -> int | None:
    """generate 的选项许写几个：max_new_tokens，或者 max_length 减去问题；都没有写就是 None"""
    config = named.get("generation_config")
    for given in (named.get("max_new_tokens"), getattr(config, "max_new_tokens", None)):
        if given is not None:
            return given
    if "max_length" in named:
        return named["max_length"] - prompt_length
    return None


def may_end(named: dict, end: int) -> bool:
    """generate 的选项认 end 是结束词元吗；没有写 eos_token_id，就认"""
    import torch

    given = named.get("eos_token_id")
    if given is None:
        given = getattr(named.get("generation_config"), "eos_token_id", None)
    if given is None:
        return True
    return end in torch.as_tensor(given).flatten().tolist()


def with_sequences(output_ids):
    """generate(return_dict_in_generate=True) 给的：编号在 sequences 里"""
    from transformers.generation import GenerateDecoderOnlyOutput

    return GenerateDecoderOnlyOutput(sequences=output_ids)


class EndsOnTime(Watched):
    """写到第 most 个词元就说完：最后一个是 <|im_end|>"""

    def __init__(self, model, end: int):
        super().__init__(model)
        self._end = end

    def answer(self, question, named: dict):
        return self._wrapped.generate(question, forced_eos_token_id=self._end, **named)


class Says(Watched):
    """不做计算：把准备好的编号接在问题后面；不许它早停、不认它的结束词元，它就再说一遍"""

    def __init__(self, model, ids: list[int]):
        super().__init__(model)
        self._ids = ids

    def answer(self, question, named: dict):
        import torch

        rows, length = question.shape  # 字典没有 shape，和真的 generate 报一样的错
        ids = list(self._ids)
        most = most_new(named, length)
        least = named.get("min_new_tokens") or 0
        if not may_end(named, ids[-1]):
            least = most
        while len(ids) < least:
            ids += self._ids
        ids = ids[:most]
        tell_streamer(named.get("streamer"), question, ids)
        return torch.cat([question, torch.tensor([ids] * rows)], dim=1)


def tell_streamer(streamer, question, ids: list[int]) -> None:
    """像真的 generate 一样，先把问题、再把写出的一个一个地交给 streamer；没有 streamer 就什么也不做"""
    import torch

    if streamer is None:
        return
    streamer.put(question)
    for token_id in ids:
        streamer.put(torch.tensor([token_id]))
    streamer.end()


def exercise(tokenizer, model) -> Exercise:
    """这道题；正确的回答由 generate 给出，只算一次"""
    prepared = cache(partial(cases, tokenizer, model))

    def test(answer):
        expect_changes(answer, BROKEN)
        for case in prepared():
            check_one(answer, case)

    return Exercise("读报错：最后一行什么也没说", "07 第 4 节、09 第 2 节", 0, test, HINTS, SOLUTION, WHY, HARDER,
                    stars=2, minutes=8)


def check_one(answer: object, case: Case) -> None:
    """在一组输入上运行；结果对了，再看是不是贪心，送给 generate 的是不是套好模板的问题"""
    tokenizer, model, question, _ = case.inputs
    model.start()
    check_function(answer, [case], FORMS, SLIPS)
    if not model.greedy:
        raise Wrong(f"这次的结果碰巧对了，可是 {NOT_GREEDY}\n这次的输入：{case.where}")
    if model.fed != [tokenizer(prompt_of(tokenizer, question), add_special_tokens=False).input_ids]:
        raise Wrong("这次的结果碰巧对了，可是送给 generate 的不是套好模板的问题：消息只有 question 这一条，"
                    f"模板只套一次\n这次的输入：{case.where}")


def cases(tokenizer, model) -> list[Case]:
    """真的写出来、说完了的；回答里有角色的名字和空行的，末尾是另外的特殊词元；没有说完就写满、问题里有特殊词元的；
    断在半个字上、有附加而不特殊的词元的；问和答都很长的

    说完了的，末尾有的是 <|im_end|>，有的是 <|endoftext|>，两个都是结束词元
    """
    end = tokenizer.eos_token_id
    said = tokenizer(ROLES + "<|box_end|><|endoftext|>").input_ids
    with_a_name = ASKS + "<|box_start|>呢？"
    cut = tokenizer("先 <tool_call> 查一查。再写难字：麤").input_ids[:-1]  # “麤”只写出了一半
    much = tokenizer(ROLES * 25 + "<|im_end|>").input_ids
    return [
        case(tokenizer, EndsOnTime(model, end), FAILS_ON, 3, ""),
        case(tokenizer, Says(model, said), ASKS, len(said) + 20, f"，模型的回答是 {ROLES!r}"),
        case(tokenizer, Says(model, said), with_a_name, len(said) - 5, f"，写满就断了，模型想说的是 {ROLES!r}"),
        case(tokenizer, Says(model, cut), ASKS, len(cut), f"，写满就断了，模型写出的是 {tokenizer.decode(cut)!r}"),
        case(tokenizer, Says(model, much), ASKS * 35, len(much) + 20, "，问和答都很长"),
    ]


def case(tokenizer, model, question: str, most: int, more: str) -> Case:
    """一组输入；more: 还要告诉学生什么"""
    expected = answered(tokenizer, model, question, most)
    seconds = 5 + 20 * forward_seconds(model._wrapped)
    return Case((tokenizer, model, question, most), expected, f"question 是 {brief(question)}，{most=}{more}", seconds)


@once_a_model
def written(model, tokenizer, prompt: str, most: int) -> tuple:
    """套好模板的问题后面写的：连问题在内的编号，和问题有几个词元；同样的只算一次"""
    inputs = tokenizer(prompt, return_tensors="pt")
    output_ids = model.generate(**inputs, max_new_tokens=most, do_sample=False, repetition_penalty=1.0)
    return output_ids[0], inputs.input_ids.shape[1]


def prompt_of(tokenizer, question: str, opening: bool = True) -> str:
    """套好模板的问题；opening: 末尾有没有助手的开头"""
    messages = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=opening, tokenize=False)


def answered(tokenizer, model, question, most, opening=True, shift=0, skip=True) -> str:
    """正确的回答；换掉一样就是一种错法

    opening: 模板末尾有没有助手的开头；shift: 切的位置差几个；skip: 跳不跳过特殊词元
    """
    prompt = prompt_of(tokenizer, question, opening)
    output_ids, length = written(model, tokenizer, prompt, most)
    return tokenizer.decode(output_ids[length + shift:], skip_special_tokens=skip)


# ---- 常见的错误 ----

def is_in_a_list(got, case):
    return isinstance(got, list | tuple)


def is_no_text(got, case):
    return not isinstance(got, str)


def has_not_generated(got, case):
    _, model, _, _ = case.inputs
    return model.fed is None


def is_empty(got, case):
    return got == ""


def goes_on_after_the_end(got, case):
    """说完一遍，又从头说起"""
    more = got.removeprefix(case.expected)
    return got != more and more[:5] == case.expected[:5]


def is_not_greedy(got, case):
    _, model, _, _ = case.inputs
    return not model.greedy


def keep_the_question(tokenizer, model, question, most):
    output_ids, _ = written(model, tokenizer, prompt_of(tokenizer, question), most)
    return tokenizer.decode(output_ids, skip_special_tokens=True)


def keep_everything(tokenizer, model, question, most):
    output_ids, _ = written(model, tokenizer, prompt_of(tokenizer, question), most)
    return tokenizer.decode(output_ids)


def cut_by_the_bare_question(tokenizer, model, question, most):
    output_ids, _ = written(model, tokenizer, prompt_of(tokenizer, question), most)
    bare = len(tokenizer(question).input_ids)
    return tokenizer.decode(output_ids[bare:], skip_special_tokens=True)


def cut_by_the_role(tokenizer, model, question, most):
    return keep_the_question(tokenizer, model, question, most).split("assistant\n")[-1]


def cut_by_letters(tokenizer, model, question, most):
    letters = len(prompt_without_names(tokenizer, question))
    return keep_the_question(tokenizer, model, question, most)[letters:]


def prompt_without_names(tokenizer, question: str) -> str:
    """模板自己的特殊词元不算，问题里写着的没有去掉"""
    text = prompt_of(tokenizer, question)
    return text.replace("<|im_start|>", "").replace("<|im_end|>", "")


def take_the_last(tokenizer, model, question, most):
    output_ids, _ = written(model, tokenizer, prompt_of(tokenizer, question), most)
    return tokenizer.decode(output_ids[-most:], skip_special_tokens=True)


def decode_one_by_one(tokenizer, model, question, most):
    output_ids, length = written(model, tokenizer, prompt_of(tokenizer, question), most)
    return "".join(tokenizer.decode([token_id], skip_special_tokens=True) for token_id in output_ids[length:])


def lost_its_ends(got, case):
    return len(got) < len(case.expected) and got.strip() == case.expected.strip()


def without_template(tokenizer, model, question, most):
    output_ids, length = written(model, tokenizer, question, most)
    return tokenizer.decode(output_ids[length:], skip_special_tokens=True)


OFF_BY_ONE = "切的位置差了一个：问题有几个词元，回答就从那个下标开始"
FORMS = {
    is_in_a_list: "应是一段文字，现在外面多了一层；取第 0 句",
    is_no_text: "应是一段文字，现在不是；切出来的编号还要解码",
    has_not_generated: "model.generate 一次也没有运行完，这段文字不是模型写的：像是用 try 和 except 把错误盖住了，"
                       "看不见错误不等于改好了",
    is_not_greedy: NOT_GREEDY,
    goes_on_after_the_end: "说完了还在写：写出 <|im_end|> 或者 <|endoftext|>，哪一个都算说完；"
                           "不用写 eos_token_id、min_new_tokens，模型自己知道",
    is_empty: "现在是空的，应有文字：像是照文字（assistant、问题、换行）来切，回答里自己也有这些字；"
              "按编号切：问题有几个词元，就去掉几个",
    lost_its_ends: "回答应一个字不改，现在两头的空格或换行没有了",
}
SLIPS = {
    keep_the_question: "不报错了，可是返回的连问题也有，从 system 开始；generate 还回来的是问题和回答，"
                       "先切掉问题的编号",
    keep_everything: "问题和特殊词元都还在：先切掉问题的编号，解码时跳过特殊词元",
    partial(answered, skip=False): "还留着特殊词元：解码时让它跳过",
    partial(answered, shift=-1): OFF_BY_ONE,
    partial(answered, shift=1): OFF_BY_ONE,
    cut_by_the_bare_question: "切得太少：送进去的是套了模板的问题，要数的是它的词元，不是 question 自己的",
    partial(answered, opening=False): "模板末尾少了助手的开头：add_generation_prompt=True 要留着",
    cut_by_the_role: "像是照文字（assistant 或者问题）来切，回答里自己也有这些字；按编号切：问题有几个词元，就去掉几个",
    cut_by_letters: "像是照字数来切：问题里写着特殊词元，解码时跳过它，字数就变了；按编号切",
    take_the_last: "像是取了最后 most 个：回答说完了就停，可能不到 most 个；从问题的后面切",
    decode_one_by_one: "一个一个地解码，切在两个词元里的字就成了 �；剩下的一次解码",
    without_template: "没有套模板：送进去的只有问题，模型不知道轮到它回答；apply_chat_template 要留着",
}
