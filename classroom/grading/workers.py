"""运行 worker 的进程：加载一次，借来借去，停了、坏了就换一个；用完停掉学生留下的全部进程，删掉文件夹"""
import contextlib
import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from grading import confinement

import assignment

HERE = Path(__file__).parent
START = 180  # 秒；启动、加载模型最多这么久
FORKS = hasattr(os, "fork")  # 一个进程评许多份；Windows 没有 fork，一份一个进程，慢一些
LONGEST = 200_000  # 字节；再长的一行不是 worker 写的
IDLE: dict[int, list] = {week: [] for week in assignment.WEEKS}  # 闲着的
COURSE: list[tuple[str, bytes]] = []  # helpers 里的文件：(路径, 内容)；学生删了课程文件夹，后面的人也评得成


class NotStarted(Exception):
    """评分的进程没有准备好"""


class Worker:
    """一个评分的进程和它的文件夹"""

    def __init__(self, week: int):
        self.secret = secrets.token_hex(16)
        self.mark = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="homework-")).resolve()
        self.lines = queue.Queue()
        unpack(self.folder)
        command = confinement.confined([sys.executable, str(HERE / "worker.py")], self.folder)
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment(self.folder, self.mark),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=read_lines, args=(self.process.stdout, self.lines), daemon=True).start()
        self.many = False
        self.begin(week)

    def begin(self, week: int) -> None:
        """交给它准备的一格，等它加载好"""
        names = assignment.answer_names(week)
        self.send({"setup": assignment.setup(week), "secret": self.secret, "names": names, "forks": FORKS})
        ready = self.report(time.monotonic() + START)
        if isinstance(ready, str):
            self.close()
            raise NotStarted("太久" if ready == "late" else "进程停了")
        self.many = FORKS

    def send(self, order: dict) -> None:
        """一条命令；进程没有了也不报错，听报告时会知道"""
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def report(self, deadline: float) -> dict | str:
        """下一个报告；没有就是 late（太久）、full（占内存太多）、gone（进程没有了）"""
        while time.monotonic() < deadline:
            try:
                line = self.lines.get(timeout=0.3)
            except queue.Empty:
                if confinement.memory_of(self.process.pid) > confinement.MEMORY:
                    return "full"
                continue
            if line is None:
                self.many = False
                return "gone"
            understood = self.understood(line)
            if understood is not None:
                return understood
        return "late"

    def understood(self, line: bytes) -> dict | None:
        """一行报告；不是带着暗号的 JSON 就是 None"""
        text = line.decode("utf-8", errors="replace")
        if not text.startswith(self.secret):
            return None
        with contextlib.suppress(ValueError):
            return json.loads(text.removeprefix(self.secret))
        return None

    def stop_child(self) -> None:
        """停掉正在评的那一份；停不下来的，整个进程不要了"""
        if not self.many:
            return
        self.send({"stop": True})
        deadline = time.monotonic() + 5
        while True:
            report = self.report(deadline)
            if isinstance(report, str):
                self.many = False
                return
            if "gone" in report:
                return

    def clean(self) -> None:
        """下一份以前：文件夹回到原样"""
        for place in self.folder.iterdir() if self.folder.is_dir() else []:
            remove(place)
        unpack(self.folder)

    def close(self) -> None:
        """停掉，删掉文件夹"""
        confinement.stop(self.process, self.mark)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def lent(week: int) -> Iterator[Worker]:
    """借一个评分的进程，用完还；不能再用的停掉"""
    worker = IDLE[week].pop() if IDLE[week] else Worker(week)
    usable = False
    try:
        worker.clean()
        yield worker
        usable = worker.many and worker.process.poll() is None
    finally:
        if usable:
            IDLE[week].append(worker)
        else:
            worker.close()


def close_all() -> None:
    """停掉全部闲着的"""
    for idle in IDLE.values():
        while idle:
            idle.pop().close()


def read_lines(pipe, lines: queue.Queue) -> None:
    """把一行行报告放进队列，最后放一个 None"""
    while line := pipe.readline(LONGEST):
        lines.put(line)
    lines.put(None)


def environment(folder: Path, mark: str) -> dict[str, str]:
    """学生的进程的环境变量：家、临时文件都在他的文件夹里，不上网"""
    own = dict(os.environ, COURSE_STUDENT=mark, PYTHONPATH=str(folder), MPLBACKEND="Agg", HF_HUB_OFFLINE="1")
    for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "MODELSCOPE_CACHE"):
        own[name] = str(folder)
    own["OMP_NUM_THREADS"] = "1"
    own["TOKENIZERS_PARALLELISM"] = "false"
    own["PYTHONIOENCODING"] = "utf-8"
    own.pop("COURSE_GRADING", None)
    return own


def remember_course() -> None:
    """把 helpers 读进内存"""
    root = HERE.parent.parent
    if COURSE:
        return
    for file in sorted((root / "helpers").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            COURSE.append((str(file.relative_to(root)), file.read_bytes()))


def unpack(folder: Path) -> None:
    """在学生的文件夹里放一份 helpers"""
    remember_course()
    for name, content in COURSE:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def remove(place: Path) -> None:
    """删掉一个文件、链接或文件夹；删不掉就算了"""
    with contextlib.suppress(OSError):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink()
