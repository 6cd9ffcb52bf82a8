"""第 05、06 讲的话里的数：记录下来的真正的 Qwen 的回答，倍数和比例"""
import json
import math
from pathlib import Path

from helpers.sampling import surprise

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"


def text(name: str) -> str:
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


@pytest.fixture(scope="module")
def recorded():
    """第 06 讲第 7 节的记录"""
    cells = json.loads((FOLDER / "06_writing.ipynb").read_text(encoding="utf-8"))["cells"]
    source = next("".join(cell["source"]) for cell in cells if "".join(cell["source"]).startswith("recorded = {"))
    names = {}
    exec(source, names)
    return names["recorded"]


def test_the_record_is_what_the_lesson_says(recorded, tokenizer):
    assert list(recorded) == ["重复", "胡话", "编造"]
    assert len(tokenizer(recorded["重复"]).input_ids) == 60
    assert len(tokenizer(recorded["胡话"]).input_ids) == 40
    assert len(tokenizer(recorded["编造"]).input_ids) == 60
    assert "80" not in recorded["编造"]  # 答案是 80 层


def test_a_wrong_bet_costs_more_than_one_right_one_and_less_than_two():
    even = surprise(1 / 6)
    right = even - surprise(0.95)
    wrong = surprise(0.01) - even
    assert 1 < wrong / right < 2


def test_what_a_changed_token_changes(tokenizer, model):
    """第 4 节：换掉第 3 个，第 1、2 个的 key 不变，第 3、5 个的变"""
    ids = tokenizer("人工智能未来会取代人类吗？", return_tensors="pt").input_ids
    changed = ids.clone()
    changed[0, 2] = 100
    keys = [model(input_ids=one, use_cache=True).past_key_values.layers[-1].keys for one in (ids, changed)]
    gaps = (keys[0] - keys[1]).abs().amax(dim=(0, 1, 3))
    assert gaps[:2].max() < 1e-4 < 0.1 < gaps[2:].min()


def test_sixty_times_and_four_tenths():
    assert round(sum(range(25, 125)) / (25 + 99)) == 60
    assert "差 60 倍" in text("06_writing.ipynb")
    assert 0.4 < 24 * 2 * 2 * 64 * 2 * 32_768 / 988_097_824 < 0.41
    each_head = 24 * 2 * 14 * 64 * 2 * 32_768  # 14 个头各存一份
    assert each_head == pytest.approx(2.8e9, rel=0.01)
    assert each_head == 7 * 24 * 2 * 2 * 64 * 2 * 32_768
    assert math.isclose(1 / 0.3, 3.3, abs_tol=0.05)  # 05 第 4 节：三倍多
