"""教学小模型 → ONNX：浏览器里的 onnxruntime-web 按它计算

同一个模型写成三张图，权重放在共用的一个文件里，以 float16 存放，计算时换成 float32：
step 读几个词元，给出最后的隐藏状态和接长了的 KV cache；inside 也是，另外给出每层的隐藏状态和注意力权重；
scores 把隐藏状态变成打分。
词表有 151,936 行，训练过的只有几千行，其余全是同一行：图里只有训练过的各行，最后再加那一行。
出处: helpers/tiny/train.py；Qwen2 的结构见 transformers 的 modeling_qwen2，结果与它相同
"""
from pathlib import Path

import torch
from onnx_ir import DataType, ExternalTensor, Model, Shape, TensorType, Value, save, tensor
from onnx_ir import Graph as Written
from onnx_ir.external_data import convert_tensors_to_external
from onnx_ir.tape import Tape
from torch import Tensor

OPSET = 23  # 从这一版起，标准里有 RMSNormalization、RotaryEmbedding、Attention
FORMAT = 10  # .onnx 文件的格式，与这一版标准同时的
WEIGHTS = "weights.bin"
SOFTMAXED = 3  # Attention 的第四个输出给 softmax 以后的权重
EMBEDDING = "model.embed_tokens"
FLOAT = DataType.FLOAT
INT64 = DataType.INT64
Weights = dict[str, ExternalTensor]  # 名称 → 权重文件里的张量


def untrained_row(table: Tensor) -> Tensor:
    """词嵌入里重复得最多的那一行：没有训练过的编号都是它

    table: 形状 (词表大小, 隐藏大小)
    例: untrained_row(torch.tensor([[1.], [2.], [2.]])) -> tensor([2.])
    """
    rows, counts = table.unique(dim=0, return_counts=True)
    return rows[counts.argmax()]


def trained_ids(table: Tensor) -> list[int]:
    """训练过的编号，从小到大。例: trained_ids(torch.tensor([[1.], [2.], [2.]])) -> [0]"""
    different = table != untrained_row(table)
    trained = different.any(dim=1)
    places = trained.nonzero()
    return places.flatten().tolist()


class Graph:
    """正在写的一张图；config: 模型的设置"""

    def __init__(self, weights: Weights, config) -> None:
        self.tape = Tape()
        self.weights = weights
        self.config = config
        self.inputs = []
        self.outputs = []

    def op(self, kind: str, *inputs, **attributes) -> Value:
        """一个算子的一个输出"""
        return self.tape.op(kind, inputs, attributes)

    def several(self, count: int, kind: str, *inputs, **attributes) -> list[Value]:
        """一个算子的几个输出"""
        return self.tape.op_multi_out(kind, inputs, attributes, num_outputs=count)

    def input(self, name: str, kind: DataType, shape: list) -> Value:
        """图的一个输入；形状里的文字是到时才知道的大小"""
        value = Value(name=name, shape=Shape(shape), type=TensorType(kind))
        self.inputs.append(value)
        return value

    def output(self, name: str, value: Value, shape: list) -> None:
        """图的一个输出"""
        value.name = name
        value.shape = Shape(shape)
        value.type = TensorType(FLOAT)
        self.outputs.append(value)

    def constant(self, name: str, value) -> Value:
        """图里的一个小常数"""
        return self.tape.initializer(tensor(value, name=name))

    def weight(self, name: str) -> Value:
        """一个权重：存成 float16，计算时是 float32"""
        stored = self.tape.initializer(self.weights[name])
        return self.op("Cast", stored, to=FLOAT)

    def linear(self, x: Value, *names: str) -> Value:
        """全连接层：x 乘以权重的转置，有偏置的再加偏置。例: graph.linear(x, "model.layers.0.mlp", "up_proj")"""
        name = ".".join(names)
        weight = self.weight(f"{name}.weight")
        turned = self.op("Transpose", weight, perm=[1, 0])
        product = self.op("MatMul", x, turned)
        bias = f"{name}.bias"
        if bias not in self.weights:
            return product
        return self.op("Add", product, self.weight(bias))

    def normalized(self, x: Value, *names: str) -> Value:
        """RMSNorm"""
        name = ".".join(names)
        scale = self.weight(f"{name}.weight")
        smallest = self.config.rms_norm_eps
        return self.op("RMSNormalization", x, scale, epsilon=smallest)

    def model(self) -> Model:
        """写好的图"""
        written = Written(
            self.inputs,
            self.outputs,
            nodes=self.tape.nodes,
            initializers=self.tape.initializers,
            opset_imports={"": OPSET},
            name="tiny")
        return Model(written, ir_version=FORMAT)


