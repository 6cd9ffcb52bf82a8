"""chat：与 apply_chat_template 相同，坏问题说清楚"""
import pytest

from helpers.chat import question_ids


def test_as_the_template_writes_it(tokenizer):
    messages = [{"role": "user", "content": " 你好 "}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert question_ids(tokenizer, " 你好 ") == tokenizer(text).input_ids


@pytest.mark.parametrize("question, kind, says", [
    ("", ValueError, "现在是空的"), (" \n", ValueError, "现在是空的"), (5, TypeError, "应是一段文字"),
    ("a\ud800", ValueError, "半个字符"),
    ("好" * 10_000, ValueError, "应不超过 200 个词元（连同模板），现在有 5018 个")])
def test_bad_questions(tokenizer, question, kind, says):
    with pytest.raises(kind, match=says):
        question_ids(tokenizer, question)
