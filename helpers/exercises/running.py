"""运行学生的函数：给它一份输入的复制品，限定时间，出错时说清楚"""
import copy
import ctypes
import linecache
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 5.0  # 一次调用最多几秒


class Failed(Exception):
    """学生的函数没有运行完：出错（报的错在 __cause__ 里）、太久"""


class TimeUp(BaseException):
    """时间到了；不是 Exception，学生的 try 接不住"""


class Attempt(threading.Thread):
    """在另一个线程里运行一次学生的函数

    given: 交给它的输入（复制品，它可能改过）；result: 它的结果，error: 它报的错
    """

    def __init__(self, function: Callable, inputs: tuple):
        super().__init__(daemon=True)
        self.function = function
        self.given = tuple(copy_of(value) for value in inputs)
        self.result = None
        self.error = None

    def run(self) -> None:
        try:
            self.result = self.function(*self.given)
        except TimeUp:
            pass
        except BaseException as error:  # 学生可能抛出任何东西，SystemExit 也算
            self.error = error

    def stop(self) -> None:
        """让它在下一条 Python 语句抛出 TimeUp"""
        thread_id = ctypes.c_ulong(self.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread_id, ctypes.py_object(TimeUp))
        self.join(1.0)


def attempt(function: Callable, inputs: tuple, where: str, seconds: float | None = None) -> Attempt:
    """运行一次 function(*inputs)；不是函数、出错、超时都抛出 Failed

    where: 这组输入怎样说给学生听，例如 “文字是 '你好'”；seconds: 最多几秒，默认 SECONDS
    """
    if not callable(function):
        raise Failed(f"答案应是一个函数，现在是 {type(function).__name__}；把函数名交给 check，不要加括号")
    limit = SECONDS if seconds is None else seconds
    tried = Attempt(function, inputs)
    tried.start()
    try:
        tried.join(limit)
    finally:  # 学生按了停止键也一样
        running = tried.is_alive()
        if running:
            tried.stop()
    if running:
        raise Failed(f"应在 {limit:.3g} 秒内算完，现在没有：太慢，或者停不下来；"
                     f"检查循环有没有停下来的条件，同样的东西是不是算了很多遍\n这次的输入：{where}")
    if tried.error is not None:
        raise Failed(f"{what_was_raised(tried.error, function)}\n这次的输入：{where}") from tried.error
    return tried


@contextmanager
def quiet() -> Iterator[None]:
    """检查自己用 transformers 时，不让它的警告混进学生的输出；很长的文字，它每次都要警告"""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def what_was_raised(error: BaseException, function: Callable) -> str:
    """学生的函数报了什么错，在它的第几行

    例: what_was_raised(error, answer) -> "你的函数报了 ZeroDivisionError: division by zero，在这一行：return x / 0"
    """
    said = f"应有结果，现在你的函数报了 {type(error).__name__}: {error}"
    line = failing_line(error, function)
    if line:
        return f"{said}\n在这一行：{line}"
    return said


def failing_line(error: BaseException, function: Callable) -> str:
    """学生写的代码里最后出错的那一行；找不到就是空的"""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [linecache.getline(frame.filename, frame.lineno) for frame in frames if frame.filename == code.co_filename]
    return lines[-1].strip() if lines else ""


def copy_of(value: object) -> object:
    """输入的复制品，学生改了也不影响别的；模型和分词器复制不了或太大，原样给"""
    if isinstance(value, list | dict | set) or hasattr(value, "clone"):
        return copy.deepcopy(value)
    return value
