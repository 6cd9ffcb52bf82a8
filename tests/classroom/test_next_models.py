"""classroom/model.md 里“明年换哪个模型”：每个数都由配置搭出来数，每段程序都能运行，思考的设置就是代码里的"""
import re
from pathlib import Path

from helpers.generation import THINK_END, UNFINISHED, cache_bytes, keeps_every_token, tag_id, thinks
from helpers.model import OTHER_BYTES
from helpers.widgets.chat import KEPT, MOST_REPLY, THINKING_HEAT, THINKING_KEPT

import nbformat
import pytest
import torch
from checkpoints import random_model, saved
from every_cell import failed, started
from pages import NOTEBOOKS
from qwen3_like import scripted, thinker, with_pictures
from servers.jupyterlab import ROOT
from shapes import QWEN2, QWEN3
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    Qwen3_5TextConfig,
)

PAGE = (ROOT / "classroom" / "model.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## 明年换哪个模型")[2]
BYTES = "一个词元的 KV cache，16 位，字节"
CODE = re.findall(r"```python\n(.*?)```", SECTION, re.S)
CONFIGS = [
    QWEN2,
    QWEN3,
    Qwen3_5TextConfig(vocab_size=248_320, hidden_size=1_024, intermediate_size=3_584, num_hidden_layers=24,
                      num_attention_heads=8, num_key_value_heads=2, head_dim=256, linear_num_key_heads=16,
                      linear_num_value_heads=16, linear_key_head_dim=128, linear_value_head_dim=128,
                      linear_conv_kernel_dim=4, tie_word_embeddings=True, max_position_embeddings=262_144)]


def rows() -> dict[str, list[str]]:
    """页上各张表的行：第一格 → 后面的各格"""
    found = {}
    for line in SECTION.splitlines():
        if line.startswith("|"):
            name, *cells = re.split(r"\s*\|\s*", line.strip("| "))
            found[name] = cells
    return found


def numbers(*texts: str) -> list[float]:
    """文字里的各个数。例: numbers("24，其中 18 层") -> [24, 18]"""
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", " ".join(texts))
    return [float(number.replace(",", "")) for number in found]


ROWS = rows()


@pytest.fixture(scope="module")
def outlines():
    """三个模型，只有形状，没有权重"""
    with torch.device("meta"):
        return [AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16) for config in CONFIGS]


@pytest.fixture(scope="module")
def cached(outlines):
    """几个词元的缓存有几个字节：cached(第几个模型, 几个词元)"""
    def count(place: int, tokens: int) -> int:
        ids = torch.zeros(1, tokens, dtype=torch.int64, device="meta")
        return cache_bytes(outlines[place](ids).past_key_values)

    return count


@pytest.fixture(scope="module")
def weights(outlines):
    """各有几个参数"""
    return [model.num_parameters() for model in outlines]


def test_the_parameters(weights):
    assert weights == [494_032_768, 596_049_920, 752_393_024]
    for count, parameters, gigabytes in zip(weights, ROWS["参数"], ROWS["16 位的权重，GB"], strict=True):
        assert numbers(parameters)[0] == count
        assert gigabytes == f"{2 * count / 1e9:.2f}"
    assert 4 * max(weights) + OTHER_BYTES < 8e9  # 32 位也放得进 8 GB


@pytest.mark.parametrize("place", range(3))
def test_the_shapes(outlines, place):
    config = CONFIGS[place]
    layers = outlines[place].model.layers
    shape = {
        "层": [len(layers)],
        "宽度，头宽": [config.hidden_size, layers[-1].self_attn.head_dim],
        "注意力头，KV 头": [config.num_attention_heads, config.num_key_value_heads],
        "词嵌入的行（编号有几个）": [config.vocab_size],
        "最多读几个词元": [config.max_position_embeddings],
    }
    for name, wanted in shape.items():
        said = numbers(ROWS[name][place])
        assert said[:len(wanted)] == wanted


def test_the_linear_layers():
    kinds = CONFIGS[2].layer_types
    assert numbers(ROWS["层"][2]) == [len(kinds), kinds.count("linear_attention")] == [24, 18]
    assert "24 层里只有 6 层" in SECTION
    assert kinds.count("full_attention") == 6
    kept = [keeps_every_token(DynamicCache(config=config)) for config in CONFIGS]
    assert kept == [True, True, False]


@pytest.mark.parametrize("place", range(3))
def test_the_bytes_of_a_token(cached, place):
    one = cached(place, 1)
    two = cached(place, 2)
    thousand = cached(place, 1000) / 1e6
    said = ROWS[BYTES][place]
    assert numbers(said)[0] == two - one
    assert ROWS["1,000 个词元的缓存，MB"][place] == f"{thousand:.1f}"


def test_the_bytes_compared(cached):
    grown, state = numbers(ROWS[BYTES][2])
    assert cached(2, 1) == grown + state
    assert state == 19_759_104
    now = cached(0, 10_000)
    qwen3 = cached(1, 10_000)
    assert f"现在的 {qwen3 / now:.1f} 倍" in SECTION
    assert f"缓存是 {qwen3 / 1e9:.2f} GB" in SECTION
    assert f"现在的是 {now / 1e9:.2f} GB" in SECTION


