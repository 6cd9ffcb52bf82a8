"""一段文字里选一个位置来看：注意力（attention.py）和 logit lens（lens.py）两个视图共用

出处: notebooks/10_inside.ipynb
"""
from helpers.inside import token_name
from helpers.tokens import check_text
from helpers.widgets.plain_view import Panel, row, text_field

from ipywidgets import HTML, Checkbox, IntSlider, Layout, VBox, Widget
from torch import Tensor, tensor

MOST_POSITIONS = 64
TINT = "background:rgba(0, 114, 178, .2)"  # 半透明，深色背景上字也看得清；旁边总有 ✓ 或名次


class PositionView(Panel):
    """一段文字，套不套对话模板，看哪个位置；换文字才算一次前向，别的控件只重画

    子类写 compute（算）和 picture（照现在的控件画），有自己的控件就写 controls
    """

    def __init__(self, tokenizer, model, text: str = "人工智能未来会取代人类吗？") -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = model
        self.text = text_field(text, "文字")
        self.template = Checkbox(
            True,
            description="套对话模板",
            indent=False,
            layout=Layout(width="auto"))
        self.position = IntSlider(
            1, min=1, max=1,
            description="第几个词元",
            layout=self.text.layout)
        self.shown = HTML(layout=Layout(width="100%"))
        self.box = VBox([
            row(self.text, self.template),
            *self.controls(),
            self.position,
            self.message,
            self.shown])
        self.on(self.text, self.read)
        self.on(self.template, self.read)
        self.on(self.position, self.draw)
        self.read()
        self.say("")

    def controls(self) -> list[Widget]:
        """这个视图自己的控件，放在位置滑块上面"""
        return []

    def compute(self, input_ids: Tensor) -> None:
        """一次前向，留下要显示的数；input_ids: 形状 (1, n)"""
        raise NotImplementedError

    def read(self) -> None:
        """文字或模板变了：分词，算一次前向，看最后一个位置"""
        ids = self.ids()
        self.compute(tensor([ids]))
        self.names = [token_name(self.tokenizer, token_id) for token_id in ids]
        self.position.max = len(ids)  # 先改上限，再改值：一起发的话，网页可能先照旧的上限截断
        self.position.value = len(ids)
        self.draw()

    def ids(self) -> list[int]:
        """框里的文字（套上模板）的编号；空的、不完整的、太长的报 ValueError"""
        text = self.text.value
        check_text(text.strip())
        if self.template.value:
            messages = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        if len(ids) > MOST_POSITIONS:
            raise ValueError(
                f"应是 1 到 {MOST_POSITIONS} 个词元（模板也算），现在有 {len(ids)} 个；"
                "缩短再试，下面还是上一段文字")
        return ids

    @property
    def at(self) -> int:
        """选中的位置，从 0 数"""
        return self.position.value - 1

    @property
    def chosen(self) -> str:
        """选中的词元。例: "第 3 个词元 user" """
        return f"第 {self.position.value} 个词元 {self.names[self.at]}"

    def draw(self) -> None:
        """重画"""
        self.shown.value = self.picture().html
