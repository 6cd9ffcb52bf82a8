"""练习“内核里的版本”：怎样问出来都行；写不全、写多了、问错了包，各有自己的话"""
from importlib.metadata import metadata, version

import pytest
import transformers
from answers import accepted, refused

VERSION = transformers.__version__


@pytest.mark.parametrize("answer", [VERSION, version("transformers"), metadata("transformers")["Version"],
                                    str(transformers.__version__), ".".join(VERSION.split("."))])
def test_right(sheet, answer):
    accepted(sheet[1], answer)


@pytest.mark.parametrize("answer, says", [
    (5.23, "应是字符串"), (tuple(VERSION.split(".")), "应是字符串"), (version, "应是字符串"),
    (f" {VERSION} ", "空格"), (VERSION + "\n", "空格或换行"),
    (VERSION.rpartition(".")[0], "只有开头"), (VERSION[:-1], "只有开头"),
    (f"transformers=={VERSION}", "只写版本号"), (f"v{VERSION}", "只写版本号"),
    ("4.37.0", "这个内核里 transformers"), ("最新", "这个内核里 transformers"), ("", "这个内核里 transformers"),
    (version("torch").split("+")[0], "是 torch 的"), (version("modelscope"), "是 modelscope 的")])
def test_wrong(sheet, answer, says):
    refused(sheet[1], answer, says)


def test_the_hints_do_not_give_the_code(sheet):
    assert not any("version(" in hint or "importlib" in hint.partition("\n")[2] for hint in sheet[1].hints)
    assert "version" not in sheet[1].hints[1]
