"""run_qwen.py 的外围：从命令行取问题，把出错变成一句中文"""
import contextlib
import sys
from collections.abc import Iterator

from helpers import model

DEFAULT_QUESTION = "人工智能未来会取代人类吗？"
NEW_TOKENS = 200


def stop(message: str, code: int = 1) -> None:
    """在标准错误里说一句话，然后退出"""
    print(message, file=sys.stderr)
    raise SystemExit(code)


def question(arguments: list[str] | None = None) -> str:
    """命令行参数 → 问题；几个参数用空格连起来，一个也没有时用默认问题；空白的问题退出，代码 2"""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # 中文 Windows 的管道默认是 GBK
    arguments = [text for text in (sys.argv[1:] if arguments is None else arguments) if text != "--fast"]
    text = " ".join(arguments).encode("utf-8", "replace").decode("utf-8").strip()
    if arguments and not text:
        stop('问题应有文字，现在是空白；例如：python run_qwen.py "什么是词元"', 2)
    return text or DEFAULT_QUESTION


def fast() -> bool:
    """命令行里写了 --fast 吗：用这台电脑上最快的做法（第 07 讲的 fastest）"""
    return "--fast" in sys.argv[1:]


def check_length(tokens: int, limit: int) -> None:
    """问题加上回答放得进模型的上下文吗；放不下就退出，代码 2"""
    if tokens + NEW_TOKENS > limit:
        stop(f"问题应不超过 {limit - NEW_TOKENS} 个词元，现在有 {tokens} 个；把问题缩短再试", 2)


@contextlib.contextmanager
def friendly_errors() -> Iterator[None]:
    """里面的代码出错时，只打印一句中文并退出：Ctrl-C 是 130，其他是 1"""
    try:
        yield
    except KeyboardInterrupt:
        stop("\n已停止", 130)
    except model.ModelError as error:
        stop(str(error))
    except ImportError as error:
        stop(f"应装好课程的全部包，现在缺 {error.name or error}；在项目文件夹运行 python -m pip install -e .")
    except MemoryError:
        stop("内存应放得下整个模型，现在不够；关掉浏览器等程序再试，或者把 COURSE_MODEL 设为 tiny")
