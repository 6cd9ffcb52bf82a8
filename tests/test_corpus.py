"""语料的格式和份量"""
import pytest

from helpers.tiny import questions


def test_the_corpus_has_no_problems():
    assert questions.problems(questions.read()) == []


def test_parse_by_hand():
    (question,) = questions.parse("## 甲\n问：乙\n\n答：丙")
    assert (question.title, question.wordings, question.answers) == ("甲", ["甲", "乙"], ["丙"])


@pytest.mark.parametrize("text", ["问：没有标题", "## 甲\n随便一行", "## 甲\n答："])
def test_bad_lines_are_named(text):
    with pytest.raises(ValueError, match="第 .* 行应以"):
        questions.parse(text)


def test_held_out_wordings_are_not_trained_on():
    everything = questions.read()
    kept, held_out = questions.split(everything)
    again, _ = questions.split(everything)
    assert kept == again
    assert all(wording in everything[i].wordings and wording not in kept[i].wordings for wording, i in held_out)
    assert all(len(q.wordings) >= questions.MIN_WORDINGS for q in kept)


def test_unknown_corpus_file():
    with pytest.raises(ValueError, match="09_talk"):
        questions.paths(["没有"])
