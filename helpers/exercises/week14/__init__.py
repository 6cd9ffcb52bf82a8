"""第 14 周的练习：环境、分词、加载；一题一个文件，里面是它的检查、提示、参考答案和想得到的错法

出处: notebooks/week14_exercises.ipynb，对应课文 01、03、04
"""
from helpers.exercises.exercise import Sheet
from helpers.exercises.week14 import (
    bpe_pieces,
    bytes_missing,
    chat_text,
    count_parameters,
    count_tokens,
    cut_characters,
    gigabytes,
    left_pad,
    most_tokens,
    repair_batch,
    repair_ids,
    runs_foreign_code,
    surprises,
    transformers_version,
)
from helpers.exercises.week14.most_tokens import TEXTS

__all__ = ["TEXTS", "sheet"]


def sheet(tokenizer) -> Sheet:
    """第 14 周的练习：十道题共 100 分，后面是选做

    tokenizer: 课程的分词器（教学小模型或真正的 Qwen），用来得到参照的结果
    例: sheet(tokenizer)[2].title -> "数词元"
    """
    return Sheet([
        transformers_version.exercise(),
        count_tokens.exercise(tokenizer),
        most_tokens.exercise(tokenizer),
        cut_characters.exercise(tokenizer),
        bpe_pieces.exercise(tokenizer),
        chat_text.exercise(tokenizer),
        left_pad.exercise(),
        bytes_missing.exercise(),
        gigabytes.exercise(),
        surprises.exercise(tokenizer),
        count_parameters.exercise(),
        runs_foreign_code.exercise(),
        repair_batch.exercise(tokenizer),
        repair_ids.exercise(tokenizer),
    ])
