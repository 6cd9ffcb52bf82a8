"""所有测试共用：教学小模型和它的分词器；让 modelscope 的客户端少等一会儿（它在导入时读这些环境变量）"""
import os

import pytest

os.environ.update({"MODELSCOPE_DOWNLOAD_TIMEOUT": "2", "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",
                   "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "1",
                   "MODELSCOPE_DOWNLOAD_LOW_SPEED_WINDOW_SECONDS": "2"})


@pytest.fixture(scope="session")
def tokenizer():
    """教学小模型的分词器，也就是官方的 Qwen 词表"""
    from transformers import AutoTokenizer

    from helpers.tiny.files import CHECKPOINT

    return AutoTokenizer.from_pretrained(CHECKPOINT)


@pytest.fixture(scope="session")
def model():
    """教学小模型，float32"""
    from transformers import AutoModelForCausalLM

    from helpers.tiny.files import CHECKPOINT

    return AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype="float32")
