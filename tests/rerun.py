"""重跑笔记本，把输出存进去：python tests/rerun.py（全部）或 python tests/rerun.py 05_next_token

与在 JupyterLab 里运行再保存不同：互动部件只留下静态的图（部件的编号每次都不一样，没有内核时也画不出来）
"""
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"


def rerun(path: Path) -> None:
    """从头运行一本，写回原处；有一格出错就停下，文件不变"""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}},
                   coalesce_streams=True, store_widget_state=False).execute()
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(VIEW, None)
    path.write_text(nbformat.writes(notebook, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        if path.stem in sys.argv[1:] or not sys.argv[1:]:
            rerun(path)
            print(f"重跑了 {path.name}", flush=True)