def head_width(config) -> int:
    """每个头的宽度"""
    return config.hidden_size // config.num_attention_heads


def turns(graph: Graph, positions: Value) -> tuple[Value, Value]:
    """RoPE 在每个位置转多少：cos 和 sin，形状都是 (1, n, 每个头的一半)"""
    config = graph.config
    half = head_width(config) // 2
    base = config.rope_parameters["rope_theta"]
    exponents = torch.arange(half) / half
    speeds = graph.constant("speeds", base ** -exponents)
    axes = graph.constant("around", [0, 2])
    numbers = graph.op("Cast", positions, to=FLOAT)
    column = graph.op("Unsqueeze", numbers, axes)
    angles = graph.op("Mul", column, speeds)
    cos = graph.op("Cos", angles)
    sin = graph.op("Sin", angles)
    return cos, sin


def visible_positions(graph: Graph, positions: Value, past: Value) -> Value:
    """谁看得见谁：只看得见自己和前面，形状 (n, 以前的词元 + n)，真假"""
    axes = graph.constant("behind", [1])
    first = graph.constant("first", 0)
    one = graph.constant("one", 1)
    before = graph.op("Shape", past, start=2, end=3)
    new = graph.op("Shape", positions)
    total = graph.op("Squeeze", graph.op("Add", before, new))
    everyone = graph.op("Range", first, total, one)
    me = graph.op("Unsqueeze", positions, axes)
    return graph.op("LessOrEqual", everyone, me)


def feed_forward(graph: Graph, x: Value, name: str) -> Value:
    """一层的前馈网络：SiLU(gate) × up，再乘 down"""
    gate = graph.linear(x, name, "gate_proj")
    up = graph.linear(x, name, "up_proj")
    opening = graph.op("Sigmoid", gate)
    opened = graph.op("Mul", gate, opening)
    product = graph.op("Mul", opened, up)
    return graph.linear(product, name, "down_proj")


