"""慢动作流水线：一次生成，一格一格地走过流程图的五个方框，看每一格进去什么、出来什么、有多大、多久

出处: notebooks/07_pipeline.ipynb；数据都来自 helpers.pipeline.run 的一次真实的运行，画面在 slow_motion.js 里
"""
import math
from collections.abc import Iterator

from helpers.generation import cache_factors, stop_ids
from helpers.pipeline import Frame, box, boxes, frames, growing, time_item
from helpers.tables import Shown, grid, paragraph, vertical
from helpers.tokens import question_ids
from helpers.widgets.source import Source
from helpers.widgets.view import View

MOST_STEPS = 40


class SlowSource(Source):
    """一次运行的每一格"""

    def frames(self, question: str, most: int) -> Iterator[dict]:
        """生成一遍：每写出一步报告 count，最后给出 run：各格，每步以后 KV cache 的字节数，各阶段的秒数"""
        question_ids(self.tokenizer, question)  # 不能用的问题在这里报错
        for result in growing(self.tokenizer, self.model, question, most):
            yield {"count": len(result.steps)}
        made = [self._frame(frame) for frame in frames(self.tokenizer, result)]
        ending = f"（写满了 {most} 步，停）"
        if result.steps[-1].token_id in stop_ids(self.model):
            ending = "（写出了结束词元，停）"
        made[-1]["rows"]["出来"] += ending
        sizes = [step.cache_bytes for step in result.steps]
        forwards = [step.seconds for step in result.steps]
        yield {"run": {"frames": made, "sizes": sizes, "forwards": forwards, "seconds": result.seconds}}

    def _frame(self, frame: Frame) -> dict:
        """一格：走到哪个方框，五个方框里的字，进去什么、出来什么、形状、KV cache；没有时间"""
        lit = box(frame)
        title = f"第 {frame.step_index + 1} 步 · {lit.stage}"
        rows = {"阶段": title, "进去": lit.taken, "出来": lit.made, "形状": lit.shapes, "KV cache": self._cache(frame)}
        return {
            "name": frame.name,
            "step": frame.step_index,
            "done": frame.done,
            "rows": rows,
            "boxes": {name: {"text": each.text, "arrow": each.arrow} for name, each in boxes(frame).items()},
            "moving": frame.tokenizer.decode([frame.step.token_id]),
            "time": time_item(frame),
        }

    def _cache(self, frame: Frame) -> str:
        """一格的 KV cache 有几个字节，由哪些数相乘"""
        if frame.done == 0:
            return "0 字节：模型还没有算"
        tokens = frame.result.input_ids.shape[1] + frame.done - 1
        factors = cache_factors(self.model, tokens)
        product = "× ".join(f"{number}（{name}）" for name, number in factors.items())
        total = frame.result.steps[frame.done - 1].cache_bytes
        states = total - math.prod(factors.values())
        if states:
            product += f" + {states:,}（线性注意力的状态，不随词元增加）"
        return f"{total:,} 字节 = {product}"


class SlowMotion(View):
    """一次生成的慢动作，可以一格一格地走、播放、暂停

    tokenizer、model: 一对；question: 先问什么；max_new_tokens: 最多写几步，≥ 1
    例: SlowMotion(tokenizer, model)
    """
    name = "slow_motion"

    def __init__(self, tokenizer, model, question: str = "人工智能未来会取代人类吗？",
                 max_new_tokens: int = MOST_STEPS) -> None:
        source = SlowSource(tokenizer, model)
        super().__init__(source, question=question, most=max_new_tokens)

    def still(self) -> Shown:
        question = self.given["question"]
        most = self.given["most"]
        *_, last = self.first("frames", question, most)
        made = last["run"]
        frame = made["frames"][0]
        lit, *others = [drawn["text"].replace("\n", "　") for drawn in frame["boxes"].values()]
        lines = [f"▶ {lit}"]
        lines += [f"　 {text}" for text in others]
        rows = grid(("项目", "这一格"), list(frame["rows"].items()))
        sizes = made["sizes"]
        growth = f"KV cache 的增长（字节）：第 1 步以后 {sizes[0]:,}"
        if len(sizes) > 1:
            growth += f"，以后每步多 {sizes[1] - sizes[0]:,}，第 {len(sizes)} 步以后 {sizes[-1]:,}"
        return vertical(*map(paragraph, lines), rows, paragraph(growth))
