"""把教学小模型做成浏览器能运行的：python classroom/site/export.py 文件夹

写出 engine.js（网页用它的 open）、双击打开的网页用的 engine.classic.js，和它们要取的文件：模型的三张图和权重、
分词器、计算用的 onnxruntime-web，约 14 MB，都写成 .js：从 U 盘双击打开的网页，浏览器只让它取这一种。
要 npm（pip install -e ".[site]" 就有）；用到的包和它们的校验码在 live/package-lock.json，取过一次以后断网也能做
"""
import argparse
import base64
import contextlib
import gzip
import json
import shutil
import tempfile
import textwrap
from pathlib import Path

import helpers  # 在 torch 之前导入，见 helpers/__init__.py
from helpers.generation import stop_ids
from helpers.tiny import TINY
from helpers.tokens import LETTER_OF

from npm import run_npm
from target import check, explained, replace

LIVE = Path(__file__).parent / "live"
VIEW = Path(helpers.__file__).parent / "widgets" / "view.js"  # 一问一答的办法，笔记本里的视图也用
RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
LICENSE = "node_modules/@huggingface/tokenizers/LICENSE"
ANY_CASE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"  # 旧一点的浏览器不认 (?i:
BOTH_CASES = "'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])"  # ſ 是从前的 s，也算
PART = 1_000_000  # 一个文件最多几个字符：取到一个，进度就走一格
ASKED = "\x00"  # 模板里代替问题的，对话模板里没有这个字


def tokenizer_json() -> bytes:
    """分词器的文件，切分的正则换成各种浏览器都认的写法"""
    text = (TINY / "tokenizer.json").read_text(encoding="utf-8")
    content = json.loads(text)
    split, *_ = content["pre_tokenizer"]["pretokenizers"]
    regex = split["pattern"]["Regex"]
    if ANY_CASE not in regex:
        raise ValueError(f"切分的正则里应有 {ANY_CASE}，现在是 {regex}；照它改 BOTH_CASES")
    split["pattern"]["Regex"] = regex.replace(ANY_CASE, BOTH_CASES)
    return json.dumps(content, ensure_ascii=False).encode()


def template(tokenizer) -> dict[str, str]:
    """对话模板在问题前面和后面的文字"""
    messages = [{"role": "user", "content": ASKED}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before, after = text.split(ASKED)
    return {"before": before, "after": after}


def about(tokenizer, model) -> dict:
    """JavaScript 要知道的各个数；letters: 第 i 个字符代表字节 i"""
    config = model.config
    letters = [LETTER_OF[byte] for byte in range(256)]
    return template(tokenizer) | {
        "letters": "".join(letters),
        "stops": sorted(stop_ids(model)),
        "vocabulary": config.vocab_size,
        "longest": config.max_position_embeddings,
        "layers": config.num_hidden_layers,
        "heads_kv": config.num_key_value_heads,
        "hidden": config.hidden_size,
        "width": config.hidden_size // config.num_attention_heads,
    }


def write_model(folder: Path) -> dict:
    """模型和分词器写进 folder，返回 about.json 的内容"""
    import graph
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype="auto")
    found = about(tokenizer, model)
    found["trained"] = graph.write(model, folder)
    (folder / "tokenizer.json").write_bytes(tokenizer_json())
    return found


def bundle(workshop: Path) -> None:
    """在 workshop 里从 npm 取 package-lock.json 里的包（npm 自己核对校验码），合成 built 里的两个 engine"""
    shutil.copytree(LIVE, workshop, ignore=shutil.ignore_patterns("node_modules", "built"))
    shutil.copy(VIEW, workshop)
    run_npm("应从 npm 取到计算的库和分词器，没有取到", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
            "--prefer-offline", "--fetch-retries=1", folder=workshop)
    for made in ("worker", "engine", "classic"):  # 先合成 worker，再把它放进另外两个
        run_npm(f"应合成 {made}，没有做成", "run", made, folder=workshop)


def pack(made: Path, folder: Path) -> dict[str, int]:
    """made 里的文件压缩、编码成文字，分成几个 .js 写进 folder；返回每个文件分成了几个"""
    counts = {}
    for path in sorted(made.iterdir()):
        packed = gzip.compress(path.read_bytes(), mtime=0)
        text = base64.b64encode(packed).decode()
        parts = textwrap.wrap(text, PART)
        counts[path.stem] = len(parts)
        for number, part in enumerate(parts):
            write_part(folder, f"{path.stem}-{number}", part)
    return counts


def write_part(folder: Path, name: str, value) -> None:
    """一个 .js 文件：把 value 放在网页的 liveFiles 里，名字是 name"""
    text = json.dumps(value)
    script = f'(window.liveFiles ??= {{}})["{name}"] = {text};\n'
    (folder / f"{name}.js").write_text(script, encoding="utf-8")


def export(folder: Path) -> None:
    """浏览器要的全部文件写进 folder；做不成时旧的还在"""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        workshop = scratch / "workshop"
        made = scratch / "made"
        new = scratch / "new"
        made.mkdir()
        new.mkdir()
        found = write_model(made)
        bundle(workshop)
        shutil.copy(workshop / RUNTIME, made / "runtime.wasm")
        found["parts"] = pack(made, new)
        write_part(new, "about", found)
        shutil.copy(workshop / LICENSE, new / "LICENSE.tokenizers")
        for script in ("engine.js", "engine.classic.js"):
            shutil.copy(workshop / "built" / script, new)
        replace(new, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="把教学小模型做成浏览器能运行的")
    parser.add_argument("folder", type=Path, help="写到哪里")
    folder = parser.parse_args().folder.resolve()
    check(folder, "网页里的模型", "engine.js")
    with explained(folder, "网页里的模型"):
        export(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"做好了，共 {size / 1e6:.1f} MB：{folder}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
