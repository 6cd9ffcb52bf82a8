"""清单：一个模型有哪些文件，各有多大、sha256 是多少，用来核对少没少、坏没坏

同一种清单用在三处：下载站列出的、模型文件夹里的记录 .course-record.json、老师导出的 course-model.json。
记录里另外写着修改时间：以后只比大小和时间，不到一毫秒；时间变了才重新算 sha256
"""
import contextlib
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from helpers.download.checkpoint import MALFORMED, check_json_files
from helpers.download.names import is_model_id
from helpers.errors import ModelError
from helpers.files import write_text

RECORD = ".course-record.json"
MOST_NUMBER = 1 << 63    # 文件系统里的大小和时间都比它小
MOST_PATH_LETTERS = 200  # 文件名最多几个字
PATTERN = frozenset("*?[]")  # 下载的客户端把带这些的名字当作一批文件
DATA_SUFFIXES = (".json", ".txt", ".jinja", ".safetensors")  # 只要数据，不要代码（.py）和 pickle（.bin）


@dataclass(frozen=True)
class ModelFile:
    """清单里的一个文件：相对路径、字节数、sha256、修改时间（纳秒）；后两项不知道就是 None"""
    path: str
    size: int
    sha256: str | None = None
    mtime_ns: int | None = None

    def __post_init__(self):
        """清单是别人给的：每一项是不是应有的样子，不是就报 ValueError"""
        if type(self.path) is not str:
            raise ValueError(f"路径 {self.path!r}")
        if type(self.size) is not int or not 0 <= self.size < MOST_NUMBER:
            raise ValueError(f"大小 {self.size!r}")
        if not isinstance(self.sha256, str | None):
            raise ValueError(f"sha256 {self.sha256!r}")
        if self.mtime_ns is not None and type(self.mtime_ns) is not int:
            raise ValueError(f"时间 {self.mtime_ns!r}")

    def is_data(self) -> bool:
        """是不是模型的数据"""
        return self.path.endswith(DATA_SUFFIXES) and not self.is_record()

    def is_record(self) -> bool:
        """是不是课程自己的记录；有的文件系统不分大小写"""
        return PureWindowsPath(self.path).name.lower() == RECORD

    def is_whole(self, folder: Path, thorough: bool = False) -> bool:
        """folder 里的这个文件与清单一样吗；大小和时间都没变就不读内容，thorough 时一定读"""
        path = folder / self.path
        if not path.is_file():
            return False
        state = path.stat()
        if state.st_size != self.size:
            return False
        if state.st_mtime_ns == self.mtime_ns and not thorough:
            return True
        return file_sha256(path) == self.sha256

    def stamped(self, folder: Path) -> "ModelFile":
        """写上 folder 里的这个文件现在的修改时间；还不知道 sha256 就算出来"""
        path = folder / self.path
        mtime_ns = path.stat().st_mtime_ns
        digest = self.sha256 or file_sha256(path)
        return replace(self, sha256=digest, mtime_ns=mtime_ns)


@dataclass(frozen=True)
class Manifest:
    """一个模型的清单；有文件名指到模型文件夹外面时报 ModelError"""
    model_id: str
    files: list[ModelFile]

    def __post_init__(self):
        for file in self.files:
            check_path(file.path)

    def size(self) -> int:
        """一共多少字节"""
        return sum(file.size for file in self.files)

    def text(self) -> str:
        """写成 JSON"""
        files = {}
        for file in self.files:
            files[file.path] = {"size": file.size, "sha256": file.sha256, "mtime_ns": file.mtime_ns}
        content = {"model": self.model_id, "files": files}
        return json.dumps(content, indent=1, sort_keys=True)


def check_path(path: str) -> None:
    """清单里的文件名应是留在模型文件夹里面的一个文件，否则报 ModelError，什么也不写"""
    parsed = PureWindowsPath(path)  # 两种斜线和盘符都认得
    outside = parsed.anchor or ".." in parsed.parts
    if outside or ":" in path or not path:
        raise untrusted(f"清单里的文件名应留在模型文件夹里，现在有 {path[:80]!r}")
    if PATTERN.intersection(path) or not path.isprintable():
        raise untrusted(f"清单里的文件名应是一个文件的名字，现在有 {path[:80]!r}")
    if len(path) > MOST_PATH_LETTERS:
        raise untrusted(f"清单里的文件名应不超过 {MOST_PATH_LETTERS} 个字，现在有 {len(path)} 个")


def untrusted(said: str) -> ModelError:
    """清单不能照着做"""
    return ModelError(f"{said}；这个下载站不可信，什么也没有下载，检查 MODELSCOPE_ENDPOINT")


def parse_manifest(text: bytes) -> Manifest:
    """JSON → 清单；看不懂时报 MALFORMED 里的错"""
    content = json.loads(text)
    files = []
    for path, entry in content["files"].items():
        files.append(ModelFile(path, entry["size"], entry["sha256"], entry.get("mtime_ns")))
    model_id = content["model"]
    if not is_model_id(model_id):
        raise ValueError(f"模型 {model_id!r}")
    return Manifest(model_id, files)


def file_sha256(path: Path) -> str:
    """文件的 sha256，64 个十六进制字符"""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_files(folder: Path) -> list[ModelFile]:
    """folder 里模型的数据文件，按路径排好；还没有算 sha256"""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        file = ModelFile(name, path.stat().st_size)
        if path.is_file() and file.is_data():
            found.append(file)
    return found


def read_record(folder: Path) -> Manifest | None:
    """模型文件夹里的记录；没有或看不懂就是 None"""
    try:
        return parse_manifest((folder / RECORD).read_bytes())
    except (OSError, ModelError, *MALFORMED):
        return None


def write_record(folder: Path, manifest: Manifest) -> None:
    """写下记录；已经记着同样的就不写，文件夹只读时也不写"""
    files = [file.stamped(folder) for file in manifest.files]
    record = Manifest(manifest.model_id, files)
    if record == read_record(folder):
        return
    with contextlib.suppress(OSError):
        write_text(folder / RECORD, record.text())


def demand_undamaged(folder: Path, thorough: bool = False) -> Path:
    """folder 与记录相符就原样返回；少了文件、大小或内容变了时报 ModelError，说出哪些文件坏了

    没有记录时，只看各个 JSON 读不读得出来；thorough: 两样都看，每个文件都重新算 sha256，不管修改时间变没变
    """
    record = read_record(folder)
    if record is None or thorough:
        check_json_files(folder)
    if record is None:
        return folder
    damaged = [file.path for file in record.files if not file.is_whole(folder, thorough)]
    if damaged:
        raise ModelError(f"模型的文件应与下载时一样，现在 {'、'.join(damaged)} 不见了或被改过；"
                         "运行 python -m helpers.model fetch，只重新下载坏的文件")
    return folder
