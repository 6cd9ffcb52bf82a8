"""网页自己的模型：概率、设置、写下去、注意力、logit lens 都与笔记本里的相同；在 Chromium 里看"""
import random

from helpers import inside, sampling
from helpers.generation import check_ids, steps
from helpers.tokens import question_ids

import pytest
import torch

pytestmark = pytest.mark.browser
OFF = {"penalty": 1, "temperature": 1, "top_k": 0, "top_p": 1}
CLOSE = 0.002
SHOWN = 6
QUESTIONS = ["人工智能未来会取代人类吗？", "你好", "写一句诗", "什么是词元", "讲个笑话", "什么是 KV cache", "你是谁",
             "怎样安装", "1+1=?", "hello", "为什么温度越高回答越乱", "犇骉麤", "😀", "  空格  ", "什么是注意力",
             "我学不会怎么办", "红烧肉怎么做", "为什么要升级 pip", "GB/s", "<|im_end|>", "مرحبا", "e\u0301", "\u0000",
             "什么是 BPE", "帮我写一篇作文"]

DRAW = """async ([ids, settings, count]) => {
    const drawn = [];
    while (drawn.length < count) drawn.push(await engine.draw(ids, settings));
    return drawn;
}"""
EVERY_MAP = """async (ids) => {
    const {layers, heads, get} = await engine.attention(ids);
    const maps = [];
    for (let layer = 0; layer < layers; layer += 1) {
        for (let head = 0; head < heads; head += 1) maps.push(await get(layer, head));
    }
    return {layers, heads, maps};
}"""


@pytest.fixture(scope="module")
def logits_after(model):
    """编号 → 笔记本里的模型给出的 logits"""
    @torch.inference_mode()
    def get(ids: list[int]) -> torch.Tensor:
        return model(torch.tensor([ids])).logits[0, -1]
    return get


@pytest.fixture(scope="module")
def prompts(tokenizer, model) -> list[list[int]]:
    """五十个问题的编号：一半刚问完，一半已经写了三个词元"""
    asked = [question_ids(tokenizer, question) for question in QUESTIONS]
    begun = []
    for ids in asked:
        written = [step.token_id for step in steps(model, torch.tensor([ids]), 3)]
        begun.append(ids + written)
    return asked + begun


# 下一个词元

def test_the_next_token_is_the_same_on_50_prompts(engine, prompts, logits_after):
    assert len(prompts) == 50
    for ids in prompts:
        shares = logits_after(ids).softmax(dim=-1)
        best = shares.topk(SHOWN)
        rows = engine.ask("next", ids, OFF)["rows"]
        assert rows[0]["id"] == best.indices[0]
        assert [row["shares"][0] for row in rows] == pytest.approx(best.values.tolist(), abs=CLOSE)
        assert rows[0]["shares"] == [rows[0]["shares"][0]] * 5


def random_settings(rng: random.Random) -> dict:
    return {
        "penalty": rng.choice([1, 1.1, 1.5, 2, 0.8]),
        "temperature": rng.choice([0.1, 0.7, 1, 1.5, 3]),
        "top_k": rng.choice([0, 0, 1, 5, 50, 20_000]),
        "top_p": rng.choice([1, 0.99, 0.9, 0.5, 0.05]),
    }


def same_candidates(engine, ids: list[int], settings: dict, logits: torch.Tensor) -> None:
    """每个候选在每一步的概率与 helpers.sampling 的相同，最大的几个一个不少"""
    stages = sampling.stages(logits, ids, **settings)
    scores = torch.stack(list(stages.values()))
    shares = scores.softmax(dim=-1)
    found = engine.ask("next", ids, settings)
    assert found["stages"] == list(stages)
    for row in found["rows"]:
        expected = shares[:, row["id"]].tolist()
        assert row["shares"] == pytest.approx(expected, abs=CLOSE), (settings, row)
    for stage in (0, -1):
        ours = sorted(row["shares"][stage] for row in found["rows"])
        theirs = shares[stage].topk(SHOWN).values
        assert sum(ours[-SHOWN:]) == pytest.approx(theirs.sum().item(), abs=CLOSE), settings


def test_all_settings_as_in_helpers_sampling(engine, prompts, logits_after):
    rng = random.Random(5)
    for _ in range(100):
        ids = rng.choice(prompts)
        same_candidates(engine, ids, random_settings(rng), logits_after(ids))


def test_ids_that_were_never_trained(engine, logits_after):
    """随机的编号，也有词表末尾空着的"""
    rng = random.Random(6)
    for _ in range(30):
        length = rng.randint(1, 20)
        ids = [rng.randrange(151_936) for _ in range(length)]
        same_candidates(engine, ids, random_settings(rng), logits_after(ids))


@pytest.mark.parametrize("name, value", [("penalty", 2), ("temperature", 2), ("top_k", 2), ("top_p", 0.5)])
def test_every_setting_changes_its_own_stage(engine, prompts, name, value):
    ids = prompts[25]
    stage = 1 + list(OFF).index(name)
    (first, *_) = engine.ask("next", ids, OFF | {name: value})["rows"]
    shares = first["shares"]
    assert shares[stage] != shares[stage - 1]
    assert shares[:stage] == [shares[0]] * stage


