"""python tests/every_cell.py 笔记本...：照 COURSE_MODEL 运行每一本的代码格，打印出错的格子（JSON）

都在一个进程里，torch 和 transformers 只导入一次；一格出错，后面的照样运行。第 08 讲少量几个词元，不换引擎
"""
import json
import os
import subprocess
import sys
from pathlib import Path

from helpers import speed
from helpers.fast import choose

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from pages import NOTEBOOKS
from traitlets.config import Config

LONGEST = 300  # 秒
RED_LETTERS = "Traceback (most recent call last)"
speed_of = speed.measure


def started(folder: Path, own: Path) -> subprocess.Popen:
    """在另一个进程里开始运行各讲（不用模型的 01 除外）和练习的每一格；folder: 检查点，own: 它自己的缓存"""
    paths = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / "01_setup.ipynb"})
    settings = {
        "COURSE_MODEL": str(folder),
        "XDG_CACHE_HOME": str(own),
        "IPYTHONDIR": str(own),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, __file__, *paths],
        env=os.environ | settings,
        cwd=NOTEBOOKS,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def failed(process: subprocess.Popen) -> list[str]:
    """等它运行完；出错的格子。例: ["04_model_loading cell-12：……KeyError"]"""
    try:
        said, _ = process.communicate(timeout=LONGEST)
    finally:
        process.kill()  # 已经运行完的，什么也不会发生
    return json.loads(said.splitlines()[-1])


def cell_shell() -> InteractiveShell:
    """运行各格的 IPython：不写历史，不上颜色"""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config)


def failures(shell: InteractiveShell, path: Path) -> list[str]:
    """一本笔记本里出错的格子：哪一格，什么错"""
    shell.reset(new_session=False)
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        with capture_output() as said:
            done = shell.run_cell(cell.source, store_history=False)
        printed = said.stdout + said.stderr
        if not done.success or RED_LETTERS in printed:  # 画一个视图时出错，IPython 只打印出来
            found.append(f"{path.stem} {cell.id}：{printed[-300:]}")
    return found


def briefly(model, prompt_length: int, new_tokens: int, **options) -> speed.Measurement:
    """量一遍就够：这里不看快慢"""
    options["repeats"] = 1
    return speed_of(model, min(prompt_length, 64), 2, **options)


def main(paths: list[str]) -> None:
    speed.measure = briefly
    choose.ROUNDS = 1
    sys.modules["onnxruntime_genai"] = None  # 像没有装一样：转换另有测试
    shell = cell_shell()
    found = []
    for path in paths:
        found += failures(shell, Path(path))
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
