"""问模型一个问题：python run_qwen.py 或 python run_qwen.py "你的问题"（换模型：设置 COURSE_MODEL，见 README）

加上 --fast，用这台电脑上最快的做法（第 07 讲）
"""
from helpers import script
from helpers.machine import dtype_for
from helpers.model import locate

question = script.question()  # 命令行里的问题，没有就是“人工智能未来会取代人类吗？”
with script.friendly_errors():
    from modelscope import AutoModelForCausalLM, AutoTokenizer
    from transformers import TextStreamer

    folder = locate()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if script.fast():
        from helpers.speed import fastest
        model = fastest(folder)
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", dtype=dtype_for(folder),
                                                     trust_remote_code=False, use_safetensors=True)
    inputs = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True,
                                           return_tensors="pt", return_dict=True)
    script.check_length(inputs.input_ids.shape[1], model.config.max_position_embeddings)
    streamer = TextStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)  # 一边生成一边显示，只显示回答
    model.generate(**inputs, max_new_tokens=200, do_sample=False, streamer=streamer)
