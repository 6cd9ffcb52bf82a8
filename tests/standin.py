"""测试用的替身：做法在 helpers.standin；python tests/standin.py 文件夹 写出 0.99 GB 的全尺寸替身"""
import sys
from pathlib import Path

from helpers.standin import QWEN, SMALL, make

__all__ = ["QWEN", "SMALL", "make"]

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("应写明放在哪个文件夹，例如：python tests/standin.py standin")
    print(f"写好了 {make(Path(sys.argv[1])).name}")
