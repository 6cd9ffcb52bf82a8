"""推理流程：从问题到回答的一次真实的运行，画成讲义的那张流程图

出处: notebooks/06_pipeline.ipynb；图是 mermaid，由 JupyterLab 自己画
"""
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from helpers.generation import Step, steps
from helpers.sampling import top_candidates
from helpers.tokens import check_text, piece

NAMES = ("A", "B", "C", "D", "E")  # 流程图的五个方框
FILLS = {"A": "#e1f5fe", "C": "#fff9c4", "E": "#c8e6c9"}  # 讲义的三种底色
LIT = "stroke:#D55E00,stroke-width:4px"  # 亮着的方框的粗边
ESCAPES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;",
           "$": "$\u200b"}  # 两个 $ 挨着就成了公式，中间加一个看不见的空白
HIDDEN = [*(chr(i) for i in range(32) if chr(i) not in "\t\n\r"), "\x7f", "\ufffe", "\uffff"]  # 会让图画不出来的字符
SIGNS = {**{letter: f"‹{ord(letter):02x}›" for letter in HIDDEN}, "\n": "↵"}


@dataclass(frozen=True)
class Mermaid:
    """一张 mermaid 图；在单元格最后一行写它就会画出来，没有 mermaid 的地方显示源码"""
    source: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/vnd.mermaid": self.source, "text/plain": self.source}


@dataclass(frozen=True)
class Run:
    """一次运行：问题，套了模板的文字，编号（形状 (1, n) 的张量），每一步，回答，每个阶段的秒数"""
    question: str
    text: str
    input_ids: object
    steps: list[Step]
    answer: str
    seconds: dict[str, float] = field(compare=False)


def run(tokenizer, model, question: str, max_new_tokens: int = 40, each: Callable[[Step], None] | None = None) -> Run:
    """问一个问题（贪心），把每个阶段的数据和时间都留下

    question: 非空文字；max_new_tokens: ≥ 1；each: 每写出一步就对它做的事，例如报告进度
    问题太长、不是文字时报 ValueError 或 TypeError
    例: run(tokenizer, model, "什么是词元").answer
    """
    check_text(question)
    seconds = {}
    messages = [{"role": "user", "content": question}]
    with stopwatch(seconds, "套模板、分词"):
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        input_ids = tokenizer(text, return_tensors="pt").input_ids
    writing = told(steps(model, input_ids, max_new_tokens), each)
    with stopwatch(seconds, "读问题，写第一个词元"):
        taken = [next(writing)]
    with stopwatch(seconds, "写其余的词元"):
        taken += writing
    with stopwatch(seconds, "解码"):
        answer = tokenizer.decode([step.token_id for step in taken], skip_special_tokens=True)
    return Run(question, text, input_ids, taken, answer, seconds)


def told(writing: Iterator[Step], each: Callable[[Step], None] | None) -> Iterator[Step]:
    """原样交出每一步，交出以前先做 each"""
    for step in writing:
        if each is not None:
            each(step)
        yield step


@contextmanager
def stopwatch(seconds: dict[str, float], name: str) -> Iterator[None]:
    """with 里的代码用了几秒，记进 seconds[name]"""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def shorten(text: str, most: int = 40) -> str:
    """太长就截断；换行写成 ↵，看不见的控制字符写成编号。例: shorten("a\\nb\\0") -> "a↵b‹00›" """
    short = text if len(text) <= most else text[:most - 1] + "…"
    return "".join(SIGNS.get(letter, letter) for letter in short)


def label(text: str, most: int = 40) -> str:
    """任何文字 → 可以放进 mermaid 引号里的文字，太长就截断。例: label('a"b') -> 'a#quot;b'"""
    return "".join(ESCAPES.get(letter, letter) for letter in shorten(text, most))


def some(items: list, most: int = 6) -> str:
    """列表太长时只写开头和结尾。例: some([1, 2, 3], 2) -> "1 … 3" """
    texts = [str(item) for item in items]
    half = most // 2
    return " ".join(texts if len(texts) <= most else [*texts[:half], "…", *texts[-half:]])


def flowchart(boxes: dict[str, list[str]], arrows: list[list[str]], lit: str | None = None) -> Mermaid:
    """五个方框 A–E 里的几行字和四支箭头上的几行字 → 讲义的那张流程图；lit: 亮着的方框，标 ▶ 和粗边"""
    shapes = {"C": ('{"', '"}')}
    lines = ["flowchart LR"]
    for name, texts in boxes.items():
        left, right = shapes.get(name, ('["', '"]'))
        lines.append(f"    {name}{left}{'▶ ' if name == lit else ''}{joined(texts)}{right}")
    names = list(boxes)
    lines += [f'    {a} -->|"{joined(texts)}"| {b}' for a, b, texts in zip(names, names[1:], arrows, strict=False)]
    lines += [f"    style {name} fill:{fill},color:#111" for name, fill in FILLS.items()]
    return Mermaid("\n".join([*lines, f"    style {lit} {LIT}"] if lit else lines))


def joined(texts: list[str]) -> str:
    """几行字 → mermaid 里的一个标签"""
    return "<br/>".join(label(text, len(text)) for text in texts)


