"""对话：一个问题套上对话模板，变成编号

出处: notebooks/03_tokenization.ipynb 第 8 节
"""
from helpers.tokens import check_text


def question_ids(tokenizer, question: str, most: int = 200) -> list[int]:
    """问题 → 套了对话模板（替助手开好头）的编号

    question: 不能只有空白；most: 连同模板最多几个词元
    不是文字报 TypeError，空的、不完整的、太长的报 ValueError
    例: question_ids(tokenizer, "你好")[:3] -> [151644, 8948, 198]
    """
    check_text(question.strip() if isinstance(question, str) else question)
    messages = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True).input_ids
    if len(ids) > most:
        raise ValueError(f"问题应不超过 {most} 个词元（连同模板），现在有 {len(ids)} 个；缩短再试，下面还是上一个问题")
    return ids
