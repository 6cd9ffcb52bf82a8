"""同行：电脑上有 llama.cpp 的 llama-bench 时，一起量"""
import json
import subprocess
from pathlib import Path

from helpers.errors import ModelError


def llama_bench(program: Path, model: Path, threads: int, tokens: int = 24) -> dict[str, float]:
    """运行一遍 llama-bench：{"7": 词元/秒, "512": 读过 512 个以后的词元/秒, "first": 读 512 个词元的秒数}

    program、model: llama-bench 和 GGUF 文件的路径；运行不了时报 ModelError
    例: llama_bench(Path("llama-bench"), Path("model.gguf"), threads=2)["7"] -> 40.0
    """
    found = {}
    for prompt, depth in ((512, 0), (0, 512)):
        command = [str(program), "-m", str(model), "-t", str(threads), "-p", str(prompt), "-n", str(tokens),
                   "-d", str(depth), "-r", "1", "-o", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
            for entry in json.loads(done.stdout):
                if entry["n_gen"]:
                    found["512" if depth else "7"] = entry["avg_ts"]
                else:
                    found["first"] = entry["avg_ns"] / 1e9
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            raise ModelError(f"{program} 应能量 {model.name}，现在不能（{type(error).__name__}）；"
                             "检查两个路径") from None
    return found
