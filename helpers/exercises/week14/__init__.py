"""第 14 周的练习：环境、分词、加载

出处: notebooks/week14_exercises.ipynb，对应课文 01、03、04
"""
from helpers.exercises.exercise import Sheet
from helpers.exercises.week14 import count_tokens, left_pad
from helpers.exercises.week14 import old_builds as builds
from helpers.exercises.week14 import old_checks as checks

TEXTS = checks.TEXTS  # 第 3 题的四段文字，笔记本里用
HINTS = {
    1: ("importlib.metadata 里有一个函数，给它包名，它告诉你这个内核里装的版本",
        "from importlib.metadata import version，然后调用它，包名写 \"transformers\""),
    2: ("tokenizer(text) 的结果里有好几样，编号在 input_ids 里", "编号是一个列表，用 len 数它"),
    3: ("想想课文 03 第 3 节的三件事：常用词、数字、生僻字各怎样切",
        "字符多少不要紧，要紧的是合不合并：哪一段里几乎什么都不合？"),
    4: ("半个字单独解码会出现 �。如果只解码前 k 个词元，什么时候末尾会是 �？",
        "对每个 k 解码 ids[:k]；末尾是 � 时，去掉 � 再数有几个完整的字，被切开的就是下一个；同一个位置只算一次"),
    5: ("先用 pairwise 列出相邻的每一对，只留在 rank 里的；一对也没有就返回原来的",
        "课文 03 第 5 节的 min((次序, 位置))：次序相同时位置小的在前。改之前先用 list(parts) 复制"),
    6: ("先打印 apply_chat_template 的结果（用 repr 看得见换行），再照着拼",
        "每条消息一行 f 字符串，里面有两个 \\n；循环完以后再加替助手开头的一行"),
    7: ("先求最长的一句有多长；每一句差几个，就在前面补几个",
        "[pad_id] * 个数 得到一列填充；attention_mask 用同样的个数补 0，后面是 len(row) 个 1"),
    8: ("照课文 04 第 4 节的四部分数：词嵌入、注意力、前馈、归一化；再看输出层要不要单独数",
        "K、V 的宽度是 hidden_size // num_attention_heads * num_key_value_heads；Q、K、V 有偏置，O 没有"),
    9: ("bfloat16 的一个数占几个字节？", "参数个数 494,032,768 乘字节数，再除以 10 亿"),
    10: ("用 colored(tokenizer, 文字) 多试几段：生僻字、很长的英文词、电话号码、空格后面跟着汉字、常见的四字词",
         "一种意外找一段；理由里说出是哪一条规则：字节、合并次序、数字一位一段、空格归后面的词、NFC 规范化"),
}
ANSWERS = {
    1: """from importlib.metadata import version

answer_1 = version("transformers")  # 也可以 import transformers 以后写 transformers.__version__""",
    2: """def count_tokens(tokenizer, text):
    return len(tokenizer(text).input_ids)""",
    3: """# 数字一位一个词元，11 位就是 11 个；常用的汉字词和英文词会合并，生僻字只多出一两块
answer_3 = "C\"""",
    4: """def cut_characters(tokenizer, text):
    ids = tokenizer(text).input_ids
    places = []
    for k in range(1, len(ids)):
        done = tokenizer.decode(ids[:k])
        place = len(done.rstrip("�"))  # 前面有几个完整的字，被切开的就是第几个（从 0 数）
        if done.endswith("�") and place not in places:
            places.append(place)
    return [text[place] for place in places]""",
    5: """def merge_once(parts, rank):
    pairs = list(zip(parts, parts[1:]))
    found = [(rank[pair], at) for at, pair in enumerate(pairs) if pair in rank]
    if not found:
        return parts
    order, at = min(found)  # 次序最小的，同次序里最左边的
    return parts[:at] + [parts[at] + parts[at + 1]] + parts[at + 2:]  # 拼一个新列表，不改传入的""",
    6: """def chat_text(messages):
    text = ""
    for message in messages:
        text += f"<|im_start|>{message['role']}\\n{message['content']}<|im_end|>\\n"
    return text + "<|im_start|>assistant\\n\"""",
    7: """def left_pad(batch, pad_id):
    longest = max(len(row) for row in batch)
    input_ids = [[pad_id] * (longest - len(row)) + row for row in batch]
    attention_mask = [[0] * (longest - len(row)) + [1] * len(row) for row in batch]  # 按长度，不看编号
    return input_ids, attention_mask""",
    8: """def count_parameters(config):
    h, m = config["hidden_size"], config["intermediate_size"]
    kv = h // config["num_attention_heads"] * config["num_key_value_heads"]  # K 和 V 的宽度
    attention = (h * h + h) + 2 * (h * kv + kv) + h * h  # Q、K、V 有偏置，O 没有
    layer = attention + 3 * h * m + 2 * h  # 前馈三个矩阵，归一化两行
    tables = 1 if config["tie_word_embeddings"] else 2  # 不共用时，输出层另有一张
    return tables * config["vocab_size"] * h + config["num_hidden_layers"] * layer + h  # 末尾一个归一化""",
    9: """answer_9 = round(494_032_768 * 2 / 1e9, 2)  # bfloat16 是 16 位，2 个字节；得到 0.99""",
    10: """# 没有唯一的答案，这是三种不同的意外；要换成你自己找的
answer_10 = {
    "2026 年": "数字在合并之前就被规则切成一位一段，合并不跨段，所以四位数总是四个词元",
    "吃 饭": "空格归后面的一段，它先和“饭”的第一个字节合并了，“饭”就被切成几块",
    "strawberry": "整个词没有常见到合成一块，只合出了 str、aw、berry，切口和词的意思无关",
}""",
}


def sheet(tokenizer) -> Sheet:
    """第 14 周的十道题，共 100 分

    tokenizer: 课程的分词器（教学小模型或真正的 Qwen），用来得到参照的结果
    例: len(sheet(tokenizer)) -> 10
    """
    rows = [
        ("内核里的版本", "01 第 1、3 节", 5, checks.check_version),
        ("数词元", "03 第 1 节", 8, lambda answer: checks.check_count(tokenizer, answer)),
        ("哪一段的词元最多", "03 第 3 节", 5, lambda answer: checks.check_most(tokenizer, answer)),
        ("找半个字", "03 第 4 节", 15, lambda answer: checks.check_cut(tokenizer, answer)),
        ("合并一步", "03 第 5 节", 15, lambda answer: builds.check_merge(tokenizer, answer)),
        ("手写对话模板", "03 第 8 节", 12, lambda answer: builds.check_chat(tokenizer, answer)),
        ("左填充", "03 第 9 节", 12, builds.check_pad),
        ("参数有多少个", "04 第 4 节", 13, builds.check_parameters),
        ("要多少内存", "04 第 6 节", 5, checks.check_gigabytes),
        ("切得很意外的三段文字", "03 第 3–7 节", 10, lambda answer: checks.check_surprises(tokenizer, answer)),
    ]
    exercises = Sheet.of(rows, HINTS, ANSWERS).exercises
    exercises[1] = count_tokens.exercise(tokenizer)
    exercises[6] = left_pad.exercise()
    return Sheet(exercises)
