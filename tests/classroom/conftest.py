"""网页自己的模型：几处测试共用，只写出一次"""
import pytest
from servers import loopback
from servers.page_engine import PageEngine, write_page


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """一页网页和它的模型的文件夹"""
    pytest.importorskip("onnx_ir", reason="没有装做网页的包：pip install -e '.[site]'")
    folder = tmp_path_factory.mktemp("网页")
    write_page(folder)
    return folder


@pytest.fixture(scope="session")
def page_address(exported):
    """这个文件夹在 127.0.0.1 上的地址"""
    with loopback.static(exported) as url:
        yield url


@pytest.fixture(scope="module")
def engine(chromium, page_address):
    """准备好了的网页"""
    opened = PageEngine(chromium, page_address)
    opened.open()
    yield opened
    opened.close()
