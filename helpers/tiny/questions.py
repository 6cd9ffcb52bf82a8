"""语料：corpus/*.txt 里的问题、问法和答案

一个问题的写法（标题也算一种问法，问题之间空一行）：
    ## token 是什么
    问：token到底是啥
    答：token 中文叫词元，是模型读写文字的最小单位。

检查格式：python -m helpers.tiny.questions [文件 ...]
"""
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FRESH = Path(__file__).parent / "fresh.txt"
SUBJECTS = Path(__file__).parent / "subjects.txt"
MIN_WORDINGS = 8


@dataclass(frozen=True)
class Question:
    """一个问题：title 是最清楚的问法，wordings 是全部问法（含 title），answers 按推荐程度排列"""
    title: str
    wordings: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


def parse(text: str, name: str = "语料") -> list[Question]:
    """语料文字 → 问题列表；写错的行报 ValueError，说明文件、行号和应有的写法

    例: parse("## 甲\\n问：乙\\n答：丙") -> [Question("甲", ["甲", "乙"], ["丙"])]
    """
    questions = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        mark, body = line[:2], line[2:].strip()
        if not line:
            continue
        if line.startswith("## "):
            questions.append(Question(line[3:].strip(), [line[3:].strip()]))
        elif questions and body and mark in ("问：", "答："):
            (questions[-1].wordings if mark == "问：" else questions[-1].answers).append(body)
        else:
            raise ValueError(f"{name} 第 {number} 行应以“## ”“问：”或“答：”开头并有内容，"
                             f"现在是 {line[:20]!r}；改好再试")
    return questions


def paths(names: list[str] | None = None) -> list[Path]:
    """语料文件，按文件名的次序；names 不带 .txt，默认全部"""
    if names is None:
        return sorted(CORPUS.glob("*.txt"))
    missing = [name for name in names if not (CORPUS / f"{name}.txt").is_file()]
    if missing:
        known = "、".join(path.stem for path in paths())
        raise ValueError(f"语料文件应是 {known} 里的，现在有 {'、'.join(missing)}；改好文件名再试")
    return [CORPUS / f"{name}.txt" for name in sorted(names)]


def read(files: list[Path] | None = None) -> list[Question]:
    """读语料文件（默认全部），按文件名的次序"""
    files = paths() if files is None else files
    return [question for path in files for question in parse(path.read_text(encoding="utf-8"), path.name)]


def problems(questions: list[Question]) -> list[str]:
    """语料里不合要求的地方，一处一句；没有就是空列表"""
    found, owner = [], {}
    for question in questions:
        if len(set(question.wordings)) < MIN_WORDINGS:
            found.append(f"{question.title}：问法应至少 {MIN_WORDINGS} 种，现在 {len(set(question.wordings))} 种")
        if not question.answers:
            found.append(f"{question.title}：没有答案")
        found += [f"{question.title}：答案里有特殊词元，模型会在那里停下" for a in question.answers if "<|" in a]
        for wording in question.wordings:
            other = owner.setdefault(wording.lower().replace(" ", ""), question.title)
            if other != question.title:
                found.append(f"“{wording}”同时是“{other}”和“{question.title}”的问法")
    return found


def split(questions: list[Question], held_out: int = 160,
          seed: int = 14) -> tuple[list[Question], list[tuple[str, int]]]:
    """随机留出一些问法不参加训练：(训练用的问题, [(留出的问法, 问题序号)])

    每个被抽中的问题只留出一种问法，剩下的至少 MIN_WORDINGS 种；标题不会被留出；同一个种子得到同一种分法
    """
    rng = random.Random(seed)
    enough = [index for index, q in enumerate(questions) if len(set(q.wordings)) > MIN_WORDINGS]
    chosen = {index: rng.choice([w for w in questions[index].wordings if w != questions[index].title])
              for index in sorted(rng.sample(enough, min(held_out, len(enough))))}
    kept = [Question(q.title, [w for w in q.wordings if w != chosen.get(i)], q.answers)
            for i, q in enumerate(questions)]
    return kept, [(wording, index) for index, wording in chosen.items()]


def fresh(questions: list[Question]) -> list[tuple[str, int]]:
    """fresh.txt 里另外手写的问法：[(问法, 问题序号)]；语料里没有的问题略去"""
    index = {question.title: i for i, question in enumerate(questions)}
    asked = parse(FRESH.read_text(encoding="utf-8"), FRESH.name)
    return [(wording, index[q.title]) for q in asked if q.title in index for wording in q.wordings[1:]]


def subjects(questions: list[Question]) -> list[set[int]]:
    """subjects.txt 里说的同一件事的问题（一行一件事，标题用“；”隔开）：[{问题序号, ...}]；语料里没有的标题略去"""
    index = {question.title: i for i, question in enumerate(questions)}
    lines = SUBJECTS.read_text(encoding="utf-8").splitlines()
    return [{index[title] for title in line.split("；") if title in index} for line in lines]


if __name__ == "__main__":
    all_questions = read([Path(name) for name in sys.argv[1:]] or None)
    print(*problems(all_questions), sep="\n")
    print(f"{len(all_questions)} 个问题，{sum(len(q.wordings) for q in all_questions)} 种问法，"
          f"{sum(len(q.answers) for q in all_questions)} 条答案")
