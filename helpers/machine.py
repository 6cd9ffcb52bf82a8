"""机器：CPU、内存、磁盘、Windows 的页面文件和运行库，各查一项

出处: notebooks/01_setup.ipynb、08_faq.ipynb；每项返回一个 Row，查不了时由 environment.safely 接住
"""
import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from timeit import timeit

INSTALL = "在项目文件夹运行 python -m pip install -e ."
GB = 1e9
OTHERS_GB = 1.5  # Python、浏览器和系统另外要的内存
FREE_GB = 2.0    # 真正的 Qwen 和余量要的磁盘
SLOW = 2.0       # 16 位读问题比 32 位慢到这个倍数，就建议用 32 位


@dataclass(frozen=True)
class Row:
    """体检的一项：查什么、✓ ⚠ ✗、查到什么、要做什么（✓ 时为空）"""
    what: str
    state: str
    found: str
    todo: str = ""


def processor() -> Row:
    """CPU 有几个核"""
    return Row("CPU", "✓", f"{platform.machine()}，{os.cpu_count()} 个核")


def memory(weights: float) -> Row:
    """可用的内存够不够；weights: 要用的模型的权重占多少字节"""
    import psutil  # accelerate 已经要求装它

    state = psutil.virtual_memory()
    need = weights / GB + OTHERS_GB
    found = f"共 {state.total / GB:.0f} GB，可用 {state.available / GB:.1f} GB，这个模型约要 {need:.1f} GB"
    if state.available / GB >= need:
        return Row("内存", "✓", found)
    return Row("内存", "⚠", found, "先关掉浏览器等别的程序；还不够就用教学小模型（COURSE_MODEL=tiny）")


def page_file(weights: float) -> Row:
    """Windows 的页面文件：太小时加载会报 WinError 1455"""
    if sys.platform != "win32":
        return Row("页面文件", "✓", "只有 Windows 要查")
    import psutil

    room = (psutil.virtual_memory().available + psutil.swap_memory().free) / GB
    if room >= weights / GB + OTHERS_GB:
        return Row("页面文件", "✓", f"内存加页面文件还有 {room:.1f} GB")
    return Row("页面文件", "⚠", f"内存加页面文件只剩 {room:.1f} GB",
               "报“页面文件太小”（1455）时：关掉别的程序，或者在系统的高级设置里把虚拟内存调大")


def disk() -> Row:
    """放模型缓存的盘还有多少空间"""
    free = shutil.disk_usage(Path.home()).free / GB
    if free >= FREE_GB:
        return Row("磁盘", "✓", f"剩 {free:.0f} GB")
    return Row("磁盘", "⚠", f"剩 {free:.1f} GB",
               "教学小模型够用；下载真正的 Qwen 之前腾出 2 GB，或用 MODELSCOPE_CACHE 换到别的盘")


def path() -> Row:
    """用户文件夹和缓存的路径里有没有中文或空格"""
    places = {"用户文件夹": Path.home(), "缓存": Path(os.environ.get("MODELSCOPE_CACHE") or Path.home())}
    odd = [name for name, place in places.items() if not str(place).isascii() or " " in str(place)]
    if not odd:
        return Row("路径", "✓", "只有英文和数字")
    return Row("路径", "⚠", f"{'、'.join(odd)}的路径里有中文或空格",
               "课程自己的代码不受影响；别的软件报路径或编码错误时，用 MODELSCOPE_CACHE 把缓存设到只有英文的文件夹")


def openmp() -> Row:
    """同一个环境里有没有几份 OpenMP 运行库（OMP: Error #15）"""
    from importlib.util import find_spec

    torch = find_spec("torch")
    places = [Path(torch.origin).parent / "lib"] if torch and torch.origin else []
    places += [Path(sys.prefix) / "Library" / "bin", Path(sys.prefix) / "lib"]
    names = ("libiomp5md.dll", "libiomp5.dylib", "libomp.dylib", "libiomp5.so", "libomp.so")
    found = [place for place in places if any((place / name).is_file() for name in names)]
    if len(found) < 2:
        return Row("OpenMP", "✓", f"{len(found)} 份" if found else "没有多余的")
    return Row("OpenMP", "⚠", f"有 {len(found)} 份",
               "报 OMP: Error #15 时，为这门课新建一个环境（README 的 .venv），不要和 conda 的科学计算包混装")


def runtime() -> Row:
    """Windows 的 Visual C++ 运行库：缺了它，torch 报 WinError 126"""
    if sys.platform != "win32":
        return Row("VC++ 运行库", "✓", "只有 Windows 要查")
    import ctypes

    missing = []
    for name in ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll"):
        try:
            ctypes.WinDLL(name)
        except OSError:
            missing.append(name)
    if not missing:
        return Row("VC++ 运行库", "✓", "已装")
    return Row("VC++ 运行库", "✗", f"缺 {'、'.join(missing)}",
               "从微软网站装最新的 Visual C++ Redistributable（x64），再重新打开终端")


def torch_works() -> Row:
    """import torch 成功吗；不成功时按常见的原因说怎么办"""
    try:
        import torch
    except ImportError as error:
        return Row("torch 能用", "✗", f"{type(error).__name__}: {error}", INSTALL)
    except OSError as error:
        code = getattr(error, "winerror", None)
        todo = {1455: "页面文件太小：关掉别的程序，或者把虚拟内存调大",
                126: "缺运行库：装最新的 Visual C++ Redistributable（x64）"}
        return Row("torch 能用", "✗", f"WinError {code}" if code else str(error),
                   todo.get(code, "新建一个环境，照 README 重新安装"))
    return Row("torch 能用", "✓", f"{torch.get_num_threads()} 个线程")


def precision() -> Row:
    """在这个 CPU 上用哪种数：16 位没有慢很多就用它（省一半内存）"""
    ratio = slowdown()
    found = f"bfloat16 读问题的时间是 float32 的 {ratio:.1f} 倍"
    if ratio <= SLOW:
        return Row("精度", "✓", f"{found}，建议用 bfloat16")
    return Row("精度", "⚠", f"{found}，建议用 float32", "内存够两倍时，加载真正的 Qwen 写 dtype=\"float32\"")


def slowdown() -> float:
    """在这个 CPU 上，bfloat16 读 256 个词元的矩阵乘法用的时间是 float32 的几倍"""
    import torch

    return matrix_seconds(torch.bfloat16) / matrix_seconds(torch.float32)


def dtype_for(folder: Path) -> str:
    """检查点在这台电脑上用哪种数加载：一般照存的（auto）；存的是 bfloat16、这个 CPU 算它慢得多、内存也够时用 float32

    例: dtype_for(locate("tiny")) -> "auto"
    出处: notebooks/04_model_loading.ipynb 第 6 节
    """
    import psutil

    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    if (config.get("dtype") or config.get("torch_dtype")) != "bfloat16":
        return "auto"
    needs = 2 * sum(path.stat().st_size for path in Path(folder).glob("*.safetensors")) + OTHERS_GB * GB
    return "float32" if psutil.virtual_memory().available > needs and slowdown() > SLOW else "auto"


def matrix_seconds(dtype, rows: int = 256) -> float:
    """一层前馈（896 → 4864，Qwen2.5-0.5B 的形状）算 rows 个词元要几秒，三次里最快的"""
    import torch

    layer, x = torch.nn.Linear(896, 4864, dtype=dtype), torch.randn(rows, 896, dtype=dtype)
    with torch.inference_mode():
        layer(x)
        return min(timeit(lambda: layer(x), number=1) for _ in range(3))
