"""思考和回答在 </think> 处分开；没有这个词元的分词器，写的全是回答"""
from helpers.generation import THINK_END, THINK_START, UNFINISHED, AnswerStreamer, tag_id, thinks, thought_and_answer

import pytest
import torch
from qwen3_like import TEMPLATE, thinker

QUESTION = [{"role": "user", "content": "你好"}]
ASKED = "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n"


def apart(tokenizer, prompt: str, written: str) -> tuple[str, str]:
    """prompt 后面写出了 written，分开"""
    asked = tokenizer(prompt).input_ids
    row = asked + tokenizer(written).input_ids
    return thought_and_answer(tokenizer, torch.tensor(row), len(asked))


def shown(capsys, tokenizer, prompt: str, written: str) -> str:
    """同样的，一个一个地交给 AnswerStreamer，屏幕上有什么"""
    streamer = AnswerStreamer(tokenizer)
    streamer.put(tokenizer(prompt, return_tensors="pt").input_ids)
    for token_id in tokenizer(written).input_ids:
        streamer.put(torch.tensor([token_id]))
    streamer.end()
    return capsys.readouterr().out


def test_the_tags_are_tokens_of_qwen3_only(tokenizer, qwen3):
    assert tag_id(qwen3, THINK_END) == 151668
    assert tag_id(qwen3, THINK_START) == 151667
    assert tag_id(tokenizer, THINK_END) is None


def test_a_tokenizer_that_has_an_unknown_token_has_no_tags():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"你好": 0, "<unk>": 1}, unk_token="<unk>"))
    assert tag_id(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"), THINK_END) is None


def test_who_thinks_without_being_told(tokenizer, qwen3):
    assert thinks(qwen3) is True
    assert thinks(tokenizer) is None
    asks_first = thinker(tokenizer)  # Qwen3.5-0.8B：没有说就不思考
    asks_first.chat_template = TEMPLATE.replace("enable_thinking is defined and", "enable_thinking is not defined or")
    assert thinks(asks_first) is False


@pytest.mark.parametrize("prompt, written, thought, answer", [
    (ASKED, "<think>\n打个招呼。\n</think>\n\n你好！<|im_end|>", "打个招呼。", "你好！"),
    (ASKED + "<think>\n", "打个招呼。\n</think>\n\n你好！<|im_end|>", "打个招呼。", "你好！"),  # Qwen3.5 打开了思考
    (ASKED + "<think>\n\n</think>\n\n", "你好！<|im_end|>", "", "你好！"),
    (ASKED, "你好！<|im_end|>", "", "你好！"),
    (ASKED, "<think>\n一</think>二</think>\n\n三", "一</think>二", "三"),
    (ASKED, "<think>\n打个", "打个", UNFINISHED),
    (ASKED + "<think>\n", "打个", "打个", UNFINISHED),
    (ASKED.replace("你好", "<think>"), "你好！", "", "你好！"),  # 学生自己写的标记不算
])
def test_taken_apart(capsys, qwen3, prompt, written, thought, answer):
    assert apart(qwen3, prompt, written) == (thought, answer)
    seen = shown(capsys, qwen3, prompt, written)
    assert seen.rstrip().endswith(answer)
    assert ("【思考】" in seen) == bool(thought)
    assert ("【回答】" in seen) == (THINK_END in written)


@pytest.mark.parametrize("written", ["你好！<|im_end|>", "<think>\n想</think>\n好<|im_end|>", "<think>"])
def test_nothing_changes_without_the_tags(capsys, tokenizer, written):
    answer = tokenizer.decode(tokenizer(written).input_ids, skip_special_tokens=True)
    assert apart(tokenizer, ASKED, written) == ("", answer)
    assert shown(capsys, tokenizer, ASKED, written) == answer + "\n"


def test_the_answer_is_that_of_the_documentation(qwen3):
    """Qwen 的文档：倒着找 151668，从它后面开始"""
    row = qwen3("<think>\n打个招呼。\n</think>\n\n你好！<|im_end|>").input_ids
    index = len(row) - row[::-1].index(151668)
    content = qwen3.decode(row[index:], skip_special_tokens=True).strip("\n")
    assert thought_and_answer(qwen3, torch.tensor(row), 0)[1] == content
