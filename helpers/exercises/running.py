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


class Attempt(threading.Thread):
    """在另一个线程里运行一次学生的函数，记下它的 result 或 error"""

    def __init__(self, function: Callable, inputs: tuple):
        super().__init__(daemon=True)
        self.function = function
        self.inputs = inputs
        self.result = None
        self.error = None

    def run(self) -> None:
        try:
            self.result = self.function(*map(copy_of, self.inputs))
        except TimeUp:
            pass
        except BaseException as error:  # 学生可能抛出任何东西，SystemExit 也算
            self.error = error

    def stop(self) -> None:
        """让它在下一条 Python 语句抛出 TimeUp"""
        thread_id = ctypes.c_ulong(self.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread_id, ctypes.py_object(TimeUp))
        self.join(1.0)


def call(function: Callable, inputs: tuple, where: str) -> object:
    """function(*inputs) 的结果；不是函数、出错、超时都抛出 Failed

    where: 这组输入怎样说给学生听，例如 “文字是 '你好'”
    """
    if not callable(function):
        raise Failed(f"答案应是一个函数，现在是 {type(function).__name__}；把函数名交给 check，不要加括号")
    attempt = Attempt(function, inputs)
    attempt.start()
    attempt.join(SECONDS)
    if attempt.is_alive():
        attempt.stop()
        raise Failed(f"{where}：应在 {SECONDS:g} 秒内算完，现在没有；检查循环有没有停下来的条件")
    if attempt.error is not None:
        raise Failed(f"{where}：应有结果，现在你的函数报了 {type(attempt.error).__name__}: {attempt.error}；"
                     "先自己在单元格里用这个输入调用它看看")
    return attempt.result


def copy_of(value: object) -> object:
    """输入的复制品，学生改了也不影响别的；模型和分词器复制不了或太大，原样给"""
    if isinstance(value, list | dict | set) or hasattr(value, "clone"):
        return copy.deepcopy(value)
    return value
