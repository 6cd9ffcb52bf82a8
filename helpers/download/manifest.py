"""记录：一个模型文件夹里每个文件的大小、修改时间和 sha256，用来核对有没有坏

下载完记一次（完整地算 sha256）；以后只比大小和时间，不到一毫秒；时间变了才重新算
"""
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from helpers.errors import ModelError

NAME = ".course-record.json"


def sha256(path: Path) -> str:
    """文件的 sha256，64 个十六进制字符"""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(path: Path, digest: str) -> dict:
    """记录里的一项：大小（字节）、修改时间（纳秒）、sha256"""
    state = path.stat()
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": digest}


def write(folder: Path, digests: dict[str, str]) -> None:
    """写下 digests 里每个文件的记录；先写临时文件再改名，中断也不会留下半份；文件夹只读时不写"""
    content = {name: entry(folder / name, digest) for name, digest in sorted(digests.items())}
    partial = folder / (NAME + ".incomplete")
    try:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8", newline="\n")
        os.replace(partial, folder / NAME)
    except OSError:
        partial.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, dict]:
    """读记录；没有或读不出来就是空的"""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return {name: {"size": int(e["size"]), "mtime_ns": int(e["mtime_ns"]), "sha256": str(e["sha256"])}
                for name, e in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def make(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """算出 names 的 sha256 并写下记录"""
    digests = {name: sha256(folder / name) for name in names}
    write(folder, digests)
    return digests


def wrong(folder: Path, thorough: bool = False) -> list[str]:
    """与记录不符的文件名：少了、大小变了、内容变了；thorough 时每个都重新算 sha256

    例: wrong(folder) -> []（都好）
    """
    recorded, bad, touched = read(folder), [], False
    for name, known in recorded.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != known["size"]:
            bad.append(name)
        elif thorough or path.stat().st_mtime_ns != known["mtime_ns"]:
            if sha256(path) != known["sha256"]:
                bad.append(name)
            else:
                touched = True
    if touched and not bad:
        write(folder, {name: known["sha256"] for name, known in recorded.items()})
    return bad


def demand(folder: Path, thorough: bool = False) -> Path:
    """folder 与记录相符就原样返回，否则报 ModelError，说出哪些文件坏了"""
    bad = wrong(folder, thorough)
    if bad:
        raise ModelError(f"模型的文件应与下载时一样，现在 {'、'.join(bad)} 不见了或被改过；"
                         "运行 python -m helpers.model fetch，只重新下载坏的文件")
    return folder
