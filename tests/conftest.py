"""所有测试共用：教学小模型和它的分词器；环境变量在根目录的 conftest.py 里"""
import gc

import helpers  # noqa: F401  在 torch 之前导入，见 helpers/__init__.py

import pytest


@pytest.fixture(autouse=True, scope="module")
def forgotten_afterwards():
    """一个文件测完，把互相指着的对象（视图和它的控件、模型和它的钩子）占的内存还回去"""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def tokenizer():
    """教学小模型的分词器，也就是官方的 Qwen 词表"""
    from helpers.tiny import TINY

    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture(scope="session")
def model():
    """教学小模型，float32"""
    from helpers.tiny import TINY

    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(TINY, dtype="float32")


@pytest.fixture(scope="session")
def eager():
    """教学小模型，float32，留下注意力权重"""
    from helpers.tiny import TINY

    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(TINY, dtype="float32", attn_implementation="eager")


@pytest.fixture(scope="session")
def standin(tmp_path_factory):
    """小的替身（Qwen 的设置，16 位，随机的权重），留下注意力权重"""
    from helpers.fast.standin import SMALL, make

    from transformers import AutoModelForCausalLM

    folder = make(tmp_path_factory.mktemp("替身"), SMALL)
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="eager")


@pytest.fixture(scope="session")
def qwen3_folder(tmp_path_factory):
    """Qwen3 形状的检查点"""
    from architectures import like_qwen3

    return like_qwen3(tmp_path_factory.mktemp("Qwen3 形状"))


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory):
    """Llama 形状的检查点"""
    from architectures import like_llama

    return like_llama(tmp_path_factory.mktemp("Llama 形状"))


@pytest.fixture(scope="session")
def qwen3(tokenizer):
    """像 Qwen3 的分词器：先思考再回答"""
    from qwen3_like import thinker

    return thinker(tokenizer)


@pytest.fixture
def writes(monkeypatch, qwen3):
    """让聊天的模型照着写：writes(文字)"""
    from helpers.widgets import chat

    def script(text: str) -> None:
        ids = iter(qwen3(text).input_ids)
        monkeypatch.setattr(chat, "chooser", lambda *settings: lambda logits: next(ids))

    return script


@pytest.fixture(scope="session")
def input_ids(tokenizer):
    """讲义的问题套上模板以后的编号，形状 (1, n)"""
    messages = [{"role": "user", "content": "人工智能未来会取代人类吗？"}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                         return_dict=True).input_ids


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """测试自己的缓存文件夹（还没有），不看、不动电脑上记下的"""
    from helpers.files import course_folder

    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return course_folder()


@pytest.fixture(scope="session")
def chromium():
    """电脑上的 Chromium；没有就跳过"""
    from servers.jupyterlab import CHROMIUM, FLAGS

    if CHROMIUM is None:
        pytest.skip("这台电脑上没有 Chromium；Debian 上 apt install chromium fonts-noto-cjk")
    playwright = pytest.importorskip("playwright.sync_api", reason="没有装 playwright：pip install -e '.[browser]'")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def browser(chromium, tmp_path_factory):
    """打开一个页面的函数：JupyterLab 在 127.0.0.1 上"""
    from servers.jupyterlab import Lab, server

    with server(tmp_path_factory.mktemp("lab")) as (address, token):
        yield lambda **size: Lab(chromium, address, token, **size)
