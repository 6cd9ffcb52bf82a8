"""第 14 周练习 1–4、9、10 的检查：每题一个 check_…，不对就抛出 Wrong；正确答案由分词器自己给出

出处: notebooks/week14_exercises.ipynb
"""
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from helpers.exercises.exercise import Wrong, brief, compare, plain

TEXTS = {"A": "人工智能正在改变我们的世界", "B": "Transformers are the future", "C": "13800138000", "D": "犇骉麤"}
PACKAGES = ("torch", "modelscope", "accelerate", "tokenizers", "jupyterlab", "ipywidgets", "matplotlib", "nbval")
BITS = ["你好", "人工智能", "词元", " 好", "龘", "🦜", "🫠", "😀", " world", "123", "的", "，", "\n", "靐", " ", "x"]
LESSON = {*TEXTS.values(), "麤", "牛多叫犇骉麤", "你 好", "123", "year 123", "人工智能", "龘", "欧阳修今年 1007 岁",
          "人工智能未来会取代人类吗？", "Hello world，你好 😀\n    return x == 123"}
QWEN_PARAMETERS = 494_032_768


def texts(seed: int, count: int, bits: Sequence[str] = BITS) -> list[str]:
    """几段固定种子的随机文字，最后一段很长"""
    chance = random.Random(seed)
    return ["".join(chance.choices(bits, k=k)) for k in [*(chance.randint(2, 8) for _ in range(count - 1)), 120]]


def expect(answer: Callable, inputs: tuple, want: object, where: str, slips: Sequence[tuple[object, str]] = (),
           forms: Sequence[tuple[Callable[[object], bool], str]] = ()) -> None:
    """像 compare，但张量、元组、列表算一样

    slips: 常见错误会得到的结果和要说的话；forms: 不合样子的结果和要说的话
    """
    mistakes = [(lambda got, slip=slip: plain(got) == slip, message) for slip, message in slips]
    compare(answer, inputs, want, where, lambda got, want: plain(got) == want, [*forms, *mistakes])


def check_version(answer: object) -> None:
    """1：这个内核里 transformers 的版本号"""
    right = version("transformers")
    if not isinstance(answer, str):
        raise Wrong(f"版本号应是字符串，现在是 {type(answer).__name__}；它有两个点，不是一个数，两边加上引号")
    if answer == right:
        return
    if answer.strip() == right:
        raise Wrong("版本号的两头不应有空格或换行，现在有；删掉再试")
    if right in answer:
        raise Wrong(f"应只写版本号，现在是 {brief(answer)}；去掉它前后多余的字")
    if answer.strip() and right.startswith(answer.strip()):
        raise Wrong(f"版本号应写全，现在只有开头的 {brief(answer)}；几个点隔开的每一段都要")
    for package in PACKAGES:
        if answer.strip() in {installed(package), installed(package).split("+")[0]}:
            raise Wrong(f"应是 transformers 的版本，现在是 {package} 的；看清楚问的是哪个包")
    raise Wrong(f"应是这个内核里 transformers 的版本，现在是 {brief(answer)}；用 version(\"transformers\") 问它")


def installed(package: str) -> str:
    """包的版本；没有装就是 "-" """
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def check_count(tokenizer, answer: Callable) -> None:
    """2：数词元"""
    for text in ["魔搭社区的模型 123", "", "好好好，好好好好", "犇骉麤", " ", *texts(2, 4), "词元" * 500]:
        tokens = tokenizer.tokenize(text)
        slips = [] if text else [(1, "空文字一块也切不出来，应是 0，现在是 1；不要另外加上什么")]
        slips += [
            (len(text), "这是字符数，应是词元数；先让分词器切开，再数 input_ids"),
            (2, "得到 2：你数的是分词结果里的两样，input_ids 和 attention_mask；应数 input_ids 里的编号，先取出它"),
            (1, "得到 1：input_ids 是一张表格时，len 数的是有几句话；去掉 return_tensors，或者数第 0 句"),
            (len(text.encode()), "这是字节数，应是词元数；几个字节会合成一个词元"),
            (len(set(tokens)), "同样的词元出现几次，应算几个，现在只算了一个；不要去掉重复的")]
        expect(answer, (tokenizer, text), len(tokens), f"文字是 {brief(text, 30)}", slips,
               [(lambda got: isinstance(plain(got), list), "应得到一个整数，现在是一串；数一数它有几个")])


def check_most(tokenizer, answer: object) -> None:
    """3：哪一段的词元最多"""
    if not isinstance(answer, str):
        raise Wrong(f"应是一个字母，现在是 {type(answer).__name__}；写成 \"A\" 这样，两边有引号")
    letter = unicodedata.normalize("NFKC", answer).strip().upper()
    letter = next((name for name, text in TEXTS.items() if text == answer), letter)
    if letter not in TEXTS:
        raise Wrong(f"应是 A、B、C、D 里的一个字母，现在是 {brief(answer)}；只写一个字母")
    counts = {name: len(tokenizer(text).input_ids) for name, text in TEXTS.items()}
    if counts[letter] < max(counts.values()):
        why = {"A": "汉字多，词元不一定多：常用的词几个字合成一个词元",
               "B": "字符最多，词元不一定最多：一个英文词常常只是一两个词元",
               "D": "生僻字确实会切成几块，可这里只有三个字"}.get(letter, "再看看每一段会切成几块")
        raise Wrong(f"{letter} 应比别的三段词元都多，现在不是；{why}。用第 2 题的函数数一数")


