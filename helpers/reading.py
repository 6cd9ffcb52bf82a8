"""读数：一台电脑量到的速度存成一个 JSON；老师把全班的收在一个文件夹里，画成一张图

出处: notebooks/07_speed.ipynb 第 8 节
"""
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.tiny.files import write_text

NUMBERS = ("bandwidth", "bytes_per_token", "tokens_per_second", "first_token")


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
    """读一份；不是 JSON、少了一样、数不是正数时报 ValueError，说出是哪个文件"""
    path = Path(path)
    try:
        reading = Reading(**json.loads(path.read_text(encoding="utf-8")))
        good = all(getattr(reading, number) > 0 for number in NUMBERS)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path.name} 应是第 07 讲写出的读数，现在读不出来（{error}）；"
                         "请交的人重新运行那一格") from None
    if not good:
        raise ValueError(f"{path.name} 里的数应都大于 0，现在有不是的；请交的人重新运行那一格")
    return reading


def gather(folder: Path) -> tuple[list[Reading], list[str]]:
    """一个文件夹里全部的 .json → (读数，慢的在前；读不了的为什么)，一份坏了不影响别的

    例: gather(Path("作业")) -> ([Reading(...), ...], ["a.json 应是……"])
    """
    found, bad = [], []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            found.append(read(path))
        except ValueError as error:
            bad.append(str(error))
    return sorted(found, key=lambda reading: reading.tokens_per_second), bad
