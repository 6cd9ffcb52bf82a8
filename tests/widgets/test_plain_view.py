"""互动视图共用的部分：动作不丢、不互相打断，错误变成一句话，网页里的字都转义"""
import threading
import time

from helpers.widgets.plain_view import Panel, bar, html_table

import ipywidgets as widgets


def test_errors_become_a_message_and_the_next_action_works():
    view, slider = Panel(), widgets.IntSlider()
    view.on(slider, lambda: 1 / slider.value and f"现在是 {slider.value}")
    slider.value = 3
    assert "现在是 3" in view.message.value
    slider.value = 0
    assert "⚠ division" in view.message.value
    slider.value = 5
    assert "现在是 5" in view.message.value


def test_actions_from_other_threads_wait_and_are_not_lost():
    view, done = Panel(), []

    def slow(number: int) -> None:
        done.append(("start", number))
        time.sleep(0.05)
        done.append(("end", number))

    threads = [threading.Thread(target=view.act, args=(lambda n=n: slow(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
    assert all(done[i][1] == done[i + 1][1] for i in range(0, 8, 2))


def test_an_action_does_not_set_off_others():
    view, first, second, seen = Panel(), widgets.IntSlider(), widgets.IntSlider(), []

    def copy() -> None:
        second.value = first.value

    view.on(first, copy)
    view.on(second, lambda: seen.append(second.value))
    first.value = 7
    assert second.value == 7
    assert seen == []
    second.value = 8
    assert seen == [8]


def test_text_is_escaped():
    view = Panel()
    view.say("<b>粗</b>")
    assert "&lt;b&gt;" in view.message.value
    assert "&lt;" in bar(0.5, "<")
    assert "width:30%" in bar(0.5, "")
    assert "width:60%" in bar(9.0, "")


def test_a_table_has_a_width_for_every_column():
    assert html_table(["甲"], [["1"]], ["100%"]).count("<td") == 1
    html = html_table(["甲", "乙"], [["<b>1</b>", "2"]], ["20%", "80%"])
    assert '<colgroup><col style="width:20%"><col style="width:80%"></colgroup>' in html
    assert html.count("<th ") == html.count("<td ") == 2
    assert "<b>1</b></td>" in html
