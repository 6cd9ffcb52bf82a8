"""参赛的：课程的几种做法，llama.cpp 的 llama-bench，openvino-genai，onnxruntime-genai；每次量都在新的进程里

python classroom/engines.py 名称 文件夹 线程数 词元数 由父进程运行，在最后一行写出 JSON
"""
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from helpers.errors import ModelError

TOKENS = 24      # 每次写几个词元
BATCH = 40       # 一个班的问题
PATIENCE = 300   # 一个进程最多等几秒
PROMPTS = [list(range(7)), list(range(512))]                    # 内容与速度无关，只数长短
GENAI = {"openvino": ("openvino_genai", "openvino_model.bin"),  # 名称 → 模块，权重的文件名
         "onnx": ("onnxruntime_genai", "*.onnx*")}
HANDOUT = "讲义的做法"
FASTEST = {"fastest 16 位": 16, "fastest 8 位": 8, "fastest 4 位": 4}
WAYS = {"float32": 32, HANDOUT: 16, "fastest 16 位": 16, "fastest 8 位": 8,
        "fastest 4 位": 5.8}  # 一个权重占几位；4 位的另有比例，输出层是 8 位


@dataclass
class Result:
    """量到的：bits 一个权重占几位，不知道是 0；note 出了什么错

    rounds: 名称 → 各轮的数；"7"、"512" 读过这么多词元以后每秒写几个，"first" 读 512 个词元的秒数，
    "batch" 四十个问题一批的词元/秒，"peak" 内存的字节，"load" 加载的秒数；别的引擎只有前三个
    """
    bits: float
    note: str = ""
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        """各轮的中位数；没有量到就是 0"""
        found = self.rounds.get(name)
        return statistics.median(found) if found else 0.0


class Racer:
    """一个参赛的：每一轮量一次，记在 result 里；bench 返回的与 llama_bench 一样"""

    def __init__(self, bits: float, bench: Callable[[], dict[str, float]]):
        self.result = Result(bits)
        self.bench = bench

    def step(self) -> None:
        """量一遍；量不了时报 ModelError"""
        for name, value in self.bench().items():
            self.result.rounds.setdefault(name, []).append(value)


def output(command: list[str], todo: str) -> str:
    """运行一个程序，返回它写的；运行不了时报 ModelError：它说的最后一句错误，和该做什么（todo）"""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE)
        if done.returncode == 0:
            return done.stdout
        why = [f"退出代码 {done.returncode}", *done.stderr.split("\n")]
    except OSError as error:
        why = [error.strerror or type(error).__name__]
    except subprocess.TimeoutExpired:
        why = [f"{PATIENCE} 秒还没有量完"]
    last = [line.strip() for line in why if line.strip()][-1][:200]
    raise ModelError(f"{Path(command[0]).name} 应能量这个模型，现在不能（{last}）；{todo}")


def llama_bench(program: Path, model: Path, threads: int, tokens: int = TOKENS) -> dict[str, float]:
    """运行一遍 llama-bench：{"7": 词元/秒, "512": 读过 512 个以后的词元/秒, "first": 读 512 个词元的秒数}

    program、model: llama-bench 和 GGUF 文件的路径；运行不了时报 ModelError
    例: llama_bench(Path("llama-bench"), Path("model.gguf"), threads=2)["7"] -> 40.0
    """
    found, todo = {}, f"检查 {program.name} 和 {model.name} 两个路径，在终端里运行它看看"
    for prompt, depth in ((512, 0), (0, 512)):
        text = output([str(program), "-m", str(model), "-t", str(threads), "-p", str(prompt), "-n", str(tokens),
                       "-d", str(depth), "-r", "1", "-o", "json"], todo)
        try:
            for entry in json.loads(text):
                if entry["n_gen"]:
                    found["512" if depth else "7"] = entry["avg_ts"]
                else:
                    found["first"] = entry["avg_ns"] / 1e9
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{program.name} 应写出 JSON，现在读不出来（{type(error).__name__}）；{todo}") from None
    return complete(found, todo)


def complete(found: dict[str, float], todo: str) -> dict[str, float]:
    """三个数应都在，原样返回；少了就报 ModelError"""
    missing = [name for name in ("7", "512", "first") if not isinstance(found.get(name), int | float)]
    if missing:
        raise ModelError(f"同行应写出 7、512、first 三个数，现在少了 {'、'.join(missing)}；{todo}")
    return found


def check_engine(name: str, folder: Path) -> None:
    """openvino 或 onnx 能量这个模型文件夹吗；没有装那个包、文件夹里没有权重时报 ModelError"""
    module, files = GENAI[name]
    if importlib.util.find_spec(module) is None:
        raise ModelError(f"--{name} 要用 {module}，现在没有装；运行 python -m pip install {module.replace('_', '-')}")
    if not any(path.stat().st_size for path in folder.glob(files)):
        raise ModelError(f"--{name} 的文件夹 {folder} 里应有 {files}，现在没有；换成导出好的模型文件夹")


