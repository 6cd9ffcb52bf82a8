"""用哪一个模型、它的文件在哪里

COURSE_MODEL（或参数）选模型：tiny（默认，课程自带）、qwen（Qwen/Qwen2.5-0.5B-Instruct）、
ModelScope 的模型编号（作者/名字）、本地文件夹。COURSE_MODEL_HUB 给出老师导出的一份时，从那里取，不去 ModelScope。
终端里：python -m helpers.model fetch（下载）、where（在哪里）、verify（逐个字节核对）、export（导出给全班）、
remove（删除）
"""
import argparse
import json
import os
import sys
from pathlib import Path
from timeit import timeit

from helpers.download import classroom_copy, manifest, modelscope_hub
from helpers.download.checkpoint import check
from helpers.download.local_copy import BrokenCopy, cached, local_folders, remove
from helpers.download.names import QWEN_ID, is_model_id, nearest
from helpers.errors import ModelError, friendly_errors
from helpers.tiny import TINY

OTHER_BYTES = 1.5e9  # Python、浏览器和系统另外要的内存
SLOW = 2.0  # 16 位读问题比 32 位慢到这个倍数，就建议用 32 位


def locate(choice: str | os.PathLike | None = None) -> Path:
    """选择 → 可以交给 from_pretrained 的文件夹，已经检查过文件齐全

    choice: "tiny"、"qwen"、模型编号或文件夹；None 时看环境变量 COURSE_MODEL，没有设就是 tiny
    缓存里有完整的一份时不联网；没有或坏了就从 ModelScope 下载。找不到、下载不了、文件损坏时报 ModelError
    例: locate("tiny").name -> "checkpoint"
    出处: notebooks/02_quickstart.ipynb 第 1 节
    """
    trouble = ""
    try:
        folder = here(choice)
    except BrokenCopy as error:
        folder, trouble = None, str(error)
    if folder is None:
        return obtain(model_id(chosen(choice)), trouble)
    if folder != TINY:
        say(f"模型：{chosen(choice)}，用已经在这台电脑上的一份")
    return folder


def here(choice: str | os.PathLike | None = None) -> Path | None:
    """不联网：选的模型在这台电脑上的文件夹；没有就是 None

    缓存里的一份坏了时报 BrokenCopy（也是 ModelError）；名字不对、给出的文件夹不完整时报 ModelError
    例: here("tiny").name -> "checkpoint"
    """
    text = chosen(choice)
    if text == "tiny":
        return check(TINY)
    if text not in ("", "qwen") and Path(text).expanduser().is_dir():
        return manifest.demand(check(Path(text).expanduser()))
    return cached(model_id(text))


def chosen(choice: str | os.PathLike | None) -> str:
    """选的是什么：参数，没有就看 COURSE_MODEL，再没有就是 tiny"""
    return os.fspath(os.environ.get("COURSE_MODEL") or "tiny" if choice is None else choice).strip()


def model_id(text: str) -> str:
    """qwen 或作者/名字 → 模型编号；不像编号、没有发布过时报 ModelError"""
    if text.lower() == "qwen/qwen-0.5b":
        raise ModelError(f"模型编号应是存在的，现在是 {text}：没有发布过这个模型（第一代 Qwen 最小是 1.8B）；"
                         f"改用 {QWEN_ID}，或者把 COURSE_MODEL 设为 qwen")
    if text == "qwen":
        return QWEN_ID
    if is_model_id(text):
        return text
    raise ModelError(f"模型应是 tiny、qwen、ModelScope 的模型编号（作者/名字）或一个存在的文件夹，现在是 {text!r}；"
                     f"先试试 tiny{nearest(text)}")


def obtain(name: str, trouble: str = "") -> Path:
    """下载（或从老师那里取）一个模型，返回文件夹；trouble: 现有的一份坏在哪里"""
    if trouble:
        say(f"{trouble}（正在自动修理）")
    try:
        place = os.environ.get("COURSE_MODEL_HUB")
        return fetch_shared(name, place) if place else fetch(name)
    except ModelError as error:
        before = f"{trouble}。自动修理没有成功：" if trouble else ""
        raise ModelError(f"{before}{error}；现在可以先用 tiny") from None


def fetch_shared(name: str, place: str) -> Path:
    """从老师导出的文件夹或 http 地址取（只取缺的、坏的），核对以后记下来，返回文件夹"""
    shared, files = classroom_copy.read(place, os.environ.get("COURSE_MODEL_FINGERPRINT"))
    if shared != name:
        raise ModelError(f"{place} 里应是 {name}，现在是 {shared}；检查 COURSE_MODEL 和老师给的地址")
    folder = local_folders(name)[0]
    say(f"从 {place} 取 {name}，共 {sum(file.size for file in files) / 1e6:,.0f} MB")
    classroom_copy.fetch(place, files, folder)
    return check(folder)


