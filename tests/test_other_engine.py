"""换一个引擎（第 08 讲最后）：onnxruntime-genai 自己的转换程序，断网、不发送使用数据；同一个循环，同样的词元

8 位的与 transformers 一个词元不差；4 位的在教学小模型上多半是乱码，只看循环对不对
"""
import os
import subprocess
import sys
from pathlib import Path

from helpers.tiny import TINY

import pytest
import torch

pytestmark = pytest.mark.ci
NOWHERE = "http://127.0.0.1:9"
ALONE = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE}
QUESTIONS = ["什么是词元", "机器学习是什么？", "写一首关于秋天的短诗", "人工智能未来会取代人类吗？"]
MOST = 60


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """位数 → 转换好的模型；文件夹的名字里有汉字和空格"""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # 要在导入以前：引擎在导入时读
    import onnxruntime_genai

    loaded = {}
    for precision in ("int8", "int4"):
        folder = tmp_path_factory.mktemp("引擎 一个") / precision
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", TINY, "-o", folder,
                   "-p", precision, "-e", "cpu", "-c", folder, "--extra_options", "hf_token=false"]
        done = subprocess.run(command, env=os.environ | ALONE, cwd=folder.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert [path.name for path in folder.parent.iterdir()] == [precision]
        loaded[precision] = onnxruntime_genai.Model(str(folder))
    return loaded


def question_ids(tokenizer, question: str) -> list[int]:
    """问题套上模板以后的编号"""
    messages = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]


def write(engine, ids: list[int], penalty: float) -> list[int]:
    """送进问题，一个一个地写，到结束词元或者写满 MOST 个"""
    import onnxruntime_genai

    settings = onnxruntime_genai.GeneratorParams(engine)
    settings.set_search_options(do_sample=False, repetition_penalty=penalty, max_length=len(ids) + MOST)
    generator = onnxruntime_genai.Generator(engine, settings)
    generator.append_tokens(ids)
    assert list(generator.get_sequence(0)) == ids
    written = []
    while not generator.is_done():
        generator.generate_next_token()
        written.append(int(generator.get_next_tokens()[0]))
    return written


@pytest.mark.parametrize("penalty", [1.0, 1.1])
@pytest.mark.parametrize("question", QUESTIONS)
def test_eight_bits_write_what_transformers_writes(engines, model, tokenizer, question, penalty):
    ids = question_ids(tokenizer, question)
    whole = model.generate(torch.tensor([ids]), do_sample=False, repetition_penalty=penalty, max_new_tokens=MOST)
    expected = whole[0, len(ids):].tolist()
    assert len(expected) > 10
    assert write(engines["int8"], ids, penalty) == expected


@pytest.mark.parametrize("question", QUESTIONS)
def test_four_bits_write_tokens_and_stop(engines, model, tokenizer, question):
    written = write(engines["int4"], question_ids(tokenizer, question), penalty=1.0)
    assert all(0 <= token < model.config.vocab_size for token in written)
    ends = model.generation_config.eos_token_id
    assert not any(token in ends for token in written[:-1])
    assert written[-1] in ends or len(written) == MOST


def test_four_bits_are_a_third_of_the_file_of_eight_or_less(engines, tmp_path_factory):
    sizes = {}
    for data in Path(tmp_path_factory.getbasetemp()).glob("引擎*/int*/model.onnx.data"):
        sizes[data.parent.name] = data.stat().st_size
    assert sizes["int4"] < sizes["int8"] / 3
