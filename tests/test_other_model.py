"""各讲和练习在别的检查点上也能从头跑到尾：真正的 Qwen2.5 的替身，Qwen3、Llama 的形状，都是 16 位、随机的权重

第 01 讲不用模型，另有自己的测试
"""
from helpers.fast.standin import SMALL, make

import pytest
from every_cell import failed, started


@pytest.fixture(scope="module")
def folders(tmp_path_factory, qwen3_folder, llama_folder):
    """名称 → 检查点"""
    standin = make(tmp_path_factory.mktemp("替身 模型"), SMALL)
    return {"替身": standin, "Qwen3": qwen3_folder, "Llama": llama_folder}


@pytest.mark.ci
def test_every_cell_runs(folders, tmp_path):
    """COURSE_MODEL 是这些文件夹时，没有一格出错；三个一起运行"""
    running = {}
    for name, folder in folders.items():
        running[name] = started(folder, tmp_path / name)
    failures = {}
    for name, process in running.items():
        failures[name] = failed(process)
    assert failures == {"替身": [], "Qwen3": [], "Llama": []}
