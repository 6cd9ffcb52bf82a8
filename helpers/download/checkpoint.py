"""检查点：一个模型文件夹齐不齐、权重文件完不完整

只看文件名、JSON 和 safetensors 的文件头，不读权重，所以很快
"""
import json
from pathlib import Path

from helpers.errors import ModelError

# 文件的内容不是应有的样子时，读的人会遇到的错
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
BOM = "\ufeff"
OTHER_WEIGHTS = {".bin", ".pt", ".pth", ".gguf", ".onnx"}


def check_checkpoint(folder: Path) -> Path:
    """检查文件夹是一个完整的检查点，完整就原样返回，否则报 ModelError"""
    try:
        read_config(folder)
        for name in weight_files(folder):
            check_weights(folder / name)
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise unreadable_file(folder, error) from None
    if not names & {"tokenizer.json", "vocab.json"}:
        raise ModelError(f"{folder} 里应有分词器（tokenizer.json），现在没有；重新下载")
    return folder


def check_json_files(folder: Path) -> None:
    """每个 JSON（分词器、各种设置）都读得出来吗；下载站没有公布 sha256 时，只有这样才看得出坏了。坏了报 ModelError"""
    for path in sorted(folder.glob("*.json")):
        try:
            read_json(path)
        except FileNotFoundError as error:  # 指向空处的链接
            raise unreadable_file(folder, error) from None


def read_json(path: Path) -> object:
    """一个 JSON 文件的内容；读不出来时报 ModelError（没有这个文件是 FileNotFoundError）"""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable_file(path.parent, error) from None
    except ValueError as error:
        raise ModelError(f"{path} 应是 UTF-8 的文字，现在不是（{one_line(error)}）；重新下载这个文件") from None
    if text.startswith(BOM):
        raise ModelError(f"{path} 应从左花括号开始，现在开头多了一个看不见的 BOM（编辑器加的），transformers 读不了；"
                         "用编辑器另存为“UTF-8”（不是“UTF-8 带 BOM”），或者重新下载这个文件")
    try:
        return json.loads(text)
    except MALFORMED as error:
        raise ModelError(f"{path} 应是 JSON，现在读不出来（{one_line(error)}）；重新下载这个文件") from None


def one_line(error: Exception) -> str:
    """别的库报的错，一行，不超过 200 个字符"""
    return " ".join(str(error).split())[:200]


def unreadable_file(folder: Path, error: OSError) -> ModelError:
    """没有权限、磁盘坏了等：哪个文件、为什么"""
    return ModelError(f"{error.filename or folder} 应能读，现在不能（{error.strerror}）；"
                      "检查权限，或者复制到自己的文件夹里")


def read_config(folder: Path) -> dict:
    """config.json 的内容；没有、不是 JSON、没有 model_type 时报 ModelError"""
    path = folder / "config.json"
    try:
        config = read_json(path)
    except FileNotFoundError:
        raise ModelError(f"{folder} 里应有 config.json，现在没有；换成解压后的模型文件夹，或者重新下载") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError(f"{path} 应写明 model_type，现在没有；这不是 transformers 的模型，换一个文件夹")
    return config


def weight_files(folder: Path) -> list[str]:
    """权重文件名：一个 model.safetensors，或者索引里列出的全部分片"""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return shard_files(index)
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    others = sorted(path.name for path in folder.iterdir() if path.suffix in OTHER_WEIGHTS)
    found = "没有权重文件"
    if others:
        found = f"只有 {'、'.join(others)}"
    raise ModelError(f"{folder} 里应有 model.safetensors，现在{found}；下载 safetensors 格式的版本")


def shard_files(index: Path) -> list[str]:
    """索引里列出的分片，按名字排好"""
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = sorted(set(content["weight_map"].values()))
        outside = [name for name in names if name != Path(name).name or not name.endswith(".safetensors")]
    except MALFORMED:
        raise ModelError(f"{index} 应列出全部分片，现在读不出来；重新下载这个文件") from None
    if outside or not names:
        raise ModelError(f"{index} 应列出同一个文件夹里的 safetensors 分片，现在是 {outside}；重新下载这个文件")
    return names


def check_weights(path: Path) -> None:
    """safetensors 的开头写着每个张量占哪些字节；和文件大小对不上就是没下载完或损坏"""
    try:
        size = path.stat().st_size
        expected = announced_size(path, size)
    except FileNotFoundError:
        raise ModelError(f"应有权重文件 {path.name}，现在在 {path.parent} 里没有；重新下载") from None
    except MALFORMED as error:
        raise ModelError(f"{path.name} 应是 safetensors 格式，现在读不出文件头（{error}）；删掉它重新下载") from None
    if size != expected:
        raise ModelError(f"{path.name} 应有 {expected:,} 字节，现在有 {size:,}：没有下载完或已损坏；删掉它重新下载")


def announced_size(path: Path, size: int) -> int:
    """按文件头，文件应有多少字节：8 个字节（文件头的长度）、文件头、全部张量；size: 现在的字节数

    出处: https://huggingface.co/docs/safetensors 的“Format”
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size:
            raise ValueError(f"文件头要 {length} 字节")
        header = json.loads(file.read(length), object_pairs_hook=unique_names)
    header.pop("__metadata__", None)
    data_size = 0
    for tensor in header.values():
        data_size = max(data_size, tensor["data_offsets"][1])
    return 8 + length + data_size


def unique_names(pairs: list[tuple]) -> dict:
    """JSON 的一个对象；同一个名称写了两次时报 ValueError：两个库可能各取一个"""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("同一个名称写了两次")
    return content