def test_the_speed(weights):
    now, qwen3, qwen3_5 = weights
    assert f"{now / qwen3:.2f} 倍和 {now / qwen3_5:.2f} 倍" in SECTION
    written = [6.5, 5.1, 4.0]  # 量的
    read = [0.51, 0.67, 1.76]
    assert "一秒写 6.5、5.1、4.0 个" in SECTION
    assert "0.51、0.67、1.76 秒" in SECTION
    assert f"慢 {read[2] / read[0]:.1f} 倍，是因为" in SECTION
    assert written[1] / written[0] == pytest.approx(now / qwen3, abs=0.06)
    assert written[2] / written[0] == pytest.approx(now / qwen3_5, abs=0.06)
    assert "1,000 个词元的思考，一秒写 10 个，就是 100 秒" in SECTION
    assert 1_000 / 10 == 100


def test_the_download(weights):
    output = CONFIGS[1].vocab_size * CONFIGS[1].hidden_size  # 另存的一份
    assert f"约 {2 * (weights[1] + output) / 1e9:.1f} GB，文件里输出那张表另存了一份" in SECTION


def test_the_settings_are_those_of_the_code():
    temperature, top_p, top_k = numbers(*ROWS["思考（也是 `generation_config.json` 里写的）"])
    assert temperature == THINKING_HEAT
    assert {"top_k": top_k, "top_p": top_p} == THINKING_KEPT
    temperature, top_p, top_k = numbers(*ROWS["不思考"])
    assert temperature == 0.7
    assert {"top_k": top_k, "top_p": top_p} == KEPT
    assert f"聊天的温度从 {THINKING_HEAT} 开始" in SECTION


def test_the_budgets_are_those_of_the_code():
    script = (ROOT / "run_qwen.py").read_text(encoding="utf-8")
    most = int(re.search(r"THINKING_TOKENS = (\d+)", script)[1])
    assert f"`run_qwen.py` 是 {most:,} 个词元" in SECTION
    assert f"聊天的一个回答是 {MOST_REPLY} 个" in SECTION
    assert "想到一半就停了" in UNFINISHED


def test_the_page_quotes_the_view():
    view = (ROOT / "helpers" / "widgets" / "chat.js").read_text(encoding="utf-8")
    for quoted in ("去不掉末尾，只好从头读", "从 KV cache 里去掉", "退回再抽", "忘掉开头", "先思考"):
        assert quoted in view
        assert quoted in SECTION


def test_the_tag(tokenizer):
    assert f"是 {tag_id(thinker(tokenizer), THINK_END)} 号" in SECTION
    assert len(thinker(tokenizer)) == len(tokenizer) + 4


def test_the_copy_for_the_class_does_not_think(tmp_path, monkeypatch):
    """页上的第一段程序；没有写明就不思考，写明了照样思考"""
    source = tmp_path / "source"
    source.mkdir()
    saved(random_model("qwen3"), source)
    thinker(AutoTokenizer.from_pretrained(source)).save_pretrained(source)
    (source / ".course-record.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("helpers.model.locate", {"Qwen/Qwen3-0.6B": source}.get)
    exec(CODE[0], {})
    copy = tmp_path / "qwen3-direct"
    assert not (copy / ".course-record.json").exists()
    assert thinks(AutoTokenizer.from_pretrained(source)) is True
    assert thinks(AutoTokenizer.from_pretrained(copy)) is False


@pytest.mark.parametrize("script, closed", [(["<think>", "a"], True), (["<think>", "a", "</think>", "b"], False)])
def test_a_budget_stops_a_loop(tmp_path, script, closed):
    """页上的第二段程序：想不完的替它写上 </think>，接着答 200 个"""
    folder = scripted(tmp_path, script)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": "你好"}], add_generation_prompt=True,
                                           return_tensors="pt", return_dict=True)
    known = {"model": model, "tokenizer": tokenizer, "inputs": inputs}
    exec(CODE[1].replace("400", "20").replace("200", "10"), known)
    written = known["thought"][0, inputs.input_ids.shape[1]:].tolist()
    closing = tag_id(tokenizer, THINK_END)
    assert written.count(closing) == 1
    assert (written.index(closing) > 20) == closed
    length = 20
    if closed:
        length += len(tokenizer("\n</think>\n\n").input_ids) + 10
    assert len(written) == length


def section_of(path: Path, wanted: str) -> str:
    """一格在哪一节。例: "04 第 3 节" """
    number = "开头"
    for cell in nbformat.read(path, as_version=4).cells:
        heading = re.search(r"^## (\d+)　", cell.source, re.M)
        if cell.cell_type == "markdown" and heading:
            number = heading[1]
        if cell.id == wanted:
            return f"{path.stem[:2]} 第 {number} 节"
    raise LookupError(f"{path} 里应有 {wanted}，现在没有")


def listed_places() -> set[str]:
    """页上写的“不能用的几处”。例: {"04 第 3 节", "04 第 6 节"}"""
    [line] = [line for line in SECTION.splitlines() if line.startswith("- 不能用的几处")]
    places = set()
    for lesson, several in re.findall(r"(\d\d) 第 ([\d、]+) 节", line):
        for number in several.split("、"):
            places.add(f"{lesson} 第 {number} 节")
    return places


@pytest.mark.ci
def test_what_does_not_run_on_qwen3_5_is_what_the_page_says(tmp_path):
    """“不能用的几处”以外，每一格都能在一个很小的、连看图的部分的 Qwen3.5 上运行"""
    folder = with_pictures(tmp_path / "Qwen3.5")
    places = set()
    for failure in failed(started(folder, tmp_path)):
        stem, cell = failure.partition("：")[0].split()
        place = section_of(NOTEBOOKS / f"{stem}.ipynb", cell)
        places.add(place)
    assert places == listed_places()
