"""慢动作流水线：一次生成，一格一格地走过流程图的五个方框，看每一格进去什么、出来什么、有多大、多久

出处: notebooks/07_pipeline.ipynb；数据都来自 helpers.pipeline.run 的一次真实的运行
"""
from html import escape

from helpers.generation import Step, cache_factors, stop_ids
from helpers.pipeline import FILLS, Frame, box, boxes, flowchart, frames, run, time_item
from helpers.tables import Shown, escaped, text_lines, vertical
from helpers.tokens import question_ids
from helpers.widgets.plain_view import BLUE, BUSY, LINE, ORANGE, Panel, bar, button, html_table, row, text_field

import ipywidgets as widgets

INTERVAL = 900  # 播放时一格几毫秒


class SlowMotion(Panel):
    """一次生成的慢动作，可以一格一格地走、播放、暂停

    tokenizer、model: 一对；question: 先问什么；max_new_tokens: 最多写几步，≥ 1
    例: SlowMotion(tokenizer, model)
    """

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？",
                 max_new_tokens: int = 40) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = model
        self.max_new_tokens = max_new_tokens
        self.build(question)
        self.say(self.restart())

    def build(self, question: str) -> None:
        """控件和它们的动作"""
        self.question = text_field(question, "问题")
        self.start = button("开始", "从第 1 格起播放；问题改过就先重新生成")
        self.back = button("上一格", "退一格，停止播放")
        self.ahead = button("下一格", "进一格，停止播放")
        self.play = widgets.Play(
            value=1,
            min=1,
            interval=INTERVAL,
            show_repeat=False)
        self.frame = widgets.IntSlider(
            1,
            min=1,
            description="第几格",
            layout=widgets.Layout(width="24em"))
        widgets.link((self.play, "value"), (self.frame, "value"))
        high = widgets.Layout(min_height="15em", width="100%")
        self.chart = widgets.Output(layout=high)
        self.table = widgets.HTML()
        self.growth = widgets.HTML()
        self.times = widgets.HTML()
        self.on(self.question, self.restart)
        self.on(self.start, self.begin)
        self.on(self.frame, self.show)
        self.on(self.back, self.go_back)
        self.on(self.ahead, self.go_ahead)
        self.box = widgets.VBox([
            row(self.question, self.start),
            row(
                self.back,
                self.ahead,
                widgets.Label("播放、停止"),
                self.play,
                self.frame),
            self.message,
            self.chart,
            self.table,
            self.growth,
            self.times])

    def restart(self) -> str:
        """照现在的问题生成一遍，回到第 1 格"""
        self.play.playing = False
        question = self.question.value
        question_ids(self.tokenizer, question)  # 不能用的问题在这里报错
        self.count = 0
        self.result = run(
            self.tokenizer,
            self.model,
            question,
            self.max_new_tokens,
            self.progress)
        self.frames = frames(self.tokenizer, self.result)
        self.frame.value = 1
        last = len(self.frames)
        self.frame.max = last
        self.play.max = last
        self.show()
        return f"写完了：{self.count} 步，{last} 格；按“下一格”，或者播放"

    def progress(self, _: Step) -> None:
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

    def go_back(self) -> str:
        """退一格，停止播放"""
        self.play.playing = False
        if self.frame.value == 1:
            return "已经是第一格；按“下一格”往前走"
        self.frame.value -= 1
        return self.show()

    def go_ahead(self) -> str:
        """进一格，停止播放"""
        self.play.playing = False
        if self.now() is self.frames[-1]:
            return "已经是最后一格；按“上一格”往回走，或者换一个问题"
        self.frame.value += 1
        return self.show()

    def now(self) -> Frame:
        """现在这一格"""
        return self.frames[self.frame.value - 1]

    def show(self) -> str:
        """画出现在这一格；返回它是第几格、在哪一步哪一个阶段"""
        now = self.now()
        drawn = flowchart(now, now.name)._repr_mimebundle_()
        output = {"output_type": "display_data", "data": drawn, "metadata": {}}
        self.chart.outputs = (output,)
        self.table.value = self.table_of(now).html
        self.growth.value = growth_of(now).html
        self.times.value = times_html(now)
        return f"第 {self.frame.value} 格，共 {self.frame.max} 格：{title(now)}"

    def picture(self) -> Shown:
        now = self.now()
        return vertical(boxes_of(now), self.table_of(now), growth_of(now))

    def table_of(self, frame: Frame) -> Shown:
        """一格的表格"""
        rows = self.rows(frame).items()
        cells = [escaped(row) for row in rows]
        heads = ["项目", "这一格"]
        html = html_table(heads, cells, ["12%", "88%"])
        return Shown(html, text_lines(rows))

    def rows(self, frame: Frame) -> dict[str, str]:
        """一格的数据：项目 → 文字；没有时间"""
        lit = box(frame)
        made = lit.made
        if frame is self.frames[-1]:
            made += self.ending()
        return {
            "阶段": title(frame),
            "进去": lit.taken,
            "出来": made,
            "形状": lit.shapes,
            "KV cache": self.cache(frame)}

    def ending(self) -> str:
        """为什么停"""
        if self.result.steps[-1].token_id in stop_ids(self.model):
            return "（写出了结束词元，停）"
        return f"（写满了 {self.max_new_tokens} 步，停）"

    def cache(self, frame: Frame) -> str:
        """一格的 KV cache 有几个字节，由哪些数相乘"""
        done = self.result.steps[:frame.done]
        if not done:
            return "0 字节：模型还没有算"
        tokens = sum(step.fed for step in done)
        factors = cache_factors(self.model, tokens)
        product = "× ".join(f"{number}（{name}）" for name, number in factors.items())
        return f"{done[-1].cache_bytes:,} 字节 = {product}"


