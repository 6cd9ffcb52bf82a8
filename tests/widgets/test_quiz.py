"""小测的视图：题目随它带着，静态的图里没有答案，没有这一讲时说一句话；画面的动作在 tests/browser 里测"""
import json
import re
from html import unescape

from helpers.widgets.quiz import Quiz, as_html, quiz_names, quiz_questions

import pytest

NAME = "05_next_token"


def test_the_questions_travel_with_the_view():
    questions = Quiz(NAME).given["questions"]
    assert questions == quiz_questions(NAME)
    assert all("check" not in question for question in questions)
    html = Quiz(NAME)._repr_mimebundle_()["text/html"]
    given = re.search('data-view="quiz" data-given="([^"]*)"', html)[1]
    assert json.loads(unescape(given)) == {"questions": questions}


def test_the_picture_asks_and_does_not_answer():
    text = Quiz(NAME).still().text
    html = Quiz(NAME).picture
    for number, question in enumerate(quiz_questions(NAME), start=1):
        assert f"第 {number} 题　{question['ask']}" in text
        for letter, option in zip("ABCDE", question["options"], strict=False):
            assert f"　{letter}　{option['text']}\n" in text + "\n"
            assert as_html(option["text"])[3:-4] in html
            assert option["why"] not in text
            assert option.get("misconception", "✓") not in text
    assert Quiz(NAME).still() == Quiz(NAME).still()


def test_code_is_marked_and_escaped():
    assert as_html("写 `a<b` 和 <b>") == "<p>写 <code>a&lt;b</code> 和 &lt;b&gt;</p>"
    assert as_html("一\n二\n\n三") == "<p>一<br>二</p><p>三</p>"


@pytest.mark.parametrize("name", ["05", "", "../05_next_token", 5, None])
def test_another_name_is_a_sentence(name):
    with pytest.raises(ValueError, match="小测的名字应是 01_setup、.*，现在是 .*；改成这一讲笔记本的名字"):
        Quiz(name)


def test_it_needs_no_kernel_beyond_saying_ready():
    assert Quiz(quiz_names()[0]).answer("ready", []) is True
