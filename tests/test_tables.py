"""table：网页里转义，文字里对得上，缺格说清楚"""
from helpers.tables import Shown, grid

import pytest


def test_a_grid_as_text_and_as_html():
    shown = grid(("词元", "编号"), [("<b>", 1)])
    assert isinstance(shown, Shown)
    assert repr(shown) == "词元 │ 编号\n<b> │ 1"
    html = shown._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert html.count("<td") == html.count("<th ") == 2


def test_the_html_is_as_in_the_notebooks():
    left = 'style="text-align:left"'
    assert grid(("甲",), [("1",), (2,)]).html == (
        f"<table><thead><tr><th {left}>甲</th></tr></thead>"
        f"<tbody><tr><td {left}>1</td></tr><tr><td {left}>2</td></tr></tbody></table>")


def test_a_row_with_a_missing_cell():
    with pytest.raises(ValueError, match="应有 2 格.*现在有一行是.*补齐") as caught:
        grid(("甲", "乙"), [("1",)])
    assert "甲、乙" in str(caught.value)
