"""有没有 KV cache 的比赛：同一个问题、同样的贪心，两条赛道同时写，看快多少、写的是不是一样

出处: notebooks/06_writing.ipynb 第 4 节；生成都在 helpers.generation.steps 里
"""
import asyncio
from collections.abc import Callable, Iterator
from html import escape
from operator import attrgetter

from helpers.generation import Step, greedy, steps, stop_ids
from helpers.tables import Shown, paragraph, text_lines, vertical
from helpers.tokens import question_ids
from helpers.widgets.plain_view import Panel, button, html_table, row, text_field

import ipywidgets as widgets
import torch

PAUSE = 0.003  # 每写一个词元歇 3 毫秒，让网页有空送来“停”
WRAPPED = "line-height:1.6;white-space:pre-wrap;overflow-wrap:anywhere"
FACTS = ["写了", "送进模型", "秒", "词元/秒"]
COURSES = ["赛道", "每一轮送进模型的词元", "一共送进"]


def to_feed(length: int, count: int, use_cache: bool) -> int:
    """问题有 length 个词元，写 count 个（都 ≥ 1），一共要送进模型几个

    例: to_feed(20, 100, True) -> 119；to_feed(20, 100, False) -> 6950
    """
    if use_cache:
        return length + count - 1
    return sum(range(length, length + count))


def without_stops(model) -> Callable[[torch.Tensor], int]:
    """贪心，但不选结束词元：话说完了也接着写，两条赛道才一样长"""
    stops = torch.tensor(sorted(stop_ids(model)), dtype=torch.long)
    return lambda logits: greedy(logits.index_fill(0, stops, -torch.inf))


def first_difference(left: list[int], right: list[int]) -> int | None:
    """两列一样长的编号从第几个（从 1 数）起不同；完全相同是 None。例: first_difference([5, 7], [5, 8]) -> 2"""
    for place, (one, other) in enumerate(zip(left, right, strict=True), start=1):
        if one != other:
            return place
    return None


class Lane:
    """一条赛道：一个生成循环，写到了哪里，它的进度条

    written: 写出的编号；fed: 送进模型的词元数；seconds: 前向计算用的秒数，只算自己的
    count、total: 要写几个、一共要送进几个
    """

    def __init__(self, name: str, use_cache: bool) -> None:
        self.name = name
        self.use_cache = use_cache
        self.bar = widgets.IntProgress(
            description=name,
            style={"description_width": "7em"},
            layout=widgets.Layout(width="100%"))
        self.facts = widgets.HTML()
        self.text = widgets.HTML()
        half = widgets.Layout(flex="1 1 22em", min_width="0")
        self.box = widgets.VBox([self.bar, self.facts, self.text], layout=half)

    def prepare(self, model, ids: list[int], count: int) -> None:
        """站到起点：问题是 ids，要写 count 个"""
        choose = without_stops(model)
        self.steps = steps(model, torch.tensor([ids]), count, choose, self.use_cache)
        self.count = count
        self.total = to_feed(len(ids), count, self.use_cache)
        self.written = []
        self.fed = 0
        self.seconds = 0.0
        self.bar.max = count
        self.show("")

    def take(self, step: Step) -> None:
        """记下写的一个词元"""
        self.written.append(step.token_id)
        self.fed += step.fed
        self.seconds += step.seconds

    def show(self, text: str) -> None:
        """画出现在的进度；text 是写出的文字"""
        done = len(self.written)
        speed = "—"
        if done:
            speed = f"{done / self.seconds:.1f}"
        facts = [
            f"{done} / {self.count}",
            f"{self.fed} / {self.total}",
            f"{self.seconds:.2f}",
            speed]
        self.bar.value = done
        self.facts.value = html_table(FACTS, [facts], ["25%", "32%", "18%", "25%"])
        self.text.value = f'<div style="{WRAPPED}">{escape(text)}</div>'