def title(frame: Frame) -> str:
    """例: "第 3 步 · 模型计算" """
    return f"第 {frame.step_index + 1} 步 · {box(frame).stage}"


def boxes_of(frame: Frame) -> Shown:
    """五个方框，▶ 和粗边是走到的那个；网页里排成一行，文字一行一个"""
    html = '<div style="display:flex;flex-wrap:wrap;gap:4px;max-width:64em;line-height:1.4">'
    lines = []
    for name, drawn in boxes(frame).items():
        lit = name == frame.name
        html += arrow_html(drawn.arrow)
        html += box_html(name, drawn.text, lit)
        mark = "▶" if lit else "　"
        text = drawn.text.replace("\n", "　")
        lines.append(f"{mark} {text}")
    return Shown(html + "</div>", "\n".join(lines))


def arrow_html(text: str) -> str:
    """一支箭头，上面是几行字；没有字就没有箭头"""
    if not text:
        return ""
    return f'<div style="align-self:center;text-align:center"><small>{lines_html(text)}<br>→</small></div>'


def box_html(name: str, text: str, lit: bool) -> str:
    """名叫 name 的方框，里面是几行字；lit: 是不是走到的那个"""
    style = "flex:1 1 7em;padding:4px;text-align:center;overflow-wrap:anywhere;"
    if name in FILLS:
        style += f"background:{FILLS[name]};color:#111;"
    if lit:
        return f'<div style="{style}border:4px solid {ORANGE}">▶ {lines_html(text)}</div>'
    return f'<div style="{style}{LINE}">{lines_html(text)}</div>'


def lines_html(text: str) -> str:
    """几行字的 HTML"""
    return escape(text).replace("\n", "<br>")


def growth_of(frame: Frame) -> Shown:
    """KV cache 怎样长大：一句话；网页里每步还有一根柱子"""
    sizes = [step.cache_bytes for step in frame.result.steps]
    done = frame.done
    text = f"KV cache 的增长（字节）：第 1 步以后 {sizes[0]:,}"
    if len(sizes) > 1:
        more = sizes[1] - sizes[0]
        text += f"，以后每步多 {more:,}，第 {len(sizes)} 步以后 {sizes[-1]:,}"
    if done:
        text += f"；▲ 现在 {sizes[done - 1]:,}"
    else:
        text += "；现在 0"
    html = f"<div>{escape(text)}</div>"
    return Shown(html + columns_html(sizes, done), text)


def columns_html(sizes: list[int], done: int) -> str:
    """每步一根柱子：实心的是算完的 done 步，空心的是还没有到的，▲ 在现在的一步下面"""
    columns = ""
    for number, size in enumerate(sizes, start=1):
        height = 48 * size / sizes[-1]
        color = BLUE if number <= done else "transparent"
        mark = "▲" if number == done else ""
        columns += (
            '<div style="flex:1 1 0;max-width:16px;text-align:center">'
            f'<div style="box-sizing:border-box;height:{height:.0f}px;border:1px solid {BLUE};'
            f'background:{color}"></div><div style="height:1.2em">{mark}</div></div>')
    return f'<div style="display:flex;align-items:flex-end;gap:1px;line-height:1.2">{columns}</div>'


def times_html(frame: Frame) -> str:
    """每个阶段的时间，▶ 是一格所在的阶段；只在能操作的时候显示，因为每台电脑、每次都不同"""
    seconds = frame.result.seconds
    total = sum(seconds.values())
    forward = f"这一步的前向计算（第 {frame.step_index + 1} 步）"
    marked = [time_item(frame)]
    if frame.name == "C":
        marked.append(forward)
    rows = []
    for name, spent in [*seconds.items(), (forward, frame.step.seconds)]:
        mark = "▶ " if name in marked else ""
        length = bar(spent / total, f"{1000 * spent:.1f} 毫秒")
        rows.append([mark + name, length])
    heads = ["时间（这台电脑上的这一次）", f"一共 {total:.2f} 秒"]
    return html_table(heads, rows, ["38%", "62%"])
