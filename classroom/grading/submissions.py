"""收来的文件夹 → 每个学生的作业：照路径里的名字对名单；拿不准的都记下来给老师看，不替老师决定"""
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from grading.gradebook import saved_text
from grading.homework import Homework, Unreadable, read

NOISE = re.compile(r"_\d+_assignsubmission_\w+|\.ipynb|\(\d+\)|week1[45]|_?exercises|练习|作业|第.{1,3}周|副本|"
                   r"[\s_\-（）()\[\]]+")
SKIPPED = {".ipynb_checkpoints", "__MACOSX"}


@dataclass
class Submission:
    """一个学生交的：姓名（分数表里的），评哪一份（homework 是空的就是没有能评的，why 说为什么），疑点"""
    name: str
    file: Path | None = None
    homework: Homework | None = None
    why: str = ""
    doubts: list[str] = field(default_factory=list)


@dataclass
class Found:
    """一个 .ipynb：是谁的（owner），路径里那一段原来的写法（label），读出来的作业或者读不了的原因"""
    file: Path
    owner: str
    label: str
    homework: Homework | None
    why: str
    doubts: list[str]


def names(file: Path) -> list[str]:
    """名单：一行一个姓名，UTF-8 或 GBK 都行"""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SystemExit(f"应有名单 {file}，现在打不开（{error.strerror}）；检查路径") from error
    text = saved_text(content)
    return [cleaned(line) for line in text.splitlines() if line.strip()]


def cleaned(part: str) -> str:
    """路径的一段去掉周次等字样，剩下的应是姓名；什么也不剩就是空的。例: 张三_week14_exercises.ipynb -> 张三"""
    text = part.encode("utf-8", errors="replace").decode("utf-8")
    return NOISE.sub("", text)


def notebooks(root: Path) -> list[Path]:
    """收来的文件夹里全部 .ipynb，先改的在前；不跟着链接走"""
    if not root.is_dir():
        raise SystemExit(f"应有收来的文件夹 {root}，现在没有；检查路径")
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in files + folders:
            if is_notebook(name):
                found.append(Path(folder, name))
    return sorted(found, key=changed_at)


def is_notebook(name: str) -> bool:
    """名字像笔记本吗；._ 开头的是 Mac 压缩时加的"""
    return name.lower().endswith(".ipynb") and not name.startswith("._")


def changed_at(file: Path) -> tuple[float, str]:
    """什么时候改的；一样的照路径"""
    return file.lstat().st_mtime, str(file)


def owner_of(parts: list[str], roster: list[str]) -> tuple[str, str, list[str]]:
    """路径的各段 → (姓名, 去掉周次的那一段, 疑点)；从外往里看，外面的文件夹说了算

    例: owner_of(["张三", "作业", "week14_exercises.ipynb"], ["张三"]) -> ("张三", "张三", [])
    """
    labels = labels_of(parts)
    named = []
    for label in labels:
        who = matches(label, roster)
        if who:
            named.append((label, who))
    if not named:
        return unlisted(labels, parts, roster)
    label, who = named[0]
    if len(who) > 1:
        return label, label, [f"认不出是谁：{'、'.join(who)}"]
    return who[0], label, other_names(label, who[0], named)


def labels_of(parts: list[str]) -> list[str]:
    """路径的各段去掉周次等字样，什么也不剩的不要"""
    labels = [cleaned(part) for part in parts]
    return [label for label in labels if label]


def other_names(label: str, who: str, named: list) -> list[str]:
    """路径里还有别人的姓名，记一个疑点"""
    others = set()
    for _, names_inside in named:
        others.update(names_inside)
    others.discard(who)
    if not others:
        return []
    return [f"在 {label} 里，可是路径里还有 {'、'.join(sorted(others))}"]


def unlisted(labels: list[str], parts: list[str], roster: list[str]) -> tuple[str, str, list[str]]:
    """名单里没有的：有名单就取最外面的一段；没有名单不知道哪一段是姓名，各层文件夹都留着，例如 一班/张三"""
    if not labels:
        return parts[-1], parts[-1], ["名字里看不出是谁"]
    if roster:
        return labels[0], labels[0], ["名单里没有"]
    folders = labels_of(parts[:-1])
    whole = "/".join(folders) or labels[0]
    return whole, whole, []


