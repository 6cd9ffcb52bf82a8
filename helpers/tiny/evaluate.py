"""教学小模型答得对不对题：在没训练过的问法上数，写进模型卡

两组问法：held_out 从语料里抽出、不参加训练；fresh 是 fresh.txt，另外手写、从不放进语料的。
贪心解码的回答与语料里全部答案比相邻两字的重合（Jaccard），取最像的那条，重合至少一半：
它属于被问的问题，是“同一题”；属于 subjects.txt 里与它说同一件事的问题，也是“对题”。
python -m helpers.tiny.evaluate 重新评估并更新模型卡
"""
import json

from helpers.files import write_text
from helpers.tiny import TINY, questions

import torch
from tqdm.auto import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

ENOUGH = 0.5
TEMPERATURES = (1.0, 1.5, 2.0)
CARD = """# 教学小模型

《Hugging Face 模型加载与推理》课程自带的模型：`Qwen2ForCausalLM`，{parameters:,} 个参数（其中嵌入 {embedding:,} 个），\
以 float16 存放，从零开始只用本项目自己写的问答训练。它**不是** Qwen，只是结构、文件格式和词元编号与 Qwen2.5 相同，\
所以同样的代码可以换成真正的 Qwen。

- 会答：课程里的 {questions} 个问题（{wordings} 种问法），别的多半答不上，或者答非所问；它说的话要自己核对
- 语料：`helpers/tiny/corpus` 里的 {corpus}；重新训练：`python -m helpers.tiny.train`
- 词表：来自 dashscope 包的官方 Qwen 词表（Apache-2.0）；语料里没有出现的 {unused[count]:,} 个编号没有训练过，共用一行

## 温度不要超过 1.5
没有训练过的编号概率一样大，各有一点点。贪心、top-k（k 到 50）选不到它们；只用温度抽签，温度越高越容易抽中，\
抽中的是词表里随便一个它没学过的词元。所以互动视图“下一个词元”的温度只到 1.5。十个开放题，回答的第一个词元就抽中的概率：

| 温度 | 平均 | 最多 |
|---|---|---|
{unused_rows}

## 评估
贪心解码，看回答与语料里哪条答案最像（相邻两字的 Jaccard 重合，至少 {enough}）。那条答案属于被问的问题，算“同一题”；\
属于说同一件事的问题（`helpers/tiny/subjects.txt`，例如“什么是温度”和“为什么温度越高回答越乱”），也算“对题”。

| 没训练过的问法 | 对题 | 同一题 |
|---|---|---|
| 另外写的，像课堂上打出来的话（`helpers/tiny/fresh.txt`） | **{fresh[on_subject]} / {fresh[asked]}** | {fresh[exact]} |
| 从语料里按固定的种子抽出的 | {held_out[on_subject]} / {held_out[asked]} | {held_out[exact]} |

第二行低得多：语料特意收了许多绕弯子的、只有一个关键词的说法，抽掉一种，别处往往没有用到同样的词，小模型无从知道。\
所以遇到偏僻的说法，它会答错题，换一种平常的问法再问。没有对题的：

| 问 | 属于 | 答 |
|---|---|---|
{failures}
"""


def bigrams(text: str) -> set[str]:
    """相邻两字的集合。例: "词元是" -> {"词元", "元是"}"""
    return {text[i:i + 2] for i in range(len(text) - 1)}


def closest(answer: str, known: list[tuple[int, set[str]]]) -> tuple[int, float]:
    """与回答最像的语料答案：(问题序号, 重合 0–1)"""
    words = bigrams(answer)
    return max(((index, len(words & other) / max(1, len(words | other))) for index, other in known), key=lambda x: x[1])


