"""helpers.download.checkpoint：没有权限读的文件说清楚（不完整的文件夹在 test_model.py 里）"""
import json
from pathlib import Path

from helpers.download.checkpoint import check_checkpoint, read_config
from helpers.errors import ModelError
from helpers.tiny import TINY

import pytest


def refusing(method, name):
    """Path 的一个方法，碰到名字是 name 的就说没有权限"""
    plain = getattr(Path, method)

    def refuse(path, *given, **options):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *given, **options)
    return refuse


@pytest.fixture
def lock(monkeypatch):
    """让这个名字的文件没有权限读（chmod 挡不住 root，所以换掉打开文件的函数）"""
    def lock(name):
        for method in ("open", "read_text", "iterdir"):
            monkeypatch.setattr(Path, method, refusing(method, name))
    return lock


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_unreadable_files(lock, name):
    lock(name)
    with pytest.raises(ModelError, match=f"{name} 应能读，现在不能（Permission denied）；检查权限"):
        check_checkpoint(TINY)


def test_an_unreadable_index_and_folder(lock, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2"}), encoding="utf-8")
    lock(tmp_path.name)
    with pytest.raises(ModelError, match="应能读"):
        check_checkpoint(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    lock("model.safetensors.index.json")
    with pytest.raises(ModelError, match=r"index\.json 应能读"):
        check_checkpoint(tmp_path)


def test_the_parts_say_so_on_their_own(lock):
    lock("config.json")
    with pytest.raises(ModelError, match="应能读"):
        read_config(TINY)
