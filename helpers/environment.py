"""体检：这台电脑准备好了吗

每一项给出 ✓（好）、⚠（能用，但要知道）、✗（先改好），以及该做什么；不报错，不为网络等 3 秒以上
出处: notebooks/01_setup.ipynb
"""
import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from helpers.table import Shown, grid

COURSE = "hf-loading-and-inference-course"
INSTALL = "在项目文件夹运行 python -m pip install -e ."
WHY = {"modelscope": "从国内下载模型", "transformers": "分词器、模型结构、生成", "accelerate": "device_map 需要它",
       "torch": "计算", "jupyterlab": "打开和运行笔记本", "ipywidgets": "滑块和进度条", "matplotlib": "画图",
       "nbval": "检查笔记本的输出"}
WAIT = 2.5       # 等网络的秒数
FREE_GB = 2.0    # 真正的 Qwen 和余量要的磁盘
MEMORY_GB = 3.0  # 真正的 Qwen（16 位）、Python 和浏览器要的内存


@dataclass(frozen=True)
class Row:
    """体检的一项：查什么、✓ ⚠ ✗、查到什么、要做什么（✓ 时为空）"""
    what: str
    state: str
    found: str
    todo: str = ""


def python() -> Row:
    """Python 的版本，至少 3.11"""
    good = sys.version_info >= (3, 11)
    return Row("Python", "✓" if good else "✗", platform.python_version(),
               "" if good else "装 Python 3.11 或更新的版本，再重新安装课程")


def pins() -> dict[str, str]:
    """课程要的包 → 版本，取自安装时的记录（pyproject.toml）"""
    lines = importlib.metadata.requires(COURSE) or []
    return dict(line.split("==") for line in lines if re.fullmatch(r"[\w-]+==[\w.]+", line))


def package(name: str, wanted: str) -> Row:
    """一个包装了没有，版本对不对"""
    what = f"{name}（{WHY.get(name, '课程用到')}）"
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Row(what, "✗", "没有装", INSTALL)
    same = found.split("+")[0] == wanted  # torch 的版本后面可能有 +cpu
    return Row(what, "✓" if same else "⚠", found, "" if same else f"课程用的是 {wanted}：{INSTALL}")


def kernel() -> Row:
    """终端里的 pip 和这里的 Python 属于同一个环境吗"""
    pip = shutil.which("pip")
    here = Path(sys.executable).parent
    if pip is None:
        return Row("pip 和内核", "⚠", "终端里找不到 pip", "装包时写 python -m pip，或者笔记本里的 %pip")
    if Path(pip).parent in (here, here / "Scripts"):
        return Row("pip 和内核", "✓", "同一个环境")
    return Row("pip 和内核", "⚠", "终端里的 pip 属于另一个环境",
               "装包时写 python -m pip（在启动 JupyterLab 的终端里）或者笔记本里的 %pip，不要只写 pip")


def processor() -> Row:
    """CPU 有几个核"""
    return Row("CPU", "✓", f"{platform.machine()}，{os.cpu_count()} 个核")


def memory() -> Row:
    """可用的内存够不够真正的 Qwen"""
    import psutil  # accelerate 已经要求装它

    free, total = psutil.virtual_memory().available / 1e9, psutil.virtual_memory().total / 1e9
    good = free >= MEMORY_GB
    return Row("内存", "✓" if good else "⚠", f"共 {total:.0f} GB，可用 {free:.1f} GB",
               "" if good else "教学小模型够用；用真正的 Qwen 之前先关掉别的程序")


def disk() -> Row:
    """放模型缓存的盘还有多少空间"""
    free = shutil.disk_usage(Path.home()).free / 1e9
    good = free >= FREE_GB
    return Row("磁盘", "✓" if good else "⚠", f"剩 {free:.0f} GB",
               "" if good else "教学小模型够用；下载真正的 Qwen 之前腾出 2 GB，或用 MODELSCOPE_CACHE 换到别的盘")


def font() -> Row:
    """画图有没有中文字体"""
    from matplotlib import font_manager

    from helpers.charts import FAMILIES

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    name = next((family for family in FAMILIES if family in installed), None)
    return Row("中文字体", "✓", name or "电脑上没有，用课程自带的")


def reachable(host: str, port: int, seconds: float = WAIT) -> bool:
    """seconds 秒内连得上吗；查域名可能卡住，所以放在另一个线程里等"""
    connected = threading.Event()

    def connect():
        with contextlib.suppress(OSError, ValueError, OverflowError):
            socket.create_connection((host, port), timeout=seconds).close()
            connected.set()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return connected.is_set()


def network() -> Row:
    """ModelScope 连得上吗（只看能不能连，不下载）"""
    parts = urlsplit(os.environ.get("MODELSCOPE_ENDPOINT") or "https://www.modelscope.cn")
    host = parts.hostname or "www.modelscope.cn"
    if reachable(host, parts.port or (80 if parts.scheme == "http" else 443)):
        return Row("ModelScope", "✓", f"{host} 连得上")
    return Row("ModelScope", "⚠", f"{host} 连不上",
               "教学小模型不需要网络；要下载真正的 Qwen，先连网（校园网先在浏览器里登录）")


def model() -> Row:
    """COURSE_MODEL 选了哪个模型，它的文件齐不齐"""
    from helpers.model import TINY, ModelError, locate

    chosen = f"COURSE_MODEL={os.environ.get('COURSE_MODEL', '')}"
    try:
        folder = locate()
    except ModelError as error:
        return Row("模型", "✗", chosen, str(error))
    return Row("模型", "✓", "教学小模型（课程自带）" if folder == TINY else chosen)


def safely(what: str, check: Callable[[], Row]) -> Row:
    """做一项检查；检查自己出错时也只给一行"""
    try:
        return check()
    except Exception as error:  # 体检不能因为一项查不了就停下
        return Row(what, "✗", f"没查出来（{type(error).__name__}: {error}）", INSTALL)


def rows() -> list[Row]:
    """全部检查，按讲义安装的次序"""
    try:
        wanted = pins()
    except importlib.metadata.PackageNotFoundError:
        return [safely("Python", python), Row("课程", "✗", "这个 Python 里没有装课程", INSTALL)]
    packages = [safely(name, lambda name=name: package(name, wanted[name])) for name in wanted]
    others = {"pip 和内核": kernel, "CPU": processor, "内存": memory, "磁盘": disk, "中文字体": font,
              "ModelScope": network, "模型": model}
    return [safely("Python", python), *packages, *(safely(what, check) for what, check in others.items())]


def check() -> Shown:
    """体检表：每项的 ✓ ⚠ ✗、查到什么、要做什么

    例: 在单元格最后一行写 check()
    """
    return grid(("检查", "", "现在", "要做什么"), [(row.what, row.state, row.found, row.todo) for row in rows()])
