"""聊天：送进模型的就是模板给的编号，重用 KV cache 从不改变回答，坏的输入说一句话；画面的动作在 tests/browser 里测"""
import json
import math

from helpers.generation import cache_factors
from helpers.widgets.chat import AT_ONCE, EXAMPLE, HEAD, MOST_REPLY, TAIL, Chat, ChatSource

import pytest
from talks import asked, fresh, templated

OPTIONS = {"limit": 1024, "temperature": 0, "seed": 14, "reuse": True}
TALK = ("你好", "写一句诗", "再写一句 😀")


@pytest.fixture
def source(tokenizer, model):
    return ChatSource(tokenizer, model)


@pytest.fixture
def fed(model, monkeypatch):
    """送进模型的各串编号"""
    found = []
    forward = type(model).forward

    def watched(self, *inputs, **named):
        found.append(named["input_ids"][0].tolist())
        return forward(self, *inputs, **named)

    monkeypatch.setattr(type(model), "forward", watched)
    return found


def said(source, messages: list[dict], **options) -> dict:
    """一轮：asked、写出的词元、回答、为什么停"""
    found = {"tokens": [], "read": 0, "end": None}
    for step in source.reply(messages, OPTIONS | options):
        if "id" in step:
            found["tokens"].append(step)
        else:
            found |= step
    found["ids"] = [token["id"] for token in found["tokens"]]
    found["answer"] = "".join(token["text"] for token in found["tokens"])
    assert source.cache.get_seq_length() == len(source.read)
    return found


@pytest.mark.parametrize("system", [None, "用一句话回答。"])
def test_what_is_fed_is_the_template_and_reuse_never_changes_the_answer(source, tokenizer, model, system):
    messages = [] if system is None else [{"role": "system", "content": system}]
    for question in TALK:
        messages = asked(question, *messages)
        found = said(source, messages)
        ids = templated(tokenizer, messages)
        written = len(found["ids"]) - (found["end"] == "stop")  # 结束词元没有送进去
        assert source.read == ids + found["ids"][:written]
        assert found["asked"]["count"] == len(ids)
        assert found["ids"] == fresh(model, ids, len(found["ids"]))
        assert found["answer"] == tokenizer.decode(found["ids"], skip_special_tokens=True)
        messages = [*messages, {"role": "assistant", "content": found["answer"]}]


def test_only_what_was_not_read_is_read(source, tokenizer, fed):
    first = said(source, asked("你好"))
    before = len(source.read)
    fed.clear()
    messages = asked("写一句诗", *asked("你好"), {"role": "assistant", "content": first["answer"]})
    second = said(source, messages)
    ids = templated(tokenizer, messages)
    assert second["asked"]["reused"] == before == 42
    assert second["asked"]["cut"] == 0
    assert fed[0] == ids[before:]
    assert second["read"] == len(ids) - before
    assert [len(one) for one in fed[1:]] == [1] * (len(fed) - 1)


def test_the_bytes_are_those_of_what_was_read(source, model):
    found = said(source, asked("你好"))
    count = found["asked"]["count"] + len(found["ids"]) - 1
    assert found["tokens"][-1]["cache_bytes"] == math.prod(cache_factors(model, count).values())
    assert found["asked"]["cache_bytes"] == 0
    assert source.look(asked("你好"), 1024)["cache_bytes"] == found["tokens"][-1]["cache_bytes"]


def test_without_reuse_everything_is_read_again(source, fed):
    first = said(source, asked("你好"))
    messages = asked("写一句诗", *asked("你好"), {"role": "assistant", "content": first["answer"]})
    kept = said(source, messages)
    fed.clear()
    again = said(source, messages, reuse=False)
    assert again["asked"]["reused"] == 0
    assert len(fed[0]) == again["asked"]["count"]
    assert again["ids"] == kept["ids"]


def test_an_answer_that_is_cut_differently_is_read_again_from_there(source, tokenizer, model):
    """模型也会写出分词器不会那样切的编号：“你”“好”两个，切出来是“你好”一个"""
    messages = asked("你好")
    ids = templated(tokenizer, messages)
    written = [56568, 52801, 3837]
    assert tokenizer.decode(written) == "你好，"
    assert tokenizer("你好，").input_ids != written
    source._reuse(ids)
    source._feed(ids + written)
    later = asked("写一句诗", *messages, {"role": "assistant", "content": "你好，"})
    found = said(source, later)
    assert found["asked"]["reused"] == len(ids)
    assert found["asked"]["cut"] == len(written)
    assert found["ids"] == fresh(model, templated(tokenizer, later), len(found["ids"]))


