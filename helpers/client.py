"""问一台共用的推理服务器：老师开一台，大家的电脑不用加载权重

COURSE_SERVER 是它的地址，例如 http://10.0.0.5:8000/v1；COURSE_SERVER_MODEL 是模型在服务器上的名字（默认是真正的
Qwen）；COURSE_SERVER_KEY 是密钥（没有就不用设）。服务器讲的是 OpenAI 的协议，transformers serve、vLLM 都行
出处: notebooks/02_quickstart.ipynb 第 7 节；怎样开一台，见 classroom/server.md
"""
import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from helpers.download.names import QWEN_ID
from helpers.errors import ModelError

EXAMPLE = "http://10.0.0.5:8000/v1"
CONNECT = 5          # 连上服务器最多等几秒
PATIENCE = 60        # 服务器几秒一个字也没有来就不再等
LIMIT = 300          # 一个回答最多收几秒
WAITS = (1, 2, 4)    # 服务器太忙、断开时，隔几秒再问
MOST_TOKENS = 1000   # 一个回答最多几个词元
MOST_LETTERS = 4000  # 一个问题最多几个字：比服务器的缓存还长的问题会让它停下
NONSENSE = (ValueError, AttributeError, TypeError, KeyError, IndexError)  # 回答不是约定的格式时，读它会出的错
BUSY = (429, 502, 503)


@dataclass(frozen=True)
class Answer:
    """一次提问的结果：收到的文字（断了就是断之前的），出了什么毛病（没有就是空的），几秒，几个词元"""
    text: str
    trouble: str
    seconds: float
    tokens: int

    def __str__(self) -> str:
        return "\n".join(part for part in (self.text, self.trouble and f"（{self.trouble}）") if part)


def address() -> str:
    """服务器的地址 COURSE_SERVER，没有设就是空的；写得不对报 ModelError

    例: 没有设时 address() -> ""
    """
    text = os.environ.get("COURSE_SERVER", "").strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # 端口不是数、方括号不成对
        good = False
    if text and not (good and text.isascii() and " " not in text):
        raise ModelError(f"COURSE_SERVER 应像 {EXAMPLE}（http:// 开头，冒号和斜杠是半角的），现在是 {text!r}；"
                         "照老师给的地址重新设，再重新启动 JupyterLab")
    return text


def key() -> str:
    """密钥 COURSE_SERVER_KEY，没有设就是 none：总要给客户端一个，不然它会送出你保存的 Hugging Face 令牌"""
    text = os.environ.get("COURSE_SERVER_KEY", "").strip() or "none"
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ModelError("COURSE_SERVER_KEY 应是半角的字母和数字，现在里面有别的字；照老师给的密钥重新设")
    return text


def model_name() -> str:
    """模型在服务器上的名字 COURSE_SERVER_MODEL，没有设就是 Qwen/Qwen2.5-0.5B-Instruct"""
    return os.environ.get("COURSE_SERVER_MODEL", "").strip() or QWEN_ID


def host() -> str:
    """服务器的名字和端口。例: "10.0.0.5:8000" """
    return urlsplit(address()).netloc.rpartition("@")[2]


def ask(question: str, max_tokens: int = 200, show: Callable[[str], object] | None = None,
        patience: float = PATIENCE) -> Answer:
    """问一个问题，一段一段地收回答，每一步选概率最大的词元

    max_tokens: 1 到 1000；show: 每收到一段交给它一次；patience: 几秒一个字也没有来就不再等
    服务器出的毛病写在 Answer.trouble 里，已经收到的不会丢；太忙、还没有收到就断开时，自己再问几次
    没有设或写错 COURSE_SERVER 时报 ModelError，问题、个数不对时报 TypeError、ValueError
    例: ask("你好", show=print).trouble -> ""
    """
    check(question, max_tokens)
    start, pieces, usage = time.perf_counter(), [], {}
    for wait in (*WAITS, None):
        trouble = ""
        try:
            for piece in stream(question, max_tokens, patience, usage):
                pieces.append(piece)
                if show:
                    show(piece)
        except Exception as error:
            trouble = explain(error, host(), model_name())
            if trouble is None:
                raise
            if wait and not pieces and worth_another(error):
                time.sleep(wait * random.uniform(0.5, 1.5))  # 四十个人不要同时再问
                continue
        break
    if trouble and pieces:
        trouble += "；收到的部分还在"
    return Answer("".join(pieces), trouble, time.perf_counter() - start, usage.get("tokens", len(pieces)))


