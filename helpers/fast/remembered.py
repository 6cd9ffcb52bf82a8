"""记住量过的结果：用户缓存文件夹里的一个小 JSON，按机器和版本分开；整份写入，坏了就当没有"""
import contextlib
import json
import os
import platform
from pathlib import Path

from helpers.files import course_folder, write_text

FORMAT = 4  # 内核或量法变了就加一，以前记的就不再用


def cpu_name() -> str:
    """CPU 的名称；查不到就是架构名"""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> str:
    """这台电脑和版本：CPU、指令集、线程数、torch 的版本；有一样变了就要重新量"""
    import torch

    isa = " ".join(filter(None, map(os.environ.get, ("ONEDNN_MAX_CPU_ISA", "FBGEMM_ENABLE_INSTRUCTIONS"))))
    return " | ".join((cpu_name(), torch.backends.cpu.get_cpu_capability() + (f" {isa}" if isa else ""),
                       f"{torch.get_num_threads()} 线程", f"torch {torch.__version__}", f"第 {FORMAT} 版"))


def recall(key: str):
    """以前在这台电脑上记下的一项；没有、坏了、是别的版本的就是 None"""
    try:
        return json.loads((course_folder() / "speed.json").read_text(encoding="utf-8"))[machine()][key]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(key: str, value) -> None:
    """记下一项；不能写的时候不记"""
    path = course_folder() / "speed.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        known = known if isinstance(known, dict) else {}
    except (OSError, ValueError):
        known = {}
    here = known.get(machine())
    known[machine()] = {**(here if isinstance(here, dict) else {}), key: value}
    with contextlib.suppress(OSError):
        write_text(path, json.dumps(known, ensure_ascii=False, indent=1))
