"""第 15 周用到模型和分词器的题：生成循环、只要回答、惊讶程度、KV cache 的字节

参照: model.generate、事先写好的回答、cross_entropy、真实的 past_key_values
出处: notebooks/week15_exercises.ipynb 练习 5–8
"""
import math
import random
from types import SimpleNamespace

from helpers.exercises.exercise import brief, compare, plain
from helpers.exercises.week15_checks import close, ids_same, known, nested

SIZES = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads")


class Forward:
    """只能做前向的模型：题目要学生自己写循环，所以没有 generate；不记梯度"""

    def __init__(self, model):
        self.model = model

    def __call__(self, *inputs, **named):
        import torch
        with torch.no_grad():
            return self.model(*inputs, **named)

    def __getattr__(self, name: str):
        if name == "generate":
            raise RuntimeError("这一题要自己写循环，不能用 model.generate")
        return getattr(self.model, name)


def generated(model, input_ids, stops: set[int], most: int, use_cache: bool = True) -> list[int]:
    """model.generate 贪心写出的新编号"""
    import torch
    written = model.generate(input_ids, attention_mask=torch.ones_like(input_ids), max_new_tokens=most, do_sample=False,
                             repetition_penalty=1.0, eos_token_id=sorted(stops), pad_token_id=min(stops),
                             use_cache=use_cache)
    return written[0, input_ids.shape[1]:].tolist()


def greedy_groups(tokenizer, model) -> list[tuple]:
    """(文字, input_ids, stop_ids, most)：写满为止、中间停、第一个就停、只写一个"""
    rng = random.Random(5)
    unused = model.config.vocab_size - 1  # 没有对应词元的一行，模型不会写它
    texts = [rng.choice(("什么是", "怎样看", "为什么要有")) + rng.choice(("词元", "温度", "参数", "模板")) + mark
             for mark in ("", "？", "，", "🙂")]
    ids = [tokenizer(text, return_tensors="pt").input_ids for text in texts]
    stops = [{unused}, {generated(model, ids[1], {unused}, 3)[-1], unused}, {generated(model, ids[2], {unused}, 1)[0]},
             {unused}]
    return list(zip(texts, ids, stops, (4, 6, 5, 1), strict=True))


def greedy_wrongs(model, ids, stops: set[int], most: int, want: list[int]) -> list:
    """生成循环常见的错误：[(认得它的函数, 要说的话)]"""
    prompt, stopped = ids[0].tolist(), want[-1] in stops
    more = "写出结束词元以后应停下，现在还在写；看看循环的条件用到 stop_ids 没有" if stopped else \
        f"最多写 {most} 个，现在写多了；数一数循环几轮"
    less = "结束词元也要留在列表里，现在少了它" if stopped else f"应写满 {most} 个，现在少写了一个；数一数循环几轮"
    return [(lambda got: isinstance(got, str), "应是编号的列表，现在是文字；不用解码"),
            (nested, "应是一列编号，现在外面多了一层；取第 0 句"),
            (lambda got: plain(got)[:len(prompt)] == prompt, "把问题也返回了：只要新写的编号"),
            (lambda got: plain(got)[:len(want)] == want and len(plain(got)) > len(want), more),
            (lambda got: plain(got) == want[:-1], less),
            (lambda got: plain(got)[0] == Forward(model)(ids).logits[0, 0].argmax() != want[0],
             "第一个就不对，像是看了第一个位置的打分：接着往下写要看最后一个位置"),
            (lambda got: len(got) > 1 and len(set(plain(got))) == 1 and len(set(want)) > 1,
             "每一步选的都一样：新词元要接到输入的末尾，再算下一步")]


def check_greedy(answer: object, tokenizer, model) -> None:
    """第 5 题：生成循环；16 位数时，有没有缓存舍入不同，两种结果都算对"""
    for text, ids, stops, most in greedy_groups(tokenizer, model):
        def same(got, want, ids=ids, stops=stops, most=most):
            return ids_same(got, want) or ids_same(got, generated(model, ids, stops, most, use_cache=False))

        want = generated(model, ids, stops, most)
        compare(answer, (Forward(model), ids, stops, most), want, f"文字是 {text!r}，stop_ids={stops}，{most=}", same,
                greedy_wrongs(model, ids, stops, most, want))