def fetch(name: str) -> Path:
    """从 ModelScope 下载（只下缺的、坏的），核对以后记下来，返回文件夹"""
    files = modelscope_hub.listing(name)
    folder = local_folders(name)[0]
    for bad in manifest.wrong(folder, thorough=True):
        (folder / bad).unlink(missing_ok=True)  # 坏的先删掉，客户端才会重新下
    say(f"从 {modelscope_hub.host()} 下载 {name}，共 {sum(file.size for file in files) / 1e6:,.0f} MB")
    modelscope_hub.download(name, files, folder)
    try:
        check(folder)
    except ModelError:
        for file in files:
            if file.sha256 is None:  # 没有公布 sha256 的可能是坏的，不留下，再试才会重新下
                (folder / file.path).unlink(missing_ok=True)
        raise
    manifest.write(folder, {file.path: file.sha256 or manifest.sha256(folder / file.path) for file in files})
    return folder


def dtype_for(folder: Path) -> str:
    """检查点在这台电脑上用哪种数加载：一般照存的（auto）；存的是 bfloat16、这个 CPU 算它慢得多、内存也够时用 float32

    例: dtype_for(locate("tiny")) -> "auto"
    出处: notebooks/04_model_loading.ipynb 第 6 节
    """
    import psutil

    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    if (config.get("dtype") or config.get("torch_dtype")) != "bfloat16":
        return "auto"
    needs = 2 * sum(path.stat().st_size for path in Path(folder).glob("*.safetensors")) + OTHER_BYTES
    return "float32" if psutil.virtual_memory().available > needs and slowdown() > SLOW else "auto"


def slowdown() -> float:
    """在这个 CPU 上，bfloat16 读 256 个词元的矩阵乘法用的时间是 float32 的几倍"""
    import torch

    return matrix_seconds(torch.bfloat16) / matrix_seconds(torch.float32)


def matrix_seconds(dtype, rows: int = 256) -> float:
    """一层前馈（896 → 4864，Qwen2.5-0.5B 的形状）算 rows 个词元要几秒，三次里最快的"""
    import torch

    layer, x = torch.nn.Linear(896, 4864, dtype=dtype), torch.randn(rows, 896, dtype=dtype)
    with torch.inference_mode():
        layer(x)
        return min(timeit(lambda: layer(x), number=1) for _ in range(3))



def say(message: str) -> None:
    """在标准错误里说一句（标准输出留给回答）"""
    print(message, file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """python -m helpers.model 的入口；出错时说一句中文，退出代码 1"""
    parser = argparse.ArgumentParser(prog="python -m helpers.model",
                                     description="真正的 Qwen：下载、查看、核对、分发、删除")
    parser.add_argument("command", choices=["fetch", "where", "verify", "export", "remove"],
                        help="fetch 下载；where 在哪里；verify 逐个字节核对；export 导出给全班；remove 删除")
    parser.add_argument("folder", nargs="?", help="export 导出到哪个文件夹")
    parser.add_argument("--model", default="qwen", help="qwen（默认）或者 作者/名字")
    parser.add_argument("--from", dest="place", help="fetch 从老师导出的文件夹或 http 地址取")
    parser.add_argument("--fingerprint", help="黑板上的指纹；从 http 地址取时一定要有")
    chosen = parser.parse_args(arguments)
    if (chosen.command == "export") != (chosen.folder is not None):
        parser.error("export 后面要写导出到哪个文件夹，别的命令后面不写文件夹")
    if chosen.place and chosen.place.startswith("http") and not chosen.fingerprint and sys.stdin.isatty():
        chosen.fingerprint = input("黑板上的指纹：")
    for variable, value in (("COURSE_MODEL_HUB", chosen.place), ("COURSE_MODEL_FINGERPRINT", chosen.fingerprint)):
        if value:
            os.environ[variable] = value
    with friendly_errors("已停止；再运行一次会接着下载"):
        print(run(chosen.command, model_id(chosen.model), chosen.folder))


def run(command: str, name: str, target: str | None = None) -> str:
    """做一条命令，返回要打印的话"""
    if command == "remove":
        return f"删掉了 {name}" if remove(name) else f"缓存里没有 {name}，不用删"
    if command == "fetch":
        return f"{name} 已经准备好，可以断网使用：{locate(name)}"
    folder = cached(name)
    if folder is None:
        raise ModelError(f"缓存里应有 {name}，现在没有；联网运行 python -m helpers.model fetch")
    if command == "export":
        return f"导出到 {target}。请把指纹写在黑板上：{classroom_copy.export(name, folder, Path(target).expanduser())}"
    if command == "verify":
        manifest.demand(folder, thorough=True)
        return f"{len(manifest.read(folder))} 个文件与下载时一样：{folder}"
    return str(folder)


if __name__ == "__main__":
    main()
