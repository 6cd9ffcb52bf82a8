"""小测的视图：题目随它带着，静态的图里没有答案，没有这一讲时说一句话；画面的动作在 tests/browser 里测"""
import json
import re
from html import unescape

from helpers.widgets.quiz import Quiz, as_html, quiz_names, quiz_questions

import pytest

NAME = "05_next_token"


def test_the_questions_travel_with_the_view():
    view = Quiz(NAME)
    questions = view.given["questions"]
    assert questions == quiz_questions(NAME)
    html = view._repr_mimebundle_()["text/html"]
    found = re.search('data-view="quiz" data-given="([^"]*)"', html)
    given = json.loads(unescape(found[1]))
    assert given == {"questions": questions}


def test_the_proofs_stay_at_home():
    keys = set()
    for question in quiz_questions(NAME):
        keys.update(question)
    assert keys == {"ask", "read", "options", "several"}


def test_the_picture_asks_every_question():
    text = Quiz(NAME).still().text + "\n"
    for number, question in enumerate(quiz_questions(NAME), start=1):
        ask = question["ask"]
        assert f"\n第 {number} 题　{ask}\n" in text
        for option in question["options"]:
            words = option["text"]
            assert f"　{words}\n" in text


def test_the_picture_does_not_answer():
    view = Quiz(NAME)
    for question in quiz_questions(NAME):
        for option in question["options"]:
            why = as_html(option["why"])
            assert why.removeprefix("<p>").removesuffix("</p>") not in view.picture
            assert option["why"] not in view.shown.text
            assert option.get("misconception", "✓") not in view.shown.text


def test_code_is_marked_and_escaped():
    assert as_html("写 `a<b` 和 <b>") == "<p>写 <code>a&lt;b</code> 和 &lt;b&gt;</p>"
    assert as_html("一\n二\n\n三") == "<p>一<br>二</p><p>三</p>"


@pytest.mark.parametrize("name", ["05", "", "../05_next_token", 5, None])
def test_another_name_is_a_sentence(name):
    with pytest.raises(ValueError, match="小测的名字应是 01_setup、.*，现在是 .*；改成这一讲笔记本的名字"):
        Quiz(name)


def test_it_needs_no_kernel_beyond_saying_ready():
    assert Quiz(quiz_names()[0]).answer("ready", []) is True
