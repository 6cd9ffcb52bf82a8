"""课程的错误：文字说明应该是什么、现在是什么、怎么办；终端里的程序出错时，只打印这一句"""
import contextlib
import sys
from collections.abc import Iterator

INSTALL = "在项目文件夹运行 python -m pip install -e ."

NO_HOME = "home directory"  # 没有用户文件夹时，Path.home() 报的 RuntimeError 里的话


class ModelError(Exception):
    """模型用不了：名字不对、文件不齐、下载不了"""


@contextlib.contextmanager
def friendly_errors(stopped: str = "已停止") -> Iterator[None]:
    """里面的代码出错时，在标准错误里说一句中文，然后退出：Ctrl-C 是 130，其他是 1；顺便让输出用 UTF-8

    stopped: 按了 Ctrl-C 以后说的话
    例: with friendly_errors(): locate("没有这个模型")
    """
    utf8_output()
    try:
        yield
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        raise SystemExit(130) from None
    except ModelError as error:
        raise SystemExit(str(error)) from None
    except ImportError as error:
        raise SystemExit(f"应装好课程的全部包，现在缺 {error.name or error}；{INSTALL}") from None
    except OSError as error:
        reason = f"{error.strerror or error}：{error.filename or '没有说是哪个文件'}"[:200]
        raise SystemExit(f"文件应能读写，现在不能（{reason}）；看看磁盘满了没有、有没有权限，"
                         "或者用 MODELSCOPE_CACHE 换到自己的文件夹") from None
    except RuntimeError as error:
        if NO_HOME not in str(error):
            raise
        raise SystemExit("这个账户应有用户文件夹，现在没有；把环境变量 HOME（Windows 是 USERPROFILE）"
                         "设为一个能写的文件夹，再运行一次") from None
    except MemoryError:
        raise SystemExit("内存应放得下整个模型，现在不够；关掉浏览器等程序再试，或者设 COURSE_MODEL 为 tiny") from None


def utf8_output() -> None:
    """让标准输出和标准错误用 UTF-8：中文 Windows 的管道默认是 GBK，写不出表情"""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