def ask_all(questions: list[str], at_once: int = 8, max_tokens: int = 200, patience: float = PATIENCE) -> list[Answer]:
    """问许多问题，同时最多问 at_once 个（1 到 100），回答的次序与问题相同；一个出了毛病，不影响别的

    例: [answer.text for answer in ask_all(["你好", "你是谁"])]
    """
    if isinstance(questions, str):
        raise TypeError('questions 应是一列问题，现在是一段文字；只问一个时写 ask("你好")')
    if isinstance(at_once, bool) or not isinstance(at_once, int) or not 1 <= at_once <= 100:
        raise ValueError(f"at_once 应是 1 到 100 的整数，现在是 {at_once!r}；例如 8")
    for question in questions:
        check(question, max_tokens)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda question: ask(question, max_tokens, patience=patience), questions))


def check(question: str, max_tokens: int) -> None:
    """问题应有字、不太长，max_tokens 应是 1 到 1000 的整数，COURSE_SERVER 应设好；不对就报错"""
    from helpers.tokens import check_text  # 它要导入 transformers，用到时再导入

    check_text(question.strip() if isinstance(question, str) else question)
    if len(question) > MOST_LETTERS:
        raise ValueError(f"问题应不超过 {MOST_LETTERS} 个字，现在有 {len(question)} 个；缩短再试")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or not 1 <= max_tokens <= MOST_TOKENS:
        raise ValueError(f"max_tokens 应是 1 到 {MOST_TOKENS} 的整数，现在是 {max_tokens!r}；例如 200")
    if not address():
        raise ModelError(f"COURSE_SERVER 应是服务器的地址（例如 {EXAMPLE}），现在没有设；设好以后重新启动 JupyterLab")
    key()


def stream(question: str, max_tokens: int, patience: float, usage: dict[str, int]) -> Iterator[str]:
    """回答的一段又一段；服务器报了词元数就写进 usage；回答没有说完、说个不停、是空的、看不懂时报 ModelError"""
    import httpx2  # huggingface_hub 已经要求装它
    from huggingface_hub import InferenceClient

    start, count, reason = time.perf_counter(), 0, None
    timeout = httpx2.Timeout(patience, connect=CONNECT)
    try:
        with InferenceClient(base_url=address(), api_key=key(), timeout=timeout) as client:
            events = client.chat_completion([{"role": "user", "content": question}], model=model_name(),
                                            max_tokens=max_tokens, temperature=0, stream=True)
            for event in check_some(events):
                if event.usage and event.usage.completion_tokens:
                    usage["tokens"] = event.usage.completion_tokens
                for choice in event.choices:
                    reason = choice.finish_reason or reason
                    if choice.delta.content:
                        count += 1
                        yield choice.delta.content
                check_end(count, max_tokens, time.perf_counter() - start)
    except NONSENSE as error:  # 400 也是一种 ValueError
        raise ModelError(explain(error, host(), model_name()) or nonsense(error, host())) from None
    if not reason:
        raise ModelError(broken(host()))
    if not count:
        raise ModelError(f"{host()} 应回答文字，现在是空的回答；换一个问法再试，还不行就告诉老师")


def check_some(events: Iterator) -> Iterator:
    """原样给出每一段；一段也没有（网页里没有 data: 开头的行）时报 ValueError"""
    event = None
    for event in events:
        yield event
    if event is None:
        raise ValueError("没有 data: 开头的行")


def check_end(count: int, max_tokens: int, seconds: float) -> None:
    """一段大致是一个词元，多出一倍还不停、或者收得太久，就报 ModelError"""
    if count > 2 * max_tokens + 8 or seconds > LIMIT:
        raise ModelError(f"{host()} 应在 {max_tokens} 个词元、{LIMIT} 秒以内说完，现在还没有停；已经不再收了，"
                         "把问题问得窄一些再试")


@contextlib.contextmanager
def friendly() -> Iterator[None]:
    """里面直接用 InferenceClient 时，服务器出的毛病变成一句中文的 ModelError"""
    try:
        yield
    except Exception as error:
        trouble = explain(error, host(), model_name())
        if trouble is None and not isinstance(error, NONSENSE):
            raise
        raise ModelError(trouble or nonsense(error, host())) from None


