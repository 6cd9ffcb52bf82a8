"""浏览器测试合用的：打开并跑完了的笔记本"""
import pytest


@pytest.fixture(scope="session")
def labs():
    """开着的页面：笔记本的名字 → Lab"""
    labs = {}
    yield labs
    for lab in labs.values():
        lab.close()


@pytest.fixture(scope="session")
def opened(browser, labs):
    """打开并跑完一本的函数；同一本只开一次"""
    def get(name: str):
        if name not in labs:
            labs[name] = browser()
            labs[name].open(name)
            labs[name].run_all()
        return labs[name]

    return get
