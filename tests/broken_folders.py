"""坏的模型文件夹，一行一种：名称、怎样弄坏、课程应说的话；folder 里的文件是硬链接，改以前先换成新的文件"""
import json
import pickle
import struct
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

DEEP = "[" * 200_000
ENDLESS = ("{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
           "{% endfor %}{% endfor %}{% endfor %}")
SETTINGS = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
MODEL = "config.json 写的模型和权重应是一对"
TOKENIZER = "分词器（tokenizer.json、tokenizer_config.json）应能用"
TEMPLATE = "对话模板（chat_template）应能套上一个问题"
WRITING = "generation_config.json 写出词元"
WEIGHTS = "权重应是完好的 safetensors"
NAMES = "权重应正好是 config.json 写的模型的"
LAYERS = "层数（num_hidden_layers）应在 1 到"


def put(folder: Path, name: str, content: str | bytes) -> None:
    """换掉一个文件；硬链接的另一头不变"""
    path = folder / name
    path.unlink(missing_ok=True)
    if isinstance(content, str):
        content = content.encode("utf-8")
    path.write_bytes(content)


def text(name: str, content: str | bytes):
    """整个文件换成 content"""
    return lambda folder: put(folder, name, content)


def settings(name: str, **changes):
    """JSON 里的几项换成别的"""
    def change(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        content.update(changes)
        put(folder, name, json.dumps(content))
    return change


def config(**changes):
    """config.json 里的几项换成别的"""
    return settings("config.json", **changes)


def encoded(name: str, encoding: str):
    """同样的内容，加一句中文，换一种编码"""
    def change(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        content["说明"] = "中文"
        put(folder, name, json.dumps(content, ensure_ascii=False).encode(encoding, "ignore"))
    return change


def removed(*names: str):
    """删掉几个文件"""
    def change(folder):
        for name in names:
            (folder / name).unlink()
    return change


def a_folder(name: str):
    """文件换成同名的文件夹"""
    def change(folder):
        (folder / name).unlink()
        (folder / name).mkdir()
    return change


def dangling(name: str):
    """文件换成指向空处的链接"""
    def change(folder):
        (folder / name).unlink()
        (folder / name).symlink_to(folder / "没有")
    return change


def tensors(edit):
    """用 edit 改权重（名称 → 张量）"""
    def change(folder):
        path = folder / "model.safetensors"
        weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
        edit(weights)
        path.unlink()
        save_file(weights, path, metadata={"format": "pt"})
    return change


def drop(weights):
    del weights["model.layers.1.mlp.up_proj.weight"]


def drop_all(weights):
    weights.clear()


def rename(weights):
    for name in list(weights):
        weights["transformer." + name] = weights.pop(name)


def add(weights):
    weights["model.layers.7.mlp.up_proj.weight"] = torch.zeros(4, 4)


def reshape(weights):
    weights["model.norm.weight"] = torch.ones(5)


def to_int8(weights):
    for name in list(weights):
        weights[name] = weights[name].to(torch.int8)


def one_nan(weights):
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = float("nan")


def infinite(weights):
    weights["model.norm.weight"][:] = float("inf")


def overflowing(weights):
    for name in weights:
        if "norm" in name:
            weights[name] *= 3e38


def header(edit):
    """用 edit 改 safetensors 的文件头（名称 → 种类、形状、位置），张量的字节不动"""
    def change(folder):
        content = (folder / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        entries = edit(json.loads(content[8:8 + length]))
        new = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        put(folder, "model.safetensors", struct.pack("<Q", len(new)) + new + content[8 + length:])
    return change


def unknown_dtype(entries):
    entries["model.norm.weight"]["dtype"] = "F7"
    return entries


def overlapping(entries):
    for entry in entries.values():
        if "data_offsets" in entry:
            size = entry["data_offsets"][1] - entry["data_offsets"][0]
            if entry["data_offsets"][0] and entry["data_offsets"][0] >= size:
                entry["data_offsets"][0] -= size
                return entries
    raise AssertionError("没有可以重叠的张量")


def nested(entries):
    entries["model.norm.weight"] = {"里面": entries["model.norm.weight"]}
    return entries


def text_offsets(entries):
    entries["model.norm.weight"]["data_offsets"] = ["a", "b"]
    return entries


def duplicated(entries):
    text = json.dumps(entries)
    entry = json.dumps(entries["model.layers.0.input_layernorm.weight"])
    return (text[:-1] + f', "model.norm.weight": {entry}}}').encode()


def listed(entries):
    return list(entries)


def bottomless(entries):
    return DEEP.encode()


def truncated(folder):
    put(folder, "model.safetensors", (folder / "model.safetensors").read_bytes()[:-7])


def long_header(folder):
    put(folder, "model.safetensors", struct.pack("<Q", 1 << 60) + b"{}")


def empty_header(folder):
    put(folder, "model.safetensors", struct.pack("<Q", 2) + b"{}")


def pickled(folder):
    put(folder, "model.safetensors", pickle.dumps({"model.norm.weight": [1.0]}))


def index(content):
    """一个分片的索引；content 不是文字时写成 JSON"""
    if not isinstance(content, str):
        content = json.dumps(content)
    return text("model.safetensors.index.json", content)


def template(content: str):
    """对话模板换成 content"""
    return text("chat_template.jinja", content)


def another_vocabulary(folder):
    """词表大一千个的分词器"""
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for number in range(1000):
        content["model"]["vocab"][f"另一个{number}"] = 1000 + number
    put(folder, "tokenizer.json", json.dumps(content))


def llama(folder):
    config(model_type="llama", architectures=["LlamaForCausalLM"])(folder)


def bert(folder):
    config(model_type="bert", architectures=["BertLMHeadModel"])(folder)


def every_setting() -> list[tuple]:
    """四个 JSON 各自坏成的样子"""
    rows = []
    for name in SETTINGS:
        rows.append((f"{name} 是空的", text(name, ""), "应是 JSON"))
        rows.append((f"{name} 半截", text(name, '{"a": '), "应是 JSON"))
        rows.append((f"{name} 20 万层括号", text(name, DEEP), "应是 JSON"))
        rows.append((f"{name} 有 BOM", encoded(name, "utf-8-sig"), "BOM"))
        rows.append((f"{name} 是 UTF-16", encoded(name, "utf-16"), "应是 UTF-8"))
        rows.append((f"{name} 是 GBK", encoded(name, "gbk"), "应是 UTF-8"))
        rows.append((f"{name} 是文件夹", a_folder(name), "应"))
    return rows


BROKEN = [
    *every_setting(),
    ("config.json 是列表", text("config.json", "[1]"), "model_type"),
    ("config.json 是 null", text("config.json", "null"), "model_type"),
    ("model_type 没听说过", config(model_type="qwen99"), MODEL),
    ("model_type 是 null", config(model_type=None), MODEL),
    ("model_type 是数", config(model_type=7), MODEL),
    ("model_type 是列表", config(model_type=["qwen2"]), MODEL),
    ("hidden_size 是文字", config(hidden_size="大"), MODEL),
    ("hidden_size 是负数", config(hidden_size=-16), MODEL),
    ("hidden_size 是 0", config(hidden_size=0), MODEL),
    ("hidden_size 太大", config(hidden_size=10**12), MODEL),
    ("hidden_size 是 NaN", config(hidden_size=float("nan")), MODEL),
    ("hidden_size 差一点", config(hidden_size=32), MODEL),
    ("vocab_size 小一点", config(vocab_size=100), MODEL),
    ("vocab_size 太大", config(vocab_size=10**15), MODEL),
    ("0 个头", config(num_attention_heads=0), MODEL),
    ("hidden_act 没听说过", config(hidden_act="魔法"), MODEL),
    ("rope 没听说过", config(rope_parameters={"rope_type": "魔法"}), MODEL),
    ("dtype 没听说过", config(dtype="float17"), MODEL),
    ("dtype 是数", config(dtype=16), MODEL),
    ("0 层", config(num_hidden_layers=0), LAYERS),
    ("负的层数", config(num_hidden_layers=-2), LAYERS),
    ("十亿层", config(num_hidden_layers=10**9), LAYERS),
    ("层数是文字", config(num_hidden_layers="2"), LAYERS),
    ("层数是 null", config(num_hidden_layers=None), LAYERS),
    ("少一层", config(num_hidden_layers=1, layer_types=["full_attention"]), NAMES),
    ("多一层", config(num_hidden_layers=3, layer_types=["full_attention"] * 3), NAMES),
    ("说是 Llama", llama, "权重"),
    ("说是 BERT", bert, "权重"),
    ("config.json 的 auto_map", config(auto_map={"AutoModelForCausalLM": "code.Model"}), "auto_map"),
    ("分词器的 auto_map", settings("tokenizer_config.json", auto_map={"AutoTokenizer": ["code.T", None]}), "auto_map"),
    ("tokenizer.json 是列表", text("tokenizer.json", "[]"), TOKENIZER),
    ("tokenizer.json 是 {}", text("tokenizer.json", "{}"), TOKENIZER),
    ("tokenizer_config.json 是列表", text("tokenizer_config.json", "[]"), "一组设置"),
    ("generation_config.json 是列表", text("generation_config.json", "[]"), "一组设置"),
    ("别的模型的词表", another_vocabulary, "分词器和模型应是一对"),
    ("eos_token_id 是文字", settings("generation_config.json", eos_token_id="停"), WRITING),
    ("num_beams 是文字", settings("generation_config.json", num_beams="多"), WRITING),
    ("没有对话模板", removed("chat_template.jinja"), TEMPLATE),
    ("对话模板有语法错", template("{% if %}"), TEMPLATE),
    ("对话模板要没有的变量", template("{{ a.b.c }}"), TEMPLATE),
    ("对话模板自己报错", template("{{ raise_exception('不行') }}"), TEMPLATE),
    ("对话模板导入文件", template("{% include '/etc/passwd' %}"), TEMPLATE),
    ("对话模板攻击", template("{{ ().__class__.__base__.__subclasses__() }}"), TEMPLATE),
    ("对话模板是 UTF-16", text("chat_template.jinja", "中".encode("utf-16")), "应能"),
    ("索引是列表", index([1]), "应列出全部分片"),
    ("索引里是数", index({"weight_map": {"a": 1}}), "分片"),
    ("索引里是混的", index({"weight_map": {"a": 1, "b": "c"}}), "分片"),
    ("索引是空的", index({"weight_map": {}}), "分片"),
    ("索引指到外面", index({"weight_map": {"a": "../model.safetensors"}}), "同一个文件夹里的 safetensors 分片"),
    ("索引里有 ..", index({"weight_map": {"a": ".."}}), "同一个文件夹里的 safetensors 分片"),
    ("索引 20 万层括号", index(DEEP), "应列出全部分片"),
    ("少一个分片", index({"weight_map": {"a": "model-00002-of-00002.safetensors"}}), "应有权重文件"),
    ("权重是文件夹", a_folder("model.safetensors"), "没有权重文件"),
    ("权重的链接断了", dangling("model.safetensors"), "没有权重文件"),
    ("别的链接断了", dangling("generation_config.json"), "应"),
    ("没有分词器", removed("tokenizer.json"), "应有分词器"),
    ("权重少了结尾", truncated, "没有下载完"),
    ("文件头比文件长", long_header, "读不出文件头"),
    ("文件头是空的", empty_header, "应"),
    ("pickle 改了名", pickled, "读不出文件头"),
    ("文件头是列表", header(listed), "读不出文件头"),
    ("文件头 20 万层括号", header(bottomless), "读不出文件头"),
    ("张量套着张量", header(nested), "读不出文件头"),
    ("张量的位置是文字", header(text_offsets), "读不出文件头"),
    ("没听说过的数", header(unknown_dtype), WEIGHTS),
    ("一个张量写两次", header(duplicated), "写了两次"),
    ("两个张量重叠", header(overlapping), WEIGHTS),
    ("少一个张量", tensors(drop), NAMES),
    ("一个张量也没有", tensors(drop_all), "应"),
    ("张量都换了名", tensors(rename), NAMES),
    ("多一个张量", tensors(add), NAMES),
    ("张量换了形状", tensors(reshape), MODEL),
    ("int8 的权重", tensors(to_int8), "应存成浮点数"),
    ("一个 NaN", tensors(one_nan), "有限的数"),
    ("无穷大", tensors(infinite), "有限的数"),
    ("太大的数", tensors(overflowing), "有限的数"),
]
HANGING = [("对话模板一直算", template(ENDLESS), "秒里加载好")]
