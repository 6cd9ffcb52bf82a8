"""第 14 周练习 5–8 的检查：合并、模板、填充、参数个数；正确答案由分词器、torch 和 transformers 自己给出

出处: notebooks/week14_exercises.ipynb
"""
import random
from collections.abc import Callable
from itertools import combinations, pairwise

from helpers.exercises.exercise import Wrong, brief
from helpers.exercises.running import call
from helpers.exercises.week14.old_checks import expect

END = "<|im_end|>"


def merge(parts: list[bytes], at: int) -> list[bytes]:
    """把第 at 块和后一块合成一块"""
    return parts[:at] + [parts[at] + parts[at + 1]] + parts[at + 2:]


def places(parts: list[bytes], rank: dict) -> list[int]:
    """可合的位置，次序小的在前，同一对左边的在前"""
    pairs = list(pairwise(parts))
    return sorted((at for at, pair in enumerate(pairs) if pair in rank), key=lambda at: rank[pairs[at]])


def merge_slips(parts: list[bytes], rank: dict) -> list[tuple[list[bytes], str]]:
    """合并一步时常见的错误结果"""
    found = places(parts, rank)
    if not found:
        return []
    best = parts[found[0]], parts[found[0] + 1]
    everywhere, last, whole = list(parts), found[0], list(parts)
    for at in reversed(range(len(parts) - 1)):
        if tuple(everywhere[at:at + 2]) == best:
            everywhere, last = merge(everywhere, at), max(last, at)
    while left := places(whole, rank):
        whole = merge(whole, left[0])
    some = [at for at in found if rank[parts[at], parts[at + 1]]]  # 把次序 0 当成没有
    return [
        (parts, "一对也没有合，应合一对；看看相邻的两块在不在 rank 里（次序可以是 0，0 也是有）"),
        (merge(parts, min(found)), "你合了最左边可合的一对，应合次序最小的；先比较所有可合的对"),
        (merge(parts, found[-1]), "你合了次序最大的一对，应合次序最小的；数越小越先合"),
        (merge(parts, some[0]) if some else parts, "漏了次序是 0 的那对，0 也是次序；有没有用 in 来判断"),
        (everywhere, "同一对出现几次，应只合最左边的一处，现在全合了；合一处就停"),
        (merge(parts, last), "同一对出现几次，应合最左边的一处，现在合了右边的；从左往右找"),
        (whole, "应只合一次，现在合到了底；合一次就返回"),
        (parts[:found[0]] + [b"".join(best)] + parts[found[0] + 1:], "合成一块以后，右边那块还在；两块应换成一块")]


def merge_cases(tokenizer) -> list[tuple[list[bytes], dict]]:
    """合并一步的输入：手写的、空的、随机的，最后是真正的次序"""
    letters = [bytes([byte]) for byte in b"abcabcd"]
    cases = [(letters, {(b"a", b"b"): 5, (b"b", b"c"): 2, (b"c", b"a"): 9, (b"bc", b"a"): 1}),
             (letters, {(b"a", b"b"): 3, (b"c", b"a"): 1, (b"c", b"d"): 0}), ([b"a"] * 5, {(b"a", b"a"): 4}),
             (letters, {}), ([], {(b"a", b"b"): 1}), ([b"abc"], {(b"a", b"b"): 1})]
    chance = random.Random(5)
    for length in (3, 8, 8, 60):
        parts = chance.choices([b"a", b"b", b"c", b"ab", b"\xe4", b"\xe4\xbd"], k=length)
        pairs = sorted(set(pairwise(parts)))
        orders = chance.sample(range(1000), len(pairs))
        cases.append((parts, {pair: order for pair, order in zip(pairs, orders, strict=True) if order < 800}))
    return cases


def check_merge(tokenizer, answer: Callable) -> None:
    """5：BPE 合并一步；最后一步步合到底，与分词器切的比"""
    given: list = []

    def watched(parts, rank):
        given[:] = [parts]
        return answer(parts, rank)

    function = watched if callable(answer) else answer
    for parts, rank in merge_cases(tokenizer):
        forms = [(lambda got: not isinstance(got, list | tuple), "应得到一个列表，现在是别的；返回合并以后的各块"),
                 (lambda got: any(not isinstance(part, bytes) for part in got),
                  "各块应是 bytes，现在有别的；两块 bytes 用 + 连")]
        step = places(parts, rank)
        where = f"parts 是 {brief(parts, 60)}，rank 是 {brief(rank, 70)}"
        want = merge(parts, step[0]) if step else parts
        expect(function, (parts, rank), want, where, merge_slips(parts, rank), forms)
        if given[0] != parts:
            raise Wrong(f"{where}：传入的列表应保持原样，现在被改了；先复制一份再改")
    for word in ("人工智能", "龘", "tokenization", "🦜"):
        check_whole(tokenizer, answer, word)


