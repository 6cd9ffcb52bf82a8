"""收来的文件夹 → 每个学生的作业：照路径里的名字对名单；拿不准的都记下来给老师看，不替老师决定"""
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

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
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gbk", errors="replace")
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
        named = [name for name in files + folders if name.lower().endswith(".ipynb")]
        found += [Path(folder, name) for name in named if not name.startswith("._")]
    return sorted(found, key=lambda file: (file.lstat().st_mtime, str(file)))


def owner_of(parts: list[str], roster: list[str]) -> tuple[str, str, list[str]]:
    """路径的各段 → (姓名, 去掉周次的那一段, 疑点)；从外往里看，外面的文件夹说了算

    例: owner_of(["张三", "作业", "week14_exercises.ipynb"], ["张三"]) -> ("张三", "张三", [])
    """
    labels = [label for label in map(cleaned, parts) if label]
    matched = [(label, matches(label, roster)) for label in labels]
    matched = [(label, who) for label, who in matched if who]
    if not matched:
        return unlisted(labels, parts, roster)
    label, who = matched[0]
    doubts = []
    others = {name for _, more in matched[1:] for name in more} - set(who)
    if others:
        doubts.append(f"在 {label} 里，可是路径里还有 {'、'.join(sorted(others))}")
    if len(who) > 1:
        return label, label, [*doubts, f"认不出是谁：{'、'.join(who)}"]
    return who[0], label, doubts


def unlisted(labels: list[str], parts: list[str], roster: list[str]) -> tuple[str, str, list[str]]:
    """名单里没有的：有名单就取最外面的一段；没有名单不知道哪一段是姓名，各层文件夹都留着，例如 一班/张三"""
    if not labels:
        return parts[-1], parts[-1], ["名字里看不出是谁"]
    if roster:
        return labels[0], labels[0], ["名单里没有"]
    folders = [label for label in map(cleaned, parts[:-1]) if label]
    whole = "/".join(folders) or labels[0]
    return whole, whole, []


def matches(label: str, roster: list[str]) -> list[str]:
    """名单里的谁：完全一样的；没有就是名字包在里面的，长的盖住短的。例: 2024001张三丰 -> 张三丰，不是张三"""
    if label in roster:
        return [label]
    inside = sorted({name for name in roster if name in label})
    longest = [name for name in inside if not any(name != other and name in other for other in inside)]
    if longest:
        return longest
    return sorted({name for name in roster if len(label) > 1 and name.endswith(label)})


def look(file: Path, root: Path, roster: list[str]) -> Found:
    """看一个 .ipynb：是谁的，读得了吗"""
    owner, label, doubts = owner_of(list(file.relative_to(root).parts), roster)
    try:
        return Found(file, owner, label, read(file), "", doubts)
    except Unreadable as error:
        return Found(file, owner, label, None, str(error), doubts)


def collect(root: Path, week: int, roster: list[str]) -> list[Submission]:
    """收来的文件夹和名单 → 每个学生一份，按姓名的次序；没有交的也在里面"""
    found = [look(file, root, roster) for file in notebooks(root)]
    collected = []
    for owner in sorted({one.owner for one in found} | set(roster)):
        collected += of_one_name([one for one in found if one.owner == owner], owner, week, root)
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
    homework = [one for one in found if one.homework and one.homework.week() == week]
    if not homework:
        return [nothing_to_grade(found, owner)]
    labels = sorted({one.label for one in homework})
    submissions = []
    for label in labels:
        mine = [one for one in homework if one.label == label]
        submissions.append(newest(mine, owner if len(labels) == 1 else label, root))
    for submission in submissions:
        if len(labels) > 1:
            submission.doubts.append(f"{'、'.join(labels)} 都对着 {owner}，可能是同名的两个人，各评了一份")
        unread = [one.file.name for one in found if one.homework is None]
        if unread:
            submission.doubts.append(f"还交了打不开的 {unread[-1]}")
    return submissions


def newest(homework: list[Found], name: str, root: Path) -> Submission:
    """同一个人交了几份，取最后修改的，别的记下来"""
    last = homework[-1]
    doubts = [*last.doubts, *last.homework.doubts]
    if len(homework) > 1:
        doubts.append(f"交了 {len(homework)} 份，评的是最后修改的 {last.file.relative_to(root)}")
    return Submission(name, last.file, last.homework, doubts=doubts)


def nothing_to_grade(found: list[Found], owner: str) -> Submission:
    """没有这一周的作业：没有交，打不开，或者交的是别的"""
    if not found:
        return Submission(owner, why="没有交")
    last = found[-1]
    if last.homework is None:
        return Submission(owner, last.file, why="打不开", doubts=[*last.doubts, f"{last.file.name}：{last.why}"])
    return Submission(owner, last.file, why="不是这周的", doubts=[*last.doubts, f"{last.file.name} 里认不出这周的题"])
