"""试用：别处来的模型文件夹，交给你以前先另开一个 Python 试用一次——加载、套模板、写两个词元

坏的文件夹能让别的库报各种英文的错、一直算下去、占满内存，或者少了权重却照样胡说。在另一个进程里试，
哪一种都只剩一句中文；试好的记在缓存里，文件没有变就不再试
"""
import contextlib
import hashlib
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from helpers.download.checkpoint import read_config, read_json, unreadable_file, weight_files
from helpers.errors import ModelError, utf8_output
from helpers.files import course_folder, write_text

START_SECONDS = 120     # 打开 Python、导入各个库、试用一个很小的模型，慢的电脑上也够
BYTES_A_SECOND = 30e6   # 慢的硬盘一秒读多少权重
REFUSED = 3             # 试用的进程说了为什么不行
ROOT = Path(__file__).parents[2]
SETTINGS = {"PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
FLOATS = {"F64", "F32", "F16", "BF16"}  # 没有量化过的权重是这几种数，safetensors 的写法
GREETING = [{"role": "user", "content": "你好"}]


def demand_usable(folder: Path) -> Path:
    """folder 试用过、能用就原样返回，否则报 ModelError；以前试好、文件没有变的不再试

    例: demand_usable(TINY) == TINY
    """
    try:
        mark = course_folder() / "tried" / file_states(folder)
    except OSError as error:
        raise unreadable_file(folder, error) from None
    if mark.exists():
        return folder
    refuse_code(folder)
    print(f"第一次用 {folder}，先试一试它能不能用", file=sys.stderr)
    run_trial(folder)
    with contextlib.suppress(OSError):
        write_text(mark, str(folder))
    return folder


def file_states(folder: Path) -> str:
    """folder 里各个文件的名称、大小、修改时间合成的 64 个字符；有一样变了就不同"""
    lines = [str(folder.resolve())]
    for path in sorted(folder.iterdir()):
        state = path.stat()
        lines.append(f"{path.name} {state.st_size} {state.st_mtime_ns}")
    text = "\n".join(lines)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def refuse_code(folder: Path) -> None:
    """要运行它自带的代码（auto_map）才能加载的模型报 ModelError：代码能在你的电脑上做任何事"""
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        path = folder / name
        content = read_json(path) if path.exists() else {}
        if not isinstance(content, dict):
            raise ModelError(f"{path} 应是花括号里的一组设置，现在是别的；重新下载这个文件")
        if "auto_map" in content:
            raise ModelError(f"{folder} 应只有数据，现在 {name} 里有 auto_map：要运行它自带的代码才能加载。"
                             "课程不运行来历不明的代码，换一个模型，例如 qwen")


def run_trial(folder: Path) -> None:
    """另开一个 Python 试用 folder；不行、太久、半路停了都报 ModelError，技术细节写进一个文件"""
    command = [sys.executable, "-m", "helpers.download.usable", str(folder.resolve())]
    size = sum((folder / name).stat().st_size for name in weight_files(folder))
    limit = START_SECONDS + size / BYTES_A_SECOND
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)}
    try:
        result = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                                capture_output=True, encoding="utf-8", errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{folder} 应在 {limit:.0f} 秒里加载好、写出字，现在一直没有；多半是对话模板或设置坏了，"
                         "重新下载这个模型，或者先用 tiny") from None
    if result.returncode == 0:
        return
    if result.returncode == REFUSED:
        raise ModelError(result.stdout.strip() + details(result.stderr))
    raise ModelError(f"{folder} 应能加载，现在试用它的进程半路停了（{result.returncode}）；多半是内存不够或文件坏了，"
                     f"关掉别的程序再试，或者先用 tiny{details(result.stderr)}")


def details(text: str) -> str:
    """把别的库报的英文写进一个文件，返回一句说在哪里的话；没有、写不了就什么也不说"""
    path = course_folder() / "trial.txt"
    if not text.strip():
        return ""
    try:
        write_text(path, text)
    except OSError:
        return ""
    return f"（技术细节在 {path}）"


