"""练习“内核里的版本”：这个内核里装的 transformers 是什么版本

出处: notebooks/01_setup.ipynb 第 1、3 节
"""
from importlib.metadata import PackageNotFoundError, version

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
        raise Wrong(f"版本号应是字符串，现在是 {type(answer).__name__}；它有两个点，不是一个数，两边加上引号")
    if answer == right:
        return
    stripped = answer.strip()
    if stripped == right:
        raise Wrong("版本号的两头不应有空格或换行，现在有；删掉再试")
    if right in answer:
        raise Wrong(f"应只写版本号，现在是 {brief(answer)}；去掉它前后多余的字")
    if stripped and right.startswith(stripped):
        raise Wrong(f"版本号应写全，现在只有开头的 {brief(answer)}；几个点隔开的每一段都要")
    for package in PACKAGES:
        if stripped in versions_of(package):
            raise Wrong(f"应是 transformers 的版本，现在是 {package} 的；看清楚问的是哪个包")
    raise Wrong(f"应是这个内核里 transformers 的版本，现在是 {brief(answer)}；在这个笔记本里问，不要在别处查")


def versions_of(package: str) -> list[str]:
    """包的版本的两种写法，带和不带 + 后面的；没有装就没有。例: torch 的 ["2.13.0+cpu", "2.13.0"]"""
    try:
        full = version(package)
    except PackageNotFoundError:
        return []
    return [full, full.split("+")[0]]