class Step:
    """读几个词元的图，一层一层地写

    输入 rows、positions 的形状是 (n,)，past 是 (层数 × 2, KV 头, 以前的词元, 每个头的宽度)；
    输出 cache 的形状和 past 一样，只是长了 n 个词元
    """

    def __init__(self, weights: Weights, config) -> None:
        self.graph = Graph(weights, config)
        self.config = config
        self.layers = config.num_hidden_layers
        self.front = self.graph.constant("front", [0])
        self.cache = []
        self.maps = []
        self.read()
        for layer in range(self.layers):
            self.add_layer(layer)
        self.keep()

    def cache_shape(self, length: str) -> list:
        """KV cache 的形状；length: 词元的个数叫什么"""
        return [2 * self.layers, self.config.num_key_value_heads, length, head_width(self.config)]

    def read(self) -> None:
        """输入，查词嵌入"""
        graph = self.graph
        count = 2 * self.layers
        shape = self.cache_shape("past")
        rows = graph.input("rows", INT64, ["n"])
        positions = graph.input("positions", INT64, ["n"])
        past = graph.input("past", FLOAT, shape)
        self.past = graph.several(count, "Split", past, axis=0, num_outputs=count)
        self.turn = turns(graph, positions)
        self.mask = visible_positions(graph, positions, past)
        table = graph.weight(f"{EMBEDDING}.weight")
        embedded = graph.op("Gather", table, rows)
        first = graph.op("Unsqueeze", embedded, self.front)
        self.states = [first]

    def add_layer(self, layer: int) -> None:
        """第 layer 层：注意力和前馈网络，各自加回去"""
        graph = self.graph
        name = f"model.layers.{layer}"
        x = self.states[-1]
        normal = graph.normalized(x, name, "input_layernorm")
        mixed = self.attend(normal, f"{name}.self_attn", layer)
        x = graph.op("Add", x, mixed)
        normal = graph.normalized(x, name, "post_attention_layernorm")
        fed = feed_forward(graph, normal, f"{name}.mlp")
        x = graph.op("Add", x, fed)
        self.states.append(x)

    def attend(self, x: Value, name: str, layer: int) -> Value:
        """一层的注意力；接长了的 key、value 和权重记下来"""
        graph = self.graph
        heads = self.config.num_attention_heads
        heads_kv = self.config.num_key_value_heads
        query = graph.linear(x, name, "q_proj")
        query = self.turned(query, heads)
        key = graph.linear(x, name, "k_proj")
        key = self.turned(key, heads_kv)
        value = graph.linear(x, name, "v_proj")
        past = self.past[2 * layer:2 * layer + 2]  # 以前的 key 和 value
        mixed, keys, values, weights = graph.several(
            4, "Attention", query, key, value, self.mask, *past,
            q_num_heads=heads,
            kv_num_heads=heads_kv,
            qk_matmul_output_mode=SOFTMAXED)
        self.cache += [keys, values]
        self.maps.append(weights)
        return graph.linear(mixed, name, "o_proj")

    def turned(self, x: Value, heads: int) -> Value:
        """query 或者 key，按位置转过"""
        return self.graph.op("RotaryEmbedding", x, *self.turn, num_heads=heads)

    def keep(self) -> None:
        """输出 KV cache"""
        cache = self.graph.op("Concat", *self.cache, axis=0)
        self.graph.output("cache", cache, self.cache_shape("total"))

    def last(self) -> Model:
        """另外输出 state：归一化过的最后的隐藏状态，形状 (n, 隐藏大小)"""
        graph = self.graph
        normal = graph.normalized(self.states[-1], "model.norm")
        state = graph.op("Squeeze", normal, self.front)
        graph.output("state", state, ["n", self.config.hidden_size])
        return graph.model()

    def inside(self) -> Model:
        """另外输出 states：每层的，形状 (层数 + 1, n, 隐藏大小)；attention：权重，形状 (层数, 头数, n, 看得到的)"""
        graph = self.graph
        width = self.config.hidden_size
        heads = self.config.num_attention_heads
        together = graph.op("Concat", *self.states, axis=0)
        states = graph.normalized(together, "model.norm")
        attention = graph.op("Concat", *self.maps, axis=0)
        graph.output("states", states, [self.layers + 1, "n", width])
        graph.output("attention", attention, [self.layers, heads, "n", "total"])
        return graph.model()


def scorer(weights: Weights, config) -> Model:
    """打分的图：输入 state 的形状是 (n, 隐藏大小)，输出 scores 是 (n, 行数)"""
    graph = Graph(weights, config)
    state = graph.input("state", FLOAT, ["n", config.hidden_size])
    scores = graph.linear(state, EMBEDDING)  # 词嵌入也是输出层
    graph.output("scores", scores, ["n", "rows"])
    return graph.model()


def write_weights(state: dict[str, Tensor], folder: Path) -> Weights:
    """全部张量写进 folder 的权重文件，返回名称 → 在文件的哪里"""
    tensors = []
    for name, values in state.items():
        tensors.append(tensor(values, name=name))
    places = convert_tensors_to_external(tensors, folder, WEIGHTS)
    return {place.name: place for place in places}


def write(model, folder: Path) -> list[int]:
    """把 model（教学小模型，float16）写成 folder 里的三张图和一个权重文件；返回图里各行是哪些编号

    最后一行不在返回的编号里：它代表其余所有编号
    """
    state = model.state_dict()
    table = state.pop("lm_head.weight")  # 和词嵌入是同一个
    ids = trained_ids(table)
    rest = untrained_row(table)
    state[f"{EMBEDDING}.weight"] = torch.cat([table[ids], rest[None]])
    weights = write_weights(state, folder)
    step = Step(weights, model.config).last()
    inside = Step(weights, model.config).inside()
    save(step, folder / "step.onnx")
    save(inside, folder / "inside.onnx")
    save(scorer(weights, model.config), folder / "scores.onnx")
    return ids
