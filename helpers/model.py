"""用哪一个模型、它的文件在哪里

COURSE_MODEL（或参数）选模型：tiny（默认，课程自带）、qwen（Qwen/Qwen2.5-0.5B-Instruct）、
ModelScope 的模型编号（作者/名字）、本地文件夹。COURSE_MODEL_HUB 给出老师导出的一份时，从那里取，不去 ModelScope。
终端里：python -m helpers.model fetch（下载）、where（在哪里）、verify（逐个字节核对）、export（导出给全班）、
remove（删除）
"""
import argparse
import os
import sys
from pathlib import Path
from timeit import repeat

from helpers.download import classroom_copy, local_copy, manifest, modelscope_hub
from helpers.download.checkpoint import check_checkpoint, check_json_files, read_config
from helpers.download.local_copy import BrokenCopy
from helpers.download.names import QWEN_ID, is_model_id, nearest_ids
from helpers.download.usable import demand_usable
from helpers.errors import ModelError, friendly_errors
from helpers.files import usable_paths, user_path
from helpers.tiny import TINY

OTHER_BYTES = 1.5e9  # Python、torch 和计算的中间结果另外要的内存
SLOW = 2.0  # 16 位读问题比 32 位慢到这个倍数，就建议用 32 位


def locate(choice: str | os.PathLike | None = None) -> Path:
    """选择 → 可以交给 from_pretrained 的文件夹，已经检查过文件齐全

    choice: "tiny"、"qwen"、模型编号或文件夹；None 时看环境变量 COURSE_MODEL，没有设就是 tiny
    缓存里有完整的一份时不联网；没有或坏了就从 ModelScope 下载。找不到、下载不了、文件损坏时报 ModelError
    例: locate("tiny").name -> "checkpoint"
    出处: notebooks/02_quickstart.ipynb 第 2 节
    """
    text = chosen(choice)
    try:
        folder = here(text)
    except BrokenCopy as broken:
        return repair(model_id(text), broken)
    if folder is None:
        return obtain(model_id(text))
    if folder != TINY:
        say(f"模型：{text}，用已经在这台电脑上的一份")
    if own_folder(text) is None:
        local_copy.remember_copy(model_id(text), folder)
    return folder


def here(choice: str | os.PathLike | None = None) -> Path | None:
    """不联网：选的模型在这台电脑上的文件夹；没有就是 None

    缓存里的一份坏了时报 BrokenCopy（也是 ModelError）；名字不对、给出的文件夹不完整时报 ModelError
    例: here("tiny").name -> "checkpoint"
    """
    text = chosen(choice)
    own = own_folder(text)
    if own is None:
        name = model_id(text)
        found = local_copy.find_copy(name)
        return found and trusted(name, found)
    check_checkpoint(own)
    if own == TINY:
        return own  # 随课程来的，不必每次读它的分词器，也不必试用
    return demand_usable(manifest.demand_undamaged(own))


def chosen(choice: str | os.PathLike | None) -> str:
    """选的是什么：参数，没有就看 COURSE_MODEL，再没有就是 tiny"""
    if choice is None:
        choice = os.environ.get("COURSE_MODEL") or "tiny"
    if not isinstance(choice, str | Path):
        raise ModelError(f"模型应写成文字或文件夹，现在是 {str(choice)[:80]}；例如 \"tiny\"")
    return str(choice).strip()


def own_folder(text: str) -> Path | None:
    """选的是课程自带的或者你给出的文件夹时，是哪个文件夹；选的是要下载的模型时是 None"""
    if text == "tiny":
        return TINY
    if text in ("", "qwen"):
        return None
    folder = user_path(text, "COURSE_MODEL")
    if folder.is_dir():
        return folder
    return None


def model_id(text: str) -> str:
    """qwen 或作者/名字 → 模型编号；不像编号、没有发布过时报 ModelError"""
    if text.lower() == "qwen/qwen-0.5b":
        raise ModelError(f"模型编号应是存在的，现在是 {text}：没有发布过这个模型（第一代 Qwen 最小是 1.8B）；"
                         f"改用 {QWEN_ID}，或者把 COURSE_MODEL 设为 qwen")
    if text == "qwen":
        return QWEN_ID
    if is_model_id(text):
        return text
    raise ModelError("模型应是 tiny、qwen、ModelScope 的模型编号（作者/名字）或一个存在的文件夹，"
                     f"现在是 {text[:80]!r}；先试试 tiny{nearest_ids(text)}")


def fetch(name: str) -> Path:
    """缓存里有完整的一份，逐个字节核对过；没有就取来，坏了就修好。取不到、修不好时报 ModelError"""
    try:
        folder = local_copy.find_copy(name, thorough=True)
    except BrokenCopy as broken:
        return repair(name, broken)
    if folder is None:
        return obtain(name)
    local_copy.remember_copy(name, folder)
    return folder


def repair(name: str, broken: BrokenCopy) -> Path:
    """这台电脑上的一份坏了：只取缺的、坏的，返回文件夹"""
    say(f"{broken}（正在自动修理）")
    try:
        return obtain(name)
    except ModelError as error:
        raise ModelError(f"{broken}。自动修理没有成功：{error}") from None


