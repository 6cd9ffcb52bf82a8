"""下载的测试共用：一个很小的模型，locate 应怎样拒绝，毛病过去以后再试应怎样好"""
import time
from pathlib import Path

import pytest
from servers.fake_modelscope import MODEL, no_fault

from helpers import model
from helpers.download.local_copy import local_folders
from helpers.download.manifest import demand_undamaged
from helpers.errors import ModelError
from helpers.fast.standin import SMALL

TINY_SHAPE = {**SMALL, "vocab_size": 512, "hidden_size": 32, "intermediate_size": 32}


def folder() -> Path:
    return local_folders(MODEL)[0]


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
