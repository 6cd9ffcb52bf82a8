"""推理流程：从问题到回答的一次真实的运行，画成讲义的那张流程图

出处: notebooks/07_pipeline.ipynb；图是 mermaid，由 JupyterLab 自己画
"""
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from helpers.generation import Step, steps
from helpers.sampling import top_candidates
from helpers.tokens import check_text, piece

FILLS = {"A": "#e1f5fe", "C": "#fff9c4", "E": "#c8e6c9"}  # 讲义的三种底色
CHART = """flowchart LR
    A["{texts[A]}"]
    B["{texts[B]}"]
    C{{"{texts[C]}"}}
    D["{texts[D]}"]
    E["{texts[E]}"]
    A -->|"{arrows[B]}"| B
    B -->|"{arrows[C]}"| C
    C -->|"{arrows[D]}"| D
    D -->|"{arrows[E]}"| E
    style A fill:{fills[A]},color:#111
    style C fill:{fills[C]},color:#111
    style E fill:{fills[E]},color:#111"""
LIT = "stroke:#D55E00,stroke-width:4px"  # 亮着的方框的粗边
HIDDEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]"  # 会让图画不出来的字符
ESCAPES = str.maketrans({
    "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;", "\n": "<br/>",
    "$": "$\u200b"})  # 两个 $ 挨着就成了公式，中间加一个看不见的空白

PREPARING = "套模板、分词"  # 一次运行的时间分成四项
FIRST_TOKEN = "读问题，写第一个词元"
OTHER_TOKENS = "写其余的词元"
DECODING = "解码"


@dataclass(frozen=True)
class Run:
    """一次运行：问题，套了模板的文字，编号（形状 (1, n) 的张量），每一步，回答，每个阶段的秒数，哪一家的模型"""
    question: str
    text: str
    input_ids: object
    steps: list[Step]
    answer: str
    seconds: dict[str, float]
    family: str


class Stopwatch:
    """秒表，造出来就开始走；seconds: 每一段的名称 → 秒数"""

    def __init__(self) -> None:
        self.seconds = {}
        self.start = time.perf_counter()

    def lap(self, name: str) -> None:
        """刚过去的一段叫 name；接着计下一段"""
        now = time.perf_counter()
        self.seconds[name] = now - self.start
        self.start = now


def run(tokenizer, model, question: str, max_new_tokens: int = 40) -> Run:
    """问一个问题（贪心），把每个阶段的数据和时间都留下

    question: 非空文字；max_new_tokens: ≥ 1；问题太长、不是文字时报 ValueError 或 TypeError
    例: run(tokenizer, model, "什么是词元").answer
    """
    *_, result = growing(tokenizer, model, question, max_new_tokens)
    return result


def growing(tokenizer, model, question: str, max_new_tokens: int = 40) -> Iterator[Run]:
    """同 run，可是每写出一步就先给出到这一步为止的（还没有回答），最后给出完整的：好报告进度，也好中途停下

    例: [len(result.steps) for result in growing(tokenizer, model, "什么是词元", 2)] -> [1, 2, 2]
    """
    check_text(question)
    watch = Stopwatch()
    messages = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    input_ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids  # 模板里已有特殊词元
    watch.lap(PREPARING)
    name = family(model)
    taken = []
    for step in steps(model, input_ids, max_new_tokens):
        taken.append(step)
        if len(taken) == 1:
            watch.lap(FIRST_TOKEN)
        yield Run(question, text, input_ids, list(taken), "", watch.seconds, name)
    watch.lap(OTHER_TOKENS)
    answer = tokenizer.decode([step.token_id for step in taken], skip_special_tokens=True)
    watch.lap(DECODING)
    yield Run(question, text, input_ids, taken, answer, watch.seconds, name)


def family(model) -> str:
    """哪一家的模型：model_type 开头的字母。例: "Qwen"（qwen2、qwen3），"Llama" """
    letters = re.match("[a-z]*", model.config.model_type)[0]
    return letters.capitalize()