def check_whole(tokenizer, answer: Callable, word: str) -> None:
    """用 answer 一步步把 word 合到底，应与分词器切的相同"""
    from helpers.tokens import merge_ranks, pieces

    data = word.encode()
    every, rank = merge_ranks(tokenizer), {}
    for start, middle, end in combinations(range(len(data) + 1), 3):  # 只取用得到的，整张表复制起来太慢
        pair = data[start:middle], data[middle:end]
        if pair in every:
            rank[pair] = every[pair]
    parts = [bytes([byte]) for byte in data]
    for _ in data:
        parts = list(call(answer, (parts, rank), f"用真正的次序合 {word!r}"))
    want = [piece.bytes for piece in pieces(tokenizer, word)]
    if parts != want:
        raise Wrong(f"用真正的次序把 {word!r} 合到底：应和分词器切的一样，剩 {len(want)} 块，"
                    f"现在是 {brief(parts)}；打印每一步合了哪一对")


def conversations() -> list[list[dict]]:
    """几段对话，都以 system 开头；有空的、多行的、很长的"""
    chance = random.Random(6)
    bits = ["你好", "", "第一行\n第二行", " 两头有空格 ", "😀🦜", "龘", "x == 1", "词元" * 200]
    talks = [[{"role": "system", "content": "你是导游。"}, {"role": "user", "content": "去哪里玩"},
              {"role": "assistant", "content": "西湖"}, {"role": "user", "content": "还有呢"}],
             [{"role": "system", "content": ""}]]
    for turns in (1, 2, 5):
        roles = ["system", *["user", "assistant"] * turns][:2 * turns]
        talks.append([{"role": role, "content": chance.choice(bits)} for role in roles])
    return talks


def chat_slips(messages: list[dict], want: str) -> list[tuple[str, str]]:
    """手写对话模板时常见的错误结果"""
    def lines(start="<|im_start|>", middle="\n", end=END + "\n", role=None, tail="<|im_start|>assistant\n",
              some=messages):
        return "".join(f"{start}{role or m['role']}{middle}{m['content']}{end}" for m in some) + tail

    after = "<|im_end|> 后面应换行，现在没有；每条消息后面都有一个换行"
    return [
        (lines(tail=""), "末尾少了替助手开头的一行，模型会不知道轮到谁；加上 assistant 那一行"),
        (want.rstrip("\n"), "最后的 assistant 后面应有换行，现在没有；加上它"),
        (want + END, "末尾是替助手开头，应停在换行，现在多了 <|im_end|>；它要等模型自己写"),
        (want + END + "\n", "末尾是替助手开头，应停在换行，现在多了 <|im_end|>；它要等模型自己写"),
        (lines(end=END), after), (lines(end=END, tail="\n<|im_start|>assistant\n"), after),
        (lines(middle=""), "角色和内容之间应换行，现在连在一起；role 后面加一个换行"),
        (lines(middle="", end=END, tail="<|im_start|>assistant"), "该换行的地方应换行，现在一个也没有；对照课文"),
        (lines(middle=" "), "角色和内容之间应是换行，现在是空格；换成换行"),
        (lines(end="\n"), "每条消息末尾应有 <|im_end|>，现在没有；写在内容后面"),
        (lines(end=""), "每条消息末尾应有 <|im_end|> 和换行，现在没有；写在内容后面"),
        (lines(end="\n" + END + "\n"), "内容和 <|im_end|> 之间不应换行，现在多了一个；紧挨着写"),
        (lines(role="user"), "角色应用每条消息自己的 role，现在都是 user；不要写死"),
        (lines(some=messages[-1:]), "应有全部消息，现在只有最后一条；循环里一条条接起来"),
        (lines(some=messages[1:]), "应有全部消息，现在少了开头的 system；不要跳过它"),
        (want.replace("<|im_start|>", ""), "每条消息开头应有 <|im_start|>，现在没有；写在角色前面")]


def check_chat(tokenizer, answer: Callable) -> None:
    """6：手写对话模板，与分词器自己的模板比"""
    if "apply_chat_template" in getattr(getattr(answer, "__code__", None), "co_names", ()):
        raise Wrong("这题应自己拼，现在调用了 apply_chat_template；用 for 和字符串写出来")
    forms = [(lambda got: not isinstance(got, str), "应得到一段文字，现在是别的；把各条消息连成一个字符串再 return")]
    for messages in conversations():
        want = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        expect(answer, (messages,), want, f"messages 是 {brief(messages, 70)}", chat_slips(messages, want), forms)


def check_pad(answer: Callable) -> None:
    """7：左填充，与 torch 的 pad_sequence 比"""
    chance = random.Random(7)
    batches = [([[5, 9, 5], [7]], 5), ([[3], [4, 4, 4, 4]], 151_643), ([[1, 2]], 0), ([[], [6, 8]], 9)]
    for count in (3, 6, 30):
        pad = chance.randint(1, 9)
        batches.append(([[chance.randint(1, 9) for _ in range(chance.randint(1, 12))] for _ in range(count)], pad))
    forms = [(lambda got: isinstance(got, dict), "应得到两个列表，现在是字典；return input_ids, attention_mask"),
             (lambda got: len(got) != 2, "应得到 input_ids 和 attention_mask 两样，现在不是；用逗号隔开两样")]
    for batch, pad in batches:
        want = [padded(batch, pad), padded([[1] * len(row) for row in batch], 0)]
        where = f"batch 是 {brief(batch, 60)}，pad_id 是 {pad}"
        expect(answer, (batch, pad), want, where, pad_slips(batch, pad, want), forms)


