"""术语表：每个词第一次在正文里出现时就有解释，出现的那一讲与表里写的相同"""
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (.+) \| \[\d+\]\((\w+\.ipynb)\) \|$", re.M)
TERMS = ROW.findall((FOLDER / "glossary.md").read_text(encoding="utf-8"))
LESSONS = sorted(path for path in FOLDER.glob("[0-9]*.ipynb"))


def prose(path: Path) -> str:
    """一讲的正文：去掉开头（学完你能）、标题和代码"""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells[1:] if cell["cell_type"] == "markdown"]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("#")]
    return re.sub(r"`[^`]*`", "", "\n".join(lines))


def test_every_row_is_read():
    text = (FOLDER / "glossary.md").read_text(encoding="utf-8")
    assert len(TERMS) == text.count("\n| ") - 1 >= 30
    assert len({term for term, *_ in TERMS}) == len(TERMS)


@pytest.mark.parametrize("term, english, meaning, name", TERMS)
def test_explained_at_first_use(term, english, meaning, name):
    path = next(path for path in LESSONS if term in prose(path))
    assert path.name == name
    text = prose(path)
    around = text[text.index(term) - 2:][:len(term) + 30]
    assert around.startswith(f"**{term}**"), around
    assert english == term or english in around, around
    assert len(meaning) >= 5
