"""学生的代码关在哪里运行：没有网络，只能写自己的文件夹，内存、文件、时间有上限，留下的进程一起停掉

Linux 上用 unshare（util-linux）：自己的网络、进程号和挂载，别的地方全部只读。别的系统没有，就只有上限和一句警告
出处: unshare(1)、mount(8)、setrlimit(2) 的手册页
"""
import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MEMORY = 4 * 1024**3  # 字节；一个学生的全部进程
FILE = 100 * 1024**2  # 字节；写出的一个文件
OPEN_FILES = 512
PROCESSES = 64
TOOLS = ("unshare", "mount", "setpriv")
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child",
           "--mount-proc"]
READ_ONLY = """set -e
mount --make-rprivate /
mount --bind "$1" "$1"
own=$(readlink -f "$1")
cut -d' ' -f5 /proc/self/mountinfo | while read -r place; do
  place=$(printf '%b' "$place")
  [ "$place" = "$own" ] || mount -o remount,bind,ro "$place" 2>/dev/null || true
done
cd "$1"
shift
exec setpriv --bounding-set=-all --no-new-privs "$@"
"""


@functools.cache
def isolated() -> bool:
    """这台电脑能把学生的代码关起来吗：试一次，看它能不能写到外面"""
    if not all(shutil.which(tool) for tool in TOOLS):
        return False
    with tempfile.TemporaryDirectory() as inside, tempfile.TemporaryDirectory() as outside:
        script = 'touch here && ! touch "$0/there" 2>/dev/null'
        command = wrapped(["sh", "-c", script, outside], Path(inside))
        try:
            tried = subprocess.run(command, capture_output=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return tried.returncode == 0 and Path(inside, "here").exists()


def wrapped(command: list[str], folder: Path) -> list[str]:
    """关起来运行的命令：只有 folder 可以写"""
    return [*UNSHARE, "sh", "-c", READ_ONLY, "sh", str(folder), *command]


def confined(command: list[str], folder: Path) -> list[str]:
    """能关起来就关起来，不能就照旧"""
    if isolated():
        return wrapped(command, folder)
    return command


def warning() -> str:
    """关不起来时给老师看的一句话；关得起来就是空的"""
    if isolated():
        return ""
    who = "系统管理员" if hasattr(os, "geteuid") and os.geteuid() == 0 else "你"
    return (f"注意：这台电脑不能把学生的代码关起来，它们以{who}的身份运行，能读写文件、能连网；"
            "不放心就换一台 Linux，或者照 guide.md 第 5 节放进容器里评")


def set_limits() -> None:
    """在学生的进程里：给这个进程和它的子进程定上限；Windows 没有，就由 watch 看着内存"""
    with contextlib.suppress(ImportError):
        import resource

        lower(resource.RLIMIT_DATA, MEMORY)
        lower(resource.RLIMIT_FSIZE, FILE)
        lower(resource.RLIMIT_NOFILE, OPEN_FILES)
        lower(resource.RLIMIT_CORE, 0)
        lower(resource.RLIMIT_NPROC, PROCESSES + threads_of_mine())


def lower(kind: int, limit: int) -> None:
    """一种上限；系统不让设就算了"""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (limit, limit))


def threads_of_mine() -> int:
    """这个用户已经有多少线程；进程数的上限按用户算"""
    import psutil

    if isolated_here():
        return 0
    mine = psutil.Process().username()
    known = [process.info for process in psutil.process_iter(["username", "num_threads"])]
    return sum(info["num_threads"] or 0 for info in known if info["username"] == mine)


def isolated_here() -> bool:
    """现在就在关着的地方吗：那里自己是第一批进程"""
    return sys.platform == "linux" and os.getppid() <= 2


def family(pid: int) -> list:
    """这个进程和它的全部子孙"""
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def memory_of(pid: int) -> int:
    """这个进程和它的子孙一共占多少内存，字节"""
    import psutil

    total = 0
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def marked(mark: str) -> list:
    """环境变量 COURSE_STUDENT 是 mark 的进程：父进程已经没有了的也认得出"""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("COURSE_STUDENT") == mark:
                found.append(process)
    return found


def stop(process: subprocess.Popen, mark: str) -> None:
    """停掉学生的全部进程：先是它的子孙，再是离开了它的"""
    import psutil

    for one in [*family(process.pid), *marked(mark)]:
        with contextlib.suppress(psutil.Error):
            one.kill()
    process.wait()
