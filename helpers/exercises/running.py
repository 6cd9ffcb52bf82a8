"""运行学生的函数：给它一份输入的复制品，限定时间，出错时说清楚"""
import copy
import ctypes
import threading
from collections.abc import Callable

SECONDS = 5.0  # 一次调用最多几秒


class Failed(Exception):
    """学生的函数没有运行完：出错、太久"""


class TimeUp(BaseException):
    """时间到了；不是 Exception，学生的 try 接不住"""


def call(function: Callable, inputs: tuple, where: str) -> object:
    """function(*inputs) 的结果；不是函数、出错、超时都抛出 Failed

    where: 这组输入怎样说给学生听，例如 “文字是 '你好'”
    """
    if not callable(function):
        raise Failed(f"答案应是一个函数，现在是 {type(function).__name__}；把函数名交给 check，不要加括号")
    box: dict[str, object] = {}

    def work():
        try:
            box["result"] = function(*copied(inputs))
        except TimeUp:
            pass
        except BaseException as error:  # 学生可能抛出任何东西，SystemExit 也算
            box["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        stop(thread)
        raise Failed(f"{where}：应在 {SECONDS:g} 秒内算完，现在没有；检查循环有没有停下来的条件")
    if "error" in box:
        error = box["error"]
        raise Failed(f"{where}：应有结果，现在你的函数报了 {type(error).__name__}: {error}；"
                     "先自己在单元格里用这个输入调用它看看")
    return box["result"]


def copied(inputs: tuple) -> tuple:
    """输入的复制品，学生改了也不影响别的；模型和分词器这样复制不了或太大的，原样给"""
    return tuple(copy.deepcopy(value) if isinstance(value, list | dict | set) else
                 value.clone() if hasattr(value, "clone") else value for value in inputs)


def stop(thread: threading.Thread) -> None:
    """让还在运行的线程在下一条 Python 语句抛出 TimeUp"""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
    thread.join(1.0)
