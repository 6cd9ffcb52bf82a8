"""真的 transformers serve，照 classroom/server.md 的命令开：回答与内存里的教学小模型相同，四十个同时问，半路停下"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import client

import load_test
import pytest
from servers.jupyterlab import free_port, wait_for

ROOT = Path(__file__).parents[2]
TINY = "helpers/tiny/checkpoint"
QUESTIONS = ["你是谁", "什么是词元", "人工智能未来会取代人类吗？", "什么是分词器"]


def command() -> list[str]:
    """老师那一页里的启动命令，模型换成教学小模型"""
    [line] = re.findall(r"^transformers serve .*--continuous-batching.*$",
                        (ROOT / "classroom/server.md").read_text(encoding="utf-8"), re.MULTILINE)
    return line.replace("Qwen/Qwen2.5-0.5B-Instruct", TINY).split()


class Real:
    """照老师那一页开的 transformers serve，在 127.0.0.1 的一个空闲端口上"""

    def __init__(self, log: Path):
        words = command()
        assert words[words.index("--host") + 1] == "127.0.0.1"
        words[0] = shutil.which("transformers", path=str(Path(sys.executable).parent)) or "transformers"
        words[words.index("--port") + 1] = port = str(free_port())
        self.address, self.log = f"http://127.0.0.1:{port}/v1", log
        self.process = subprocess.Popen([*words, "--dtype", "float32"], cwd=ROOT, stdout=log.open("wb"),
                                        stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        try:
            wait_for(f"http://127.0.0.1:{port}/health", self.process, log, 240)
        except RuntimeError as error:
            self.stop()
            pytest.fail(f"transformers serve 应开起来，现在没有（装了 .[serve] 吗）：{error}")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    one = Real(tmp_path_factory.mktemp("serve") / "serve.log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SERVER", one.address)
        patch.setenv("COURSE_SERVER_MODEL", TINY)
        yield one
    one.stop()


@pytest.fixture(scope="module")
def expected(model, tokenizer):
    """内存里的模型的贪心回答"""
    said = []
    for question in QUESTIONS:
        inputs = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True,
                                               return_tensors="pt", return_dict=True)
        ids = model.generate(**inputs, max_new_tokens=60, do_sample=False)[0, inputs.input_ids.shape[1]:]
        said.append(tokenizer.decode(ids, skip_special_tokens=True))
    return said


@pytest.mark.ci
def test_the_teacher_warms_it_up_and_measures(real, capsys):
    load_test.main([real.address, "--model", TINY, "--at", "1"])
    assert "1 │ 8 │ 0 │" in capsys.readouterr().out


@pytest.mark.ci
def test_it_answers_as_the_model_in_memory_forty_at_once_too(real, expected):
    pieces = []
    assert client.ask(QUESTIONS[2], 60, pieces.append).text == "".join(pieces) == expected[2] and len(pieces) > 10
    answers = client.ask_all(QUESTIONS * 10, at_once=40, max_tokens=60)
    assert [(answer.text, answer.trouble) for answer in answers] == [(text, None) for text in expected] * 10
    assert all(answer.tokens > 5 for answer in answers)


@pytest.mark.ci
def test_it_says_the_name_it_wants(real, monkeypatch):
    monkeypatch.setenv("COURSE_SERVER_MODEL", "别的")
    answer = client.ask("你好")
    assert TINY in answer.trouble and "COURSE_SERVER_MODEL" in answer.trouble


@pytest.mark.ci
def test_it_dies_in_mid_answer(real, expected):
    """最后一个：以后这台服务器就没有了"""
    answer = client.ask(QUESTIONS[2], 60, lambda piece: real.stop())
    assert answer.text and answer.text != expected[2] and expected[2].startswith(answer.text)
    assert "断了" in answer.trouble and "收到的部分还在" in answer.trouble
    assert "连接被拒绝" in client.ask("你好").trouble