def in_child(name: str, folder: Path, threads: int, todo: str, tokens: int = TOKENS) -> dict[str, float]:
    """在子进程里运行下面的一种，返回与 llama_bench 一样的三个数；运行不了时报 ModelError

    例: in_child("openvino", Path("qwen-int8"), 2, "检查文件夹")["7"] -> 61.0
    """
    text = output([sys.executable, "-X", "utf8", __file__, name, str(folder), str(threads), str(tokens)], todo)
    try:
        return complete(json.loads(text.strip().split("\n")[-1]), todo)
    except (ValueError, AttributeError):
        raise ModelError(f"{name} 应在最后一行写出 JSON，现在不是；{todo}") from None


def course_ways(folder: Path, threads: int) -> dict[str, Racer]:
    """课程的几种做法"""
    todo = "关掉别的程序，或者换一个模型"
    return {way: Racer(bits, partial(in_child, way, folder, threads, todo)) for way, bits in WAYS.items()}


def rivals(program: Path | None, files: list[Path], folders: dict[str, list[Path]], threads: int,
           parameters: int) -> dict[str, Racer]:
    """要一起量的别的引擎；llama.cpp 的位数是文件的字节数 ÷ 检查点的权重个数 parameters，别的文件里另有不读的表，不算

    program、files: llama-bench 和 GGUF 文件；folders: "openvino"、"onnx" → 模型文件夹
    """
    found = {f"llama.cpp {file.stem}": (file.stat().st_size, partial(llama_bench, program, file, threads))
             for file in files}
    for name, paths in folders.items():
        module = GENAI[name][0]
        for folder in paths:
            todo = f"检查文件夹 {folder.name}，或者重新安装 {module.replace('_', '-')}"
            bench = partial(in_child, name, folder, threads, todo)
            found[f"{module} {folder.name}"] = 0, bench
    return {name: Racer(size * 8 / parameters, bench) for name, (size, bench) in found.items()}


def course(way: str, folder: Path, threads: int, tokens: int) -> dict[str, float]:
    """课程的一种做法：加载，量 7、512 个词元的问题，再量四十个问题一批"""
    from helpers.fast.fastest import fastest
    from helpers.fast.measure import measure, peak_bytes

    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    start = time.perf_counter()
    if way in FASTEST:
        model = fastest(folder, FASTEST[way], quiet=True)
    else:
        dtype = torch.float32 if way == "float32" else "auto"
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    load = time.perf_counter() - start
    short = measure(model, 7, tokens, repeats=1)
    long = measure(model, 512, tokens, repeats=1)
    batch = measure(model, 7, 6, batch=BATCH, repeats=1, warm_up=False)
    return {"7": short.tokens_per_second, "512": long.tokens_per_second, "first": long.first_token,
            "batch": batch.tokens_per_second, "peak": peak_bytes(), "load": load}


def timed(once: Callable[[list[int]], tuple[float, float]]) -> dict[str, float]:
    """once: 编号 → (第一个词元的秒数, 之后的词元/秒)；各热身一遍再量"""
    for ids in PROMPTS:
        once(ids)
    (_, short), (first, long) = map(once, PROMPTS)
    return {"7": short, "512": long, "first": first}


def openvino(folder: Path, threads: int, tokens: int) -> dict[str, float]:
    """openvino-genai，贪心，写满 tokens 个词元

    出处: openvino_genai.LLMPipeline、PerfMetrics 的文档
    """
    import numpy
    import openvino_genai
    from openvino import Tensor

    pipeline = openvino_genai.LLMPipeline(str(folder), "CPU", INFERENCE_NUM_THREADS=threads)
    settings = openvino_genai.GenerationConfig(max_new_tokens=tokens, ignore_eos=True)

    def once(ids: list[int]) -> tuple[float, float]:
        found = pipeline.generate(Tensor(numpy.array([ids])), settings).perf_metrics
        return found.get_ttft().mean / 1e3, 1e3 / found.get_tpot().mean  # 都以毫秒为单位
    return timed(once)


def onnx(folder: Path, threads: int, tokens: int) -> dict[str, float]:
    """onnxruntime-genai，贪心，写满 tokens 个词元，不发送使用数据

    出处: onnxruntime_genai.Generator 的文档
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # 要在导入以前；disable_telemetry_events() 还会发一条
    import onnxruntime_genai

    config = onnxruntime_genai.Config(str(folder))
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
    model = onnxruntime_genai.Model(config)

    def once(ids: list[int]) -> tuple[float, float]:
        settings = onnxruntime_genai.GeneratorParams(model)
        settings.set_search_options(do_sample=False, min_length=len(ids) + tokens, max_length=len(ids) + tokens)
        generator, times = onnxruntime_genai.Generator(model, settings), [time.perf_counter()]
        generator.append_tokens(ids)
        for _ in range(tokens):
            generator.generate_next_token()
            times.append(time.perf_counter())
        return times[1] - times[0], (tokens - 1) / (times[-1] - times[1])
    return timed(once)


def run(name: str, folder: Path, threads: int, tokens: int) -> dict[str, float]:
    """子进程里做的：按名称选一种"""
    if name == "openvino":
        return openvino(folder, threads, tokens)
    if name == "onnx":
        return onnx(folder, threads, tokens)
    return course(name, folder, threads, tokens)


if __name__ == "__main__":
    kind, path, *numbers = sys.argv[1:]
    try:
        print(json.dumps(run(kind, Path(path), *map(int, numbers))))
    except ModelError as error:
        sys.exit(str(error))