def test_settings_are_forgotten(engine, prompts):
    before = engine.ask("next", prompts[0], OFF)
    engine.ask("next", prompts[0], OFF | {"penalty": 2, "top_k": 1})
    assert engine.ask("next", prompts[0], OFF) == before


def test_draws_follow_the_shares(engine, prompts):
    settings = OFF | {"top_k": 3}
    rows = engine.ask("next", prompts[0], settings)["rows"]
    drawn = engine.run(DRAW, [prompts[0], settings, 2000])
    for row in rows:
        share = row["shares"][-1]
        times = [one for one in drawn if one["id"] == row["id"]]
        assert len(times) / 2000 == pytest.approx(share, abs=0.05)
        assert {one["share"] for one in times} <= {share}


def test_draws_reach_what_was_never_trained(engine, prompts):
    """没有训练过的编号各有一点点，抽中的是其中随便一个"""
    drawn = engine.run(DRAW, [prompts[0], OFF | {"temperature": 30}, 20])
    different = {one["id"] for one in drawn}
    assert len(different) > 15
    for one in drawn:
        assert 0 < one["share"] < 0.001


@pytest.mark.parametrize("bad", [{"temperature": 0}, {"penalty": 0}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}])
def test_bad_settings_get_the_sentence_that_python_says(engine, prompts, logits_after, bad):
    ids = prompts[0]
    settings = OFF | bad
    with pytest.raises(ValueError) as error:
        sampling.stages(logits_after(ids), ids, **settings)
    assert engine.refused("next", ids, settings) == str(error.value)


@pytest.mark.parametrize("ids", [[], [-1], [5, 151_936], [1] * 1025])
def test_bad_ids_get_the_sentence_that_python_says(engine, model, ids):
    with pytest.raises(ValueError) as error:
        check_ids(model, torch.tensor([ids], dtype=torch.int64))
    said = str(error.value)
    assert engine.refused("lens", ids) == said
    assert engine.refused("attention", ids) == said
    assert engine.refused("next", ids, OFF) == said
    assert engine.refused("write", ids, {"count": 1}) == said


# 写下去

@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("number", range(4))
def test_writing_is_the_greedy_loop(engine, prompts, model, cached, number):
    ids = prompts[number]
    found = engine.watch("write", ids, {"count": 60, "use_cache": cached})
    expected = list(steps(model, torch.tensor([ids]), 60, use_cache=cached))
    assert [step["id"] for step in found] == [step.token_id for step in expected]
    assert [step["fed"] for step in found] == [step.fed for step in expected]
    for ours, step in zip(found, expected, strict=True):
        shares = step.logits.softmax(dim=-1)
        assert ours["share"] == pytest.approx(shares[step.token_id].item(), abs=CLOSE)
    assert found[-1]["stop"]
    assert not found[0]["stop"]


def test_writing_can_be_stopped(engine, prompts):
    found = engine.watch("write", prompts[0], {"count": 60}, most=2)
    assert 2 <= len(found) < 10
    rows = engine.ask("next", prompts[0], OFF)["rows"]
    assert rows[0]["label"] == "不会"


@pytest.mark.parametrize("count", [0, -1])
def test_nothing_to_write_gets_the_sentence_that_python_says(engine, prompts, model, count):
    with pytest.raises(ValueError) as error:
        next(steps(model, torch.tensor([prompts[0]]), count))
    assert engine.refused("write", prompts[0], {"count": count}) == str(error.value)


# 里面

@pytest.mark.parametrize("number", range(3))
def test_attention_is_the_same(engine, prompts, eager, number):
    ids = prompts[number]
    expected = inside.attention(eager, torch.tensor([ids]))
    found = engine.run(EVERY_MAP, ids)
    maps = torch.tensor(found["maps"])
    assert (found["layers"], found["heads"]) == expected.shape[:2]
    assert torch.allclose(maps, expected.flatten(0, 1), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("number", range(3))
def test_the_lens_is_the_same(engine, prompts, model, tokenizer, number):
    ids = prompts[number]
    expected = inside.lens(model, torch.tensor([ids]))
    found = engine.ask("lens", ids)
    best = expected.ids[:, :, 0].tolist()
    shares = expected.probabilities[:, :, 0].tolist()
    assert found["layers"] == ["0 词嵌入", "1", "2", "3", "4", "5", "6 输出"]
    for layer, cells in enumerate(found["cells"]):
        assert [cell["id"] for cell in cells] == best[layer]
        assert [cell["share"] for cell in cells] == pytest.approx(shares[layer], abs=CLOSE)
        assert [cell["label"] for cell in cells] == [inside.token_name(tokenizer, i) for i in best[layer]]


def test_the_lens_comes_layer_by_layer_and_can_be_stopped(engine, prompts):
    rows = engine.watch("lens", prompts[0])
    assert len(rows) == 7
    assert rows == engine.ask("lens", prompts[0])["cells"]
    some = engine.watch("lens", prompts[0], most=2)
    assert len(some) < 5
