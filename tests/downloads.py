"""下载的测试共用：一个很小的模型，终端里的命令，locate 应怎样拒绝，毛病过去以后再试应怎样好"""
import os
import subprocess
import sys
import time
from pathlib import Path

from helpers import model
from helpers.download.local_copy import local_folders
from helpers.download.manifest import demand_undamaged
from helpers.errors import ModelError
from helpers.fast.standin import SMALL

import pytest
from servers.fake_modelscope import MODEL, no_fault

ROOT = Path(__file__).parents[1]
TINY_SHAPE = {**SMALL, "vocab_size": 512, "hidden_size": 32, "intermediate_size": 32}


def folder() -> Path:
    """下载的模型应在的文件夹"""
    return local_folders(MODEL)[0]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """在终端里运行 python -m helpers.model"""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **environment}
    return subprocess.run([sys.executable, "-m", "helpers.model", *arguments], cwd=ROOT, env=environment,
                          capture_output=True, encoding="utf-8", timeout=120)


def refused(says: str) -> ModelError:
    """locate 应报 ModelError，三部分齐全，30 秒以内"""
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        model.locate("qwen")
    assert time.perf_counter() - start < 30
    message = str(caught.value)
    for part in (says, "应", "现在"):
        assert part in message
    return caught.value


def works_again(hub) -> None:
    """毛病过去以后，照样再试一次就好"""
    hub.fault = no_fault
    assert model.locate("qwen") == folder()
    assert demand_undamaged(folder(), thorough=True) == folder()
