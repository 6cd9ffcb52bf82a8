"""第 15 周写答案的题：形状、选择、算一算、开放题

出处: notebooks/week15_exercises.ipynb 练习 1、3、9、10
"""
import re
import unicodedata

from helpers.exercises.exercise import Wrong, brief

SHAPES = [
    ((25, 151_936), "少了一个数：一批有 2 句话，第一个数是句数"),
    ((1, 25, 151_936), "这是只送 1 句话的形状，现在一批有 2 句"),
    ((2, 151_936), "少了一个数：每个位置都有一行打分，不只是最后一个位置"),
    ((2, 25, 151_665), "151,665 是分词器里词元的个数；打分的个数由模型的 config.vocab_size 决定"),
    ((2, 25), "这是 input_ids 的形状；每个位置还要给词表里的每个编号打一个分"),
]
RATIOS = {
    "A": "温度会让分布变尖或变平，名次不变，比却会变；用 softmax 算两次看看",
    "B": "这是打分乘以 0.3 的结果；温度是除，T 小于 1 时分布更尖",
    "C": "温度除的是打分，不是概率之比；概率之比是两个打分之差的指数",
}
RATES = [
    (20.24, 0.3, "这是 float32 的结果；988,097,824 字节已经是 bf16 的大小，不用再乘 2"),
    (80.97, 1, "988,097,824 就是字节数，不用再除以 2"),
    (43.47, 0.6, "1 GB 按 10 的 9 次方字节算，不是 2 的 30 次方"),
    (0.04, 0.005, "单位不一致：40 GB 是 40,000,000,000 字节，不是 40 MB"),
    (0.0247, 0.003, "倒过来了：这是写一个词元要几秒，题目问一秒写几个"),
    (24.7, 0.4, "倒过来了：这是写一个词元要几毫秒，题目问一秒写几个"),
    (40.48, 0.03, "大小对了，还要取整：写成整数"),
    (41, 0.01, "写到一半的不算写完：“最多几个”要向下取整"),
]
KNOBS = [("温度", "temperature"), ("top_p", "top-p", "top p"), ("top_k", "top-k", "top k"),
         ("重复惩罚", "repetition_penalty"), ("max_new_tokens", "长度", "最多写"), ("min_new_tokens",),
         ("模板", "template"), ("种子", "seed"), ("do_sample", "贪心", "采样"), ("num_beams", "束搜索"),
         ("提示词", "prompt", "问法"), ("dtype", "float32", "bfloat16")]


def check_shape(answer: object) -> None:
    """第 1 题：logits 的形状"""
    if not isinstance(answer, list | tuple):
        raise Wrong(f"答案应是一个元组，例如 (3, 4)，现在是 {brief(answer)}；有几个维度就写几个数")
    shape = tuple(answer)
    for wrong, message in SHAPES:
        if shape == wrong:
            raise Wrong(f"现在是 {shape}；{message}")
    if shape != (2, 25, 151_936):
        order = sorted(map(str, shape)) == sorted(map(str, (2, 25, 151_936)))
        raise Wrong(f"现在是 {brief(shape)}；" + ("三个数都对，次序反了：先句数，再位置，最后打分" if order else
                                                "应有三个数：几句话、每句几个位置、每个位置几个打分"))


def check_ratio(answer: object) -> None:
    """第 3 题：温度变小，概率之比怎样变；2 的 1/0.3 次方约是 10.1"""
    text = unicodedata.normalize("NFKC", answer).strip().upper() if isinstance(answer, str) else ""
    found = re.fullmatch(r"([A-D])(\W.*)?", text, re.DOTALL)
    if not found:
        raise Wrong(f"答案应是 A、B、C、D 中的一个字母，例如 \"A\"，现在是 {brief(answer)}；两边要有引号")
    if found[1] in RATIOS:
        raise Wrong(f"选了 {found[1]}，与算出来的不同；{RATIOS[found[1]]}")


def check_rate(answer: object) -> None:
    """第 9 题：40e9 ÷ 988,097,824 = 40.48，一秒最多写完 40 个"""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise Wrong(f"答案应是一个整数，例如 7，现在是 {brief(answer)}；不写引号和单位")
    if answer == 40:
        return
    for wrong, margin, message in RATES:
        if abs(answer - wrong) <= margin:
            raise Wrong(f"现在是 {answer}；{message}")
    raise Wrong(f"现在是 {brief(answer)}，不对；每个词元要读 988,097,824 字节，一秒能读这么多字节的几倍？")


def knobs(text: str) -> set[str]:
    """文字里提到了哪些可以改的量。例: knobs("temperature 改成 2") -> {"温度"}"""
    return {names[0] for names in KNOBS if any(name in text.lower() for name in names)}


def written(report: dict, key: str, least: int = 1) -> str:
    """报告里的一段话，太短、太敷衍就抛出 Wrong"""
    text = report[key].strip() if isinstance(report[key], str) else ""
    if len(text) < least or len(set(text)) < min(least, 8):
        raise Wrong(f"“{key}”应是一段至少 {least} 个字的话，现在是 {brief(report[key])}；把它写具体些")
    return text


def check_experiment(answer: object) -> None:
    """第 10 题：小实验的报告写全了没有；写得好不好由老师评"""
    if not isinstance(answer, dict):
        raise Wrong(f"答案应是一个字典，现在是 {type(answer).__name__}；照题目的样子写四个键")
    missing = [key for key in ("问题", "做法", "看到", "结论") if key not in answer]
    if missing:
        raise Wrong(f"应有问题、做法、看到、结论四个键，现在缺 {'、'.join(missing)}；补上再查")
    written(answer, "问题")
    way, conclusion = written(answer, "做法", 20), written(answer, "结论", 20)
    seen = answer["看到"]
    if not isinstance(seen, list | tuple) or not all(isinstance(text, str) for text in seen):
        raise Wrong(f"“看到”应是文字的列表，现在是 {brief(seen)}；把每次运行得到的文字放进方括号")
    different = {text.strip() for text in seen} - {""}
    if len(different) < 2:
        raise Wrong(f"“看到”应有至少两条不同的文字，现在有 {len(different)} 条；换一个设置再运行一次，两次的结果都写上")
    if way == conclusion:
        raise Wrong("“结论”应说看到了什么、说明什么，现在和“做法”一字不差；用自己的话写")
    if not knobs(way):
        raise Wrong("“做法”应说明改变了哪个量，现在没有提到；例如温度、top_p、重复惩罚、max_new_tokens 或对话模板")
    if not knobs(way) & knobs(conclusion):
        raise Wrong(f"“结论”应提到做法里改变的量（{'、'.join(sorted(knobs(way)))}），现在没有；说说它变了，结果怎样变")
