"""同行：llama-bench 写的读得对；openvino-genai、onnxruntime-genai 在子进程里量（这里用同样接口的假包），出错说中文"""
import json
import subprocess
import sys

from helpers.errors import ModelError

import engines
import pytest

OPENVINO = '''
import openvino
class GenerationConfig:
    def __init__(self, max_new_tokens, ignore_eos):
        assert ignore_eos and max_new_tokens == 24
class Mean:
    def __init__(self, mean): self.mean = mean
class LLMPipeline:
    def __init__(self, folder, device, INFERENCE_NUM_THREADS):
        assert device == "CPU" and INFERENCE_NUM_THREADS == 2
        print("加载", folder)
    def generate(self, ids, config):
        assert isinstance(config, GenerationConfig)
        length = ids.data.shape[1]
        metrics = {"get_ttft": lambda self: Mean(float(length)), "get_tpot": lambda self: Mean(10 + length / 51.2)}
        return type("Found", (), {"perf_metrics": type("Metrics", (), metrics)()})
'''
TENSOR = "class Tensor:\n    def __init__(self, data): self.data = data\n"
ONNX = '''
import json, time
class Config:
    def __init__(self, folder): pass
    def overlay(self, text): self.text = text
class Model:
    def __init__(self, config):
        assert json.loads(config.text)["model"]["decoder"]["session_options"]["intra_op_num_threads"] == 2
class GeneratorParams:
    def __init__(self, model): assert isinstance(model, Model)
    def set_search_options(self, do_sample, min_length, max_length):
        assert not do_sample and min_length == max_length
        self.most = max_length
class Generator:
    def __init__(self, model, params): self.left = params.most
    def append_tokens(self, ids):
        assert len(ids) in (7, 512)
        self.left -= len(ids)
        time.sleep(len(ids) / 10_000)
    def generate_next_token(self):
        assert self.left > 0
        self.left -= 1
        time.sleep(0.001)
'''


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """装上假的包，返回 openvino、onnx 的模型文件夹；fake 的参数可以换掉某个包的内容"""
    def install(**modules):
        texts = {"openvino": TENSOR, "openvino_genai": OPENVINO, "onnxruntime_genai": ONNX} | modules
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(tmp_path)
        for name, file in (("openvino", "openvino_model.bin"), ("onnx", "model.onnx.data")):
            (tmp_path / f"{name}-int4").mkdir()
            (tmp_path / f"{name}-int4" / file).write_bytes(bytes(1_000))
        return {name: [tmp_path / f"{name}-int4"] for name in ("openvino", "onnx")}
    return install


def test_both_run_in_their_own_process(fake):
    rivals = engines.rivals(None, [], fake(), threads=2, parameters=2_000)
    assert list(rivals) == ["openvino_genai openvino-int4", "onnxruntime_genai onnx-int4"]
    for peer in rivals.values():
        peer.step()
        peer.step()
    one, other = (peer.result for peer in rivals.values())
    assert one.bits == other.bits == 0
    assert one.rounds == {"7": [pytest.approx(1e3 / (10 + 7 / 51.2))] * 2, "512": [50.0, 50.0], "first": [0.512] * 2}
    assert 0 < other.rate("7") < 1_000
    assert 0 < other.rate("512") < 1_000
    assert other.rate("first") > 0.05
    assert "openvino_genai" not in sys.modules and "onnxruntime_genai" not in sys.modules


@pytest.mark.parametrize("text, says", [("raise ImportError('libtbb.so.12')", "ImportError: libtbb.so.12"),
                                        ("import os; os._exit(3)", "退出代码 3"),
                                        ("import sys; sys.exit()", "最后一行")])
def test_a_crash_stays_in_the_child(fake, text, says):
    folder, = fake(openvino_genai=text)["openvino"]
    with pytest.raises(ModelError, match=f"{says}.*检查文件夹 openvino-int4，或者重新安装 openvino-genai"):
        engines.rivals(None, [], {"openvino": [folder]}, 2, 2_000)["openvino_genai openvino-int4"].step()


def test_what_is_missing_is_named(fake, tmp_path, monkeypatch):
    for name, package in (("openvino", "openvino-genai"), ("onnx", "onnxruntime-genai")):
        monkeypatch.setitem(engines.GENAI, name, (package.replace("-", "_") + "_x", engines.GENAI[name][1]))
        with pytest.raises(ModelError, match=f"python -m pip install {package}"):
            engines.check_engine(name, tmp_path)
    monkeypatch.undo()
    fake()
    with pytest.raises(ModelError, match=r"应有 openvino_model\.bin，现在没有"):
        engines.check_engine("openvino", tmp_path / "没有")


def answers(monkeypatch, stdout="", stderr="", code=0):
    """让 llama-bench 写出给定的文字"""
    def run(command, **_):
        deep = command[command.index("-d") + 1] != "0"
        return subprocess.CompletedProcess(command, code, stdout(deep) if callable(stdout) else stdout, stderr)
    monkeypatch.setattr(engines.subprocess, "run", run)


def entries(deep):
    """llama-bench 的 JSON：写词元的，没有深度时还有读问题的"""
    found = [{"n_gen": 24, "avg_ts": 30.0 if deep else 40.0, "avg_ns": 1}]
    return json.dumps(found + ([] if deep else [{"n_gen": 0, "avg_ts": 500.0, "avg_ns": 900_000_000}]))


def test_llama_bench_is_read(tmp_path, monkeypatch):
    answers(monkeypatch, entries)
    assert engines.llama_bench(tmp_path / "b", tmp_path / "m", 2) == {"7": 40.0, "512": 30.0, "first": 0.9}


@pytest.mark.parametrize("given, says", [
    ({"stderr": "开始\nlibgomp.so.1: cannot open shared object file\n\n", "code": 127}, "libgomp.so.1: cannot open"),
    ({"code": -11}, "退出代码 -11"), ({"stdout": "不是 JSON"}, "应写出 JSON"), ({"stdout": "[1]"}, "应写出 JSON"),
    ({"stdout": "[]"}, "少了 7、512、first")])
def test_a_failing_llama_bench_says_why(tmp_path, monkeypatch, given, says):
    answers(monkeypatch, **given)
    with pytest.raises(ModelError, match=rf"{says}.*检查 b 和 m 两个路径"):
        engines.llama_bench(tmp_path / "b", tmp_path / "m", 2)


def test_a_program_that_cannot_run(tmp_path):
    with pytest.raises(ModelError, match="检查 b 和 m 两个路径"):
        engines.llama_bench(tmp_path / "b", tmp_path / "m", 2)


def test_bits_come_from_the_file_and_the_checkpoint(tmp_path):
    (tmp_path / "Q8_0.gguf").write_bytes(bytes(1_062))
    rivals = engines.rivals(tmp_path / "b", [tmp_path / "Q8_0.gguf"], {}, 2, parameters=1_000)
    assert rivals["llama.cpp Q8_0"].result.bits == pytest.approx(8.496)
