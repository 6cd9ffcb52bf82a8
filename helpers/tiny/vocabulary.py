"""官方词表 → tokenizer.json：教学小模型和真正的 Qwen2.5 用同一套编号

来源: dashscope 包（Apache-2.0）里的 qwen.tiktoken，151,643 个词元，每行“base64 的字节 编号”。
重建: python -m helpers.tiny.vocabulary（需要 [test] 里的 dashscope）
"""
import base64
import json
from importlib.util import find_spec
from pathlib import Path

from helpers.files import write_text
from helpers.tiny import TINY

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
           "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
           "<|image_pad|>", "<|video_pad|>"]
NOT_SPECIAL = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
               "<|repo_name|>", "<|file_sep|>"]
SYSTEM = "你是教学小模型。"
CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] != 'system' %}{{- '<|im_start|>system\\n" + SYSTEM + "<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}")


def official_ranks() -> dict[bytes, int]:
    """官方词表：字节 → 编号（也就是 BPE 合并的先后），共 151,643 项"""
    spec = find_spec("dashscope")
    if spec is None:
        raise ModuleNotFoundError('需要 dashscope 包里的官方词表，现在没有装；运行 python -m pip install -e ".[test]"')
    lines = (Path(spec.origin).parent / "resources" / "qwen.tiktoken").read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}


def last_merge(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """一个词元由哪两块最后合并而成：只用比它更早的合并

    例: b"abc"，已有 b"ab" -> (b"ab", b"c")
    """
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        pairs = [(ranks.get(a + b, len(ranks)), i) for i, (a, b) in enumerate(zip(parts, parts[1:], strict=False))]
        rank, i = min(pairs)
        if rank >= ranks[token]:
            raise ValueError(f"词元 {token!r} 应能由更早的词元合并出来，现在停在 {parts}；"
                             "词表文件可能损坏，重装 dashscope")
        parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return parts[0], parts[1]


def build() -> Tokenizer:
    """官方词表 → tokenizers 的 Tokenizer，编号与 Qwen2.5 相同"""
    ranks = official_ranks()
    letters = bytes_to_unicode()
    spell = {token: "".join(letters[byte] for byte in token) for token in ranks}
    pairs = [last_merge(token, ranks) for token in sorted(ranks, key=ranks.get) if len(token) > 1]
    tokenizer = Tokenizer(models.BPE({spell[t]: i for t, i in ranks.items()}, [(spell[a], spell[b]) for a, b in pairs]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL]
                         + [AddedToken(t, normalized=False) for t in NOT_SPECIAL])
    return tokenizer


def save(folder: Path = TINY) -> None:
    """写 tokenizer.json（紧凑）、tokenizer_config.json 和 chat_template.jinja"""
    content = json.loads(build().to_str())
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
              "bos_token": None, "unk_token": None, "additional_special_tokens": SPECIAL[1:], "errors": "replace",
              "clean_up_tokenization_spaces": False, "model_max_length": 1024}
    write_text(folder / "tokenizer.json", json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    write_text(folder / "tokenizer_config.json", json.dumps(config, ensure_ascii=False, indent=1))
    write_text(folder / "chat_template.jinja", CHAT_TEMPLATE)


if __name__ == "__main__":
    save()
    print(f"写好了 {TINY.name}/tokenizer.json")