def obtain(name: str) -> Path:
    """从老师的一份或者 ModelScope 取一个模型（只取缺的、坏的），核对以后记下来，返回文件夹"""
    place = os.environ.get("COURSE_MODEL_HUB", "").strip()
    folder = local_copy.local_folders(name)[0]
    try:
        if place:
            listed = classroom_copy.class_manifest(place, name)
            announce(f"从 {place} 取", listed, folder)
            classroom_copy.fetch_copy(place, listed, folder)
        else:
            say(f"问 {modelscope_hub.hub_host()} 有哪些文件，最多等 {modelscope_hub.LISTING_SECONDS} 秒")
            listed = modelscope_hub.listing(name)
            announce(f"从 {modelscope_hub.hub_host()} 下载", listed, folder)
            modelscope_hub.download(listed, folder)
        check_checkpoint(folder)
        check_json_files(folder)
    except ModelError as error:
        raise ModelError(f"{error}；现在可以先用 tiny") from None
    manifest.write_record(folder, listed)
    return trusted(name, folder)


def trusted(name: str, folder: Path) -> Path:
    """Qwen/Qwen2.5-0.5B-Instruct 大家都用过，核对过 sha256 就够了；别的模型先试用一次，不能用时报 ModelError"""
    if name == QWEN_ID:
        return folder
    return demand_usable(folder)


def announce(doing: str, listed: manifest.Manifest, folder: Path) -> None:
    """动手以前：说一句要做什么，看看磁盘放不放得下"""
    say(f"{doing} {listed.model_id}，共 {listed.size() / 1e6:,.0f} MB")
    local_copy.check_disk(listed, folder)
    with usable_paths("MODELSCOPE_CACHE"):
        folder.mkdir(parents=True, exist_ok=True)


def dtype_for(folder: Path) -> str:
    """检查点在这台电脑上用哪种数加载：一般照存的（auto）；存的是 bfloat16、这个 CPU 算它慢得多、内存也够时用 float32

    例: dtype_for(locate("tiny")) -> "auto"
    出处: notebooks/04_model_loading.ipynb 第 6 节
    """
    import psutil

    folder = Path(folder)
    config = read_config(folder)
    stored = config.get("dtype") or config.get("torch_dtype")
    if stored != "bfloat16":
        return "auto"
    stored_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    enough = psutil.virtual_memory().available > 2 * stored_bytes + OTHER_BYTES
    if enough and slowdown() > SLOW:
        return "float32"
    return "auto"


def slowdown() -> float:
    """在这个 CPU 上，bfloat16 读 256 个词元的矩阵乘法用的时间是 float32 的几倍"""
    import torch

    return matrix_seconds(torch.bfloat16) / matrix_seconds(torch.float32)


def matrix_seconds(dtype, rows: int = 256) -> float:
    """一层前馈（896 → 4864，Qwen2.5-0.5B 的形状）算 rows 个词元要几秒，三次里最快的"""
    import torch

    layer = torch.nn.Linear(896, 4864, dtype=dtype)
    x = torch.randn(rows, 896, dtype=dtype)  # 形状 (rows, 896)
    with torch.inference_mode():
        layer(x)
        return min(repeat(lambda: layer(x), number=1, repeat=3))


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
    given = parser.parse_args(arguments)
    if (given.command == "export") != (given.folder is not None):
        parser.error("export 后面要写导出到哪个文件夹，别的命令后面不写文件夹")
    if given.place:
        os.environ["COURSE_MODEL_HUB"] = given.place
        if given.place.startswith("http") and not given.fingerprint and sys.stdin.isatty():
            given.fingerprint = input("黑板上的指纹：")
    if given.fingerprint:
        os.environ["COURSE_MODEL_FINGERPRINT"] = given.fingerprint
    with friendly_errors("已停止；再运行一次会接着下载"):
        print(run_command(given.command, model_id(given.model), given.folder))


def run_command(command: str, name: str, target: str | None = None) -> str:
    """做一条命令，返回要打印的话"""
    if command == "remove":
        if local_copy.remove_copies(name):
            return f"删掉了 {name}"
        return f"缓存里没有 {name}，不用删"
    if command == "fetch":
        return f"{name} 已经准备好，可以断网使用：{fetch(name)}"
    folder = local_copy.find_copy(name)
    if folder is None:
        raise ModelError(f"缓存里应有 {name}，现在没有；联网运行 python -m helpers.model fetch")
    local_copy.remember_copy(name, folder)
    if command == "export":
        mark = classroom_copy.export_copy(folder, Path(target).expanduser())
        return f"导出到 {target}。请把指纹写在黑板上：{mark}"
    if command == "verify":
        manifest.demand_undamaged(folder, thorough=True)
        return f"{len(manifest.read_record(folder).files)} 个文件与下载时一样：{folder}"
    return str(folder)


if __name__ == "__main__":
    main()
