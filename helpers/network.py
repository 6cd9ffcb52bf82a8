"""网络的图：权重文件里的每个张量，在模型的哪个位置

出处: notebooks/04_model_loading.ipynb 第 3 节；图是 mermaid，由 JupyterLab 自己画
"""
from dataclasses import dataclass

from helpers.pipeline import Mermaid

INSIDE = ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp")  # 每一层里的四个方框
OUTSIDE = ("embed_tokens", "norm", "lm_head")  # 各层以外的三个方框
ORDER = "qkvogud"  # 方框里的次序：q k v o，gate up down
SHARED = "文件里没有它<br/>用词嵌入那张表"
NETWORK = """%%{{init: {{"flowchart": {{"rankSpacing": 26, "subGraphTitleMargin": {{"bottom": 14}}}}}}}}%%
flowchart TB
    IDS["编号，例如 108386（你好）"]
    E["词嵌入 embed_tokens<br/>{embed_tokens}"]
    subgraph LAYER["layers.0 到 layers.{last}　　　　{layers} 层都是这样"]
        R(["一个词元的一行数"])
        N1["归一化 input_layernorm<br/>{input_layernorm}"]
        A["注意力 self_attn<br/>{self_attn}"]
        P1(("＋"))
        N2["归一化 post_attention_layernorm<br/>{post_attention_layernorm}"]
        M["前馈 mlp<br/>{mlp}"]
        P2(("＋"))
    end
    N["归一化 norm<br/>{norm}"]
    H["输出层 lm_head<br/>{lm_head}"]
    S["{scores} 个打分<br/>每个编号一个"]
    IDS -->|"查表：取出一行"| E
    E --> R
    R --> N1 --> A --> P1
    R --> P1
    P1 --> N2 --> M --> P2
    P1 --> P2
    P2 -->|"{layers} 层以后"| N
    N --> H --> S
    style IDS fill:#e1f5fe,color:#111
    style E fill:#ffe0b2,color:#111
    style A fill:#fff9c4,color:#111
    style M fill:#fff9c4,color:#111
    style H fill:#ffe0b2,color:#111
    style S fill:#c8e6c9,color:#111"""


@dataclass(frozen=True)
class Place:
    """一个张量在哪里

    layer: 第几层，从 0 数；不在任何一层里是 None
    box: 哪个方框，例如 "self_attn"；name: 它在方框里的名字，例如 "q_proj"；只有一个张量的方框里是空的
    """
    layer: int | None
    box: str
    name: str


def tensor_place(tensor_name: str) -> Place:
    """张量的名字 → 它的位置；不是 Qwen2 那样的结构时报 ValueError

    例: tensor_place("model.layers.3.mlp.up_proj.weight") -> Place(3, "mlp", "up_proj")
    例: tensor_place("model.norm.weight") -> Place(None, "norm", "")
    """
    parts = tensor_name.removeprefix("model.").split(".")
    layer = None
    boxes = OUTSIDE
    if parts[0] == "layers":
        layer = int(parts[1])
        parts = parts[2:]
        boxes = INSIDE
    if parts[0] not in boxes:
        raise ValueError(f"张量应在 {'、'.join(boxes)} 里，现在是 {tensor_name}；"
                         "这张图只会画 Qwen2 那样的结构，换一个模型")
    inner = parts[1:]
    if inner[-1] == "weight":  # 偏置的名字留着 .bias，才看得出来
        inner = inner[:-1]
    return Place(layer, parts[0], ".".join(inner))


def placed(header: dict) -> dict[int | None, dict[str, list[str]]]:
    """每一层（None 是各层以外）→ 方框 → 里面各个张量的一行字

    header: safetensors 的文件头，张量的名字 → {"shape": 形状, ...}
    例: placed({"model.norm.weight": {"shape": [128]}}) -> {None: {"norm": ["128"]}}
    """
    layers = {}
    for tensor_name in sorted(header, reverse=True):  # 倒着排，weight 在 bias 前面
        at = tensor_place(tensor_name)
        size = " × ".join(map(str, header[tensor_name]["shape"]))
        line = f"{at.name}　{size}".strip()
        boxes = layers.setdefault(at.layer, {})
        boxes.setdefault(at.box, []).append(line)
    for boxes in layers.values():
        for lines in boxes.values():
            lines.sort(key=rank)
    return layers


def rank(line: str) -> int:
    """方框里的一行排第几。例: rank("k_proj　64 × 128") -> 1"""
    return ORDER.find(line[0])


def same_layer(layers: dict[int, dict]) -> dict[str, list[str]]:
    """各层相同时，一层的方框；不相同、不是从 0 连着数时报 ValueError"""
    first = layers.get(0)
    for number in range(len(layers)):
        if layers.get(number) != first:
            raise ValueError(f"各层的结构应相同、从 0 连着数，现在 layers.{number} 和 layers.0 不同；换一个模型")
    return first or {}


def check_boxes(boxes: dict) -> None:
    """方框应一个不缺，否则报 ValueError"""
    for name in (*INSIDE, *OUTSIDE):
        if name not in boxes:
            raise ValueError(f"文件头里应有 {name}，现在没有；换一个模型")


def network_chart(header: dict) -> Mermaid:
    """文件头 → 网络的图，每个张量都写在它的位置上

    header: safetensors 的文件头；各层的结构不相同、缺了方框时报 ValueError
    例: network_chart(header)
    """
    layers = placed(header)
    boxes = layers.pop(None, {})
    boxes.setdefault("lm_head", [SHARED])
    boxes.update(same_layer(layers))
    check_boxes(boxes)
    texts = {}
    for name, lines in boxes.items():
        texts[name] = "<br/>".join(lines)
    vocabulary_size = header["model.embed_tokens.weight"]["shape"][0]
    return Mermaid(NETWORK.format(
        **texts,
        layers=len(layers),
        last=len(layers) - 1,
        scores=f"{vocabulary_size:,}"))
