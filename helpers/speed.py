"""速度：各种做法多快、离内存允许的上限多远；在这台电脑上最快的做法；全班的读数

python -m helpers.speed --quality 模型 量各种做法与 float32 差多少；一起比速度用 python classroom/race.py
出处: notebooks/08_speed.ipynb
"""
import argparse
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from helpers.errors import friendly_errors
from helpers.fast.fastest import fastest
from helpers.fast.measure import Measurement, measure, memory_bandwidth
from helpers.fast.quality import Quality, passages, quality, reading, references, writing
from helpers.fast.remembered import cpu_name
from helpers.fast.standin import standin
from helpers.files import check_writable, course_folder, write_text
from helpers.model import locate
from helpers.tables import Shown, grid

__all__ = ["Measurement", "Quality", "Reading", "fastest", "gather_readings", "measure", "memory_bandwidth", "quality",
           "read_reading", "standin", "write_reading"]
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


def write_reading(path: Path, reading: Reading) -> Path:
    """存成 JSON，整份写入，返回写在哪里；path 的文件夹不许写时，写在课程自己放东西的文件夹里

    例: write_reading("speed_reading.json", mine)
    """
    path = Path(path)
    text = json.dumps(asdict(reading), ensure_ascii=False, indent=1) + "\n"
    try:
        write_text(path, text)
    except PermissionError:
        path = course_folder() / "readings" / path.name
        write_text(path, text)
    return path


def read_reading(path: Path) -> Reading:
    """读一份；记事本存成“带有 BOM 的 UTF-8”也行

    不是 JSON、少了一样、数不是大于 0 的普通数时报 ValueError，说出是哪个文件
    例: read_reading(Path("小明.json")).tokens_per_second -> 29.5
    """
    path = Path(path)
    try:
        reading = Reading(**json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} 应是第 08 讲写出的读数，现在读不出来（{error}）；"
                         "请交的人重新运行那一格") from None
    for number in NUMBERS:
        value = getattr(reading, number)
        if not is_plain_number(value):
            raise ValueError(f"{path.name} 里的 {number} 应是大于 0 的普通数，现在是 {str(value)[:20]}；"
                             "请交的人重新运行那一格")
    return reading


def is_plain_number(value: object) -> bool:
    """是大于 0 的普通数吗：不是真假，不是文字，不是无穷大"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < MOST


def gather_readings(folder: Path) -> tuple[list[Reading], list[str]]:
    """一个文件夹里全部的 .json → (读数，慢的在前；读不了的为什么)，一份坏了不影响别的

    每个学生一个子文件夹时，子文件夹里的 speed_reading.json 也算，更深的和别的名字的不算；没有这个文件夹时报 ValueError
    例: gather_readings(Path("作业")) -> ([Reading(...), ...], ["a.json 应是……"])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"应有文件夹 {folder}，里面是全班的 .json，现在没有；检查路径")
    found = []
    bad = []
    for path in [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/speed_reading.json"))]:
        whose = "" if path.parent == folder else f"{path.parent.name}："
        try:
            found.append(read_reading(path))
        except ValueError as error:
            bad.append(f"{whose}{error}")
    found.sort(key=lambda reading: reading.tokens_per_second)
    return found, bad


def quality_figures(folder: Path) -> dict[str, dict[str, Quality]]:
    """讲义的做法和 fastest 的各种位数与 float32 差多少：做法 → {"读": …, "写": …}；要在训练过的模型上量

    例: quality_figures(locate("qwen"))["fastest 8 位"]["写"].kl -> 0.0012
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    wanted = references(exact, passages(exact, AutoTokenizer.from_pretrained(folder)))
    del exact  # 用不着了，少占 2 GB
    stock = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    figures = {"讲义的做法": read_and_write(stock, wanted)}
    del stock
    for bits in (16, 8, 4):
        figures[f"fastest {bits} 位"] = read_and_write(fastest(folder, bits, quiet=True), wanted)
    return figures


def read_and_write(model, wanted) -> dict[str, Quality]:
    """一个模型读和写的质量"""
    return {"读": quality(model, wanted, reading), "写": quality(model, wanted, writing)}


def quality_grid(figures: dict[str, dict[str, Quality]]) -> Shown:
    """上面的数 → 表格"""
    rows = []
    for way, found in figures.items():
        read = found["读"]
        wrote = found["写"]
        rows.append((way, f"{read.kl:.4f}", f"{read.top1:.1%}", f"{wrote.kl:.4f}", f"{wrote.top1:.1%}"))
    return grid(("做法", "读：KL", "读：第一名相同", "写：KL", "写：第一名相同"), rows)


def save_quality(path: Path, model: str, figures: dict[str, dict[str, Quality]]) -> None:
    """写成 JSON：日期、机器、哪个模型、各种做法的数"""
    ways = {}
    for way, found in figures.items():
        ways[way] = {how: asdict(one) for how, one in found.items()}
    content = {"date": date.today().isoformat(), "cpu": cpu_name(), "model": model, "ways": ways}
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """python -m helpers.speed 的入口；出错时说一句中文，退出代码 1"""
    parser = argparse.ArgumentParser(prog="python -m helpers.speed", description="量各种做法的质量：与 float32 差多少")
    parser.add_argument("--quality", required=True, metavar="模型", help="训练过的模型：文件夹、qwen 或模型编号")
    parser.add_argument("--json", type=Path, help="把数字存成 JSON")
    options = parser.parse_args(arguments)
    try:
        check_writable(options.json)
    except ValueError as error:
        parser.error(str(error))
    with friendly_errors("已停止，什么也没有记下"):
        folder = locate(options.quality)
        figures = quality_figures(folder)
        print(quality_grid(figures))
        if options.json is not None:
            save_quality(options.json, folder.name, figures)


if __name__ == "__main__":
    main()
