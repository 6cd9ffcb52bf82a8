"""练习“内核里的版本”：怎样问出来都行；写不全、写多了、问错了包，各有自己的话"""
import platform
import sys
from importlib.metadata import metadata, version

import numpy
import pytest
import transformers
from answers import accepted, refused
from packaging.version import Version

VERSION = transformers.__version__


@pytest.mark.parametrize("answer", [VERSION, version("transformers"), metadata("transformers")["Version"],
                                    str(transformers.__version__), ".".join(VERSION.split(".")),
                                    numpy.array([VERSION])[0]])
def test_right(sheet, answer):
    accepted(sheet[1], answer)


class EqualText(str):
    """说自己等于一切的字符串"""
    __hash__ = str.__hash__

    def __eq__(self, other):
        return True

    def __str__(self):
        return VERSION


@pytest.mark.parametrize("answer, says", [
    (5.23, "现在是一个数 5.23"), (5, "现在是一个数 5"), (tuple(VERSION.split(".")), "分开的几段"),
    ([5, 23, 0], "中间用点隔开"), (version, "还没有调用它"), (transformers, "整个模块"), (VERSION.encode(), "decode()"),
    (Version(VERSION), "（Version）；用 str"),
    (EqualText("4.37.0"), "现在是 '4.37.0'"), (EqualText(""), "一个数也没有"),
    (VERSION.replace(".", "。"), "全角"), (VERSION.replace(".", "．"), "全角"),
    (f"版本 {VERSION[0]}。{VERSION[2:]}", "全角"),
    (VERSION.translate({ord("0") + digit: ord("０") + digit for digit in range(10)}), "全角"),
    (f" {VERSION} ", "空格"), (VERSION + "\n", "空格或换行"),
    (VERSION.rpartition(".")[0], "只有开头"), (VERSION[:-1], "只有开头"),
    (f"transformers=={VERSION}", "只写版本号"), (f"v{VERSION}", "只写版本号"), (f"{VERSION}。", "只写版本号"),
    ("4.37.0", "这个内核里 transformers"), ("最新", "一个数也没有"), ("", "一个数也没有"),
    ("transformers.__version__", "就不加引号"),
    (platform.python_version(), "是 Python 的"), (sys.version, "是 Python 的"),
    (version("torch").split("+")[0], "是 torch 的"), (version("modelscope"), "是 modelscope 的")])
def test_wrong(sheet, answer, says):
    refused(sheet[1], answer, says)


def test_the_hints_do_not_give_the_code(sheet):
    assert not any("version(" in hint or "importlib" in hint.partition("\n")[2] for hint in sheet[1].hints)
    assert "version" not in sheet[1].hints[1]
