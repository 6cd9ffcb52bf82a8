"""问模型一个问题：python run_qwen.py 或 python run_qwen.py "你的问题"（换模型：设置 COURSE_MODEL，见 README）"""
import argparse

from helpers.errors import friendly_errors
from helpers.model import dtype_for, locate

NEW_TOKENS = 200  # 回答最多几个词元
THINKING_TOKENS = 1000  # 先思考再回答的模型（Qwen3），思考和回答一共最多几个

with friendly_errors():
    # 0. 命令行里的问题；引号里的空格、几个参数，都算在问题里
    parser = argparse.ArgumentParser(usage='python run_qwen.py [--fast] ["你的问题"]')
    parser.add_argument("--fast", action="store_true", help="用这台电脑上最快的做法（第 08 讲）")
    options, words = parser.parse_known_args()
    question = " ".join(words or ["人工智能未来会取代人类吗？"]).strip()
    question = question.encode("utf-8", "replace").decode("utf-8")  # 终端的编码不对时，认不出的字变成问号
    if not question:
        parser.error('问题应有文字，现在是空白；例如：python run_qwen.py "什么是词元"')

    from helpers.generation import AnswerStreamer, thinks

    from modelscope import AutoModelForCausalLM, AutoTokenizer

    # 1. 加载分词器：文字 ⇄ 编号
    folder = locate()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)

    # 2. 加载模型
    if options.fast:
        from helpers.speed import fastest
        model = fastest(folder)
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", dtype=dtype_for(folder),
                                                     trust_remote_code=False, use_safetensors=True)

    # 3. 推理：问题套上对话模板，变成编号，送进模型；一边生成一边显示，只显示回答
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt",
                                           return_dict=True)
    new_tokens = NEW_TOKENS
    thinking = bool(thinks(tokenizer))
    if thinking:
        new_tokens = THINKING_TOKENS
    limit = model.config.max_position_embeddings - new_tokens
    if inputs.input_ids.shape[1] > limit:
        parser.error(f"问题应不超过 {limit} 个词元，现在有 {inputs.input_ids.shape[1]} 个；把问题缩短再试")
    # 一般每次选分数最高的；先思考的模型这样会没完没了地重复，所以照它自己的设置抽签
    model.generate(**inputs, max_new_tokens=new_tokens, do_sample=thinking, streamer=AnswerStreamer(tokenizer))
