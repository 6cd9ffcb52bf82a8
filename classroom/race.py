"""课程的几种做法和别的引擎一起量，第 08 讲的表就是这样来的

python classroom/race.py --rounds 3 --json classroom/speed.json --llama-bench 路径 --gguf BF16.gguf Q8_0.gguf \\
    --openvino 文件夹 --onnx 文件夹
别的参数同 python -m helpers.speed；没有写的引擎不量
"""
import argparse
from pathlib import Path

from helpers import speed
from helpers.errors import ModelError, friendly_errors

import engines


def parameters_of(folder: Path) -> int:
    """模型有多少个参数"""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).num_parameters()


def check_engines(options: argparse.Namespace) -> None:
    """引擎的路径对不对，不对报 ValueError 或 ModelError"""
    if bool(options.llama_bench) != bool(options.gguf):
        raise ValueError("--llama-bench 和 --gguf 要一起写")
    for path in [options.llama_bench, *options.gguf]:
        if path is not None and not path.is_file():
            raise ValueError(f"应有文件 {path}，现在没有；检查路径")
    for name in engines.GENAI:
        for folder in vars(options)[name]:
            engines.engine_bytes(name, folder)


def main(arguments: list[str] | None = None) -> None:
    """命令的入口；出错时说一句中文"""
    parser = speed.option_parser("python classroom/race.py")
    parser.add_argument("--llama-bench", type=Path, help="llama.cpp 的 llama-bench 的路径")
    parser.add_argument("--gguf", type=Path, nargs="+", default=[], help="给 llama-bench 的 GGUF 文件")
    for name, (module, _) in engines.GENAI.items():
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[], help=f"给 {module} 的模型文件夹")
    options = parser.parse_args(arguments)
    try:
        check_engines(options)
        speed.check_options(options)
    except (ValueError, ModelError) as error:
        parser.error(str(error))
    with friendly_errors("已停止；记下的只有量完的"):
        import torch

        threads = options.threads or torch.get_num_threads()
        folders = {name: vars(options)[name] for name in engines.GENAI}
        parameters = parameters_of(speed.model_folder(options.model))
        others = engines.rivals(options.llama_bench, options.gguf, folders, threads, parameters)
        speed.race_ways(options, others)


if __name__ == "__main__":
    main()
