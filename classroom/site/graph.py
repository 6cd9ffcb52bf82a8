"""教学小模型 → ONNX：浏览器里的 onnxruntime-web 按它计算

同一个模型写成三张图，权重放在共用的一个文件里，以 float16 存放，计算时换成 float32：
step 读几个词元，给出最后的隐藏状态和接长了的 KV cache；inside 也是，另外给出每层的隐藏状态和注意力权重；
scores 把隐藏状态变成打分。
词表有 151,936 行，训练过的只有几千行，其余全是同一行：图里只有训练过的各行，最后再加那一行。
出处: helpers/tiny/train.py；Qwen2 的结构见 transformers 的 modeling_qwen2，结果与它相同
"""
from pathlib import Path

import onnx_ir as ir
import torch
from onnx_ir.tape import Tape
from torch import Tensor

OPSET = 23  # 从这一版起，标准里有 RMSNormalization、RotaryEmbedding、Attention
WEIGHTS = "weights.bin"
SOFTMAXED = 3  # Attention 的第四个输出给 softmax 以后的权重


def untrained_row(table: Tensor) -> Tensor:
    """词嵌入里重复得最多的那一行：没有训练过的编号都是它

    table: 形状 (词表大小, 隐藏大小)
    """
    rows, counts = table.unique(dim=0, return_counts=True)
    return rows[counts.argmax()]


def trained_ids(table: Tensor) -> list[int]:
    """训练过的编号，从小到大"""
    trained = (table != untrained_row(table)).any(dim=1)
    return trained.nonzero().flatten().tolist()


