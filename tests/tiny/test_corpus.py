"""语料的格式和份量"""
from helpers.tiny import questions

import pytest


def test_the_corpus_has_no_problems():
    assert questions.problems(questions.read()) == []


def test_enough_questions_about_the_subject():
    subject = [path.stem for path in questions.paths() if path.stem not in ("00_open", "09_talk")]
    assert len(questions.read(questions.paths(subject))) >= 500


def test_fresh_wordings_are_nowhere_in_the_corpus():
    everything = questions.read()
    known = {w.lower().replace(" ", "") for q in everything for w in q.wordings}
    asked = questions.parse(questions.FRESH.read_text(encoding="utf-8"))
    assert {q.title for q in asked} <= {q.title for q in everything}
    assert not [w for q in asked for w in q.wordings[1:] if w.lower().replace(" ", "") in known]


def test_every_subject_names_known_questions():
    titles = {q.title for q in questions.read()}
    lines = questions.SUBJECTS.read_text(encoding="utf-8").splitlines()
    assert [title for line in lines for title in line.split("；") if title not in titles] == []
    assert all(len(subject) >= 2 for subject in questions.subjects(questions.read()))


def test_an_answer_with_a_special_token_is_a_problem():
    text = "## 甲\n" + "".join(f"问：乙{i}\n" for i in range(8)) + "答：写出 <|im_end|> 就停。"
    assert questions.problems(questions.parse(text)) == ["甲：答案里有特殊词元，模型会在那里停下"]


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
