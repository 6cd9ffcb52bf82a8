"""课程自己的开销：python tests/cost.py 打印导入 helpers 的时间，每一讲准备好（导入、加载小模型）是只导入三个库的几倍

每样都在新的 Python 里轮流量几遍，写中位数；这些是计时，不是测试
"""
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 3
LIBRARIES = ("import torch, transformers, modelscope\nfrom modelscope import AutoModelForCausalLM, AutoTokenizer\n"
             "from transformers import Qwen2ForCausalLM")  # 用到时 transformers 才导入它，谁加载都要等


def ready(path: Path) -> str:
    """一讲里到加载好分词器或模型为止的代码；不加载的就是第一格"""
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
             if cell["cell_type"] == "code"]
    last = next((i for i, code in enumerate(cells) if "ModelForCausalLM.from_pretrained(" in code
                 or "Tokenizer.from_pretrained(" in code), 0)
    return "\n".join(cells[:last + 1])


def seconds(code: str) -> float:
    """在新的 Python 里运行 code 要几秒"""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "notebooks", check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    work = {"什么也不做": "", "import helpers": "import helpers", "只导入三个库": LIBRARIES,
            **{path.stem: ready(path) for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}}
    for late in ("01_setup", "04_model_loading", "09_faq"):  # 不加载，或者在中间才加载，前面的格子是在讲别的
        work.pop(late, None)
    times = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, code in work.items():
            times[name].append(seconds(code))
    middle = {name: statistics.median(some) for name, some in times.items()}
    empty, libraries = middle["什么也不做"], middle["只导入三个库"]
    for name, value in middle.items():
        print(f"{name:<20}{value - empty:6.2f} 秒，是只导入三个库的 {(value - empty) / (libraries - empty):.2f} 倍")
