"""推理流程：从问题到回答的一次真实的运行，画成讲义的那张流程图

出处: notebooks/06_pipeline.ipynb；图是 mermaid，由 JupyterLab 自己画
"""
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from helpers.generation import Step, steps
from helpers.sampling import top_candidates
from helpers.tokens import check_text, piece

FILLS = {"A": "#e1f5fe", "C": "#fff9c4", "E": "#c8e6c9"}  # 讲义的三种底色
ESCAPES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;", "\n": "↵"}


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


def run(tokenizer, model, question: str, max_new_tokens: int = 40) -> Run:
    """问一个问题（贪心），把每个阶段的数据和时间都留下

    question: 非空文字；max_new_tokens: ≥ 1；问题太长、不是文字时报 ValueError 或 TypeError
    例: run(tokenizer, model, "什么是词元").answer
    """
    check_text(question)
    seconds = {}
    messages = [{"role": "user", "content": question}]
    with stopwatch(seconds, "套模板、分词"):
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        input_ids = tokenizer(text, return_tensors="pt").input_ids
    writing = steps(model, input_ids, max_new_tokens)
    with stopwatch(seconds, "读问题，写第一个词元"):
        taken = [next(writing)]
    with stopwatch(seconds, "写其余的词元"):
        taken += writing
    with stopwatch(seconds, "解码"):
        answer = tokenizer.decode([step.token_id for step in taken], skip_special_tokens=True)
    return Run(question, text, input_ids, taken, answer, seconds)


@contextmanager
def stopwatch(seconds: dict[str, float], name: str) -> Iterator[None]:
    """with 里的代码用了几秒，记进 seconds[name]"""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def label(text: str, most: int = 40) -> str:
    """任何文字 → 可以放进 mermaid 引号里的文字，太长就截断。例: label('a"b') -> 'a#quot;b'"""
    short = text if len(text) <= most else text[:most - 1] + "…"
    return "".join(ESCAPES.get(letter, letter) for letter in short)


def some(items: list, most: int = 6) -> str:
    """列表太长时只写开头和结尾。例: some([1, 2, 3], 2) -> "1 … 3" """
    texts = [str(item) for item in items]
    half = most // 2
    return " ".join(texts if len(texts) <= most else [*texts[:half], "…", *texts[-half:]])


def flowchart(boxes: dict[str, str], arrows: list[str]) -> Mermaid:
    """五个方框 A–E 里的字（已经转义）和四支箭头上的字 → 讲义的那张流程图"""
    shapes = {"C": ('{"', '"}')}
    lines = ["flowchart LR"]
    for name, text in boxes.items():
        left, right = shapes.get(name, ('["', '"]'))
        lines.append(f"    {name}{left}{text}{right}")
    names = list(boxes)
    lines += [f'    {a} -->|"{text}"| {b}' for a, b, text in zip(names, names[1:], arrows, strict=False)]
    lines += [f"    style {name} fill:{fill},color:#111" for name, fill in FILLS.items()]
    return Mermaid("\n".join(lines))


def chart(tokenizer, result: Run, step: int = 0) -> Mermaid:
    """第 step 步（从 0 数）时的流程图：方框里是真实的文字、编号、形状、概率和已经写出的回答

    step: 0 到 len(result.steps) - 1，负数从后面数；超出时报 ValueError
    例: chart(tokenizer, result, -1)
    """
    count = len(result.steps)
    if not -count <= step < count:
        raise ValueError(f"step 应在 0 到 {count - 1} 之间，现在是 {step}；这次运行一共 {count} 步")
    at = range(count)[step]
    now, written = result.steps[at], [s.token_id for s in result.steps[:at + 1]]
    ids = result.input_ids[0].tolist() + written[:-1]
    candidates = [f"{label(piece(tokenizer, i).label)} {p:.2f}" for i, p in top_candidates(now.logits, 3)]
    boxes = {
        "A": f"输入文本<br/>{label(result.question)}",
        "B": f"数字 Token<br/>{some(ids)}<br/>形状 (1, {len(ids)})",
        "C": f"Qwen 模型<br/>送进 {now.fed} 个词元<br/>logits (1, {now.fed}, {len(now.logits)})",
        "D": f"输出 Token 第 {at + 1} 步<br/>{now.token_id} {label(piece(tokenizer, now.token_id).label)}",
        "E": f"最终回答<br/>{label(tokenizer.decode(written, skip_special_tokens=True))}"}
    return flowchart(boxes, ["套模板<br/>Tokenizer", "输入", "<br/>".join(candidates), "Detokenizer"])
