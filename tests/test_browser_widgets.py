"""在真正的浏览器里操作每一个互动视图：每个控件改变它该变的，坏输入说一句话、照常可用，150 毫秒里看到结果"""
import pytest
from lab import Widget

pytestmark = pytest.mark.browser
QUICK = 150  # 毫秒；量几次，最好的一次要在它以内：别的程序只会让它变慢


@pytest.fixture(scope="module")
def opened(browser):
    """打开并跑完一本的函数；同一本只开一次"""
    labs = {}

    def get(name: str):
        if name not in labs:
            labs[name] = browser()
            labs[name].open(name)
            labs[name].run_all()
        return labs[name]

    yield get
    for lab in labs.values():
        lab.close()


@pytest.fixture
def next_token(opened):
    widget = Widget(opened("05_generation.ipynb"), "抽一个")
    widget.press("重来")
    widget.wait("（还没有写）")
    for label, key in (("温度", "Home"), ("重复惩罚", "Home"), ("top-k", "Home"), ("top-p", "End")):
        widget.slide(label, key)
    widget.slide("温度", *["ArrowRight"] * 9)
    widget.wait("不会\t99670\t 0.48\t 0.48\t 0.48\t 0.48\t 0.48")
    return widget


def test_next_token_sliders(next_token):
    next_token.slide("温度", "Home")
    next_token.wait("不会\t99670\t 0.48\t 0.48\t 1.00\t 1.00\t 1.00")
    next_token.slide("温度", "End")
    next_token.wait("0.48\t 0.48\t 0.09\t 0.09\t 0.09")
    next_token.slide("top-k", "ArrowRight", "ArrowRight")
    next_token.wait("去掉")
    next_token.slide("top-k", "Home")
    next_token.slide("top-p", "Home")
    next_token.wait("0.09\t 0.09\t 1.00")
    next_token.slide("重复惩罚", "End")
    next_token.wait("2.00")
    assert "⚠" not in next_token.text()


def test_next_token_draws_and_takes_back(next_token):
    next_token.press("抽一个")
    next_token.wait("抽中（★）")
    next_token.press("退一个")
    next_token.wait("（退掉的：")


def test_next_token_branches_stay_side_by_side(next_token):
    next_token.choose("换成", 0)
    next_token.press("选它")
    next_token.wait("▶ A　不会")
    next_token.press("退一个")
    next_token.wait("退掉的：不会")
    next_token.choose("换成", 2)
    next_token.press("选它")
    next_token.wait("另起一支 B")
    next_token.press("接着写完")
    next_token.wait("写完了")
    assert "<|im_end|>" in next_token.text() and "▶ B　很难" in next_token.text() and "A　不会" in next_token.text()
    next_token.press("A")
    next_token.wait("▶ A　不会")


@pytest.mark.parametrize("text, said", [("", "现在是空的"), ("好" * 10_000, "应不超过 200 个词元"), ("😀\x07", "\n")])
def test_next_token_survives_bad_questions(next_token, text, said):
    next_token.write("问题", text)
    next_token.wait(said)
    next_token.write("问题", "人工智能未来会取代人类吗？")
    next_token.wait("不会\t99670\t 0.48")


def test_next_token_is_quick(next_token):
    times = []
    for _ in range(4):
        times.append(next_token.milliseconds(lambda: next_token.slide("温度", "Home"), "0.48\t 1.00\t 1.00"))
        times.append(next_token.milliseconds(lambda: next_token.slide("温度", "End"), "0.48\t 0.09\t 0.09"))
    assert min(times) < QUICK, times
