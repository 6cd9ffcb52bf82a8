"""练习“哪几行会运行别人的代码”：八行都真的做一遍，看别人的代码运行了没有"""
import json
import pickle
from pathlib import Path

from helpers.exercises.week14 import runs_foreign_code
from helpers.exercises.week14.runs_foreign_code import LINES, RIGHT

import numpy
import pytest
import safetensors.torch
import torch
from answers import accepted, refused, sources
from transformers import AutoConfig, dynamic_module_utils


@pytest.fixture
def exercise():
    return runs_foreign_code.exercise()


# ---- 真的试一遍 ----

class Trap:
    """读回来的时候，在 mark 那里留下一个文件"""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """别人发来的文件，每一种都尽量藏着代码；运行了，就会出现 mark"""
    mark = tmp_path / "mark"
    trap = Trap(mark)
    (tmp_path / "成绩.pkl").write_bytes(pickle.dumps(trap))
    torch.save({"weight": trap}, tmp_path / "weights.pt")
    weights = {"weight": torch.zeros(2)}
    note = {"run": f"Path({str(mark)!r}).touch()"}
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors", metadata=note)
    numpy.save(tmp_path / "vectors.npy", numpy.array([trap], dtype=object), allow_pickle=True)
    shop = tmp_path / "shop"
    shop.mkdir()
    config = {"model_type": "stranger", "auto_map": {"AutoConfig": "code.StrangerConfig"}}
    (shop / "config.json").write_text(json.dumps(config))
    (shop / "code.py").write_text(f"""
from pathlib import Path
from transformers import PretrainedConfig
Path({str(mark)!r}).touch()
class StrangerConfig(PretrainedConfig):
    model_type = "stranger"
""")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    return tmp_path


@pytest.mark.parametrize("letter", LINES)
def test_each_line_was_really_tried(folder, letter):
    known = {"pickle": pickle, "torch": torch, "safetensors": safetensors, "numpy": numpy, "json": json, "Path": Path,
             "AutoConfig": AutoConfig}
    try:
        eval(LINES[letter], known)
        refused = False
    except (pickle.UnpicklingError, ValueError):
        refused = True
    assert (folder / "mark").exists() == (letter in RIGHT)
    assert refused == (letter in "BE")


# ---- 对的 ----

@pytest.mark.parametrize("answer", [RIGHT, "GFCA", "a c f g", "A、C、F、G", "A，C，F 和 G", "ＡＣＦＧ", "AACFG",
                                    " acfg\n",
                                    ["A", "C", "F", "G"], ("g", "f", "c", "a"), set(RIGHT)])
def test_right(exercise, answer):
    note = accepted(exercise, answer)
    for letter in LINES:
        assert f"\n{letter} " in note.text


# ---- 错的 ----

WRONG = [
    ("ABCFG", "多选了 1 个。"),
    ("ABCFG", "什么也不写时"),
    ("ACF", "漏了 1 个。"),
    ("ACF", "认识的词"),
    ("AG", "漏了 2 个"),
    ("CFG", "发来的人说的"),
    ("AFG", "去掉的是哪一道门"),
    ("ACG", "没有权重"),
    ("ACDFG", "还有放做法的地方吗"),
    ("ACEFG", "我来过.txt"),
    ("ACFGH", "读成一个字典"),
    ("BDEH", "多选了 4 个，漏了 4 个"),
    ("ABC", "多选了 1 个，漏了 2 个"),
    ("ABCDEFGH", "现在全选了"),
    ("", "一个也没有"),
    ([], "一个也没有"),
    ("、", "一个也没有"),
    ("ACFGX", "A 到 H"),
    ("pickle", "A 到 H"),
    ("1, 3, 6, 7", "A 到 H"),
    ([1, 3, 6, 7], "A 到 H"),
    (4, "应是几个字母"),
    (True, "应是几个字母"),
    ({"A": True}, "应是几个字母"),
    (b"ACFG", "应是几个字母"),
    (print, "应是几个字母"),
    (None, "None"),
]


@pytest.mark.parametrize("answer, says", WRONG)
def test_wrong(exercise, answer, says):
    refused(exercise, answer, says)


def test_unanswered(exercise):
    assert exercise.check(...).mark == "○"


def test_the_solution_passes(exercise):
    space: dict = {}
    exec(exercise.code, space)
    assert exercise.check(space["answer_12"]).mark == "✓"


def test_the_notebook_shows_the_eight_lines():
    cells = sources(14)
    statement = cells[cells.index("answer_12 = ...") - 1]
    for letter, line in LINES.items():
        assert f"| {letter} | `{line}` |" in statement
