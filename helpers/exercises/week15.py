"""第 15 周的练习：生成、推理流程、速度与内存

出处: notebooks/week15_exercises.ipynb，对应课文 05、06
"""
from helpers.exercises import week15_checks as checks
from helpers.exercises import week15_model_checks as model_checks
from helpers.exercises import week15_values as values
from helpers.exercises.exercise import Sheet

HINTS = {
    1: ("三个数，依次回答：几句话？每句几个位置？每个位置给几个编号打分？",
        "打分的个数是模型的 vocab_size，比分词器的词元多（课文 04 第 2 节）"),
    2: ("两步：打分除以温度，再 softmax。torch 里有现成的 softmax",
        "自己写 softmax 的话，先减去最大值再取指数，最后除以总和（课文 05 第 2 节）"),
    3: ("两个概率之比等于 exp((z1 - z2) / T)：分母约掉了",
        "T=1 时比是 2，所以 exp(z1 - z2) = 2；T=0.3 时是 2 的 1/0.3 次方"),
    4: ("先 softmax，再从大到小排序；sort 同时给出排好的值和原来的下标，下标就是编号",
        "一个词元留不留，看排在它前面的概率之和够不够 p：不够就留"),
    5: ("while 循环：写满 most 个，或者最后写的在 stop_ids 里，就停。每轮一次前向，看 logits[0, -1]",
        "先把编号放进列表，再判断停不停，结束词元就会留在列表里；torch.cat 把新词元接到输入的末尾"),
    6: ("先取第 0 句，再从下标 prompt_length 切到末尾，最后解码", "decode 有一个参数叫 skip_special_tokens"),
    7: ("第 i 个位置的打分猜第 i+1 个词元，所以打分去掉最后一个，编号去掉第一个，两边对齐",
        "torch.log_softmax(…, dim=-1) 是自然对数；除以 log(2) 换成以 2 为底，再取负号"),
    8: ("五样相乘：层数、key 和 value 两份、KV 头数、一个头的宽度、每个数的字节；最后乘词元个数",
        "一个头的宽度 = hidden_size // num_attention_heads（课文 05 第 9 节）"),
    9: ("每写一个词元读 988,097,824 字节；一秒能读 40 × 10 的 9 次方字节", "两个数相除，向下取整"),
    10: ("只改一个量，其余都不变，才看得出是谁的作用；抽样时每次先 torch.manual_seed",
         "结论写三件事：改了什么、看到什么变了、为什么会这样"),
}
ANSWERS = {
    1: """# 2 句话，每句 25 个位置，每个位置给 151,936 个编号打分
answer_1 = (2, 25, 151936)""",
    2: """def probabilities_at(logits, temperature):
    scores = logits / temperature
    weights = torch.exp(scores - scores.max())  # 先减最大值，指数不会出界
    return weights / weights.sum()  # 这两行就是 torch.softmax(scores, dim=-1)""",
    3: """# 比是 exp((z1 - z2) / T)：T=1 时是 2，T=0.3 时是 2 ** (1 / 0.3)，约 10.1
answer_3 = "D\"""",
    4: """def keep_top_p_ids(logits, p):
    probabilities, order = torch.softmax(logits, dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities  # 排在它前面的概率之和，第一名是 0，一定留下
    return order[before < p].tolist()""",
    5: """def generate_greedily(model, input_ids, stop_ids, most):
    written = []
    while len(written) < most:
        with torch.inference_mode():
            logits = model(input_ids=input_ids).logits
        written.append(logits[0, -1].argmax().item())
        if written[-1] in stop_ids:
            break
        input_ids = torch.cat([input_ids, torch.tensor([[written[-1]]])], dim=1)
    return written""",
    6: """def answer_text(tokenizer, output_ids, prompt_length):
    return tokenizer.decode(output_ids[0, prompt_length:], skip_special_tokens=True)""",
    7: """def surprise_bits(model, input_ids):
    with torch.inference_mode():
        logits = model(input_ids=input_ids).logits[0, :-1].float()  # 最后一个位置没有答案可对
    log_p = torch.log_softmax(logits, dim=-1)
    chosen = log_p.gather(1, input_ids[0, 1:, None])[:, 0]  # 每个位置取真正出现的那个词元
    return (-chosen / torch.log(torch.tensor(2.0))).tolist()""",
    8: """def kv_cache_bytes(config, tokens, bytes_each):
    head_dim = config.hidden_size // config.num_attention_heads
    per_token = config.num_hidden_layers * 2 * config.num_key_value_heads * head_dim * bytes_each
    return tokens * per_token""",
    9: """# 40e9 / 988_097_824 = 40.48…，写到一半的不算
answer_9 = 40""",
    10: """# 没有唯一的答案，这是一份写得完整的（看到的文字是示意，要换成你自己运行得到的）
answer_10 = {
    "问题": "温度变大，回答会变得怎样？",
    "做法": "同一个问题、同一个种子，max_new_tokens=20，只改温度：0.3 和 1.5 各运行一次",
    "看到": ["T=0.3：回答通顺，每次差不多", "T=1.5：词语东拉西扯，读不成句"],
    "结论": "温度 1.5 时读不成句：分布变平，离谱的词元也常被抽中，下一步又接着它往下猜；0.3 时几乎总抽第一名",
}""",
}


def sheet(tokenizer, model) -> Sheet:
    """第 15 周的十道题，共 100 分

    tokenizer、model: 课程的分词器和模型（教学小模型或真正的 Qwen），用来得到参照的结果
    例: len(sheet(tokenizer, model)) -> 10
    """
    rows = [
        ("logits 的形状", "05 第 1 节", 5, values.check_shape),
        ("带温度的 softmax", "05 第 2、4 节", 12, checks.check_probabilities),
        ("温度和概率之比", "05 第 4 节", 6, values.check_ratio),
        ("top-p 留下谁", "05 第 5 节", 12, checks.check_top_p),
        ("生成循环", "05 第 3、7 节", 15, lambda answer: model_checks.check_greedy(answer, tokenizer, model)),
        ("只要回答", "06 第 4 节", 10, lambda answer: model_checks.check_answer_text(answer, tokenizer)),
        ("模型有多惊讶", "05 第 1、2 节", 12, lambda answer: model_checks.check_surprise(answer, tokenizer, model)),
        ("KV cache 占多少字节", "05 第 9 节", 10, model_checks.check_cache_bytes),
        ("一秒最多写几个词元", "07 第 1、2 节", 6, values.check_rate),
        ("做一个小实验", "05 第 4–8 节", 12, values.check_experiment),
    ]
    return Sheet.of(rows, HINTS, ANSWERS)
