"""network：每个张量都在图上，一个不多、一个不少；结构不同时说清楚"""
import json

from helpers.model import locate
from helpers.network import Place, network_chart, placed, tensor_place

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM


def header_of(layers=2, tied=True):
    """一个小的 Qwen2 的文件头"""
    config = Qwen2Config(vocab_size=50, hidden_size=12, intermediate_size=20, num_hidden_layers=layers,
                         num_attention_heads=3, num_key_value_heads=1, tie_word_embeddings=tied)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config)
    shapes = {name: {"shape": list(tensor.shape)} for name, tensor in model.state_dict().items()}
    if tied:
        shapes.pop("lm_head.weight")
    return shapes


@pytest.mark.parametrize("name, expected", [
    ("model.embed_tokens.weight", Place(None, "embed_tokens", "")),
    ("model.layers.11.self_attn.k_proj.bias", Place(11, "self_attn", "k_proj.bias")),
    ("model.layers.3.mlp.up_proj.weight", Place(3, "mlp", "up_proj")),
    ("lm_head.weight", Place(None, "lm_head", "")),
])
def test_where_a_tensor_is(name, expected):
    assert tensor_place(name) == expected


@pytest.mark.parametrize("name", ["transformer.wte.weight", "model.layers.0.linear_attn.conv1d.weight"])
def test_another_architecture(name):
    with pytest.raises(ValueError, match="应在.*现在是.*换一个模型"):
        tensor_place(name)


@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_is_placed_once(tied):
    header = header_of(layers=3, tied=tied)
    layers = placed(header)
    lines = [line for boxes in layers.values() for found in boxes.values() for line in found]
    assert len(lines) == len(header) == 3 * 12 + 3 - tied
    assert layers[0] == layers[1] == layers[2]


def test_a_box_by_hand():
    assert placed(header_of())[0]["self_attn"] == [
        "q_proj　12 × 12", "q_proj.bias　12", "k_proj　4 × 12", "k_proj.bias　4",
        "v_proj　4 × 12", "v_proj.bias　4", "o_proj　12 × 12"]
    assert placed(header_of())[1]["mlp"] == ["gate_proj　20 × 12", "up_proj　20 × 12", "down_proj　12 × 20"]


def test_the_chart():
    header = header_of(layers=4)
    drawn = network_chart(header)
    assert drawn._repr_mimebundle_()["text/vnd.mermaid"] == drawn.source
    assert "layers.0 到 layers.3　　　　4 层都是这样" in drawn.source
    assert "50 个打分" in drawn.source
    assert "文件里没有它" in drawn.source
    for boxes in placed(header).values():
        for lines in boxes.values():
            assert "<br/>".join(lines) in drawn.source


def test_an_output_layer_of_its_own():
    source = network_chart(header_of(tied=False)).source
    assert "输出层 lm_head<br/>50 × 12" in source
    assert "文件里没有它" not in source


def test_layers_that_differ():
    header = header_of()
    header["model.layers.1.mlp.up_proj.weight"] = {"shape": [7, 7]}
    with pytest.raises(ValueError, match=r"layers\.1 和 layers\.0 不同"):
        network_chart(header)


def test_a_missing_box():
    header = header_of()
    del header["model.norm.weight"]
    with pytest.raises(ValueError, match="应有 norm，现在没有"):
        network_chart(header)


def test_the_embedded_model():
    with (locate("tiny") / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    source = network_chart(header).source
    assert "151936 × 128" in source
    assert "6 层都是这样" in source
    assert "151,936 个打分" in source
