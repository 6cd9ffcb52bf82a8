"""一份作业：不管是哪一版的笔记本、缺了什么，都读出里面的代码；认出是哪一周的；看过多少帮助

照 sheet[题号].check(…) 和答案的名字认，不靠元数据：用别的软件存过的，元数据会丢
"""
import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import assignment

BIGGEST = 200_000_000  # 字节；再大的不读
HELPED = re.compile(r"看过提示 (\d+) 级，参考答案 (\d+) 份")  # sheet.progress() 这样说
HINT = re.compile(r"^sheet\[(\d+)\]\.hint\(\)", re.M)
SOLUTION = re.compile(r"^sheet\[(\d+)\]\.solution\(\)", re.M)
ODD = re.compile(r"COURSE_GRADING|sys\.modules|__globals__|__closure__|_getframe|\bgc\b|\bctypes\b|\binspect\b|"
                 r"\bExercise\b|helpers\.exercises\.|\bos\.(?:_exit|kill|fork|environ|remove|system|setsid)|"
                 r"subprocess|multiprocessing|socket|rmtree|unlink|setattr|builtins")


class Unreadable(Exception):
    """这份作业读不了；文字说为什么"""


@dataclass
class Homework:
    """一份作业：各格代码，保存着的输出里的文字，读的时候发现的疑点"""
    cells: list[str]
    outputs: str = ""
    doubts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.cells)

    @property
    def help_shown(self) -> tuple[int, int]:
        """(看过几级提示, 几份参考答案)：保存的输出里说的和还留着的格里数出来的，取多的"""
        solutions = set(SOLUTION.findall(self.text))
        counted = (hints_in(self.text), len(solutions))
        said = HELPED.findall(self.outputs)
        if not said:
            return counted
        hints, shown = said[-1]
        return max(counted, (int(hints), int(shown)), key=sum)

    @property
    def odd_words(self) -> list[str]:
        """作业里一般不会有、改评分或动文件的代码里常有的写法；有不等于作弊"""
        return sorted(set(ODD.findall(self.text)))

    def week(self) -> int | None:
        """是哪一周的练习；都不像就是 None"""
        found = {week: self.names_found(week) for week in assignment.WEEKS}
        best = max(found, key=found.get)
        if found[best] < 4:
            return None
        return best

    def names_found(self, week: int) -> int:
        """这一周的标记有几个：答案的名字，准备格里的 week14（两周都有的 answer_1 等不算数）"""
        count = 0
        for name in assignment.answer_names(week).values():
            if not name.startswith("answer_") and self.has_word(name):
                count += 1
        if self.has_word(f"week{week}") and "sheet[" in self.text:
            count += 4
        return count

    def has_word(self, word: str) -> bool:
        """代码里有这个词吗"""
        return re.search(rf"\b{word}\b", self.text) is not None

    def place_of(self, number: int, name: str) -> int | None:
        """第几格以后评第 number 题：给 name 赋值的、检查它的，取最后一格；没有就是 None"""
        last = None
        for place, source in enumerate(self.cells):
            if binds(source, name) or checks(source, number):
                last = place
        return last

    def place_of_answer(self, name: str) -> int | None:
        """给 name 赋值的最后一格；没有就是检查它的那格前面的一格（写了语法不对的、别的名字）；再没有就是 None"""
        last = None
        before_check = None
        for place, source in enumerate(self.cells):
            if binds(source, name):
                last = place
            if before_check is None and name in names_checked(source):
                before_check = place - 1
        if last is None and before_check != -1:
            return before_check
        return last

    def answer_of(self, name: str) -> str:
        """答 name 的那一格代码；没有就是空的"""
        place = self.place_of_answer(name)
        return "" if place is None else self.cells[place]


def hints_in(text: str) -> int:
    """还留着的 sheet[题号].hint() 给了几级，一题最多两级"""
    numbers = HINT.findall(text)
    return sum(min(numbers.count(number), 2) for number in set(numbers))


def names_checked(source: str) -> list[str]:
    """这一格检查哪些名字。例: names_checked("sheet[2].check(count_tokens)") -> ["count_tokens"]"""
    return [name for _, name in assignment.CHECK.findall(source)]


def checks(source: str, number: int) -> bool:
    """是第 number 题的检查格吗"""
    found = assignment.CHECK.findall(source)
    return str(number) in [each for each, _ in found]


def binds(source: str, name: str) -> bool:
    """这一格给 name 赋值，或者定义了叫 name 的函数吗；语法不对的照文字看"""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.search(rf"^(def\s+)?{name}\s*[=(:]", source, re.M) is not None
    return any(name in names_bound(statement) for statement in tree.body)


def names_bound(statement: ast.stmt) -> set[str]:
    """一条语句给哪些名字赋值"""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def read(file: Path) -> Homework:
    """读一份作业；读不了抛出 Unreadable，一句话说为什么"""
    if file.is_symlink():
        raise Unreadable("应是文件，现在是链接；请他交文件本身")
    if not file.is_file():
        raise Unreadable("应是文件，现在是文件夹")
    content = contents(file)
    if isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        return from_cells(old_cells(content["worksheets"]), content)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise Unreadable("应是笔记本，里面没有格")
    return from_cells(content["cells"], content)


def contents(file: Path) -> object:
    """文件里的 JSON"""
    try:
        if file.stat().st_size > BIGGEST:
            raise Unreadable(f"应小于 {BIGGEST // 10**6} MB；请他清空输出再交")
        return json.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise Unreadable(f"打不开（{error.strerror}）") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable("应是笔记本，现在是空的、没有传完，或者不是 JSON；请他重交") from error


def old_cells(worksheets: list) -> list:
    """第 3 版的笔记本：格在 worksheets 里"""
    sheets = [sheet for sheet in worksheets if isinstance(sheet, dict)]
    return [cell for sheet in sheets for cell in as_list(sheet.get("cells"))]


def from_cells(cells: list, content: dict) -> Homework:
    """各格 → 作业；读不懂的格跳过，记在疑点里"""
    found = [cell for cell in cells if isinstance(cell, dict)]
    if cells and not found:
        raise Unreadable("应是笔记本，里面没有读得懂的格")
    code = [cell for cell in found if cell.get("cell_type") == "code"]
    homework = Homework([])
    outputs = []
    for cell in code:
        source = cell.get("source", cell.get("input"))
        homework.cells.append(text_of(source))
        for output in as_list(cell.get("outputs")):
            outputs.append(said_by(output))
    homework.outputs = "\n".join(outputs)
    if len(found) < len(cells):
        homework.doubts.append(f"有 {len(cells) - len(found)} 格读不懂，跳过了")
    if content.get("nbformat") != 4:
        homework.doubts.append("笔记本不是第 4 版的")
    return homework


def said_by(output: object) -> str:
    """一格的一个输出里的文字"""
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    if not isinstance(data, dict):
        return text_of(output.get("text"))
    return text_of(data.get("text/plain"))


def text_of(value: object) -> str:
    """一段文字，或者一行行的列表 → 文字；单独的代理字符变成 ?，别的是空的"""
    if isinstance(value, str):
        text = value
    else:
        lines = [line for line in as_list(value) if isinstance(line, str)]
        text = "".join(lines)
    content = text.encode("utf-8", errors="replace")
    return content.decode("utf-8")


def as_list(value: object) -> list:
    """列表照旧，别的是空列表"""
    return value if isinstance(value, list) else []