def answers(model, tokenizer, prompts: list[str], size: int = 32, most: int = 96) -> list[str]:
    """一批批贪心地回答，次序与 prompts 相同"""
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True)
             for p in prompts]
    out = []
    for start in tqdm(range(0, len(texts), size), desc="评估", unit="批"):
        inputs = tokenizer(texts[start:start + size], return_tensors="pt", padding=True, padding_side="left")
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=most, do_sample=False)
        out += tokenizer.batch_decode(ids[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)
    return out


def grade(everything, asked: list[tuple[str, int]], said: list[str]) -> dict:
    """一组问法和回答 → {"asked", "on_subject", "exact", "failures": [[问, 属于, 答], ...]}

    asked: [(问法, 问题序号), ...]；said: 次序相同的回答
    """
    known = [(index, bigrams(text)) for index, q in enumerate(everything) for text in q.answers]
    subjects = questions.subjects(everything)
    exact, failures = 0, []
    for (wording, index), answer in zip(asked, said, strict=True):
        guess, overlap = closest(answer, known)
        exact += guess == index and overlap >= ENOUGH
        if overlap < ENOUGH or not (guess == index or any({guess, index} <= subject for subject in subjects)):
            failures.append([wording, everything[index].title, answer])
    return {"asked": len(asked), "on_subject": len(asked) - len(failures), "exact": exact, "failures": failures}


def unused_ids(model) -> torch.Tensor:
    """哪些编号没有训练过：它们的行都与最后一个编号（没有词元）的一样。形状 (词表大小,)，True 是没有训练过"""
    table = model.get_input_embeddings().weight
    return (table == table[-1]).all(dim=1)


def first_logits(model, tokenizer, text: str) -> torch.Tensor:
    """回答的第一个词元的打分，形状 (词表大小,)"""
    messages = [{"role": "user", "content": text}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        return model(**inputs).logits[0, -1]


def unused_shares(model, tokenizer, texts: list[str]) -> list[dict]:
    """回答的第一个词元抽中没有训练过的编号，概率是百分之几：每种温度一行，平均和最多"""
    unused = unused_ids(model)
    logits = torch.stack([first_logits(model, tokenizer, text) for text in texts])
    rows = []
    for temperature in TEMPERATURES:
        probabilities = torch.softmax(logits / temperature, dim=-1)
        percent = 100 * probabilities[:, unused].sum(dim=-1)
        rows.append({
            "temperature": temperature,
            "mean": round(percent.mean().item(), 1),
            "most": round(percent.max().item(), 1)})
    return rows


def evaluation(folder=TINY) -> dict:
    """两组没训练过的问法各答一遍，没有训练过的编号多容易抽中，加上模型和语料的大小"""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    trained_on = json.loads((folder / "training.json").read_text(encoding="utf-8"))["corpus"]
    everything = questions.read(questions.paths(trained_on))
    sets = {"held_out": questions.split(everything)[1], "fresh": questions.fresh(everything)}
    graded = {name: grade(everything, asked, answers(model, tokenizer, [wording for wording, _ in asked]))
              for name, asked in sets.items()}
    opened = [question.title for question in questions.read(questions.paths(["00_open"]))]
    unused = {"count": unused_ids(model).sum().item(), "shares": unused_shares(model, tokenizer, opened)}
    return {
        **graded,
        "unused": unused,
        "parameters": model.num_parameters(),
        "embedding": model.get_input_embeddings().weight.numel(),
        "corpus": trained_on,
        "questions": len(everything),
        "wordings": sum(len(q.wordings) for q in everything)}


def table_row(cells: list[str]) -> str:
    """Markdown 表格的一行；格子里的竖线和换行换掉"""
    return f"| {' | '.join(cell.replace('|', '｜').replace(chr(10), ' ') for cell in cells)} |"


def share_row(row: dict) -> str:
    """一种温度的一行。例: {"temperature": 1.5, "mean": 1.3, "most": 4.6} -> 三格：1.5、1.3 %、4.6 %"""
    return table_row([str(row["temperature"]), f"{row['mean']} %", f"{row['most']} %"])


def update_card(folder=TINY) -> dict:
    """评估，把数字写进模型卡 README.md 和 evaluation.json"""
    figures = evaluation(folder)
    sets = {name: figures[name] for name in ("fresh", "held_out")}
    failures = [row for graded in sets.values() for row in graded["failures"]]
    unused = map(share_row, figures["unused"]["shares"])
    card = CARD.format(**{**figures, "corpus": "、".join(figures["corpus"]), "enough": ENOUGH,
                          "unused_rows": "\n".join(unused),
                          "failures": "\n".join(map(table_row, failures or [["（没有）", "", ""]]))})
    write_text(folder / "README.md", card)
    write_text(folder / "evaluation.json", json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    for name, graded in sets.items():
        print(f"{name}：对题 {graded['on_subject']}，同一题 {graded['exact']}，共 {graded['asked']}")
    return figures


if __name__ == "__main__":
    update_card()