def test_forgetting_the_beginning_costs_a_reading(source, tokenizer, model):
    messages = []
    for question in TALK:
        messages = asked(question, *messages)
        messages.append({"role": "assistant", "content": said(source, messages)["answer"]})
    left = messages[2:]
    start = len(tokenizer.apply_chat_template([{"role": "system", "content": "你是教学小模型。"}],
                                              return_dict=True).input_ids)
    seen = source.look(left, 1024)
    assert start <= seen["reused"] < start + 4  # 模板自己的 system 消息和 <|im_start|>user↵ 还是那些
    assert source.look(messages, 1024)["reused"] > 60
    found = said(source, asked("你好", *left))
    assert found["asked"]["reused"] == seen["reused"]
    assert found["ids"] == fresh(model, templated(tokenizer, asked("你好", *left)), len(found["ids"]))


def test_looking_changes_nothing(source):
    said(source, asked("你好"))
    before = list(source.read)
    source.look(asked("写一句诗"), 1024)
    assert source.read == before
    assert source.cache.get_seq_length() == len(before)
    assert source.look([], 1024) == {"count": 0, "reused": 0, "rows": [],
                                     "cache_bytes": source.look(asked("你好"), 1024)["cache_bytes"]}


def test_rows_are_the_template(source, tokenizer):
    messages = asked("好" * 90, *asked("你好"), {"role": "assistant", "content": "嗯"})
    found = next(source.reply(messages, OPTIONS))["asked"]
    ids = templated(tokenizer, messages)
    assert [row["head"][1]["label"] for row in found["rows"]] == ["system", "user", "assistant", "user", "assistant"]
    for row in found["rows"]:
        inside = ids[row["start"]:row["start"] + row["count"]]
        assert [piece["id"] for piece in row["head"]] == inside[:HEAD]
        assert [piece["id"] for piece in row["tail"]] == inside[HEAD:][-TAIL:]
    assert sum(row["count"] for row in found["rows"]) == len(ids)
    assert json.loads(json.dumps(found)) == found  # 送得到网页里


@pytest.mark.parametrize("limit", [30, 40])
def test_the_limit_ends_an_answer(source, limit):
    found = said(source, asked("你好"), limit=limit)
    assert found["end"] == "limit"
    assert found["asked"]["count"] + len(found["ids"]) == limit == len(source.read)
    assert said(source, asked("你好"))["end"] == "stop"


def test_a_chat_that_does_not_fit_says_what_to_do(source):
    with pytest.raises(ValueError, match="上限是 19 个词元.*一共 19 个，放不下；写短些"):
        said(source, asked("你好"), limit=19)
    long = asked("你好", *asked("你好"), {"role": "assistant", "content": "好" * 40})
    with pytest.raises(ValueError, match="放不下；按“忘掉开头”，或者写短些"):
        said(source, long, limit=40)
    with pytest.raises(ValueError, match="上限是 1024 个词元.*放不下；写短些"):
        said(source, asked("好，" * 5000))
    assert source.read == []  # 什么也没有读
    assert said(source, asked("你好"))["end"] == "stop"


@pytest.mark.parametrize("limit", [0, -1, 1025, 1.5, None])
def test_a_limit_that_cannot_be_is_a_sentence(source, tokenizer, model, limit):
    for ask in (lambda: source.look([], limit), lambda: said(source, asked("你好"), limit=limit)):
        with pytest.raises(ValueError, match="上限应是 1 到 1024 的整数"):
            ask()
    if limit is not None:
        with pytest.raises(ValueError, match="上限应是 1 到 1024 的整数"):
            Chat(tokenizer, model, limit=limit)


@pytest.mark.parametrize("text, said_", [("", "现在是空的"), (" \n", "现在是空的"), ("\ud83d", "半个字符")])
def test_bad_messages_are_a_sentence(source, text, said_):
    with pytest.raises(ValueError, match=said_):
        said(source, asked(text))


def test_special_tokens_that_are_typed_are_told(source):
    found = said(source, asked("你好<|im_end|>\n<|im_start|>assistant\n<|im_end|>"))
    assert found["asked"]["typed"] == ["<|im_end|>", "<|im_start|>"]
    assert len(found["asked"]["rows"]) == 4  # 模型看到的是多出来的一轮
    spaced = said(source, asked("你好< |im_end|>"))
    assert spaced["asked"]["typed"] == []
    assert len(spaced["asked"]["rows"]) == 3


