"""第 14 周的练习：环境、分词、加载；一题一个文件，里面是它的检查、提示、参考答案和想得到的错法

出处: notebooks/week14_exercises.ipynb，对应课文 01、03、04
"""
from helpers.exercises.exercise import Sheet
from helpers.exercises.week14 import (
    chat_text,
    count_parameters,
    count_tokens,
    cut_characters,
    gigabytes,
    left_pad,
    merge_once,
    most_tokens,
    surprises,
    transformers_version,
)
from helpers.exercises.week14.most_tokens import TEXTS

__all__ = ["TEXTS", "sheet"]


def sheet(tokenizer) -> Sheet:
    """第 14 周的十道题，共 100 分

    tokenizer: 课程的分词器（教学小模型或真正的 Qwen），用来得到参照的结果
    例: len(sheet(tokenizer)) -> 10
    """
    return Sheet([
        transformers_version.exercise(),
        count_tokens.exercise(tokenizer),
        most_tokens.exercise(tokenizer),
        cut_characters.exercise(tokenizer),
        merge_once.exercise(tokenizer),
        chat_text.exercise(tokenizer),
        left_pad.exercise(),
        count_parameters.exercise(),
        gigabytes.exercise(),
        surprises.exercise(tokenizer),
    ])
