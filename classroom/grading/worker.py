"""在学生的进程里：一格一格运行他的代码，用另外加载的一份检查评他的答案，一行一行地报告

检查在学生的代码以前加载，藏在别处：学生改 sheet、Exercise.check、COURSE_GRADING 或 helpers，改的都是另一份。
每次说对以后再交一个一定不对的答案，它也说对，就是检查被动过
由 trial.py 启动：输入一行一个命令（JSON），先是准备的一格，再是一份份作业；输出每行一个 JSON，开头是那一份的暗号
"""
import contextlib
import io
import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

from confinement import set_limits

KEPT = 4000  # 一格的输出最多留几个字符


class Kept(io.TextIOBase):
    """只留开头的输出：打印 300 MB 也不占内存"""

    def __init__(self):
        self.text = ""
        self.lost = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT - len(self.text)
        self.text += text[:room]
        self.lost = self.lost or len(text) > room
        return len(text)

    def taken(self) -> str:
        """留下的文字；以后从头再留"""
        text = self.text + ("\n……（后面的输出没有留）" if self.lost else "")
        self.text = ""
        self.lost = False
        return text


class Reports:
    """一行一行地告诉评分的进程"""

    def __init__(self, descriptor: int, secret: str):
        self.file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
        self.secret = secret

    def say(self, **what) -> None:
        line = json.dumps(what)  # 默认全是 ASCII，单独的代理字符也写得出
        self.file.write(f"{self.secret}{line}\n")
        self.file.flush()


def own_pipe() -> int:
    """原来的标准输出留给报告；学生直接写 1 号、2 号的，丢掉"""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return kept


class Orders:
    """评分的进程来的命令，一行一个；它没有了（到头）就退出"""

    def __init__(self):
        self.descriptor = os.dup(0)
        self.waiting = b""
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)  # 学生读输入，立刻到头
        sys.stdin = io.StringIO("")

    def next(self) -> dict:
        """下一条命令"""
        while b"\n" not in self.waiting:
            more = os.read(self.descriptor, 65536)
            if not more:
                os._exit(0)
            self.waiting += more
        line, _, self.waiting = self.waiting.partition(b"\n")
        return json.loads(line)

    def arrived(self, seconds: float) -> bool:
        """有命令来吗，最多等这么久"""
        return b"\n" in self.waiting or bool(select.select([self.descriptor], [], [], seconds)[0])


def quiet_shell():
    """运行各格的 IPython：%、! 和 await 都能用，不写历史，不上颜色"""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config)


def hidden_sheet(shell, setup: str):
    """准备好的练习；它用的 helpers 藏起来，学生再 import 得到的是另一份"""
    done = shell.run_cell(setup, store_history=False)
    done.raise_error()
    sheet = shell.user_ns["sheet"]
    for name in [name for name in sys.modules if name.split(".")[0] == "helpers"]:
        del sys.modules[name]
    shell.reset(new_session=False)
    return sheet


def wrong_answers() -> list:
    """对任何题都不对的答案"""
    return [object(), lambda *inputs, **named: object()]


def verdict(exercise, value: object) -> tuple[str, str]:
    """答案 → (记号, 一句话)；记号是 ? 就是检查被动过"""
    try:
        note = exercise.judge(value)
        if note.mark not in ("✓", "✎"):
            return note.mark, note.text
        for wrong in wrong_answers():
            if exercise.judge(wrong).mark in ("✓", "✎"):
                return "?", "检查对什么答案都说对：它被改过了，这一题没有给分"
    except BaseException as error:  # 学生的代码什么都可能抛出来
        return "✗", f"检查没有做完（{type(error).__name__}）：答案停掉了检查"
    return note.mark, note.text