def matches(label: str, roster: list[str]) -> list[str]:
    """名单里的谁：完全一样的；没有就是名字包在里面的，长的盖住短的。例: 2024001张三丰 -> 张三丰，不是张三"""
    if label in roster:
        return [label]
    inside = {name for name in roster if name in label}
    longest = [name for name in inside if not is_inside_another(name, inside)]
    if longest:
        return sorted(longest)
    if len(label) < 2:
        return []
    return sorted({name for name in roster if name.endswith(label)})


def is_inside_another(name: str, names_found: set[str]) -> bool:
    """是另一个更长的姓名的一部分吗。例: 张三 在 张三丰 里"""
    return any(name in other for other in names_found if other != name)


def look(file: Path, root: Path, roster: list[str]) -> Found:
    """看一个 .ipynb：是谁的，读得了吗"""
    parts = file.relative_to(root).parts
    owner, label, doubts = owner_of(list(parts), roster)
    found = Found(file, owner, label, None, "", doubts)
    try:
        found.homework = read(file)
    except Unreadable as error:
        found.why = str(error)
    return found


def collect(root: Path, week: int, roster: list[str]) -> list[Submission]:
    """收来的文件夹和名单 → 每个学生一份，按姓名的次序；没有交的也在里面"""
    found = {name: [] for name in roster}
    for file in notebooks(root):
        one = look(file, root, roster)
        found.setdefault(one.owner, []).append(one)
    collected = []
    for owner in sorted(found):
        collected += of_one_name(found[owner], owner, week, root)
    for name, times in Counter(roster).items():
        if times > 1:
            note(collected, name, f"名单里有 {times} 个 {name}，请加上学号")
    return collected


def note(collected: list[Submission], name: str, doubt: str) -> None:
    """给叫 name 的人记一个疑点"""
    for submission in collected:
        if submission.name == name:
            submission.doubts.append(doubt)


def of_one_name(found: list[Found], owner: str, week: int, root: Path) -> list[Submission]:
    """一个姓名的全部文件 → 一份；写法不同的几处（学号不同、两个文件夹）可能是同名的两个人，各评各的"""
    homework = by_label(found, week)
    if not homework:
        return [nothing_to_grade(found, owner)]
    if len(homework) == 1:
        submissions = [newest(mine, owner, root) for mine in homework.values()]
    else:
        submissions = [newest(mine, label, root) for label, mine in homework.items()]
        doubt = f"{'、'.join(homework)} 都对着 {owner}，可能是同名的两个人，各评了一份"
        for submission in submissions:
            submission.doubts.append(doubt)
    for one in found:
        if one.homework is None:
            submissions[-1].doubts.append(f"还交了打不开的 {one.file.name}")
    return submissions


def by_label(found: list[Found], week: int) -> dict[str, list[Found]]:
    """这一周的作业，照路径里的写法分开"""
    apart = {}
    for one in sorted(found, key=lambda one: one.label):
        if one.homework and one.homework.week() == week:
            apart.setdefault(one.label, []).append(one)
    return apart


def newest(homework: list[Found], name: str, root: Path) -> Submission:
    """同一个人交了几份，取最后修改的，别的记下来"""
    last = homework[-1]
    submission = Submission(name, last.file, last.homework)
    submission.doubts += last.doubts
    submission.doubts += last.homework.doubts
    if len(homework) > 1:
        chosen = last.file.relative_to(root)
        submission.doubts.append(f"交了 {len(homework)} 份，评的是最后修改的 {chosen}")
    return submission


def nothing_to_grade(found: list[Found], owner: str) -> Submission:
    """没有这一周的作业：没有交，打不开，或者交的是别的"""
    if not found:
        return Submission(owner, why="没有交")
    last = found[-1]
    submission = Submission(owner, last.file, why="打不开")
    submission.doubts += last.doubts
    if last.homework:
        submission.why = "不是这周的"
        submission.doubts.append(f"{last.file.name} 里认不出这周的题")
    else:
        submission.doubts.append(f"{last.file.name}：{last.why}")
    return submission
