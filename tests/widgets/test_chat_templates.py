"""聊天用别的对话模板：一条消息一行，说过的话都在；不认得开头的模板是一行"""
from copy import deepcopy

from helpers.widgets.chat import Chat, ChatSource

import pytest
from talks import asked, fresh, templated
from transformers import AutoModelForCausalLM, AutoTokenizer

OPTIONS = {"limit": 200, "temperature": 0, "seed": 14, "reuse": True}
TALK = [*asked("你好"), {"role": "assistant", "content": "嗯"}, *asked("写一句诗")]

# 各家的写法：每个角色自己的词元（Phi）；问题夹在两个词元中间，回答前面什么也没有（Mistral）；都是普通的文字
PHI = "{%- for message in messages %}{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{%- endfor %}" \
      "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{%- endif %}"
MISTRAL = "{%- for message in messages %}{%- if message.role == 'user' %}{{ '[INST]' + message.content + '[/INST]' }}" \
          "{%- else %}{{ message.content + '<|end|>' }}{%- endif %}{%- endfor %}"
WORDS = "{%- for message in messages %}{{ message.role + '：' + message.content + '\\n' }}{%- endfor %}" \
        "{%- if add_generation_prompt %}{{ 'assistant：' }}{%- endif %}"
MARKS = ["<|user|>", "<|assistant|>", "<|end|>", "[INST]", "[/INST]"]


@pytest.fixture(scope="module")
def llama(llama_folder):
    """Llama 形状的检查点：分词器和模型"""
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    return tokenizer, AutoModelForCausalLM.from_pretrained(llama_folder, dtype="float32")


@pytest.fixture
def other(tokenizer):
    """other(模板)：同一个分词器，换一个模板"""
    def changed(template: str):
        again = deepcopy(tokenizer)
        again.add_tokens(MARKS)
        again.chat_template = template
        return again

    return changed


def drawn(source, messages: list[dict]) -> list[str]:
    """说到这里，右边的各行：一行的词元连起来"""
    return ["".join(piece["label"] for piece in row["head"]) for row in source.look(messages, 200)["rows"]]


def test_a_llama_chat_has_a_row_for_each_message(llama):
    rows = drawn(ChatSource(*llama), TALK)
    assert rows[0] == "<|begin_of_text|>"
    assert rows[1].startswith("<|start_header_id|>system<|end_header_id|>↵↵Cutting")
    assert rows[2:] == [
        "<|start_header_id|>user<|end_header_id|>↵↵你好<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>↵↵嗯<|eot_id|>",
        "<|start_header_id|>user<|end_header_id|>↵↵写一句诗<|eot_id|>",
    ]


def test_a_llama_chat_goes_on(llama):
    tokenizer, model = llama
    source = ChatSource(tokenizer, model)
    taken = list(source.reply(asked("你好"), OPTIONS | {"limit": 60}))
    answer = "".join(step.get("text", "") for step in taken)
    messages = asked("写一句诗", *asked("你好"), {"role": "assistant", "content": answer})
    seen = source.look(messages[:-1], 200)
    found = next(source.reply(messages, OPTIONS))["asked"]
    ids = templated(tokenizer, messages)
    roles = [row["head"][1]["label"] for row in found["rows"][1:]]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert sum(row["count"] for row in found["rows"]) == len(ids)
    assert found["reused"] == seen["reused"] > taken[0]["asked"]["count"] - 1
    written = [step["id"] for step in source.reply(messages, OPTIONS) if "id" in step]
    assert written == fresh(model, ids, len(written))


def test_the_picture_of_a_llama_chat(llama):
    text = Chat(*llama).shown.text
    assert "第 2 轮 │ 再写一句" in text


@pytest.mark.parametrize("template, rows", [
    (PHI, ["<|user|>你好<|end|>", "<|assistant|>嗯<|end|>", "<|user|>写一句诗<|end|>"]),
    (MISTRAL, ["[INST]你好[/INST]嗯<|end|>", "[INST]写一句诗[/INST]"]),
    (WORDS, ["user：你好↵assistant：嗯↵user：写一句诗↵"]),
])
def test_other_ways_to_open_a_message(other, model, template, rows):
    source = ChatSource(other(template), model)
    assert drawn(source, TALK) == rows
    assert "嗯" in drawn(source, TALK[:2])[-1]  # 最后一个回答也在


def test_an_earlier_answer_without_its_thought_is_a_row(qwen3, model):
    said = {"role": "assistant", "content": "<think>\n打个招呼。\n</think>\n\n你好！"}
    assert drawn(ChatSource(qwen3, model), [*asked("你好"), said]) == [
        "<|im_start|>user↵你好<|im_end|>↵",
        "<|im_start|>assistant↵你好！<|im_end|>↵",
    ]