def answer_groups(tokenizer) -> list[tuple[str, list[int], str, list[int]]]:
    """(怎样说, 问题的编号, 回答的文字, 回答后面的特殊词元)；回答先写好，不靠解码得来"""
    rng = random.Random(6)
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id or tokenizer.eos_token_id
    question = rng.choice(("什么是", "怎样用")) + rng.choice(("温度", "分词器", "缓存"))
    chat = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True,
                                         tokenize=False)
    long = "".join(rng.choice(("词元", "模型", "一步一步", "，", "，然后", "写 token ")) for _ in range(200)) + "。"
    rows = [(question, chat, "这要看情况：先想一想，再试一试。", [end]),
            ("你好", "你好", "你好你好，再说一次你好！", []),
            (question, chat, "犇骉麤，笑一个 🙂👍🏽", [end, padding, padding]),
            ("从前有一座山", "从前有一座山", long, [end]), (question, chat, "", [end])]
    return [(f"问题是 {said!r}，回答是 {brief(answer, 20)}", tokenizer(prompt).input_ids, answer, tail)
            for said, prompt, answer, tail in rows]


def answer_wrongs(tokenizer, ids: list[int], n: int) -> list[tuple[str, str]]:
    """只要回答时常见的错误结果，和要说的话；n: 问题有几个词元"""
    everything, question = (tokenizer.decode(part, skip_special_tokens=True) for part in (ids, ids[:n]))
    off = "切的位置差了一个：问题有 prompt_length 个词元，回答从下标 prompt_length 开始"
    return [(everything, "把问题也解码了：先切掉前 prompt_length 个编号，再解码"),
            *((tokenizer.decode(ids[start:], skip_special_tokens=True), off) for start in (n - 1, n + 1)),
            (tokenizer.decode(ids[n:]), "还留着特殊词元：解码时让它跳过"),
            (tokenizer.decode(ids), "问题和特殊词元都还在：先切掉问题的编号，解码时跳过特殊词元"),
            (everything.replace(question, ""), "像是用 replace 去掉问题，回答里同样的话也没了：按编号切，不按文字")]


def check_answer_text(answer: object, tokenizer) -> None:
    """第 6 题：只要回答"""
    import torch
    for where, prompt, want, tail in answer_groups(tokenizer):
        ids, n = prompt + (tokenizer(want).input_ids if want else []) + tail, len(prompt)
        compare(answer, (tokenizer, torch.tensor([ids]), n), want, where, mistakes=[
            (lambda got, want=want: isinstance(got, list) and got == [want], "文字是对的，外面多了一层列表；取第 0 个"),
            (lambda got, want=want: not isinstance(got, str) or not got and want,
             "应是一段文字，现在不是文字或者是空的；output_ids 的形状是 (1, 总长)，先取第 0 句"),
            *known(want, answer_wrongs(tokenizer, ids, n), lambda got, value: got == value)])


def bits(logits, ids) -> list[float]:
    """每个位置的 -log2 概率，用 torch 的 cross_entropy；logits 形状 (n, 词表大小)，ids 形状 (n,)"""
    import torch
    return (torch.nn.functional.cross_entropy(logits.double(), ids, reduction="none") / math.log(2)).tolist()


def surprise_wrongs(logits, row, want: list[float]) -> list[tuple[list[float], str]]:
    """惊讶程度常见的错误结果，和要说的话"""
    nats, same_place = [x * math.log(2) for x in want], bits(logits, row)
    shift = "错了一格：第 i 个位置的打分猜的是第 i+1 个词元"
    across = [(-part.log_softmax(0)[range(len(row) - 1), row[1:]] / math.log(2)).tolist()
              for part in (logits, logits[:-1])]
    return [(nats, "像是用了自然对数：题目的单位是比特，要以 2 为底"),
            ([-x for x in want], "符号反了：概率小于 1，对数是负的，前面要加负号"),
            ([-x for x in nats], "符号反了，对数也要以 2 为底"), ([2 ** -x for x in want], "这是概率，还要取 -log2"),
            (same_place[:-1], shift), (same_place[1:], shift), (bits(logits[1:], row[:-1]), shift),
            *((x, "softmax 的维度不对：应在词表那一维（最后一维）上，现在像是在位置上") for x in across)]


