"""写出网页里的模型的命令：不碰别的文件夹，缺了什么说什么，哪些行要带上；不用浏览器"""
import base64
import gzip
import importlib
import json
import re
import sys
from types import SimpleNamespace

import pytest
import torch
from servers.jupyterlab import ROOT

SITE = ROOT / "classroom" / "site"
LIVE = SITE / "live"


@pytest.fixture
def export(monkeypatch):
    """classroom/site/export.py 这个模块，还没有运行"""
    monkeypatch.syspath_prepend(SITE)
    return importlib.import_module("export")


def test_without_the_packages_it_says_what_to_install(export, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "graph", None)
    monkeypatch.setattr(sys, "argv", ["export.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"没有装.*\[site\]"):
        export.main()


def test_offline_it_says_so(export, monkeypatch, tmp_path):
    answer = SimpleNamespace(returncode=1, stderr="npm error code ENOTFOUND")
    npm = importlib.import_module("npm")
    monkeypatch.setattr(npm, "npm", lambda: "npm")
    monkeypatch.setattr(npm.subprocess, "run", lambda *command, **options: answer)
    with pytest.raises(SystemExit, match="(?s)联网.*ENOTFOUND"):
        export.bundle(tmp_path / "workshop")


def test_files_come_back_as_they_were(export, monkeypatch, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    data = bytes(range(256)) * 9
    (made / "some.bin").write_bytes(data)
    monkeypatch.setattr(export, "PART", 100)
    counts = export.pack(made, tmp_path)
    text = ""
    for number in range(counts["some"]):
        script = (tmp_path / f"some-{number}.js").read_text()
        text += json.loads(script.split(" = ")[1].rstrip(";\n"))
    assert counts["some"] > 1
    assert gzip.decompress(base64.b64decode(text)) == data


def test_the_regex_is_one_that_old_browsers_know(export):
    content = json.loads(export.tokenizer_json())
    regex = content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    assert "(?i" not in regex
    assert "[rR][eE]" in regex


def test_the_template_around_a_question(export, tokenizer):
    around = export.template(tokenizer)
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "你好"}], add_generation_prompt=True,
                                          tokenize=False)
    assert around["before"] + "你好" + around["after"] == asked


def test_every_package_is_pinned_with_its_checksum():
    wanted = json.loads((LIVE / "package.json").read_text(encoding="utf-8"))
    versions = [*wanted["dependencies"].values(), *wanted["devDependencies"].values()]
    assert all(re.fullmatch(r"[\d.]+", version) for version in versions)
    locked = json.loads((LIVE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    packages = [package for name, package in locked.items() if name]
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert all("resolved" not in package for package in packages)  # 用你自己的 npm 设置里的源


@pytest.mark.ci
def test_the_rows_that_were_never_trained_are_all_one(export, model):
    """训练过的各行和代表其余的那一行，合起来就是整个词嵌入；多少行，模型卡里也写着"""
    graph = importlib.import_module("graph")
    table = model.get_input_embeddings().weight.detach()
    ids = graph.trained_ids(table)
    rest = graph.untrained_row(table)
    rebuilt = rest.repeat(len(table), 1)
    rebuilt[ids] = table[ids]
    assert torch.equal(rebuilt, table)
    card = (ROOT / "helpers" / "tiny" / "checkpoint" / "README.md").read_text(encoding="utf-8")
    assert f"{len(table) - len(ids):,} 个编号没有训练过" in card