def cut(tokenizer, text: str) -> list[str]:
    """被切在内部的字：分词器自己报告的位置里，有两个以上的词元盖住它"""
    spans = tokenizer(text, return_offsets_mapping=True).offset_mapping
    covered = Counter(at for start, end in spans for at in range(start, end))
    return [text[at] for at in sorted(covered) if covered[at] > 1]


def check_cut(tokenizer, answer: Callable) -> None:
    """4：找被切在内部的字"""
    forms = [
        (lambda got: isinstance(got, str | set | dict), "应得到一个列表，现在是别的；一个字一项，按出现的次序"),
        (lambda got: any(isinstance(item, int) for item in plain(got)), "列表里应是字，现在是编号；找出它们来自哪个字"),
        (lambda got: any(isinstance(item, bytes) or "�" in item or "‹" in item for item in got),
         "列表里应是完整的字，现在是词元（半个字）；找出这些字节属于哪个字"),
        (lambda got: any(len(item) != 1 for item in got),
         "列表里每一项应是一个字，现在有长有短；空格没有被切开，去掉它")]
    glued = "漏了和空格粘在一起的字：空格和它的头一个字节在同一个词元里，它也应算被切开；切整段，不要一个字一个字地切"
    for text in ["龙和龘都说 好，🦜也说 好", "人工智能 world", "我 爱 你", "靐", *texts(4, 5)]:
        want = cut(tokenizer, text)
        alone = [letter for letter in text if len(tokenizer(letter).input_ids) > 1]
        slips = [
            ([letter for letter in text if len(letter.encode()) > 1],
             "这是所有多字节的字，应只有被切开的；几个字节在同一个词元里，就没有切开"),
            (alone, glued), ([letter for letter in want if letter in alone], glued),
            (list(dict.fromkeys(want)), "同一个字被切开几次，应写几次，现在只写了一次；不要去掉重复的"),
            (want[::-1], "次序反了，应按在文字里出现的次序；从前往后找")]
        expect(answer, (tokenizer, text), want, f"文字是 {brief(text, 30)}", slips, forms)


def check_gigabytes(answer: object) -> None:
    """9：用 bfloat16 存 Qwen2.5-0.5B 的权重要多少 GB"""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise Wrong(f"应是一个数，现在是 {type(answer).__name__}；不要引号，不要单位")
    right = QWEN_PARAMETERS * 2 / 1e9
    if abs(answer - right) < 0.005:
        return
    slips = [(right * 2, "这是 float32（每个参数 4 个字节）的；bfloat16 少一半"),
             (right / 2, "像是忘了乘每个参数的字节数；bfloat16 是 16 位，合几个字节？"),
             (right * 8, "像是把位当成了字节；8 位是 1 个字节"),
             (right * 1e3, "像是以 MB 为单位；题目要的是 GB"),
             (right * 1e9, "像是以字节为单位；题目要的是 GB"),
             (right * 1e9 / 1024 ** 3, "像是除以了 1024³；题目里 1 GB 是 10 亿字节")]
    why = next((text for value, text in slips if abs(answer - value) <= 0.012 * value),
               "参数个数乘每个参数的字节数，再换成 GB")
    raise Wrong(f"应是 bfloat16 的权重占的 GB 数，现在是 {brief(answer)}，不对；{why}")


def surprises(tokenizer, text: str) -> list[str]:
    """这段文字切得意外在哪里，可能有几处，也可能没有

    例: surprises(tokenizer, "2026") -> ["一个单词或一串数字切成三块以上"]
    """
    from helpers.tokens import pieces

    found = pieces(tokenizer, text)
    words = re.findall(r"[A-Za-z]+|\d+", text)
    seen = {"有字被切在内部": bool(cut(tokenizer, text)),
            "一个单词或一串数字切成三块以上": any(len(tokenizer(word).input_ids) >= 3 for word in words),
            "一个词元装着四个以上的汉字": any(re.search(r"[\u4e00-\u9fff]{4}", piece.text) for piece in found),
            "空格和后面的汉字或表情粘在一起": any(re.match(rb" [\x80-\xff]", piece.bytes) for piece in found),
            "解码回来不是原来的文字": tokenizer.decode([piece.id for piece in found]) != text}
    return [name for name, here in seen.items() if here]


def check_surprises(tokenizer, answer: object) -> None:
    """10：三段切得意外的文字和理由（开放题，只看有没有认真写）"""
    if not isinstance(answer, dict):
        raise Wrong(f"应是一个字典 {{文字: 理由}}，现在是 {type(answer).__name__}；写成 {{\"文字\": \"理由\", ...}}")
    for text, reason in answer.items():
        if not isinstance(text, str) or not isinstance(reason, str) or not text.strip():
            raise Wrong(f"文字和理由都应是不空的字符串，现在有 {brief(text, 20)}: {brief(reason, 20)}；两边都加引号")
        if text in LESSON:
            raise Wrong(f"{brief(text, 30)} 是课文里的例子，应是你自己找的；换一段")
        if not surprises(tokenizer, text):
            raise Wrong(f"{brief(text, 30)} 应有题目列出的五种意外之一，现在没有；用 colored 看看它怎样切，换一段")
        if len("".join(reason.split())) < 15:
            raise Wrong(f"{brief(text, 30)} 的理由应至少 15 个字，现在不够；写明为什么这样切")
        if len(set(reason)) < 8:
            raise Wrong(f"{brief(text, 30)} 的理由应是一句话，现在只有几个字反复出现；写明为什么这样切")
    if len({"".join(reason.split()) for reason in answer.values()}) < len(answer):
        raise Wrong("每段应有自己的理由，现在有两段写得一模一样；各写各的")
    if len(answer) < 3:
        raise Wrong(f"应至少有三段文字，现在有 {len(answer)} 段；再找几段")