@dataclass(frozen=True)
class Frame:
    """慢动作的一格：这次运行的第 step_index 步（从 0 数）走到方框 name，"A" 到 "E" """
    tokenizer: object
    result: Run
    step_index: int
    name: str

    @property
    def step(self) -> Step:
        """这一步"""
        return self.result.steps[self.step_index]

    @property
    def written(self) -> list[int]:
        """到这一步为止写出的编号"""
        return [step.token_id for step in self.result.steps[:self.step_index + 1]]

    @property
    def ids(self) -> list[int]:
        """这一步的全部输入：问题的编号，接上以前写出的"""
        return self.result.input_ids[0].tolist() + self.written[:-1]

    @property
    def done(self) -> int:
        """模型算完了几步"""
        if self.name in "AB":
            return self.step_index
        return self.step_index + 1


def frames(tokenizer, result: Run) -> list[Frame]:
    """慢动作的一格一格：第一步从 A 走到 E，以后每步从 B 开始

    例: [frame.name for frame in frames(tokenizer, result)[4:7]] -> ["E", "B", "C"]
    """
    places = [(0, "A"), *product(range(len(result.steps)), "BCDE")]
    return [Frame(tokenizer, result, *place) for place in places]


def time_item(frame: Frame) -> str:
    """一格的时间算在 result.seconds 的哪一项里

    例: time_item(Frame(tokenizer, result, 1, "C")) -> "写其余的词元"
    """
    if frame.name == "E":
        return DECODING
    if frame.step_index > 0:
        return OTHER_TOKENS
    if frame.name in "AB":
        return PREPARING
    return FIRST_TOKEN


def shorten(text: str, most: int = 40) -> str:
    """太长就截断；换行写成 ↵，看不见的控制字符写成编号。例: shorten("a\\nb\\0") -> "a↵b‹00›" """
    if len(text) > most:
        text = text[:most - 1] + "…"
    return re.sub(HIDDEN, lambda found: f"‹{ord(found[0]):02x}›", text).replace("\n", "↵")


def some(items: list, most: int = 6) -> str:
    """列表太长时只写开头和结尾。例: some([1, 2, 3], 2) -> "1 … 3" """
    half = most // 2
    if len(items) > most:
        items = [*items[:half], "…", *items[-half:]]
    return " ".join(map(str, items))


def word(frame: Frame, token_id: int) -> str:
    """一个词元的样子。例: word(frame, 99670) -> "不会" """
    return shorten(piece(frame.tokenizer, token_id).label)


@dataclass(frozen=True)
class Box:
    """流程图的一个方框

    stage: 在做什么；text: 方框里的字，几行；taken、made、shapes: 进去什么、出来什么、形状怎样变
    arrow: 进来的箭头上的字，几行；太长的文字和编号只写一部分
    """
    stage: str
    text: str
    taken: str
    made: str
    shapes: str
    arrow: str = ""


def question_box(frame: Frame) -> Box:
    """方框 A：问题套上模板"""
    question = frame.result.question
    text = frame.result.text
    return Box(
        stage="输入文本",
        text=f"输入文本\n{shorten(question)}",
        taken=f"问题：{shorten(question, 60)}",
        made=f"套了模板的文字：{shorten(text, 60)}",
        shapes=f"{len(question)} 个字符 → {len(text)} 个字符")


def ids_box(frame: Frame) -> Box:
    """方框 B：第一步把文字变成编号，以后把上一步的词元接在末尾"""
    ids = frame.ids
    length = len(ids)
    if frame.step_index == 0:
        stage = "分词"
        question = frame.result.text
        taken = f"套了模板的文字：{shorten(question, 60)}"
        made = f"编号：{some(ids, 8)}"
        shapes = f"{len(question)} 个字符 → input_ids (1, {length})"
    else:
        stage = "接上新词元"
        taken = f"上一步选出的词元：{ids[-1]} {word(frame, ids[-1])}"
        made = f"接在末尾：{some(ids, 8)}；前面的都在 KV cache 里，只送最后 1 个"
        shapes = f"(1, {length - 1}) → (1, {length})，送进模型的是 (1, 1)"
    return Box(
        stage=stage,
        text=f"数字 Token\n{some(ids)}\n形状 (1, {length})",
        taken=taken,
        made=made,
        shapes=shapes,
        arrow="套模板\nTokenizer")


def model_box(frame: Frame) -> Box:
    """方框 C：编号变成打分"""
    fed = frame.step.fed
    size = len(frame.step.logits)
    return Box(
        stage="模型计算",
        text=f"{frame.result.family} 模型\n送进 {fed} 个词元\nlogits (1, {fed}, {size})",
        taken=f"{fed} 个词元的编号：{some(frame.ids[-fed:], 8)}",
        made=f"每个位置给 {size:,} 个编号各打一个分",
        shapes=f"input_ids (1, {fed}) → logits (1, {fed}, {size})",
        arrow="输入")