def padded(batch: list[list[int]], value: int) -> list[list[int]]:
    """torch 补在左边的结果"""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    rows = [torch.tensor(row, dtype=torch.long) for row in batch]
    return pad_sequence(rows, batch_first=True, padding_value=value, padding_side="left").tolist()


def pad_slips(batch: list[list[int]], pad: int, want: list) -> list[tuple[list, str]]:
    """左填充时常见的错误结果"""
    ids, mask = want
    longest = max(map(len, batch))
    right = [[row + [pad] * (longest - len(row)) for row in batch],
             [[1] * len(row) + [0] * (longest - len(row)) for row in batch]]
    flipped = [[1 - bit for bit in row] for row in mask]
    return [
        (right, "你补在了右边，应补在左边：生成要接着最后一个词元写；把填充放在句子前面"),
        ([right[0], mask], "input_ids 补在了右边，attention_mask 却补在左边；两样都应补在左边"),
        ([ids, right[1]], "attention_mask 的 0 应在左边，现在在右边；它要和 input_ids 一一对应"),
        ([ids, flipped], "attention_mask 反了：1 是要看的，0 是填充；换过来"),
        ([padded(batch, 0), mask], "应用 pad_id 来补，现在补的是 0；0 是一个普通词元的编号"),
        ([ids, [[int(token != pad) for token in row] for row in ids]],
         "句子里本来就有一个编号等于 pad_id，它也应是 1，现在成了 0；按长度写 attention_mask，不要拿编号来判断"),
        ([mask, ids], "次序反了，应先 input_ids、后 attention_mask；换一下"),
        ([ids, [[1] * longest for _ in batch]], "填充的位置在 attention_mask 里应是 0，现在全是 1；补上的不算"),
        ([batch, [[1] * len(row) for row in batch]], "每一行应一样长，现在没有补；短的补到和最长的一样长")]


def shapes() -> list[dict]:
    """几种小形状：各种头数，共用和不共用输出层"""
    chance = random.Random(8)
    found = []
    for at, (heads, kv) in enumerate([(6, 2), (6, 1), (3, 3), (8, 2), (1, 1), (14, 2)]):
        found.append({"hidden_size": heads * 2 * chance.randint(2, 8), "intermediate_size": chance.randint(10, 90),
                      "num_hidden_layers": chance.randint(2, 5) if at != 4 else 1, "num_attention_heads": heads,
                      "num_key_value_heads": kv, "vocab_size": chance.randint(50, 500),
                      "tie_word_embeddings": at % 2 == 0})
    return found


def parameters(config: dict) -> int:
    """transformers 在 meta 设备上搭出来的参数个数"""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    with torch.device("meta"):
        return Qwen2ForCausalLM(Qwen2Config(**config)).num_parameters()


def parameter_slips(c: dict, right: int) -> list[tuple[int, str]]:
    """数参数时常见的错误结果"""
    h, layers, words = c["hidden_size"], c["num_hidden_layers"], c["vocab_size"] * c["hidden_size"]
    kv = h // c["num_attention_heads"] * c["num_key_value_heads"]
    twice = (right + words, "tie_word_embeddings 是 True 时，输出层和词嵌入是同一张表，应只数一次，现在数了两次")
    never = (right - words, "tie_word_embeddings 是 False 时，输出层另有一张和词嵌入一样大的表，现在没有数；加上它")
    return [
        twice if c["tie_word_embeddings"] else never,
        (right - words * (2 - c["tie_word_embeddings"]), "词嵌入没有数；它有 vocab_size × hidden_size 个"),
        (right - layers * (h + 2 * kv), "Q、K、V 的偏置没有数；它们各再加一行数"),
        (right + layers * h, "O 没有偏置，现在多数了；有偏置的只是 Q、K、V"),
        (right + layers * 2 * (h + 1) * (h - kv), "K、V 应比 Q 窄，现在数成一样宽；宽度看 num_key_value_heads"),
        (right - h, "末尾的归一化没有数；所有的层以后还有一个"),
        (right - layers * h, "每层有两个归一化，现在只数了一个；再加一个"),
        (right - layers * 2 * h, "每层的两个归一化没有数；加上它们"),
        (right - layers * 2 * h - h, "归一化都没有数；每层两个，末尾一个"),
        (right - layers * h * c["intermediate_size"], "前馈网络有三个矩阵，现在只数了两个；再加一个")]


def check_parameters(answer: Callable) -> None:
    """8：参数个数，与 meta 设备上搭的 Qwen2ForCausalLM 比"""
    for config in shapes():
        right = parameters(config)
        where = "config 是 " + "，".join(f"{name} {value}" for name, value in config.items())
        expect(answer, (config,), right, where, parameter_slips(config, right))
