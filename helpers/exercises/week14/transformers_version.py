"""练习“内核里的版本”：这个内核里装的 transformers 是什么版本

出处: notebooks/01_setup.ipynb 第 1、3 节
"""
import platform
import unicodedata
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from helpers.exercises.comparing import Wrong, brief
from helpers.exercises.exercise import Exercise

PACKAGES = ("torch", "modelscope", "accelerate", "tokenizers", "jupyterlab", "ipywidgets", "matplotlib", "nbval")
HINTS = ("importlib.metadata 里有一个函数，给它包名，它告诉你这个内核里装的版本",
         "课文 01 第 3 节的表格里就有它；用代码问的话，那个函数和“版本”的英文同名，括号里写包名，两边有引号")
WHY = ("同一台电脑上可以有好几个 Python，各有各的包。装了还说找不到、报错和网上说的不一样，多半是版本不同："
       "先问内核自己，再去查资料；向别人求助时，也先报这个号。")
HARDER = "这个内核用的是哪一个 Python？（提示：sys.executable）它和你终端里的 python 是同一个吗？"
SOLUTION = """from importlib.metadata import version

answer_1 = version("transformers")  # 也可以 import transformers 以后写 transformers.__version__"""


def exercise() -> Exercise:
    """这道题；正确的版本当场问内核"""
    return Exercise("内核里的版本", "01 第 1、3 节", 5, check_version, HINTS, SOLUTION, WHY, HARDER, stars=1,
                    minutes=3)


def check_version(answer: object) -> None:
    """answer 应是 transformers 的版本号，不对就抛出 Wrong"""
    right = version("transformers")
    if not isinstance(answer, str):
        raise Wrong(f"版本号应是字符串，例如 \"4.37.0\"，现在是{what_came(answer)}")
    written = str.__str__(answer)  # 它的子类可以改写“等于”，先换成普通的字符串
    if written == right:
        return
    stripped = written.strip()
    if stripped == right:
        raise Wrong("版本号的两头不应有空格或换行，现在有；删掉再试")
    if right in written:
        raise Wrong(f"应只写版本号，现在是 {brief(written)}；去掉它前后多余的字")
    if right in in_ascii(written):
        raise Wrong(f"版本号里的数字和点应是半角的，现在是 {brief(written)}，里面有全角的字或句号；换成英文输入法再写")
    if stripped and right.startswith(stripped):
        raise Wrong(f"版本号应写全，现在只有开头的 {brief(written)}；几个点隔开的每一段都要")
    if not any(letter.isdigit() for letter in written):
        raise Wrong(f"版本号应是点隔开的几个数，现在是 {brief(written)}，一个数也没有；要是代码，就不加引号")
    for package in PACKAGES:
        if stripped in versions_of(package):
            raise Wrong(f"应是 transformers 的版本，现在是 {package} 的；看清楚问的是哪个包")
    if stripped.startswith(platform.python_version()):
        raise Wrong("应是 transformers 的版本，现在是 Python 的；看清楚问的是哪个包")
    raise Wrong(f"应是这个内核里 transformers 的版本，现在是 {brief(written)}；在这个笔记本里问，不要在别处查")


def what_came(answer: object) -> str:
    """不是字符串，是什么，怎么办"""
    if isinstance(answer, ModuleType):
        return "整个模块，不是它的版本；版本号是模块里的一项"
    if callable(answer):
        return "一个函数，还没有调用它；后面加括号，括号里写它要的"
    if isinstance(answer, int | float):
        return f"一个数 {answer}；有两个点的写不成一个数，要写全，两边加引号"
    if isinstance(answer, list | tuple):
        return f"分开的几段 {brief(answer)}；写成一个字符串，中间用点隔开"
    if isinstance(answer, bytes):
        return f"字节 {brief(answer)}；用 decode() 变成字符串"
    return f" {brief(answer)}（{type(answer).__name__}）；用 str(…) 变成字符串"


def in_ascii(text: str) -> str:
    """全角的数字、点和中文句号 → 半角。例: in_ascii("５。１") -> "5.1\""""
    return unicodedata.normalize("NFKC", text).replace("。", ".")


def versions_of(package: str) -> list[str]:
    """包的版本的两种写法，带和不带 + 后面的；没有装就没有。例: torch 的 ["2.13.0+cpu", "2.13.0"]"""
    try:
        full = version(package)
    except PackageNotFoundError:
        return []
    return [full, full.split("+")[0]]
