"""互动视图共用的部分：画面的一次提问得到回答或者一句中文的错误，说停就停；没有内核时有静态的图"""
import threading
import time

from helpers.tables import Shown
from helpers.widgets.view import COMMON, HERE, View, script, style

import pytest

NAMES = sorted(path.stem for path in HERE.glob("*.js") if path.stem != COMMON)


class Counting:
    """会数数的，当作视图的 source"""

    def add(self, left: int, right: int) -> int:
        return left + right

    def count(self, most: int):
        for number in range(most):
            time.sleep(0.01)
            yield number

    def fail(self):
        raise ValueError("数应是正的，现在是负的；换一个再试")

    def _secret(self):
        return 1


class Counter(View):
    """没有画面的视图，记下送出去的"""
    name = "next_token"

    def __init__(self, **given):
        self.sent = []
        super().__init__(Counting(), **given)

    def still(self):
        return Shown("<b>静态</b>", "静态")

    def send(self, content, buffers=None):
        self.sent.append(content)

    def asked(self, method: str, *inputs) -> list:
        """问一次，等它答完"""
        self.receive(self, {"id": "1", "method": method, "inputs": list(inputs)}, [])
        for thread in threading.enumerate():
            if thread.daemon and thread is not threading.current_thread():
                thread.join(timeout=0.5)
        return self.sent


@pytest.fixture
def view():
    return Counter(question="<你好>")


def test_an_answer_goes_back_with_its_number(view):
    assert view.asked("add", 2, 3) == [{"id": "1", "result": 5}]
    assert view.answer("ready", []) is True


def test_an_error_is_a_sentence(view):
    assert view.asked("fail") == [{"id": "1", "error": "数应是正的，现在是负的；换一个再试"}]


@pytest.mark.parametrize("method", ["_secret", "__init__", "nothing"])
def test_only_public_methods_can_be_asked(view, method):
    [said] = view.asked(method)
    assert "画面只能问 Counting 会的" in said["error"]


def test_a_long_answer_comes_step_by_step(view):
    *steps, end = view.asked("count", 3)
    assert steps == [{"id": "1", "step": number} for number in range(3)]
    assert end == {"id": "1", "result": None}


def test_a_long_answer_can_be_stopped(view):
    question = {"id": "7", "method": "count", "inputs": [500]}
    view.receive(view, question, [])
    time.sleep(0.1)
    view.receive(view, {"id": "7", "method": "stop"}, [])
    with view.turn:  # 等到它停
        assert 0 < len(view.sent) < 100
        assert view.sent[-1] == {"id": "7", "result": None}
    assert view.stopped == set()


def test_what_the_picture_asked_is_answered_again_without_computing(view):
    assert view.first("add", 2, 3) == 5
    view.source.add = None
    assert view.asked("add", 2, 3) == [{"id": "1", "result": 5}]
    assert "error" in view.asked("add", 2, 4)[-1]


def test_the_steps_of_the_picture_come_again_and_again(view):
    assert view.first("count", 3) == (0, 1, 2)
    view.source.count = None
    steps = [{"id": "1", "step": number} for number in range(3)]
    once = [*steps, {"id": "1", "result": None}]
    assert view.asked("count", 3) == once
    assert view.asked("count", 3) == once + once


def test_a_saved_notebook_shows_the_picture(view):
    data = view._repr_mimebundle_()
    assert data["text/plain"] == "静态"
    assert "<b>静态</b>" in data["text/html"]
    assert 'data-view="next_token"' in data["text/html"]
    assert "&lt;你好&gt;" not in data["text/plain"]
    assert "<你好>" not in data["text/html"]  # 开头的数写在属性里，尖括号要转义
    assert view.picture == "<b>静态</b>"
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_one_module(name):
    text = script(name)
    assert text.count("export default") == 1
    assert "\nimport " not in text
    assert "function kernel(" in text
    assert "function show(" in text


def test_a_style_is_for_its_own_view():
    shared, own = style("lens").split(".live[data-view=lens] ", 1)
    assert ".live .chip" in shared
    assert ".live " not in own
