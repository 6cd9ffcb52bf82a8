"""体检：这台电脑准备好了吗

每一项给出 ✓（好）、⚠（能用，但要知道）、✗（先改好），以及该做什么；不报错，不为网络等 3 秒以上
python -m helpers.environment 打印同样的表，退出代码是最坏的一行：✓ 0，⚠ 1，✗ 2
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
from dataclasses import astuple, dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from helpers.download import modelscope_hub
from helpers.download.local_copy import BrokenCopy, cache_root, free_bytes
from helpers.errors import INSTALL, ModelError, utf8_output
from helpers.model import OTHER_BYTES, SLOW, chosen, here, slowdown
from helpers.tables import Shown, grid
from helpers.tiny import TINY

COURSE = "hf-loading-and-inference-course"
WHY = {"modelscope": "从国内下载模型", "transformers": "分词器、模型结构、生成", "accelerate": "device_map 需要它",
       "torch": "计算", "jupyterlab": "打开和运行笔记本", "ipywidgets": "进度条和滑块", "anywidget": "会动的视图",
       "matplotlib": "画图", "nbval": "检查笔记本的输出"}
NETWORK_SECONDS = 2.5  # 等网络的秒数
QWEN_BYTES = 988_097_824  # 真正的 Qwen2.5-0.5B-Instruct 的权重
GB = 1e9
FREE_GB = 2.0  # 真正的 Qwen 和余量要的磁盘
OPENMP_LIBRARIES = ("libiomp5md.dll", "libiomp5.dylib", "libomp.dylib", "libiomp5.so", "libomp.so")
RUNTIME_LIBRARIES = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll")
TORCH_ERRORS = {  # Windows 的错误码 → 怎么办
    1455: "页面文件太小：关掉别的程序，或者把虚拟内存调大",
    126: "缺运行库：装最新的 Visual C++ Redistributable（x64）",
}


@dataclass(frozen=True)
class Row:
    """体检的一项：查什么、✓ ⚠ ✗、查到什么、要做什么（✓ 时为空）"""
    what: str
    state: str
    found: str
    todo: str = ""


# Python 和包

def python() -> Row:
    """Python 的版本，至少 3.11"""
    found = platform.python_version()
    old = sys.version_info < (3, 11)
    if old:
        return Row("Python", "✗", found, "装 Python 3.11 或更新的版本，再重新安装课程")
    return Row("Python", "✓", found)


def pins() -> dict[str, str]:
    """课程要的包 → 版本，取自安装时的记录（pyproject.toml）"""
    wanted = {}
    for line in importlib.metadata.requires(COURSE):
        if re.fullmatch(r"[\w-]+==[\w.]+", line):
            name, version = line.split("==")
            wanted[name] = version
    return wanted


def package(name: str, wanted: str) -> Row:
    """一个包装了没有，版本对不对"""
    what = f"{name}（{WHY.get(name, '课程用到')}）"
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Row(what, "✗", "没有装", INSTALL)
    if found.split("+")[0] == wanted:  # torch 的版本后面可能有 +cpu
        return Row(what, "✓", found)
    return Row(what, "⚠", found, f"课程用的是 {wanted}：{INSTALL}")


def kernel() -> Row:
    """终端里的 pip 和这里的 Python 属于同一个环境吗"""
    pip = shutil.which("pip")
    if pip is None:
        return Row("pip 和内核", "⚠", "终端里找不到 pip", "装包时写 python -m pip，或者笔记本里的 %pip")
    bin_folder = Path(sys.executable).parent
    if Path(pip).parent in (bin_folder, bin_folder / "Scripts"):
        return Row("pip 和内核", "✓", "同一个环境")
    return Row("pip 和内核", "⚠", "终端里的 pip 属于另一个环境",
               "装包时写 python -m pip（在启动 JupyterLab 的终端里）或者笔记本里的 %pip，不要只写 pip")


def torch_works() -> Row:
    """import torch 成功吗；不成功时按常见的原因说怎么办"""
    try:
        import torch
    except ImportError as error:
        return Row("torch 能用", "✗", f"{type(error).__name__}: {error}", INSTALL)
    except OSError as error:
        code = getattr(error, "winerror", None)
        found = f"WinError {code}" if code else str(error)
        todo = TORCH_ERRORS.get(code, "新建一个环境，照 README 重新安装")
        return Row("torch 能用", "✗", found, todo)
    return Row("torch 能用", "✓", f"{torch.get_num_threads()} 个线程")


# 机器

def processor() -> Row:
    """CPU 有几个核：真正的核，不是系统看到的两倍（超线程）"""
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    return Row("CPU", "✓", f"{platform.machine()}，{cores} 个核")


def precision() -> Row:
    """在这个 CPU 上用哪种数：16 位没有慢很多就用它（省一半内存）"""
    ratio = slowdown()
    found = f"bfloat16 读问题的时间是 float32 的 {ratio:.1f} 倍"
    if ratio <= SLOW:
        return Row("精度", "✓", f"{found}，建议用 bfloat16")
    return Row("精度", "⚠", f"{found}，建议用 float32", "内存够两倍时，加载真正的 Qwen 写 dtype=\"float32\"")


def memory(weights: float) -> Row:
    """可用的内存够不够；weights: 要用的模型的权重占多少字节"""
    import psutil  # accelerate 已经要求装它

    state = psutil.virtual_memory()
    available = state.available / GB
    need = needed_gb(weights)
    found = f"共 {state.total / GB:.0f} GB，可用 {available:.1f} GB，这个模型约要 {need:.1f} GB"
    if available >= need:
        return Row("内存", "✓", found)
    return Row("内存", "⚠", found, "先关掉浏览器等别的程序；还不够就用教学小模型（COURSE_MODEL=tiny）")


def page_file(weights: float) -> Row:
    """Windows 的页面文件：太小时加载会报 WinError 1455"""
    if sys.platform != "win32":
        return Row("页面文件", "✓", "只有 Windows 要查")
    import psutil

    available = psutil.virtual_memory().available
    room = (available + psutil.swap_memory().free) / GB
    if room >= needed_gb(weights):
        return Row("页面文件", "✓", f"内存加页面文件还有 {room:.1f} GB")
    return Row("页面文件", "⚠", f"内存加页面文件只剩 {room:.1f} GB",
               "报“页面文件太小”（1455）时：关掉别的程序，或者在系统的高级设置里把虚拟内存调大")


def needed_gb(weights: float) -> float:
    """用一个权重占这么多字节的模型，一共要多少 GB 内存"""
    return (weights + OTHER_BYTES) / GB


def disk() -> Row:
    """放模型缓存的盘还有多少空间"""
    free = free_bytes(cache_root()) / GB
    if free >= FREE_GB:
        return Row("磁盘", "✓", f"剩 {free:.0f} GB")
    return Row("磁盘", "⚠", f"剩 {free:.1f} GB",
               "教学小模型够用；下载真正的 Qwen 之前腾出 2 GB，或用 MODELSCOPE_CACHE 换到别的盘")


def home_folder() -> Path:
    """用户文件夹；账户没有时是 ~，不报错"""
    try:
        return Path.home()
    except RuntimeError:
        return Path("~")


def path() -> Row:
    """用户文件夹和缓存的路径里有没有中文或空格"""
    home = str(home_folder())
    cache = os.environ.get("MODELSCOPE_CACHE") or home
    odd = []
    for name, place in (("用户文件夹", home), ("缓存", cache)):
        if not place.isascii() or " " in place:
            odd.append(name)
    if not odd:
        return Row("路径", "✓", "只有英文和数字")
    return Row("路径", "⚠", f"{'、'.join(odd)}的路径里有中文或空格",
               "课程自己的代码不受影响；别的软件报路径或编码错误时，用 MODELSCOPE_CACHE 把缓存设到只有英文的文件夹")


def openmp() -> Row:
    """同一个环境里有没有几份 OpenMP 运行库（OMP: Error #15）"""
    folders = [Path(sys.prefix) / "Library" / "bin", Path(sys.prefix) / "lib"]
    torch = find_spec("torch")
    if torch and torch.origin:
        folders.append(Path(torch.origin).parent / "lib")
    copies = sum(has_openmp(folder) for folder in folders)
    if copies < 2:
        return Row("OpenMP", "✓", f"{copies} 份" if copies else "没有多余的")
    return Row("OpenMP", "⚠", f"有 {copies} 份",
               "报 OMP: Error #15 时，为这门课新建一个环境（README 的 .venv），不要和 conda 的科学计算包混装")