def check_surprise(answer: object, tokenizer, model) -> None:
    """第 7 题：每个词元的 -log2 概率；模型是 16 位数时容差放宽"""
    import torch
    rng = random.Random(7)
    texts = [rng.choice(("今天", "昨天")) + "我们学习怎样" + rng.choice(("生成", "分词")) + "🙂，犇", "温度", "词" * 20,
             "The cat sat on the mat."]

    def same(got, want):
        return close(got, want, 1e-3 if model.dtype == torch.float32 else 0.05)

    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        logits, row = Forward(model)(ids).logits[0].float(), ids[0]
        want = [round(x, 4) for x in bits(logits[:-1], row[1:])]
        compare(answer, (Forward(model), ids), want, f"文字是 {text!r}（{len(row)} 个词元）", same, [
            (lambda got: isinstance(plain(got), int | float),
             "应是每个词元一个数的列表，现在只有一个数；不要加起来，也不要平均"),
            (nested, "应是一列数，现在外面多了一层；取第 0 句"),
            *known(want, surprise_wrongs(logits, row, want), same),
            (lambda got, want=want: len(plain(got)) == len(want) + 1,
             "多了一个：第 1 个词元前面没有东西，没有谁猜它，应从第 2 个算起")])


def real_cache_bytes(shape: dict, tokens: int, bytes_each: int) -> tuple[object, int]:
    """真的搭一个小模型，送进 tokens 个词元，数它的 past_key_values；(config, 字节)"""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM
    config = Qwen2Config(**shape, vocab_size=16, intermediate_size=16)
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # 不动学生的随机数种子
        model = Qwen2ForCausalLM(config).to({2: torch.bfloat16, 4: torch.float32}[bytes_each])
        layers = model(torch.zeros(1, tokens, dtype=torch.long), use_cache=True).past_key_values.layers
    return config, sum(tensor.nbytes for layer in layers for tensor in (layer.keys, layer.values))


def cache_groups() -> list[tuple]:
    """(config, 字节, tokens, bytes_each)：三个真的小模型、Qwen2.5-0.5B 写满上下文、一个词元也没有"""
    rng = random.Random(8)
    groups = []
    for tokens, bytes_each in ((7, 4), (rng.randrange(8, 40), 2), (1, 2)):
        head_dim = rng.choice((8, 16))
        shape = dict(zip(SIZES, (rng.choice((3, 5)), 6 * head_dim, 6, rng.choice((2, 3))), strict=True))
        groups.append((*real_cache_bytes(shape, tokens, bytes_each), tokens, bytes_each))
    qwen = SimpleNamespace(**dict(zip(SIZES, (24, 896, 14, 2), strict=True)))
    return groups + [(qwen, 402_653_184, 32_768, 2), (qwen, 0, 0, 4)]


def check_cache_bytes(answer: object) -> None:
    """第 8 题：KV cache 的字节"""
    for config, want, tokens, bytes_each in cache_groups():
        layers, _, heads, kv = (getattr(config, name) for name in SIZES)
        wrongs = [(want / 2, "少了一半：每层存 key 和 value 两份"),
                  (want / layers, "只算了一层：每一层都有自己的 key 和 value"),
                  (want * heads / kv, "大了：存的只有 num_key_value_heads 个头，不是全部的头，也不是整个 hidden_size"),
                  (want * heads, "大了：一个头的宽度是 hidden_size ÷ num_attention_heads，现在像是没有除"),
                  (want / max(tokens, 1), "这是 1 个词元的；再乘词元的个数"),
                  (want / bytes_each, "这是数的个数；再乘每个数的字节"), (want / 1e6, "单位应是字节，不是 MB")]
        said = "，".join(f"{name}={getattr(config, name)}" for name in SIZES)
        compare(answer, (config, tokens, bytes_each), want, f"{said}，{tokens=}，{bytes_each=}", math.isclose,
                known(want, wrongs, math.isclose))