def choice_box(frame: Frame) -> Box:
    """方框 D：打分变成一个编号；还没有走到时，图里不写"""
    step = frame.step
    chosen = f"{step.token_id} {word(frame, step.token_id)}"
    best = [f"{word(frame, token_id)} {p:.2f}" for token_id, p in top_candidates(step.logits, 3)]
    shown = "？"
    arrow = "计算概率"
    if frame.name in "DE":
        shown = chosen
        arrow = "\n".join(best)
    return Box(
        stage="选出词元",
        text=f"输出 Token 第 {frame.step_index + 1} 步\n{shown}",
        taken=f"最后一个位置的打分，softmax 以后前三名：{'　'.join(best)}",
        made=f"概率最大的词元：{chosen}",
        shapes=f"logits[0, -1] ({len(step.logits)},) → 1 个编号",
        arrow=arrow)


def answer_box(frame: Frame) -> Box:
    """方框 E：编号变回文字；还没有走到时，只有以前写出的"""
    written = frame.written
    if frame.name != "E":
        written = written[:-1]
    answer = frame.tokenizer.decode(written, skip_special_tokens=True)
    return Box(
        stage="解码",
        text=f"最终回答\n{shorten(answer)}",
        taken=f"到这一步写出的编号：{some(written, 8)}",
        made=f"文字：{shorten(answer, 60)}",
        shapes=f"({len(written)},) → {len(answer)} 个字符",
        arrow="Detokenizer")


BOXES = {"A": question_box, "B": ids_box, "C": model_box, "D": choice_box, "E": answer_box}


def box(frame: Frame) -> Box:
    """一格走到的那个方框

    例: box(Frame(tokenizer, result, 1, "C")).shapes -> "input_ids (1, 1) → logits (1, 1, 151936)"
    """
    return BOXES[frame.name](frame)


def boxes(frame: Frame) -> dict[str, Box]:
    """走到这一格时的五个方框：名称 → 方框"""
    return {name: build(frame) for name, build in BOXES.items()}


@dataclass(frozen=True)
class Mermaid:
    """一张 mermaid 图；在单元格最后一行写它就会画出来，没有 mermaid 的地方显示源码"""
    source: str

    def _repr_mimebundle_(self, **_) -> dict[str, str]:
        return {"text/vnd.mermaid": self.source, "text/plain": self.source}


def label(text: str) -> str:
    """shorten 过的文字，几行 → 可以放进 mermaid 引号里的文字。例: label('a"b') -> 'a#quot;b'"""
    return text.translate(ESCAPES)


def flowchart(frame: Frame, lit: str | None) -> Mermaid:
    """一格 → 讲义的那张流程图；lit: 亮着的方框，标 ▶ 和粗边"""
    texts = {}
    arrows = {}
    for name, drawn in boxes(frame).items():
        texts[name] = label(drawn.text)
        arrows[name] = label(drawn.arrow)
    edge = ""
    if lit:
        texts[lit] = "▶ " + texts[lit]
        edge = f"\n    style {lit} {LIT}"
    return Mermaid(CHART.format(texts=texts, arrows=arrows, fills=FILLS) + edge)


def chart(tokenizer, result: Run, step: int = 0, lit: str | None = None) -> Mermaid:
    """第 step 步（从 0 数）时的流程图：方框里是真实的文字、编号、形状、概率和已经写出的回答

    step: 0 到 len(result.steps) - 1，负数从后面数；lit: 亮着的方框 "A" 到 "E"；超出时报 ValueError
    例: chart(tokenizer, result, -1)
    """
    if lit is not None and lit not in BOXES:
        raise ValueError(f"lit 应是 {'、'.join(BOXES)} 中的一个，现在是 {lit!r}；不要亮着的方框就不写 lit")
    count = len(result.steps)
    if not -count <= step < count:
        raise ValueError(f"step 应在 0 到 {count - 1} 之间，现在是 {step}；这次运行一共 {count} 步")
    return flowchart(Frame(tokenizer, result, step % count, lit or "E"), lit)