def has_openmp(folder: Path) -> bool:
    """文件夹里有没有 OpenMP 运行库"""
    return any((folder / name).is_file() for name in OPENMP_LIBRARIES)


def runtime() -> Row:
    """Windows 的 Visual C++ 运行库：缺了它，torch 报 WinError 126"""
    if sys.platform != "win32":
        return Row("VC++ 运行库", "✓", "只有 Windows 要查")
    import ctypes

    missing = []
    for name in RUNTIME_LIBRARIES:
        try:
            ctypes.WinDLL(name)
        except OSError:
            missing.append(name)
    if not missing:
        return Row("VC++ 运行库", "✓", "已装")
    return Row("VC++ 运行库", "✗", f"缺 {'、'.join(missing)}",
               "从微软网站装最新的 Visual C++ Redistributable（x64），再重新打开终端")


def font() -> Row:
    """画图有没有中文字体"""
    from helpers.charts import installed_family

    return Row("中文字体", "✓", installed_family() or "电脑上没有，用课程自带的")


# 网络

def network() -> Row:
    """ModelScope 连得上吗（只看能不能连，不下载）"""
    parts = urlsplit(modelscope_hub.endpoint())
    host = parts.hostname or urlsplit(modelscope_hub.ENDPOINT).hostname
    usual_port = 80 if parts.scheme == "http" else 443
    if reachable(host, parts.port or usual_port):
        return Row("ModelScope", "✓", f"{host} 连得上")
    return Row("ModelScope", "⚠", f"{host} 连不上",
               "教学小模型不需要网络；要下载真正的 Qwen，先连网（校园网先在浏览器里登录）")


