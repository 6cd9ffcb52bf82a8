"""量一台推理服务器受得了多少人同时问：python classroom/load_test.py http://127.0.0.1:8000/v1 --at 1 8 40

先问一句热身，再按每种人数各量一次：同时有那么多人，每人问一个短问题，答完下一个人再问，至少共问 8 个
"""
import argparse
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers import client
from helpers.errors import ModelError
from helpers.tables import grid

LEAST = 8  # 人少时至少问几个，不然只看到一次的快慢


@dataclass(frozen=True)
class Load:
    """一种人数的读数：答完的、没有答完的各几个，每秒几个问题、几个词元，等回答的中位数和最久各几秒，出了哪些毛病"""
    at_once: int
    answered: int
    lost: int
    questions_per_second: float
    tokens_per_second: float
    middle: float
    worst: float
    troubles: list[str]


def measure(at_once: int, tokens: int, patience: float = client.SILENT_SECONDS) -> Load:
    """at_once 个人同时问，每个回答最多 tokens 个词元；patience: 几秒一个字也没有来就算丢了"""
    questions = [f"第 {n} 个人问：什么是词元？" for n in range(1, max(at_once, LEAST) + 1)]  # 各不相同，不能靠缓存
    start = time.perf_counter()
    answers = client.ask_all(questions, at_once, tokens, patience)
    wall = time.perf_counter() - start
    good = [answer for answer in answers if not answer.trouble]
    waits = [answer.seconds for answer in good] or [wall]
    troubles = sorted({answer.trouble for answer in answers if answer.trouble})
    return Load(at_once, len(good), len(answers) - len(good), len(good) / wall,
                sum(answer.tokens for answer in answers) / wall, statistics.median(waits), max(waits), troubles)


def table(loads: list[Load]) -> str:
    """读数 → 文字的表"""
    heads = ("同时", "答完", "丢了", "问题/秒", "词元/秒", "等（中位数）", "等（最久）")
    return repr(grid(heads, [(one.at_once, one.answered, one.lost, f"{one.questions_per_second:.2f}",
                              f"{one.tokens_per_second:.1f}", f"{one.middle:.1f} 秒", f"{one.worst:.1f} 秒")
                             for one in loads]))


def main(arguments: list[str] | None = None) -> None:
    """命令行的入口；服务器用不了时说一句中文，退出代码 1；有丢的，退出代码 2"""
    parser = argparse.ArgumentParser(prog="python classroom/load_test.py", description="量一台推理服务器")
    parser.add_argument("address", help="地址，例如 http://127.0.0.1:8000/v1")
    parser.add_argument("--model", default=client.model_name(), help="模型在服务器上的名字，默认 %(default)s")
    parser.add_argument("--at", type=int, nargs="+", default=[1, 8, 40], help="几个人同时问，默认 1 8 40")
    parser.add_argument("--tokens", type=int, default=24, help="一个回答最多几个词元，默认 %(default)s")
    parser.add_argument("--patience", type=float, default=client.SILENT_SECONDS,
                        help="几秒没有字来算丢了，默认 %(default)s")
    parser.add_argument("--json", type=Path, help="把读数也写进这个文件")
    chosen = parser.parse_args(arguments)
    os.environ.update(COURSE_SERVER=chosen.address, COURSE_SERVER_MODEL=chosen.model)
    try:
        first = client.ask("你好", chosen.tokens, patience=chosen.patience)
        if first.trouble:
            raise ModelError(first.trouble)
        print(f"热身：第一问等了 {first.seconds:.1f} 秒", flush=True)
        loads = [measure(at_once, chosen.tokens, chosen.patience) for at_once in chosen.at]
    except (ModelError, ValueError) as error:
        raise SystemExit(str(error)) from None
    print(table(loads), *sorted({trouble for one in loads for trouble in one.troubles}), sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in loads], ensure_ascii=False, indent=1), "utf-8")
    if any(one.lost for one in loads):
        raise SystemExit(2)


if __name__ == "__main__":
    main()