def chart(tokenizer, result: Run, step: int = 0, lit: str | None = None) -> Mermaid:
    """第 step 步（从 0 数）时的流程图：方框里是真实的文字、编号、形状、概率和已经写出的回答

    step: 0 到 len(result.steps) - 1，负数从后面数；lit: 亮着的方框 "A" 到 "E"；超出时报 ValueError
    例: chart(tokenizer, result, -1)
    """
    if lit is not None and lit not in NAMES:
        raise ValueError(f"lit 应是 {'、'.join(NAMES)} 中的一个，现在是 {lit!r}；不要亮着的方框就不写 lit")
    return flowchart(*parts(tokenizer, result, step, lit), lit)


def parts(tokenizer, result: Run, step: int = 0,
          lit: str | None = None) -> tuple[dict[str, list[str]], list[list[str]]]:
    """第 step 步时图里的字，一行一行：(方框 A–E 里的, 四支箭头上的)；走到 lit 时后面的还不知道；step、lit 见 chart"""
    count = len(result.steps)
    if not -count <= step < count:
        raise ValueError(f"step 应在 0 到 {count - 1} 之间，现在是 {step}；这次运行一共 {count} 步")
    at, here = range(count)[step], lit or "E"
    now, written = result.steps[at], [s.token_id for s in result.steps[:at + 1]]
    ids = result.input_ids[0].tolist() + written[:-1]
    answer = tokenizer.decode(written if here == "E" else written[:-1], skip_special_tokens=True)
    chosen = f"{now.token_id} {shorten(piece(tokenizer, now.token_id).label)}" if here >= "D" else "？"
    boxes = {
        "A": ["输入文本", shorten(result.question)],
        "B": ["数字 Token", some(ids), f"形状 (1, {len(ids)})"],
        "C": ["Qwen 模型", f"送进 {now.fed} 个词元", f"logits (1, {now.fed}, {len(now.logits)})"],
        "D": [f"输出 Token 第 {at + 1} 步", chosen],
        "E": ["最终回答", shorten(answer)]}
    best = candidates(tokenizer, now) if here >= "D" else ["计算概率"]
    return boxes, [["套模板", "Tokenizer"], ["输入"], best, ["Detokenizer"]]


def candidates(tokenizer, step: Step) -> list[str]:
    """这一步的前三名和概率。例: ["不会 0.48", "短期内 0.17", "很难 0.16"]"""
    return [f"{shorten(piece(tokenizer, i).label)} {p:.2f}" for i, p in top_candidates(step.logits, 3)]


def frames(result: Run) -> list[tuple[int, str]]:
    """慢动作的一格一格：(第几步，从 0 数, 亮着的方框)；第一步从 A 走到 E，以后每步从 B 开始

    例: frames(result)[4:7] -> [(0, "E"), (1, "B"), (1, "C")]
    """
    return [(step, name) for step in range(len(result.steps)) for name in (NAMES if step == 0 else NAMES[1:])]


def flow(tokenizer, result: Run, step: int, name: str) -> tuple[str, str, str]:
    """一格里的数据：(进去什么, 出来什么, 形状怎样变)

    step、name: frames 里的一格；太长的文字和编号只写一部分
    例: flow(tokenizer, result, 1, "C")[2] -> "input_ids (1, 1) → logits (1, 1, 151936)"
    """
    now, written = result.steps[step], [s.token_id for s in result.steps[:step + 1]]
    ids, size = result.input_ids[0].tolist() + written[:-1], len(now.logits)
    question, text, answer = result.question, result.text, tokenizer.decode(written, skip_special_tokens=True)
    best = "　".join(candidates(tokenizer, now)) if name == "D" else ""
    old, new = (f"{token_id} {shorten(piece(tokenizer, token_id).label)}" for token_id in (ids[-1], now.token_id))
    first = (f"套了模板的文字：{shorten(text, 60)}", f"编号：{some(ids, 8)}",
             f"{len(text)} 个字符 → input_ids (1, {len(ids)})")
    later = (f"上一步选出的词元：{old}", f"接在末尾：{some(ids, 8)}；前面的都在 KV cache 里，只送最后 {now.fed} 个",
             f"(1, {len(ids) - 1}) → (1, {len(ids)})，送进模型的是 (1, {now.fed})")
    return {
        "A": (f"问题：{shorten(question, 60)}", f"套了模板的文字：{shorten(text, 60)}",
              f"{len(question)} 个字符 → {len(text)} 个字符"),
        "B": later if step else first,
        "C": (f"{now.fed} 个词元的编号：{some(ids[-now.fed:], 8)}", f"每个位置给 {size:,} 个编号各打一个分",
              f"input_ids (1, {now.fed}) → logits (1, {now.fed}, {size})"),
        "D": (f"最后一个位置的打分，softmax 以后前三名：{best}", f"概率最大的词元：{new}",
              f"logits[0, -1] ({size},) → 1 个编号"),
        "E": (f"到这一步写出的编号：{some(written, 8)}", f"文字：{shorten(answer, 60)}",
              f"({len(written)},) → {len(answer)} 个字符")}[name]


def timed(result: Run, step: int, name: str) -> str:
    """一格的时间算在 result.seconds 的哪一项里；step、name: frames 里的一格

    例: timed(result, 1, "C") -> "写其余的词元"
    """
    prepare, first, others, decode = result.seconds
    if step == 0 and name in "AB":
        return prepare
    return decode if name == "E" else others if step else first
