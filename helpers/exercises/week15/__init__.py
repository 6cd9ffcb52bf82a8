"""第 15 周的练习：生成、推理流程、速度与内存

出处: notebooks/week15_exercises.ipynb，对应课文 05、06、07、08
"""
from helpers.exercises.exercise import Sheet
from helpers.exercises.week15 import (
    answer_text,
    bottleneck,
    experiment,
    false_row,
    generate_with_cache,
    kept_ids,
    kv_cache_bytes,
    left_batch,
    logits_shape,
    lost_fact,
    penalized,
    probability_ratio,
    repair,
    streamed,
    surprise_bits,
    tokens_per_second,
)


def sheet(tokenizer, model) -> Sheet:
    """第 15 周的十道题，共 100 分，后面是选做

    tokenizer、model: 课程的分词器和模型（教学小模型或真正的 Qwen），用来得到参照的结果
    例: len(sheet(tokenizer, model)) -> 16
    """
    return Sheet([
        logits_shape.exercise(),
        penalized.exercise(),
        probability_ratio.exercise(),
        kept_ids.exercise(),
        generate_with_cache.exercise(tokenizer, model),
        answer_text.exercise(tokenizer),
        surprise_bits.exercise(tokenizer, model),
        kv_cache_bytes.exercise(),
        tokens_per_second.exercise(),
        experiment.exercise(),
        streamed.exercise(tokenizer),
        false_row.exercise(),
        bottleneck.exercise(),
        left_batch.exercise(tokenizer, model),
        repair.exercise(tokenizer, model),
        lost_fact.exercise(),
    ])
