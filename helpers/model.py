"""用哪一个模型、它的文件在哪里

COURSE_MODEL（或参数）选模型：tiny（默认，课程自带）、qwen（Qwen/Qwen2.5-0.5B-Instruct）、
ModelScope 的模型编号（作者/名字）、本地文件夹。
"""
import json
import os
import struct
from difflib import get_close_matches
from pathlib import Path

QWEN = "Qwen/Qwen2.5-0.5B-Instruct"
TINY = Path(__file__).parent / "tiny" / "checkpoint"
KNOWN = ["Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B-Chat", "Qwen/Qwen2-0.5B", "Qwen/Qwen2-0.5B-Instruct",
         "Qwen/Qwen2.5-0.5B", QWEN, "Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-3B-Instruct"]


class ModelError(Exception):
    """模型用不了；文字说明应该是什么、现在是什么、怎么办"""


def locate(choice: str | os.PathLike | None = None) -> Path:
    """选择 → 可以交给 from_pretrained 的文件夹，已经检查过文件齐全

    choice: "tiny"、"qwen"、模型编号或文件夹；None 时看环境变量 COURSE_MODEL，没有设就是 tiny
    找不到、缺文件、文件损坏时报 ModelError。不联网
    例: locate("tiny").name -> "checkpoint"
    出处: notebooks/02_quickstart.ipynb 第 1 节
    """
    text = os.fspath(os.environ.get("COURSE_MODEL") or "tiny" if choice is None else choice).strip()
    if text == "tiny":
        return check(TINY)
    if text not in ("", "qwen") and Path(text).expanduser().is_dir():
        return check(Path(text).expanduser())
    if text == "qwen" or is_model_id(text):
        return in_cache(QWEN if text == "qwen" else text)
    raise ModelError(f"模型应是 tiny、qwen、ModelScope 的模型编号（作者/名字）或一个存在的文件夹，现在是 {text!r}；"
                     f"先试试 tiny{nearest(text)}")


def dtype_for(folder: Path) -> str:
    """加载时用哪种数：教学小模型用 float32（在任何 CPU 上结果都一样），别的照检查点存的（auto）

    例: dtype_for(locate("tiny")) -> "float32"
    """
    return "float32" if folder == TINY else "auto"


def is_model_id(text: str) -> bool:
    """像不像“作者/名字”。例: is_model_id("Qwen/Qwen2.5-0.5B") -> True，is_model_id("./a") -> False"""
    parts = text.split("/")
    return len(parts) == 2 and all(part.strip(".") and "\\" not in part and ":" not in part for part in parts)


def nearest(text: str) -> str:
    """最像的已知编号，写成可以接在句末的话；没有像的就是空字符串"""
    by_lower = {name.lower(): name for name in KNOWN}
    found = [by_lower[name] for name in get_close_matches(text.lower(), by_lower, n=3, cutoff=0.6)]
    return f"；名字最像的有：{'、'.join(found)}" if found else ""


def cache_folders(model_id: str) -> list[Path]:
    """ModelScope 可能放这个模型的文件夹：新布局在前，旧布局在后"""
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope").expanduser()
    owner, name = model_id.split("/")
    old_name = name.replace(".", "___")
    return [root / "models" / f"{owner}--{name}" / "snapshots" / "master",
            *(root / old / owner / old_name for old in ("hub/models", "models", "hub"))]


def in_cache(model_id: str) -> Path:
    """缓存里下载好的模型；没有就说明怎样下载"""
    if model_id.lower() == "qwen/qwen-0.5b":
        raise ModelError(f"模型编号应是存在的，现在是 {model_id}：没有发布过这个模型（第一代 Qwen 最小是 1.8B）；"
                         f"改用 {QWEN}，或者把 COURSE_MODEL 设为 qwen")
    for folder in cache_folders(model_id):
        if folder.is_dir():
            return check(folder)
    known = "" if model_id in KNOWN else nearest(model_id)
    raise ModelError(f"{model_id} 应已下载到 ModelScope 的缓存，现在没有找到（看过 {cache_folders(model_id)[0]}）；"
                     f"联网运行 modelscope download --model {model_id}，或者先用 tiny{known}")


def check(folder: Path) -> Path:
    """检查文件夹是一个完整的检查点，完整就原样返回，否则报 ModelError"""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} 里应有 config.json，现在没有；换成解压后的模型文件夹，或者重新下载") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'} 应是 JSON，现在读不出来（{error}）；重新下载这个文件") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError(f"{folder / 'config.json'} 应写明 model_type，现在没有；"
                         "这不是 transformers 的模型，换一个文件夹")
    for name in weight_files(folder):
        check_weights(folder / name)
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.json").is_file():
        raise ModelError(f"{folder} 里应有分词器（tokenizer.json），现在没有；重新下载")
    return folder


def weight_files(folder: Path) -> list[str]:
    """权重文件名：一个 model.safetensors，或者索引里列出的全部分片"""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError):
            raise ModelError(f"{index} 应列出全部分片，现在读不出来；重新下载这个文件") from None
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    others = sorted(path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".gguf", ".onnx"})
    found = f"只有 {'、'.join(others)}" if others else "没有权重文件"
    raise ModelError(f"{folder} 里应有 model.safetensors，现在{found}；下载 safetensors 格式的版本")


def check_weights(path: Path) -> None:
    """safetensors 的开头写着每个张量占哪些字节；和文件大小对不上就是没下载完或损坏"""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size - 8:
                raise ValueError(f"文件头要 {length} 字节")
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = 8 + length + max(ends, default=0)
    except FileNotFoundError:
        raise ModelError(f"应有权重文件 {path.name}，现在在 {path.parent} 里没有；重新下载") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(f"{path.name} 应是 safetensors 格式，现在读不出文件头（{error}）；删掉它重新下载") from None
    if size != expected:
        raise ModelError(f"{path.name} 应有 {expected:,} 字节，现在有 {size:,}：没有下载完或已损坏；删掉它重新下载")
