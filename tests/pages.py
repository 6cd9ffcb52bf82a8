"""一页上应该看得到的东西：从笔记本的源文件里读出标题、图和单元格；浏览器里的两处测试共用"""
import json
import re
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
# 有互动视图的笔记本：跑完以后不关，操作视图的测试接着用
WITH_VIEWS = ["03_tokenization.ipynb", "05_next_token.ipynb", "06_writing.ipynb", "07_pipeline.ipynb",
              "10_inside.ipynb"]
SHOTS = Path(__file__).parent / "screenshots"


def cells(name: str) -> list[dict]:
    return json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]


def markdown(name: str) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "markdown")


def headings(name: str) -> list[str]:
    """正文里的标题，去掉代码块"""
    return re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown(name), flags=re.S), flags=re.M)


def diagrams(name: str) -> list[str]:
    """mermaid 的源码：正文里的和输出里的"""
    outputs = [output["data"]["text/vnd.mermaid"] for cell in cells(name) for output in cell.get("outputs", [])
               if "text/vnd.mermaid" in output.get("data", {})]
    return re.findall(r"```mermaid\n(.*?)```", markdown(name), flags=re.S) + ["".join(source) for source in outputs]


def squeeze(text: str) -> str:
    return re.sub(r"\s", "", text)