class Nursery:
    """加载一次，评许多份：每一份在一个分出来（fork）的进程里，停了、坏了，都不碍别的；Windows 没有 fork，只评一份"""

    def __init__(self, orders: Orders, reports: Reports):
        self.orders = orders
        self.reports = reports
        self.folder = Path.cwd()
        self.first = orders.next()
        self.shell = quiet_shell()
        self.sheet = hidden_sheet(self.shell, self.first["setup"])
        if self.first["forks"]:
            self.warm_up()
        self.shell.run_cell(self.first["setup"], store_history=False).raise_error()

    def warm_up(self) -> None:
        """用参考答案把各题查一遍：参照的结果以后不用再算"""
        for exercise in self.sheet.exercises:
            name = self.first["names"][str(exercise.number)]
            values = dict(self.shell.user_ns)
            with contextlib.suppress(Exception):
                exec(exercise.code, values)
                exercise.judge(values.get(name))

    def serve(self) -> None:
        """一份接一份"""
        while True:
            task = self.orders.next()
            if "stop" in task:
                continue
            self.reports.secret = task["secret"]
            if self.first["forks"]:
                self.apart(task)
                self.reports.say(gone=True)
            else:
                self.inside(task)

    def apart(self, task: dict) -> None:
        """分出一个进程来评；它停了，或者命令说停，就把它和它留下的都停掉"""
        child = os.fork()
        if child == 0:
            self.inside(task)
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if self.orders.arrived(0.02):
                self.orders.next()
                os.kill(child, signal.SIGKILL)
        self.stop_others(child)

    def stop_others(self, child: int) -> None:
        """学生留下的进程：关着的时候自己是 1 号，别的全是他的，等它们都没有了；否则停掉他的进程组"""
        with contextlib.suppress(OSError):
            if os.getpid() != 1:
                os.killpg(child, signal.SIGKILL)
                return
            os.kill(-1, signal.SIGKILL)
            while True:
                os.waitpid(-1, 0)

    def inside(self, task: dict) -> None:
        """在学生的进程里评"""
        os.chdir(self.folder)
        if self.first["forks"]:
            os.setsid()
            os.close(self.orders.descriptor)
        set_limits()
        try:
            Run(task, self.reports, self.shell, self.sheet).all()
        finally:
            os._exit(0)  # 学生留下的线程不等


class Run:
    """评一份作业：sheet 是藏着的练习，shell 里是学生的变量"""

    def __init__(self, task: dict, reports: Reports, shell, sheet):
        self.task = task
        self.reports = reports
        self.shell = shell
        self.sheet = sheet
        self.output = Kept()
        self.errors = {}
        sys.stdout = self.output
        sys.stderr = self.output

    def all(self) -> None:
        """一格一格运行；到了评一题的地方就评"""
        for place, source in enumerate(self.task["cells"]):
            if str(place) not in self.task["skipped"] and source not in self.task["checks"]:
                self.cell(place, source)
            for item in self.task["exercises"]:
                if item["place"] == place and item["number"] not in self.task["judged"]:
                    self.judge(item)
        self.reports.say(end=True)

    def cell(self, place: int, source: str) -> None:
        """运行一格；报了什么错记下来"""
        self.reports.say(cell=place)
        try:
            done = self.shell.run_cell(source, store_history=False)
            error = done.error_before_exec or done.error_in_exec
        except BaseException as raised:
            error = raised
        sys.stdout = self.output
        sys.stderr = self.output
        if error is not None:
            self.errors[place] = f"{type(error).__name__}: {str(error)[:300]}"
        self.reports.say(ran=place, error=self.errors.get(place, ""), output=self.output.taken())

    def judge(self, item: dict) -> None:
        """评一题；有停不下来的线程，这个进程就不能再用了，停掉，另一个接着评"""
        number = item["number"]
        self.reports.say(judging=number)
        before = threading.active_count()
        mark, text = self.mark_of(item)
        self.output.taken()
        self.reports.say(number=number, mark=mark, text=text)
        if threading.active_count() > before:
            os._exit(0)

    def mark_of(self, item: dict) -> tuple[str, str]:
        """一题的记号和话"""
        if item["name"] in self.shell.user_ns:
            return verdict(self.sheet[item["number"]], self.shell.user_ns[item["name"]])
        error = self.errors.get(item["answer_place"], "")
        if error:
            return "✗", f"应能运行答题的那一格，现在报了 {error}"
        return "○", f"没有 {item['name']}：答题的那一格没有了，或者改了名字"


def main() -> None:
    """加载，等任务"""
    sys.path.insert(0, str(Path.cwd()))
    reports = Reports(own_pipe(), "")
    sys.stdout = Kept()
    sys.stderr = Kept()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nursery = Nursery(Orders(), reports)
    reports.secret = nursery.first["secret"]
    reports.say(ready=True)
    nursery.serve()


if __name__ == "__main__":
    main()
