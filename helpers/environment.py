"""体检：这台电脑准备好了吗

每一项给出 ✓（好）、⚠（能用，但要知道）、✗（先改好），以及该做什么；不报错，不为网络等 3 秒以上
python -m helpers.environment 打印同样的表，退出代码是最坏的一行：✓ 0，⚠ 1，✗ 2
出处: notebooks/01_setup.ipynb
"""
import contextlib
import importlib.metadata
import platform
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from helpers import hub, machine
from helpers.machine import INSTALL, Row
from helpers.table import Shown, grid

COURSE = "hf-loading-and-inference-course"
WHY = {"modelscope": "从国内下载模型", "transformers": "分词器、模型结构、生成", "accelerate": "device_map 需要它",
       "torch": "计算", "jupyterlab": "打开和运行笔记本", "ipywidgets": "滑块和进度条", "matplotlib": "画图",
       "nbval": "检查笔记本的输出"}
WAIT = 2.5  # 等网络的秒数
QWEN_BYTES = 988_097_824  # 真正的 Qwen2.5-0.5B-Instruct 的权重


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


def font() -> Row:
    """画图有没有中文字体"""
    from helpers.charts import installed_family

    return Row("中文字体", "✓", installed_family() or "电脑上没有，用课程自带的")


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
    parts = urlsplit(hub.endpoint())
    host = parts.hostname or urlsplit(hub.ENDPOINT).hostname
    if reachable(host, parts.port or (80 if parts.scheme == "http" else 443)):
        return Row("ModelScope", "✓", f"{host} 连得上")
    return Row("ModelScope", "⚠", f"{host} 连不上",
               "教学小模型不需要网络；要下载真正的 Qwen，先连网（校园网先在浏览器里登录）")


def model() -> Row:
    """COURSE_MODEL 选了哪个模型，它在不在这台电脑上、文件齐不齐；不下载"""
    from helpers.errors import ModelError
    from helpers.model import TINY, chosen, here

    what = f"COURSE_MODEL={chosen(None)}"
    try:
        folder, trouble = here()
    except ModelError as error:
        return Row("模型", "✗", what, str(error))
    if folder is None:
        return Row("模型", "⚠", f"{what}，{trouble or '还没有下载'}", "运行 python -m helpers.model fetch")
    return Row("模型", "✓", "教学小模型（课程自带）" if folder == TINY else what)


def weight_bytes() -> float:
    """选的模型按 float32 加载（05、06、08 讲这样用）时，权重占多少字节；文件里是 16 位，所以是文件的两倍

    不在这台电脑上就按真正的 Qwen 算
    """
    from helpers.errors import ModelError
    from helpers.model import here

    folder = None
    with contextlib.suppress(ModelError, OSError):
        folder, _ = here()
    if folder is None:
        return QWEN_BYTES * 2
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) * 2


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
    weights = weight_bytes()
    checks = {"Python": python, **{name: lambda name=name: package(name, wanted[name]) for name in wanted},
              "pip 和内核": kernel, "torch 能用": machine.torch_works, "CPU": machine.processor,
              "精度": machine.precision, "内存": lambda: machine.memory(weights),
              "页面文件": lambda: machine.page_file(weights), "磁盘": machine.disk, "路径": machine.path,
              "OpenMP": machine.openmp, "VC++ 运行库": machine.runtime, "中文字体": font, "ModelScope": network,
              "模型": model}
    return [safely(what, check) for what, check in checks.items()]


def check() -> Shown:
    """体检表：每项的 ✓ ⚠ ✗、查到什么、要做什么

    例: 在单元格最后一行写 check()
    """
    return table(rows())


def table(found: list[Row]) -> Shown:
    """几行检查 → 表格"""
    return grid(("检查", "", "现在", "要做什么"), [(row.what, row.state, row.found, row.todo) for row in found])


def report(found: list[Row] | None = None) -> str:
    """可以发给老师的文字：同一张表，去掉用户名和用户文件夹"""
    text = repr(table(rows() if found is None else found)).replace(str(Path.home()), "~")
    user = Path.home().name
    text = re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "（用户名）", text) if user else text
    return f"体检 {platform.system()} {platform.release()}\n{text}"


def main() -> int:
    """打印体检表，返回最坏的一行：✓ 0，⚠ 1，✗ 2"""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    found = rows()
    print(report(found))
    return max("✓⚠✗".index(row.state) for row in found)


if __name__ == "__main__":
    sys.exit(main())
