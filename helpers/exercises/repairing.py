"""“读报错，修好这一格”的练习：答案那一格里本来就有一个坏的函数，认出它还没有动过

出处: notebooks/week14_exercises.ipynb 的选做题
"""
from types import CodeType

from helpers.exercises.comparing import Unanswered


def check_touched(function: object, broken: str) -> None:
    """函数还和坏的那一份代码一样，就抛出 Unanswered；注释和空格不算

    broken: 笔记本里那一格的代码，里面只有一个函数
    例: check_touched(answer, BROKEN)，answer 没有改过 -> Unanswered
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return
    if steps(code) == steps(function_in(broken)):
        raise Unanswered("函数还是原来的样子；先自己调用它，看它报什么错，读最后一行，改好了再运行这一格")


def function_in(source: str) -> CodeType:
    """一段代码里的第一个函数，编译好的"""
    module = compile(source, "坏的函数", "exec")
    functions = [value for value in module.co_consts if isinstance(value, CodeType)]
    return functions[0]


def steps(code: CodeType) -> tuple:
    """编译好的函数做些什么，不看它写在哪个文件的哪一行"""
    return code.co_code, code.co_consts, code.co_names