def status(error: Exception) -> int | None:
    """HTTP 的状态码；不是这样的错就是 None"""
    return getattr(getattr(error, "response", None), "status_code", None)


def worth_another(error: Exception) -> bool:
    """过一会儿再问，多半就好的错：太忙，或者连上以后断开"""
    import httpx2  # huggingface_hub 已经要求装它

    dropped = httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError
    return status(error) in BUSY or isinstance(error, dropped)


def explain(error: Exception, host: str, model: str) -> str | None:
    """问 host 上的 model 时出的错 → 一句中文；不是服务器和网络的错是 None"""
    import httpx2
    from huggingface_hub.errors import InferenceTimeoutError, OfflineModeIsEnabled, TextGenerationError

    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, OfflineModeIsEnabled):
        return f"客户端应能连 {host}，现在 HF_HUB_OFFLINE 不让它联网；去掉这个环境变量，再重新启动 JupyterLab"
    if isinstance(error, httpx2.TimeoutException | InferenceTimeoutError):
        return slow(error, host)
    if status(error) is not None:
        return refused(status(error), error.response.text, host, model)
    if isinstance(error, TextGenerationError):
        return f"{host} 应说完再停，现在说它出错了：{short(error)}；再问一次，还不行就告诉老师"
    if isinstance(error, httpx2.ConnectError):
        return unreachable(error, host)
    return broken(host) if isinstance(error, httpx2.HTTPError) else None


def short(said: object) -> str:
    """服务器自己的话，一行，最多 100 个字"""
    return " ".join(str(said).split())[:100]


def slow(error: Exception, host: str) -> str:
    """超时：连不上，或者连上了没有字来"""
    import httpx2

    if httpx2.ConnectTimeout in (type(error), type(error.__cause__)):
        return f"{host} 应接受连接，现在一直没有反应；检查地址，看看连的是不是老师说的网络，还不行就请老师看看防火墙"
    return f"{host} 应很快开始回答，现在等了很久没有字来；人太多或者它卡住了，过一会儿再问"


def unreachable(error: Exception, host: str) -> str:
    """连不上：查不到地址、被拒绝、别的"""
    cause = error
    while cause and not isinstance(cause, socket.gaierror | ConnectionRefusedError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, socket.gaierror):
        return f"应查得到 {host} 的地址，现在查不到；检查 COURSE_SERVER，看看连的是不是老师说的网络"
    found = "连接被拒绝" if cause else f"连不上（{short(error)}）"
    return f"{host} 应有服务器在听，现在{found}；服务器没有开或者停了，问老师，再检查地址、端口和代理的设置"


def broken(host: str) -> str:
    """说到一半断了"""
    return f"{host} 应说完再停，现在没有说完连接就断了；服务器可能停了，过一会儿再问"


def refused(code: int, text: str, host: str, model: str) -> str:
    """服务器回答了一个错误的状态码；text 是它自己的话"""
    said = f"{code}：{short(text)}"
    if code in (401, 403):
        return f"{host} 应让你问，现在不让（{said}）；把 COURSE_SERVER_KEY 设成老师给的密钥"
    if "context length" in text:
        return f"{host} 应答得完，现在说问题加回答太长（{said}）；缩短问题再试"
    if code in (400, 404, 422):
        return (f"{host} 应能回答 {model}，现在说没有或者不行（{said}）；把 COURSE_SERVER_MODEL 设成老师给的名字，"
                "再检查 COURSE_SERVER 末尾是不是 /v1")
    if code in BUSY:
        return f"{host} 应能回答，现在太忙或者停了（{said}）；过一两分钟再问，还不行就告诉老师"
    return f"{host} 应能回答，现在服务器出错（{said}）；不是你的电脑的问题，再问一次，还不行就告诉老师"


def nonsense(error: Exception, host: str) -> str:
    """回答不是约定的格式"""
    return (f"{host} 应回答 OpenAI 格式的 JSON，现在的回答看不懂（{short(error)}）；多半是校园网还没有登录"
            "（先在浏览器里登录），或者 COURSE_SERVER 写成了别的网站；改过这一格的，先检查自己改的地方")
