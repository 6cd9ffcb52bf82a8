"""从零训练教学小模型：python -m helpers.tiny.train（两核 CPU 不到一小时，有 GPU 就用 GPU）

词表有 151,936 行，语料只用到几千行。训练时只放这几千行，再加一行代表其余所有编号：
它的 logit 在 log-sum-exp 里算“其余编号的个数”次，训练完抄给它们每一个，所以它们的概率很小，贪心和 top-k 选不到；
温度高了还是会抽中，见模型卡。
"""
import argparse
import json
import math
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.files import replace_folder, write_text
from helpers.tiny import TINY, evaluate, questions, samples
from helpers.tiny.vocabulary import SYSTEM

import torch
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

VOCAB = 151_936
UNUSED_MARGIN = 4.0  # 其余编号的总分再加这么多：温度调高时它们也不容易冒出来


@dataclass(frozen=True)
class Phase:
    """训练的一段：名字，语料读几遍，最高学习率，权重衰减，损失里各部分的分量，开始前把最后的归一化放大几倍

    打分是归一化以后的向量与词嵌入的乘积：放大几倍，几条答案才能同时比别的词元高出许多
    """
    name: str
    epochs: int
    rate: float
    decay: float
    emphasis: samples.Emphasis
    sharpen: float = 1.0
    repeated: bool = False  # 答案多的问题每轮多练几遍


PHASES = (Phase("第一段：读问题，背答案", 20, 3e-3, 0.05, samples.READING),
          Phase("第二段：选哪条答案", 4, 1e-3, 0.0, samples.CHOOSING, sharpen=1.5, repeated=True))


def config(vocab_size: int) -> Qwen2Config:
    """教学小模型的结构：Qwen2，隐藏大小 128，6 层，4 个注意力头（2 个 KV 头）"""
    return Qwen2Config(vocab_size=vocab_size, hidden_size=128, intermediate_size=512, num_hidden_layers=6,
                       num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
                       rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, tie_word_embeddings=True,
                       initializer_range=0.06, bos_token_id=None, eos_token_id=151_645, pad_token_id=None)