def reachable(host: str, port: int) -> bool:
    """NETWORK_SECONDS 秒内连得上吗；查域名可能卡住，所以放在另一个线程里等"""
    connected = threading.Event()

    def connect() -> None:
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection((host, port), timeout=NETWORK_SECONDS).close()
            connected.set()

    threading.Thread(target=connect, daemon=True).start()
    return connected.wait(NETWORK_SECONDS)


# 模型

def model() -> Row:
    """COURSE_MODEL 选了哪个模型，它在不在这台电脑上、文件齐不齐；不下载"""
    what = f"COURSE_MODEL={chosen(None)[:80]}"
    try:
        folder = here()
    except BrokenCopy as error:
        return Row("模型", "⚠", f"{what}，{error}", "运行 python -m helpers.model fetch")
    except ModelError as error:
        return Row("模型", "✗", what, str(error))
    if folder is None:
        return Row("模型", "⚠", f"{what}，还没有下载", "运行 python -m helpers.model fetch")
    if folder == TINY:
        return Row("模型", "✓", "教学小模型（课程自带）")
    return Row("模型", "✓", what)


def weight_bytes() -> float:
    """选的模型按 float32 加载（05、06、07、09 讲这样用）时，权重占多少字节；文件里是 16 位，所以是文件的两倍

    不在这台电脑上就按真正的 Qwen 算
    """
    folder = None
    with contextlib.suppress(ModelError, OSError):
        folder = here()
    if folder is None:
        return QWEN_BYTES * 2
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) * 2


# 全部

def safely(what: str, row: Callable, *arguments) -> Row:
    """做一项检查；检查自己出错时也只给一行"""
    try:
        return row(*arguments)
    except ModelError as error:
        return Row(what, "✗", "用不了", str(error))
    except Exception as error:  # 体检不能因为一项查不了就停下
        return Row(what, "✗", f"没查出来（{type(error).__name__}: {error}）", INSTALL)


def checks() -> list[tuple]:
    """全部检查，按讲义安装的次序：(名字, 函数, 参数……)；这个 Python 里没有装课程时报 PackageNotFoundError"""
    packages = [(name, package, name, version) for name, version in pins().items()]
    weights = weight_bytes()
    return [
        ("Python", python),
        *packages,
        ("pip 和内核", kernel),
        ("torch 能用", torch_works),
        ("CPU", processor),
        ("精度", precision),
        ("内存", memory, weights),
        ("页面文件", page_file, weights),
        ("磁盘", disk),
        ("路径", path),
        ("OpenMP", openmp),
        ("VC++ 运行库", runtime),
        ("中文字体", font),
        ("ModelScope", network),
        ("模型", model),
    ]


def rows(name: str | None = None) -> list[Row]:
    """全部检查的结果；name: 只查这一项，没有这一项时报 ValueError"""
    try:
        wanted = checks()
    except importlib.metadata.PackageNotFoundError:
        return [safely("Python", python), Row("课程", "✗", "这个 Python 里没有装课程", INSTALL)]
    if name is not None:
        names = [one[0] for one in wanted]
        if name not in names:
            raise ValueError(f"应是体检的一项（{'、'.join(names)}），现在是 {name!r}；照抄一个再试")
        wanted = [wanted[names.index(name)]]
    return [safely(*one) for one in wanted]


def check(name: str | None = None) -> Shown:
    """体检表：每项的 ✓ ⚠ ✗、查到什么、要做什么

    name: 只查这一项，没有这一项时报 ValueError
    例: 在单元格最后一行写 check()，或者 check("模型")
    """
    return checkup_table(rows(name))


def checkup_table(found: list[Row]) -> Shown:
    """几行检查 → 表格"""
    heads = ("检查", "", "现在", "要做什么")
    return grid(heads, [astuple(row) for row in found])


def report(found: list[Row]) -> str:
    """可以发给老师的文字：同一张表，去掉用户名和用户文件夹"""
    home = home_folder()
    text = repr(checkup_table(found)).replace(str(home), "~")
    if home.name not in ("", "~"):
        user = re.escape(home.name)
        text = re.sub(rf"(?<!\w){user}(?!\w)", "（用户名）", text)
    return f"体检 {platform.system()} {platform.release()}\n{text}"


def main() -> int:
    """打印体检表，返回最坏的一行：✓ 0，⚠ 1，✗ 2"""
    utf8_output()
    found = rows()
    print(report(found))
    return max("✓⚠✗".index(row.state) for row in found)


if __name__ == "__main__":
    sys.exit(main())
