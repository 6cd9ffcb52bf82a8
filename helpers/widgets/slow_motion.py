"""慢动作流水线：一次生成，一格一格地走过流程图的五个方框，看每一格进去什么、出来什么、有多大、多久

出处: notebooks/06_pipeline.ipynb；数据都来自 helpers.pipeline.run 的一次真实的运行
"""
from html import escape

import ipywidgets as widgets

from helpers.generation import Step, cache_factors, stop_ids
from helpers.pipeline import FILLS, NAMES, chart, flow, frames, parts, run, timed
from helpers.tables import Shown
from helpers.tokens import question_ids
from helpers.widgets.view import BLUE, BUSY, LINE, ORANGE, View, bar, button, html_table, row

INTERVAL = 900  # 播放时一格几毫秒
STAGES = {"A": "输入文本", "B": "分词", "C": "模型计算", "D": "选出词元", "E": "解码"}


class SlowMotion(View):
    """一次生成的慢动作，可以一格一格地走、播放、暂停

    tokenizer、model: 一对；question: 先问什么；max_new_tokens: 最多写几步，≥ 1
    例: SlowMotion(tokenizer, model)
    """

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？",
                 max_new_tokens: int = 40) -> None:
        super().__init__()
        self.tokenizer, self.model, self.max_new_tokens = tokenizer, model, max_new_tokens
        self.build(question)
        self.say(self.restart())

    def build(self, question: str) -> None:
        """控件和它们的动作"""
        wide = widgets.Layout(width="34em", max_width="100%")
        self.question = widgets.Text(question, description="问题", continuous_update=False, layout=wide)
        self.start = button("开始", "从第 1 格起播放；问题改过就先重新生成")
        self.back, self.ahead = button("上一格", "退一格，停止播放"), button("下一格", "进一格，停止播放")
        self.play = widgets.Play(value=1, min=1, interval=INTERVAL, show_repeat=False)
        self.frame = widgets.IntSlider(1, min=1, description="第几格", layout=widgets.Layout(width="24em"))
        widgets.link((self.play, "value"), (self.frame, "value"))
        self.chart = widgets.Output(layout=widgets.Layout(min_height="15em", width="100%"))
        self.table, self.growth, self.times = widgets.HTML(), widgets.HTML(), widgets.HTML()
        for control, action in ((self.question, self.restart), (self.start, self.begin), (self.frame, self.show),
                                (self.back, lambda: self.move(-1)), (self.ahead, lambda: self.move(1))):
            self.on(control, action)
        walk = row(self.back, self.ahead, widgets.Label("播放、停止"), self.play, self.frame)
        self.box = widgets.VBox([row(self.question, self.start), walk, self.message, self.chart, self.table,
                                 self.growth, self.times])

    def restart(self) -> str:
        """照现在的问题生成一遍，回到第 1 格"""
        self.play.playing = False
        question_ids(self.tokenizer, self.question.value)
        self.count = 0
        self.result = run(self.tokenizer, self.model, self.question.value, self.max_new_tokens, self.progress)
        self.frames = frames(self.result)
        self.frame.value = 1
        self.frame.max = self.play.max = len(self.frames)
        self.show()
        return f"写完了：{len(self.result.steps)} 步，{len(self.frames)} 格；按“下一格”，或者播放"

    def progress(self, step: Step) -> None:
        """每写出一步，报告一次"""
        self.count += 1
        self.say(f"{BUSY}写出了 {self.count} 个词元，最多 {self.max_new_tokens} 个")

    def begin(self) -> str:
        """从第 1 格起播放；问题改过、还没有生成的先生成"""
        if self.question.value != self.result.question:
            self.restart()
        self.frame.value = 1
        self.play.playing = True
        return self.show()

    def move(self, by: int) -> str:
        """进或退一格，停止播放"""
        self.play.playing = False
        wanted = self.frame.value + by
        if not 1 <= wanted <= len(self.frames):
            return "已经是第一格；按“下一格”往前走" if by < 0 else "已经是最后一格；按“上一格”往回走，或者换一个问题"
        self.frame.value = wanted
        return self.show()

    def show(self) -> str:
        """画出现在这一格；返回它是第几格、在哪一步哪一个阶段"""
        drawn = chart(self.tokenizer, self.result, *self.now())._repr_mimebundle_()
        self.chart.outputs = ({"output_type": "display_data", "data": drawn, "metadata": {}},)
        self.table.value, self.growth.value, self.times.value = self.table_html(), self.growth_html(), self.times_html()
        return f"第 {self.frame.value} 格，共 {len(self.frames)} 格：{self.title()}"

    def now(self) -> tuple[int, str]:
        """现在这一格：(第几步，从 0 数, 亮着的方框)"""
        return self.frames[self.frame.value - 1]

    def title(self) -> str:
        """例: "第 3 步 · 模型计算" """
        at, name = self.now()
        return f"第 {at + 1} 步 · {'接上新词元' if at and name == 'B' else STAGES[name]}"

    def rows(self) -> list[tuple[str, str]]:
        """表格：进去什么、出来什么、形状、KV cache；没有时间"""
        taken, made, shapes = flow(self.tokenizer, self.result, *self.now())
        return [("阶段", self.title()), ("进去", taken), ("出来", made + self.ending()), ("形状", shapes),
                ("KV cache", self.memory())]

    def ending(self) -> str:
        """最后一格：为什么停"""
        if self.frame.value < len(self.frames):
            return ""
        if self.result.steps[-1].token_id in stop_ids(self.model):
            return "（写出了结束词元，停）"
        return f"（写满了 {self.max_new_tokens} 步，停）"

    def done(self) -> int:
        """到这一格为止，模型算完了几步"""
        at, name = self.now()
        return at + (name >= "C")

    def memory(self) -> str:
        """这一格的 KV cache 有几个字节，由哪些数相乘"""
        done = self.result.steps[:self.done()]
        if not done:
            return "0 字节：模型还没有算"
        factors = cache_factors(self.model, sum(step.fed for step in done))
        product = "× ".join(f"{number}（{name}）" for name, number in factors.items())
        return f"{done[-1].cache_bytes:,} 字节 = {product}"

    def growth_text(self) -> str:
        """KV cache 怎样长大，写成一句话"""
        sizes, done = [step.cache_bytes for step in self.result.steps], self.done()
        now = f"▲ 现在 {sizes[done - 1]:,}" if done else "现在 0"
        more = f"，以后每步多 {sizes[1] - sizes[0]:,}，第 {len(sizes)} 步以后 {sizes[-1]:,}" if sizes[1:] else ""
        return f"KV cache 的增长（字节）：第 1 步以后 {sizes[0]:,}{more}；{now}"

    def growth_html(self) -> str:
        """每步一根柱子：实心的是算完的，空心的是还没有到的，▲ 在现在的一步下面"""
        sizes, done = [step.cache_bytes for step in self.result.steps], self.done()
        columns = "".join(
            f'<div style="flex:1 1 0;max-width:16px;text-align:center"><div style="box-sizing:border-box;'
            f'height:{48 * size / max(sizes):.0f}px;border:1px solid {BLUE};'
            f'background:{BLUE if i < done else "transparent"}"></div>'
            f'<div style="height:1.2em">{"▲" if i == done - 1 else ""}</div></div>' for i, size in enumerate(sizes))
        return (f'<div>{escape(self.growth_text())}</div><div style="display:flex;align-items:flex-end;gap:1px;'
                f'line-height:1.2">{columns}</div>')

    def times_html(self) -> str:
        """每个阶段的时间，▶ 是这一格所在的阶段；只在能操作的时候显示，因为每台电脑、每次都不同"""
        at, name = self.now()
        forward = f"这一步的前向计算（第 {at + 1} 步）"
        times = {**self.result.seconds, forward: self.result.steps[at].seconds}
        marked = {timed(self.result, at, name), forward if name == "C" else None}
        total = sum(self.result.seconds.values())
        rows = [[("▶ " if key in marked else "") + key, bar(seconds / total, f"{1000 * seconds:.1f} 毫秒")]
                for key, seconds in times.items()]
        return html_table(["时间（这台电脑上的这一次）", f"一共 {total:.2f} 秒"], rows, ["38%", "62%"])

    def boxes_html(self) -> str:
        """五个方框排成一行，▶ 和粗边是现在这一格"""
        at, lit = self.now()
        boxes, arrows = parts(self.tokenizer, self.result, at, lit)
        shown = []
        for name, arrow in zip(NAMES, [*arrows, []], strict=True):
            fill = f"background:{FILLS[name]};color:#111;" if name in FILLS else ""
            edge = f"border:4px solid {ORANGE}" if name == lit else LINE
            shown.append(f'<div style="flex:1 1 7em;padding:4px;text-align:center;overflow-wrap:anywhere;{fill}{edge}">'
                         f'{"▶ " if name == lit else ""}{lines(boxes[name])}</div>')
            if arrow:
                shown.append('<div style="align-self:center;text-align:center">'
                             f"<small>{lines(arrow)}<br>→</small></div>")
        return f'<div style="display:flex;flex-wrap:wrap;gap:4px;max-width:64em;line-height:1.4">{"".join(shown)}</div>'

    def boxes_text(self) -> str:
        """五个方框，一行一个"""
        at, lit = self.now()
        boxes, _ = parts(self.tokenizer, self.result, at, lit)
        return "\n".join(f"{'▶' if name == lit else '　'} {'　'.join(boxes[name])}" for name in NAMES)

    def table_html(self) -> str:
        return html_table(["项目", "这一格"], [[head, escape(text)] for head, text in self.rows()], ["12%", "88%"])

    def picture(self) -> Shown:
        rows = "\n".join(f"{head} │ {text}" for head, text in self.rows())
        return Shown(f"{self.boxes_html()}{self.table_html()}{self.growth_html()}",
                     f"{self.boxes_text()}\n{rows}\n{self.growth_text()}")


def lines(texts: list[str]) -> str:
    """几行字的 HTML"""
    return "<br>".join(map(escape, texts))