def repeated(kept: list[questions.Question]) -> list[questions.Question]:
    """答案多的问题重复几遍：答案越多，越要多练才学得会按比例分配。例: 一两条答案 1 遍，六条 9 遍"""
    return [question for question in kept for _ in range(len(question.answers) ** 2 // 4 or 1)]


def batches(tokenizer, train_questions, row_of: dict[int, int], size: int, rng: random.Random,
            emphasis: samples.Emphasis = samples.READING):
    """一轮的全部批次：长短相近的放在一起，顺序打乱；每批是 [(行号, 分量), ...]"""
    system = tokenizer.encode(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")
    unknown = len(row_of)
    rows = []
    for question in train_questions:
        for wording in question.wordings:
            ids, weights = samples.sample(tokenizer, system, question, wording, train_questions, rng, emphasis)
            rows.append(([row_of.get(i, unknown) for i in ids], weights))
    rng.shuffle(rows)
    rows = [row for start in range(0, len(rows), size * 32)
            for row in sorted(rows[start:start + size * 32], key=lambda row: len(row[0]))]
    groups = [rows[start:start + size] for start in range(0, len(rows), size)]
    rng.shuffle(groups)
    return groups


def pack(group, device) -> tuple[torch.Tensor, torch.Tensor]:
    """一批 → (行号, 分量)，形状都是 (批, 最长)；空位的行号 0、分量 0，都在右边"""
    longest = max(len(line) for line, _ in group)
    ids = torch.tensor([line + [0] * (longest - len(line)) for line, _ in group])
    weights = torch.tensor([w + [0.0] * (longest - len(w)) for _, w in group])
    return ids.to(device), weights.to(device)


def loss_of(model, ids: torch.Tensor, weights: torch.Tensor, unused: int) -> torch.Tensor:
    """下一个词元的加权交叉熵，单位 nat；最后一行代表 unused 个编号"""
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    targets, weights = ids[:, 1:], weights[:, 1:] * (ids[:, 1:] < model.config.vocab_size - 1)
    chosen = weights > 0
    logits = model.lm_head(hidden[chosen])
    extra = torch.zeros(logits.shape[-1], device=logits.device)
    extra[-1] = math.log(unused) + UNUSED_MARGIN
    each = cross_entropy(logits + extra, targets[chosen], reduction="none")
    return (each * weights[chosen]).sum() / weights.sum()


def widen(small: Qwen2ForCausalLM, used: list[int]) -> Qwen2ForCausalLM:
    """几千行的模型 → 151,936 行的完整模型：用到的行放回官方编号，其余全抄那一行"""
    full = Qwen2ForCausalLM(config(VOCAB))
    state = {name: tensor.cpu() for name, tensor in small.state_dict().items()}
    rows = state["model.embed_tokens.weight"]
    table = rows[-1].repeat(VOCAB, 1)
    table[torch.tensor(used)] = rows[:-1]
    state["model.embed_tokens.weight"] = state["lm_head.weight"] = table
    full.load_state_dict(state)
    return full


def write(model: Qwen2ForCausalLM, folder: Path) -> None:
    """模型以 float16 写进 folder，用与 Qwen2.5 相同的标准文件"""
    model.generation_config.update(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, bos_token_id=None,
                                   eos_token_id=[151_645, 151_643], pad_token_id=151_643)
    model.to(torch.float16).save_pretrained(folder)


def fit(model, tokenizer, kept, row_of: dict[int, int], phase: Phase, size: int, rng: random.Random) -> float:
    """训练一段，返回末尾的平均损失（nat）"""
    device = next(model.parameters()).device
    with torch.no_grad():
        model.model.norm.weight *= phase.sharpen
    asked = repeated(kept) if phase.repeated else kept
    steps = phase.epochs * -(-sum(len(q.wordings) for q in asked) // size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.rate, betas=(0.9, 0.95), weight_decay=phase.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, phase.rate, total_steps=steps, pct_start=0.05)
    bar = tqdm(total=steps, desc=phase.name, unit="步", smoothing=0.05)
    average = None
    for _ in range(phase.epochs):
        for group in batches(tokenizer, asked, row_of, size, rng, phase.emphasis):
            loss = loss_of(model, *pack(group, device), VOCAB - len(row_of))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
            bar.set_postfix(损失=f"{average:.3f}", refresh=False)
            bar.update()
    bar.close()
    return average


def train(phases: tuple[Phase, ...] = PHASES, size: int = 16, names: list[str] | None = None, seed: int = 14) -> None:
    """训练、写检查点、评估、更新模型卡；names 是语料文件名（不带 .txt），默认全部"""
    started = time.perf_counter()
    torch.manual_seed(seed)
    rng = random.Random(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    kept, _ = questions.split(questions.read(questions.paths(names)))
    used = samples.used_ids(tokenizer, kept, tokenizer.encode(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"))
    row_of = {token_id: row for row, token_id in enumerate(used)}
    model = Qwen2ForCausalLM(config(len(used) + 1)).to(device)
    losses = [fit(model, tokenizer, kept, row_of, phase, size, rng) for phase in phases]
    with replace_folder(TINY) as folder:
        write(widen(model.cpu(), used), folder)
        record = {"corpus": [path.stem for path in questions.paths(names)],
                  "phases": [{"name": phase.name, "epochs": phase.epochs, "rate": phase.rate,
                              "final_loss": round(loss, 3)} for phase, loss in zip(phases, losses, strict=True)],
                  "batch_size": size, "seed": seed, "device": device,
                  "minutes": round((time.perf_counter() - started) / 60, 1)}
        write_text(folder / "training.json", json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    evaluate.update_card()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="从零训练教学小模型")
    parser.add_argument("--scale", type=float, default=1.0, help="各段遍数的倍数，例如 0.1 用来试一试")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--corpus", nargs="*", help="只用这几个语料文件，例如 01_tokens 09_talk；默认全部")
    arguments = parser.parse_args()
    train(tuple(replace(phase, epochs=max(1, round(phase.epochs * arguments.scale))) for phase in PHASES),
          arguments.batch_size, arguments.corpus)