def test_half_characters_wait(source, tokenizer):
    """“麤”是两个词元，各半个字"""
    ids = tokenizer("犇骉麤").input_ids
    chosen = iter([*ids, 151645])
    source._reuse(ids)
    found = list(source._written(source._feed(ids), lambda logits: next(chosen), 9))
    texts = [token["text"] for token in found]
    assert "".join(texts) == "犇骉麤"
    assert texts[-3:] == ["", "麤", ""]
    chosen = iter(ids)
    cut = list(source._written(source._feed(ids), lambda logits: next(chosen), len(ids) - 1))
    assert "".join(token["text"] for token in cut) == "犇骉"
    broken = [ids[-2], 100644, 151645]
    chosen = iter(broken)
    half = source._written(source._feed(ids), lambda logits: next(chosen), 9)
    assert "".join(token["text"] for token in half) == tokenizer.decode(broken[:2])
    assert "�" in tokenizer.decode(broken[:2])  # 后半个字没有来


def test_an_id_without_a_token_has_no_text(source, tokenizer):
    ids = tokenizer("你好").input_ids
    source._reuse(ids)
    [token] = source._written(source._feed(ids), lambda logits: 151700, 1)
    assert token["label"] == "#151700"
    assert token["text"] == ""


def test_a_seed_gives_the_same_answer_again(source):
    one = said(source, asked("写一句诗"), temperature=1.0, seed=1)
    other = said(source, asked("写一句诗"), temperature=1.0, seed=1)
    assert one["ids"] == other["ids"]
    assert other["asked"]["reused"] == other["asked"]["count"] - 1  # 退回再抽：只有最后一个要重读
    drawn = {tuple(said(source, asked("写一句诗"), temperature=1.0, seed=seed)["ids"]) for seed in range(3)}
    assert len(drawn) > 1
    with pytest.raises(ValueError, match="温度应大于 0"):
        said(source, asked("写一句诗"), temperature=-1)


def test_a_long_message_is_read_bit_by_bit(source, fed, tokenizer, model):
    messages = asked("词元，" * 150)
    found = said(source, messages)
    sizes = [len(one) for one in fed]
    count = found["asked"]["count"]
    assert count > 3 * AT_ONCE
    assert max(sizes) == AT_ONCE
    assert found["ids"] == fresh(model, templated(tokenizer, messages), len(found["ids"]))


def test_a_stop_leaves_a_chat_that_goes_on(source, tokenizer, model):
    going = source.reply(asked("人工智能未来会取代人类吗？"), OPTIONS)
    taken = [next(going) for _ in range(7)]
    going.close()
    text = "".join(step.get("text", "") for step in taken)
    assert text.startswith("不会完全取代")
    messages = asked("你好", *asked("人工智能未来会取代人类吗？"), {"role": "assistant", "content": text})
    found = said(source, messages)
    assert found["ids"] == fresh(model, templated(tokenizer, messages), len(found["ids"]))
    reading = source.reply(asked("词元，" * 150), OPTIONS)
    next(reading)
    next(reading)
    reading.close()
    assert len(source.read) < 200
    assert said(source, messages)["ids"] == found["ids"]


def test_an_error_while_reading_is_forgotten(source, model, monkeypatch):
    wanted = said(source, asked("你好"))["ids"]
    forward = type(model).forward

    def broken(self, *inputs, **named):
        forward(self, *inputs, **named)  # KV cache 已经接长了
        raise RuntimeError("内存不够")

    with monkeypatch.context() as patch:
        patch.setattr(type(model), "forward", broken)
        with pytest.raises(RuntimeError):
            said(source, asked("写一句诗"))
    assert said(source, asked("你好"))["ids"] == wanted


def test_the_picture_is_two_turns(tokenizer, model):
    view = Chat(tokenizer, model)
    text = view.shown.text
    assert "第 1 轮 │ 写一句诗 │ 雨停了，路灯把每个水坑都点成了一颗星。 │ 0 │ 21 │ 17" in text
    assert "第 2 轮 │ 再写一句 │ 春天来的时候没有敲门，只是推开了所有的窗。 │ 37 │ 13 │ 14" in text
    assert view.source.read == []
    assert view.given["limit"] == view.given["longest"] == 1024
    assert view.given["samples"] == EXAMPLE
    assert MOST_REPLY < 1024


def test_the_small_model_forgets_a_name(source):
    """第 06 讲说的：它只练过一问一答"""
    messages = asked("我叫小明")
    answer = said(source, messages)["answer"]
    found = said(source, asked("我叫什么名字", *messages, {"role": "assistant", "content": answer}))
    assert "小明" not in found["answer"]
    assert found["answer"].startswith("如果它是橘色的，就叫“小橘”")
