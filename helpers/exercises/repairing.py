"""“读报错，改好这一格”的练习：答案那一格里本来就有一段坏的代码，认出还没有改过的

出处: notebooks/week14_exercises.ipynb、week15_exercises.ipynb 的选做题
"""
from types import CodeType

from helpers.exercises.comparing import Unanswered


def expect_changes(function: object, broken: str) -> None:
    """函数还是题目给的那段代码，就抛出 Unanswered

    broken: 笔记本里那一格的代码，里面只有一个函数
    """
    if is_unchanged(function, broken):
        raise Unanswered("函数还是题目给的代码；先自己调用它，看它报什么错、得到什么，改好了再运行这一格")


def is_unchanged(function: object, broken: str) -> bool:
    """function 和 broken 里的函数做的事一步不差吗；注释、空行、类型说明不算

    例: is_unchanged(answer, BROKEN)，只添了一行注释 -> True
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return steps(code) == steps(function_in(broken))


def function_in(source: str) -> CodeType:
    """一段代码里的第一个函数，编译好的"""
    module = compile(source, "题目给的代码", "exec")
    functions = [value for value in module.co_consts if isinstance(value, CodeType)]
    return functions[0]


def steps(code: CodeType) -> list:
    """编译好的函数做些什么；不看它写在哪个文件的哪一行"""
    parts = [code.co_code, code.co_names, code.co_varnames]
    for value in code.co_consts:
        if isinstance(value, CodeType):  # 里面的函数和推导式
            parts.append(steps(value))
        else:
            parts.append((type(value), value))
    return parts