class Race(Panel):
    """有没有 KV cache 的比赛，边写边看

    谁用的时间少就轮到谁写下一个，所以任何时候两边用掉的时间都差不多，像两台一样的电脑同时开始
    tokenizer、model: 一对；question: 问什么，连同模板至多 200 个词元；count: 各写几个词元，10 到 200
    例: Race(tokenizer, model, count=100)
    """

    live: "Race | None" = None  # 正在比的那一场；两场一起跑，时间就不准了

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？", count: int = 100) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = model
        self.number = 0  # 第几场
        self.task = None
        self.lanes = [Lane("有 KV cache", True), Lane("没有 KV cache", False)]
        self.build(question, count)
        self.prepare()

    def build(self, question: str, count: int) -> None:
        """控件和它们的动作"""
        self.question = text_field(question, "问题")
        self.count = widgets.IntSlider(
            count,
            min=10,
            max=200,
            step=10,
            description="写几个词元",
            style={"description_width": "6em"})
        self.start = button("开始", "两条赛道从头写起")
        self.stop = button("停", "停在现在的地方")
        self.on(self.question, self.change)
        self.on(self.count, self.change)
        self.on(self.start, self.begin)
        self.on(self.stop, self.halt)
        side_by_side = widgets.Layout(flex_flow="row wrap", grid_gap="0 1em")
        self.box = widgets.VBox([
            row(self.question, self.count),
            row(self.start, self.stop),
            self.message,
            widgets.HBox([lane.box for lane in self.lanes], layout=side_by_side)])

    def prepare(self) -> None:
        """照现在的问题和个数站到起点；问题不能用就报错，赛道不变"""
        question = self.question.value
        self.ids = question_ids(self.tokenizer, question)
        self.asked = question
        for lane in self.lanes:
            lane.prepare(self.model, self.ids, self.count.value)

    def change(self) -> str | None:
        """改了问题或个数：没有在比就重新站到起点"""
        if Race.live is self:
            return "正在比，改的下一场才用；不想等就按“停”，再按“开始”"
        self.prepare()

    def begin(self) -> str:
        """开始比；没有事件循环的地方（例如 pytest）一口气比完"""
        if Race.live is self:
            raise ValueError("应等这一场比完再开始，现在正在比；不想等就按“停”")
        self.prepare()
        if Race.live:
            Race.live.say("停了：另一场比赛开始了；按“开始”从头再比")
        Race.live = self
        self.number += 1
        turns = self.turns(self.number)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return list(turns)[-1]
        self.task = loop.create_task(self.play(turns))
        return "正在比……按“停”可以停下来"

    async def play(self, turns: Iterator[str | None]) -> None:
        """在内核的事件循环里比：每写一个词元就让别的事先做"""
        for said in turns:
            if said:
                self.say(said)
            await asyncio.sleep(PAUSE)

    def turns(self, number: int) -> Iterator[str | None]:
        """第 number 场，每次写一个词元，比完时给出结果那句话；停了、另开了一场、部件关了，就不再写"""
        try:
            next(steps(self.model, torch.tensor([self.ids]), 1))  # 第一次计算要准备内存，不算在成绩里
            while self.going(number):
                lane = self.next_lane()
                if lane is None:
                    yield self.result()
                    return
                step = next(lane.steps)
                if self.going(number):  # 算这一个的时候可能按了“停”：JupyterLab 里它在另一个线程里到来
                    lane.take(step)
                    lane.show(self.tokenizer.decode(lane.written, skip_special_tokens=True))
                    yield None
        except Exception as error:
            yield f"⚠ {error}"
        finally:
            if Race.live is self and self.number == number:
                Race.live = None

    def going(self, number: int) -> bool:
        """第 number 场还在比"""
        return Race.live is self and self.number == number and self.box.comm is not None

    def next_lane(self) -> Lane | None:
        """轮到谁写：还没有写满的里面，用的时间少的；都写满了是 None"""
        left = [lane for lane in self.lanes if len(lane.written) < lane.count]
        return min(left, key=attrgetter("seconds"), default=None)

    def halt(self) -> str:
        """停在现在的地方"""
        if Race.live is not self:
            return "没有在比，不用停；按“开始”"
        Race.live = None
        done = "，".join(f"{lane.name} 的写了 {len(lane.written)} 个" for lane in self.lanes)
        return f"停了：{done}；按“开始”从头再比"

    def result(self) -> str:
        """比完的一句话：几倍，两边写的是不是一样"""
        fast, slow = self.lanes
        times = slow.seconds / fast.seconds
        place = first_difference(fast.written, slow.written)
        same = "两边写的逐个核对过，完全相同"
        if place:
            same = f"两边从第 {place} 个词元起不同：前几名差不多高时，16 位数的舍入就会换一个选"
        return (f"各写 {fast.count} 个词元：有 KV cache 用 {fast.seconds:.2f} 秒，没有用 {slow.seconds:.2f} 秒，"
                f"前者的速度是后者的 {times:.1f} 倍；{same}")

    def picture(self) -> Shown:
        fast, slow = self.lanes
        first = len(self.ids)
        last = first + fast.count - 1
        intro = f"问题：{self.asked}　连同模板 {first} 个词元，各写 {fast.count} 个"
        with_cache = f"第 1 轮 {first} 个，以后每轮 1 个"
        without_cache = f"第 1 轮 {first} 个，每轮多 1 个，最后一轮 {last} 个"
        rows = [
            [fast.name, with_cache, fast.total],
            [slow.name, without_cache, slow.total]]
        html = html_table(COURSES, rows, ["25%", "55%", "20%"])
        text = text_lines([COURSES, *rows])
        return vertical(paragraph(intro), Shown(html, text))
