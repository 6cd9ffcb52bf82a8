"""术语表：每个词第一次在正文里出现时就有解释，出现的那一讲与表里写的相同"""
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (.+) \| \[\d+\]\((\w+\.ipynb)\) \|$", re.M)
TERMS = ROW.findall((FOLDER / "glossary.md").read_text(encoding="utf-8"))
LESSONS = sorted(path for path in FOLDER.glob("[0-9]*.ipynb"))


def markdown(path: Path) -> str:
    """一讲的正文：去掉开头（学完你能）、标题和代码格"""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells[1:] if cell["cell_type"] == "markdown"]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines)


def prose(path: Path) -> str:
    """正文，再去掉代码和只有一个词的引文（“词表”是模型说出的词，不是在用它）"""
    return re.sub(r"`[^`]*`|“\w+”", "", markdown(path))


def first_lesson(wanted: str, text_of) -> Path:
    return next(path for path in LESSONS if wanted in text_of(path))


def test_every_row_is_read():
    text = (FOLDER / "glossary.md").read_text(encoding="utf-8")
    assert len(TERMS) == text.count("\n| ") - 1 >= 30
    assert len({term for term, *_ in TERMS}) == len(TERMS)


@pytest.mark.parametrize("term, english, meaning, name", TERMS)
def test_explained_at_first_use(term, english, meaning, name):
    assert len(meaning) >= 5
    if term.startswith("`"):
        check_code(term, name)
        return
    first = f"**{term}**" if len(term) == 1 else term  # “头”也在“开头”里：一个字的只看粗体
    path = first_lesson(first, prose)
    assert path.name == name
    text = prose(path)
    bold = text.index(term) - 2 if first == term else text.index(first)
    around = text[bold:][:len(term) + 32]
    assert around.startswith(f"**{term}**"), around
    assert english == term or english in around, around


def check_code(term: str, name: str) -> None:
    """代码里的名字：第一次单独写出来的地方，马上说它是什么"""
    path = first_lesson(term, markdown)
    assert path.name == name
    text = markdown(path)
    around = text[text.index(term):][:len(term) + 2]
    assert around.endswith(("是", "说")), around


def test_special_tokens_are_those_that_decoding_skips(tokenizer):
    added = tokenizer.added_tokens_decoder
    skipped = [token_id for token_id in added if tokenizer.decode([token_id], skip_special_tokens=True) == ""]
    assert skipped == [token_id for token_id, token in added.items() if token.special]
    assert len(skipped) == 14
    assert tokenizer.decode(tokenizer("<tool_call>").input_ids, skip_special_tokens=True) == "<tool_call>"