def use_once(folder: Path) -> None:
    """照 run_qwen.py 的做法用一次 folder：加载、套模板、写两个词元；哪一步不行报 ModelError，说出是哪一步"""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    check_layers(folder)
    given = {"dtype": "auto", "trust_remote_code": False, "use_safetensors": True, "local_files_only": True}
    with step(folder, "config.json 写的模型和权重应是一对，而且都完好"):
        outline, info = AutoModelForCausalLM.from_pretrained(folder, device_map="meta", output_loading_info=True,
                                                             **given)
    check_names(folder, info)
    check_stored_types(folder, outline)
    with step(folder, "分词器（tokenizer.json、tokenizer_config.json）应能用"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    check_vocabulary(folder, tokenizer, outline)
    with step(folder, "对话模板（chat_template）应能套上一个问题"):
        inputs = tokenizer.apply_chat_template(GREETING, add_generation_prompt=True, return_tensors="pt",
                                               return_dict=True)
    with step(folder, "模型应能照 config.json 和 generation_config.json 写出词元"):
        model = AutoModelForCausalLM.from_pretrained(folder, **given)
        written = model.generate(**inputs, max_new_tokens=2, do_sample=False, output_logits=True,
                                 return_dict_in_generate=True)
    check_finite(folder, [*model.parameters(), *written.logits])


@contextlib.contextmanager
def step(folder: Path, expected: str) -> Iterator[None]:
    """试用的一步：里面无论报什么错，都把英文留在标准错误里，改成 expected 开头的 ModelError"""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:  # Rust 写的库报的错不是 Exception
        traceback.print_exc()
        raise ModelError(f"{folder} 里的{expected}，现在不行；重新下载这个模型，或者先用 tiny") from None


def check_layers(folder: Path) -> None:
    """config.json 写的层数应是正整数，每一层至少有一个张量，否则报 ModelError；几亿层会占满内存，所以先看"""
    layers = read_config(folder).get("num_hidden_layers", 1)
    stored = len(stored_types(folder))
    if not isinstance(layers, int) or not 1 <= layers <= stored:
        raise ModelError(f"{folder} 的 config.json 写的层数（num_hidden_layers）应在 1 到 {stored}（张量的个数）之间，"
                         f"现在是 {layers!r:.50}；重新下载这个文件")


def stored_types(folder: Path) -> dict[str, str]:
    """权重文件里每个张量存成哪一种数。例: stored_types(TINY)["model.norm.weight"] -> "F16" """
    from safetensors import safe_open

    types = {}
    with step(folder, "权重应是完好的 safetensors"):
        for name in weight_files(folder):
            with safe_open(folder / name, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118  safe_open 不是字典
                    types[key] = file.get_slice(key).get_dtype()
    return types


def check_names(folder: Path, info: dict) -> None:
    """config.json 写的模型要的张量，权重里应都有，也没有多的，否则报 ModelError：少的会变成随机数"""
    missing = sorted(info["missing_keys"])
    extra = sorted(info["unexpected_keys"])
    if missing or extra or info["mismatched_keys"]:
        names = "、".join((missing + extra)[:3])
        raise ModelError(f"{folder} 的权重应正好是 config.json 写的模型的，现在少了 {len(missing)} 个张量，"
                         f"多了 {len(extra)} 个（{names}）：这样写出来的是胡话；重新下载这个模型")


def check_stored_types(folder: Path, model) -> None:
    """没有量化过的模型，每个参数应存成浮点数，否则报 ModelError"""
    if getattr(model.config, "quantization_config", None):
        return
    types = stored_types(folder)
    for name in model.state_dict():
        kind = types.get(name, "F32")
        if kind not in FLOATS:
            raise ModelError(f"{folder} 的 {name} 应存成浮点数（{'、'.join(sorted(FLOATS))}），现在是 {kind}；"
                             "换成没有量化过的版本")


def check_vocabulary(folder: Path, tokenizer, model) -> None:
    """分词器的编号应都在模型的词嵌入里，否则报 ModelError"""
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ModelError(f"{folder} 的分词器和模型应是一对，现在分词器有 {len(tokenizer):,} 个词元，"
                         f"模型只认 {rows:,} 个；重新下载分词器的文件")


def check_finite(folder: Path, tensors: list) -> None:
    """每个张量里应都是有限的数，否则报 ModelError：有 NaN 的模型只会写“!!!!”"""
    for tensor in tensors:
        for edge in tensor.aminmax():
            if not edge.isfinite():
                raise ModelError(f"{folder} 的权重和打分应都是有限的数，现在有 {edge.item()}；权重坏了，重新下载")


def main() -> None:
    """python -m helpers.download.usable 文件夹：试用一次，不行就在标准输出里说一句，退出代码 3"""
    utf8_output()
    try:
        use_once(Path(sys.argv[1]))
    except ModelError as error:
        print(error)
        raise SystemExit(REFUSED) from None


if __name__ == "__main__":
    main()
