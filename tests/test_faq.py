"""常见问题一讲引用的英文原话：装着的这几版里真有这些话"""
import importlib.util
import json
import sys
from pathlib import Path

import pytest

LESSON = Path(__file__).parent.parent / "notebooks" / "09_faq.ipynb"
SHARE = Path(sys.prefix) / "share" / "jupyter"
SAID = [  # (课文里的话, 哪个包的哪个文件)
    ("The attention mask is not set", "transformers/generation/utils.py"),
    ("right-padding was detected", "transformers/generation/utils.py"),
    ("generation flags are not valid", "transformers/generation/configuration_utils.py"),
    ("`torch_dtype` is deprecated! Use `dtype` instead!", "transformers/modeling_utils.py"),
    ("does not recognize this architecture", "transformers/models/auto/configuration_auto.py"),
    ("tokenizer.chat_template is not set", "transformers/tokenization_utils_base.py"),
    ("Error no file named", "transformers/modeling_utils.py"),
    ("requires `accelerate`", "transformers/integrations/accelerate.py"),
    ("Torch not compiled with CUDA enabled", "torch/cuda/__init__.py"),
    ("missing from font(s)", "matplotlib/_text_helpers.py"),
    ("E3020", "modelscope_hub/errors.py"),
    ("E1020", "modelscope_hub/errors.py"),
]
SHOWN = [  # (课文里的话, JupyterLab 的哪个文件夹)
    ("Error displaying widget: model not found", "labextensions/@jupyter-widgets"),
    ("appears to have died", "lab/static"),
]


def prose() -> str:
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("words, file", SAID)
def test_the_words_are_those_of_the_installed_version(words, file):
    package, rest = file.split("/", 1)
    folder = Path(importlib.util.find_spec(package).origin).parent
    assert words in (folder / rest).read_text(encoding="utf-8")
    assert words in prose()


@pytest.mark.parametrize("words, folder", SHOWN)
def test_the_words_are_those_of_the_installed_jupyterlab(words, folder):
    scripts = (SHARE / folder).rglob("*.js")
    assert any(words in script.read_text(encoding="utf-8") for script in scripts)
    assert words in prose()


def test_a_card_is_asked_for_by_the_code_only(model):
    """表里说：删掉 .to("cuda")，device_map 写 "cpu"，就没有这句话"""
    import torch

    assert "删掉每一处 `.to(\"cuda\")`；`device_map` 写 `\"cpu\"`" in prose()
    logits = model(input_ids=torch.tensor([[5, 6]])).logits
    assert logits.device.type == "cpu"


def test_the_packages_are_counted():
    from importlib.metadata import requires

    own = [line for line in requires("hf-loading-and-inference-course") if "extra ==" not in line]
    assert len(own) == 9
    assert "课程的九个包" in prose()


def test_the_memory_said_is_the_memory_reckoned():
    from helpers import environment

    assert round(environment.needed_gb(494_032_768 * 2), 1) == 2.5
    assert round(environment.needed_gb(494_032_768 * 4), 1) == 3.5
    assert environment.OTHER_BYTES == 1.5e9
    assert "所以再留约 1.5 GB" in prose()


def test_the_numbers_said_are_those_of_the_real_qwen(model):
    from helpers import environment

    assert f"{environment.QWEN_BYTES:,} 字节" in prose()
    assert "Qwen2.5 的是 151,935" in prose()
    assert model.config.vocab_size == 151_936
    assert f"Glyph {ord('你')} (\\N{{CJK UNIFIED IDEOGRAPH-{ord('你'):X}}})" in prose()


def test_a_login_page_over_https_is_a_failed_connection():
    import requests

    assert issubclass(requests.exceptions.SSLError, requests.ConnectionError)  # modelscope 把它说成 E1020
    assert issubclass(requests.JSONDecodeError, json.JSONDecodeError)