class Graph:
    """正在写的一张图；weights: 名称 → 权重文件里的张量，config: 模型的设置"""

    def __init__(self, weights: dict[str, ir.ExternalTensor], config) -> None:
        self.tape = Tape()
        self.weights = weights
        self.config = config
        self.inputs = []
        self.outputs = []

    def op(self, kind: str, *inputs, **attributes):
        """一个算子的一个输出"""
        return self.tape.op(kind, inputs, attributes)

    def input(self, name: str, kind, shape: list):
        """图的一个输入；形状里的文字是到时才知道的大小"""
        value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(kind))
        self.inputs.append(value)
        return value

    def output(self, name: str, value, shape: list) -> None:
        """图的一个输出"""
        value.name = name
        value.shape = ir.Shape(shape)
        value.type = ir.TensorType(ir.DataType.FLOAT)
        self.outputs.append(value)

    def constant(self, value, name: str):
        """图里的一个小常数"""
        return self.tape.initializer(ir.tensor(value, name=name))

    def weight(self, name: str):
        """一个权重：存成 float16，计算时是 float32"""
        stored = self.tape.initializer(self.weights[name])
        return self.op("Cast", stored, to=ir.DataType.FLOAT)

    def linear(self, x, name: str, bias: bool = False):
        """全连接层：x 乘以权重的转置，有的再加偏置"""
        weight = self.op("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        product = self.op("MatMul", x, weight)
        if bias:
            return self.op("Add", product, self.weight(f"{name}.bias"))
        return product

    def normalized(self, x, name: str):
        """RMSNorm"""
        return self.op("RMSNormalization", x, self.weight(f"{name}.weight"), epsilon=self.config.rms_norm_eps)

    def model(self) -> ir.Model:
        """写好的图"""
        graph = ir.Graph(
            self.inputs,
            self.outputs,
            nodes=self.tape.nodes,
            initializers=self.tape.initializers,
            opset_imports={"": OPSET},
            name="tiny")
        return ir.Model(graph, ir_version=10)


def turns(graph: Graph, positions) -> tuple:
    """RoPE 在每个位置转多少：cos 和 sin，形状都是 (1, n, 每个头的一半)"""
    config = graph.config
    half = config.hidden_size // config.num_attention_heads // 2
    exponents = torch.arange(half, dtype=torch.float32) / half
    speeds = config.rope_parameters["rope_theta"] ** -exponents
    column = graph.op("Unsqueeze", positions, graph.constant([0, 2], "as_column"))
    numbers = graph.op("Cast", column, to=ir.DataType.FLOAT)
    angles = graph.op("Mul", numbers, graph.constant(speeds.numpy(), "speeds"))
    return graph.op("Cos", angles), graph.op("Sin", angles)


def visible_positions(graph: Graph, positions, past):
    """谁看得见谁：只看得见自己和前面，形状 (n, 以前的词元 + n)，真假"""
    first = graph.constant(0, "first")
    one = graph.constant(1, "one")
    length = graph.op("Squeeze", graph.op("Shape", past, start=2, end=3))
    size = graph.op("Squeeze", graph.op("Shape", positions))
    everyone = graph.op("Range", first, graph.op("Add", length, size), one)
    me = graph.op("Unsqueeze", positions, graph.constant([1], "as_rows"))
    return graph.op("LessOrEqual", everyone, me)


def self_attention(graph: Graph, x, name: str, turn: tuple, mask, past: tuple) -> tuple:
    """一层的注意力：输出、接长了的 key 和 value、权重；past: 以前的 key 和 value"""
    config = graph.config
    heads = {"q_num_heads": config.num_attention_heads, "kv_num_heads": config.num_key_value_heads}
    query = graph.linear(x, f"{name}.q_proj", bias=True)
    key = graph.linear(x, f"{name}.k_proj", bias=True)
    value = graph.linear(x, f"{name}.v_proj", bias=True)
    query = graph.op("RotaryEmbedding", query, *turn, num_heads=config.num_attention_heads)
    key = graph.op("RotaryEmbedding", key, *turn, num_heads=config.num_key_value_heads)
    mixed, keys, values, weights = graph.tape.op_multi_out(
        "Attention",
        [query, key, value, mask, *past],
        heads | {"qk_matmul_output_mode": SOFTMAXED},
        num_outputs=4)
    return graph.linear(mixed, f"{name}.o_proj"), keys, values, weights


def feed_forward(graph: Graph, x, name: str):
    """一层的前馈网络：SiLU(gate) × up，再乘 down"""
    gate = graph.linear(x, f"{name}.gate_proj")
    up = graph.linear(x, f"{name}.up_proj")
    opened = graph.op("Mul", gate, graph.op("Sigmoid", gate))
    return graph.linear(graph.op("Mul", opened, up), f"{name}.down_proj")


class Step:
    """读几个词元的图，一层一层地写

    输入 rows、positions 的形状是 (n,)，past 是 (层数 × 2, KV 头, 以前的词元, 每个头的宽度)；
    输出 cache 的形状和 past 一样，只是长了 n 个词元
    """

    def __init__(self, weights: dict[str, ir.ExternalTensor], config) -> None:
        self.graph = Graph(weights, config)
        self.config = config
        self.cache_layers = 2 * config.num_hidden_layers
        self.front = self.graph.constant([0], "front")
        self.cache = []
        self.maps = []
        self.states = []
        self.read()

    def cache_shape(self, length: str) -> list:
        width = self.config.hidden_size // self.config.num_attention_heads
        return [self.cache_layers, self.config.num_key_value_heads, length, width]

    def read(self) -> None:
        """输入，查词嵌入，过每一层"""
        graph = self.graph
        rows = graph.input("rows", ir.DataType.INT64, ["n"])
        positions = graph.input("positions", ir.DataType.INT64, ["n"])
        past = graph.input("past", ir.DataType.FLOAT, self.cache_shape("past"))
        self.turn = turns(graph, positions)
        self.mask = visible_positions(graph, positions, past)
        count = self.cache_layers
        self.kept = graph.tape.op_multi_out("Split", [past], {"axis": 0, "num_outputs": count}, num_outputs=count)
        embedded = graph.op("Gather", graph.weight("model.embed_tokens.weight"), rows)
        self.states.append(graph.op("Unsqueeze", embedded, self.front))
        for layer in range(self.config.num_hidden_layers):
            self.add_layer(layer)
        graph.output("cache", graph.op("Concat", *self.cache, axis=0), self.cache_shape("total"))

    def add_layer(self, layer: int) -> None:
        """第 layer 层：注意力和前馈网络，各自加回去"""
        graph = self.graph
        name = f"model.layers.{layer}"
        x = self.states[-1]
        past = (self.kept[2 * layer], self.kept[2 * layer + 1])
        normal = graph.normalized(x, f"{name}.input_layernorm")
        mixed, keys, values, seen = self_attention(graph, normal, f"{name}.self_attn", self.turn, self.mask, past)
        x = graph.op("Add", x, mixed)
        normal = graph.normalized(x, f"{name}.post_attention_layernorm")
        x = graph.op("Add", x, feed_forward(graph, normal, f"{name}.mlp"))
        self.cache += [keys, values]
        self.maps.append(seen)
        self.states.append(x)

    def last(self) -> ir.Model:
        """另外输出 state：归一化过的最后的隐藏状态，形状 (n, 隐藏大小)"""
        normal = self.graph.normalized(self.states[-1], "model.norm")
        state = self.graph.op("Squeeze", normal, self.front)
        self.graph.output("state", state, ["n", self.config.hidden_size])
        return self.graph.model()

    def inside(self) -> ir.Model:
        """另外输出 states：每层的，形状 (层数 + 1, n, 隐藏大小)；attention：权重，形状 (层数, 头数, n, 看得到的)"""
        config = self.config
        layers = config.num_hidden_layers
        states = self.graph.normalized(self.graph.op("Concat", *self.states, axis=0), "model.norm")
        self.graph.output("states", states, [layers + 1, "n", config.hidden_size])
        attention = self.graph.op("Concat", *self.maps, axis=0)
        self.graph.output("attention", attention, [layers, config.num_attention_heads, "n", "total"])
        return self.graph.model()


def scores_graph(weights: dict[str, ir.ExternalTensor], config) -> ir.Model:
    """打分的图：输入 state 的形状是 (n, 隐藏大小)，输出 scores 是 (n, 行数)"""
    graph = Graph(weights, config)
    state = graph.input("state", ir.DataType.FLOAT, ["n", config.hidden_size])
    scores = graph.linear(state, "model.embed_tokens")  # 词嵌入也是输出层
    graph.output("scores", scores, ["n", "rows"])
    return graph.model()


def stored(state: dict[str, Tensor], folder: Path) -> dict[str, ir.ExternalTensor]:
    """全部张量写进 folder 的权重文件，返回各个张量在哪里"""
    tensors = [ir.tensor(tensor, name=name) for name, tensor in state.items()]
    places = ir.external_data.convert_tensors_to_external(tensors, folder, WEIGHTS)
    return {place.name: place for place in places}


def write(model, folder: Path) -> list[int]:
    """把 model（教学小模型，float16）写成 folder 里的三张图和一个权重文件；返回图里各行是哪些编号

    最后一行不在返回的编号里：它代表其余所有编号
    """
    state = model.state_dict()
    table = state.pop("lm_head.weight")  # 和词嵌入是同一个
    ids = trained_ids(table)
    state["model.embed_tokens.weight"] = torch.cat([table[ids], untrained_row(table)[None]])
    weights = stored(state, folder)
    graphs = {
        "step": Step(weights, model.config).last(),
        "inside": Step(weights, model.config).inside(),
        "scores": scores_graph(weights, model.config),
    }
    for name, graph in graphs.items():
        ir.save(graph, folder / f"{name}.onnx")
    return ids
