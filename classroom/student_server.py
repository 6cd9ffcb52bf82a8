"""一个学生的服务器：先把课程抄一份到自己的文件夹，再启动 jupyterhub-singleuser；由 JupyterHub 以学生的身份运行

学生改过的文件永远不动；没有改过的，课程更新以后换成新的；没有的（新出的、删掉的、改了名的）给一份
"""
import filecmp
import os
import shutil
import sys
from pathlib import Path

COURSE = Path(__file__).parent.parent
NAME = "hf-course"
GIVEN = ("README.md", "LICENSE", "NOTICE", "run_qwen.py", "classroom/speed.json", "classroom/*.md",
         "classroom/values.yaml", "notebooks/*.ipynb", "notebooks/*.md", "notebooks/images/*")


def give(course: Path, mine: Path) -> list[str]:
    """把 course 里的课程抄进 mine，返回这次抄了哪些（相对路径）

    发下去的原件留在 mine/.original，和它一样的就是没有改过。读不了、写不了时报 OSError
    例: give(course, mine); give(course, mine) -> []（第二次没有要抄的）
    """
    given = []
    for path in sorted(path for pattern in GIVEN for path in course.glob(pattern)):
        name = path.relative_to(course)
        copy, original = mine / name, mine / ".original" / name
        if not copy.exists() or (same(copy, original) and not same(copy, path)):
            place(path, copy)
            place(path, original)
            given.append(name.as_posix())
        elif same(copy, path) and not same(original, path):  # 上一次在上面两步之间断了
            place(path, original)
    return given


def same(one: Path, other: Path) -> bool:
    """两个文件都在，内容也一样"""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def place(path: Path, target: Path) -> None:
    """抄一个文件；先写临时文件再改名，中断也不会留下半份"""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".incomplete")
    shutil.copyfile(path, partial)  # 只抄内容：原件只读，学生的一份也能改
    os.replace(partial, target)


def main() -> None:
    """抄课程，然后变成学生的服务器；抄不了也要启动，学生才能去腾地方"""
    mine = Path.home() / NAME
    try:
        give(COURSE, mine)
    except OSError as error:
        print(f"课程应能抄进 {mine}，现在不能（{error}）；删掉不要的文件，在 File → Hub Control Panel 里停止再启动",
              file=sys.stderr)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "jupyterhub.singleuser", *sys.argv[1:]])


if __name__ == "__main__":
    main()
