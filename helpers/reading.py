"""读数：一台电脑量到的速度存成一个 JSON；老师把全班的收在一个文件夹里，画成一张图

出处: notebooks/07_speed.ipynb 第 8 节
"""
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.tiny.files import write_text

NUMBERS = ("bandwidth", "bytes_per_token", "tokens_per_second", "first_token")
MOST = 1e18  # 再大的数只会是写错了


@dataclass(frozen=True)
class Reading:
    """一台电脑的读数：谁的，CPU，模型，读内存的速度（字节/秒），每个词元要读的字节，词元/秒，第一个词元的秒数"""
    name: str
    cpu: str
    model: str
    bandwidth: float
    bytes_per_token: int
    tokens_per_second: float
    first_token: float

    @property
    def limit(self) -> float:
        """内存允许的上限，词元/秒"""
        return self.bandwidth / self.bytes_per_token


def write(path: Path, reading: Reading) -> None:
    """存成 JSON，整份写入"""
    write_text(Path(path), json.dumps(asdict(reading), ensure_ascii=False, indent=1) + "\n")


def read(path: Path) -> Reading:
    """读一份；记事本存成“带有 BOM 的 UTF-8”也行

    不是 JSON、少了一样、数不是大于 0 的普通数时报 ValueError，说出是哪个文件
    例: read(Path("小明.json")).tokens_per_second -> 29.5
    """
    path = Path(path)
    try:
        reading = Reading(**json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} 应是第 07 讲写出的读数，现在读不出来（{error}）；"
                         "请交的人重新运行那一格") from None
    for number in NUMBERS:
        value = getattr(reading, number)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
            raise ValueError(f"{path.name} 里的 {number} 应是大于 0 的普通数，现在是 {str(value)[:20]}；"
                             "请交的人重新运行那一格")
    return reading


def gather(folder: Path) -> tuple[list[Reading], list[str]]:
    """一个文件夹里全部的 .json → (读数，慢的在前；读不了的为什么)，一份坏了不影响别的

    每个学生一个子文件夹时，子文件夹里的 speed_reading.json 也算，更深的和别的名字的不算；没有这个文件夹时报 ValueError
    例: gather(Path("作业")) -> ([Reading(...), ...], ["a.json 应是……"])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"应有文件夹 {folder}，里面是全班的 .json，现在没有；检查路径")
    found, bad = [], []
    for path in [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/speed_reading.json"))]:
        try:
            found.append(read(path))
        except ValueError as error:
            bad.append(f"{'' if path.parent == folder else path.parent.name + '：'}{error}")
    return sorted(found, key=lambda reading: reading.tokens_per_second), bad
