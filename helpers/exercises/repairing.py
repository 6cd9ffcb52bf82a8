"""“读报错，改好这一格”的练习：答案那一格里本来就有一段坏的代码，认出还没有改过的

出处: notebooks/week14_exercises.ipynb、week15_exercises.ipynb 的选做题
"""
import ast
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
    return operations(code) in [operations(one) for one in compiled(broken)]


def compiled(source: str) -> list[CodeType]:
    """source 里的函数，编译好的，两份：整段一起编译的，和笔记本那样一句一句编译的

    前面写着 import torch 时，两份里调用 torch.zeros 的办法不同
    """
    whole = ast.parse(source)
    functions = [node for node in whole.body if isinstance(node, ast.FunctionDef)]
    alone = ast.Module(body=functions, type_ignores=[])
    return [function_in(whole), function_in(alone)]


def function_in(tree: ast.Module) -> CodeType:
    """语法树里的第一个函数，编译好的"""
    module = compile(tree, "题目给的代码", "exec")
    functions = [value for value in module.co_consts if isinstance(value, CodeType)]
    return functions[0]


def operations(code: CodeType) -> list:
    """编译好的函数做些什么；不看它写在哪个文件的哪一行"""
    parts = [code.co_code, code.co_names, code.co_varnames]
    for value in code.co_consts:
        if isinstance(value, CodeType):  # 里面的函数和推导式
            parts.append(operations(value))
        else:
            parts.append((type(value), value))
    return parts
