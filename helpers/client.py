"""问一台共用的推理服务器：老师开一台，大家的电脑不用加载权重

COURSE_SERVER 是它的地址，例如 http://10.0.0.5:8000/v1；COURSE_SERVER_MODEL 是模型在服务器上的名字（默认是真正的
Qwen）；COURSE_SERVER_KEY 是密钥（没有就不用设）。服务器讲的是 OpenAI 的协议，transformers serve、vLLM 都行
出处: notebooks/08_speed.ipynb 第 6 节；怎样开一台，见 classroom/server.md
"""
import contextlib
import json
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from helpers.download import web
from helpers.download.checkpoint import MALFORMED
from helpers.download.names import QWEN_ID
from helpers.errors import ModelError

EXAMPLE_ADDRESS = "http://10.0.0.5:8000/v1"
SILENT_SECONDS = 60        # 服务器几秒一个字也没有来就不再等
ANSWER_SECONDS = 300       # 一个回答最多收几秒
ANSWER_BYTES = 4_000_000   # 一个回答最多收多少字节：1000 个词元，每个几百字节，还有余
SAID_BYTES = 2000          # 服务器说自己为什么出错，最多读多少字节
RETRY_WAITS = (1, 2, 4)    # 服务器太忙、断开时，隔几秒再问
MOST_ANSWER_TOKENS = 1000  # 一个回答最多几个词元
MOST_ASKED_LETTERS = 4000  # 一个问题最多几个字：比服务器的缓存还长的问题会让它停下
BUSY_CODES = (429, 502, 503)


# 服务器在哪里

def address() -> str:
    """服务器的地址 COURSE_SERVER，没有设就是空的；写得不对报 ModelError

    例: 没有设时 address() -> ""
    """
    text = os.environ.get("COURSE_SERVER", "").strip()
    if text and not web.is_address(text):
        raise ModelError(
            f"COURSE_SERVER 应像 {EXAMPLE_ADDRESS}（http:// 开头，冒号和斜杠是半角的），现在是 {text!r}；"
            "照老师给的地址重新设，再重新启动 JupyterLab")
    return text


def server_host() -> str:
    """服务器的名字和端口。例: "10.0.0.5:8000" """
    return urlsplit(address()).netloc.rpartition("@")[2]


def key() -> str:
    """密钥 COURSE_SERVER_KEY，没有设就是 none"""
    text = os.environ.get("COURSE_SERVER_KEY", "").strip() or "none"
    if not re.fullmatch(web.VISIBLE_ASCII, text):
        raise ModelError("COURSE_SERVER_KEY 应是半角的字母和数字，现在里面有别的字；照老师给的密钥重新设")
    return text


def model_name() -> str:
    """模型在服务器上的名字 COURSE_SERVER_MODEL，没有设就是 Qwen/Qwen2.5-0.5B-Instruct"""
    text = os.environ.get("COURSE_SERVER_MODEL", "").strip() or QWEN_ID
    if not text.isprintable():
        raise ModelError("COURSE_SERVER_MODEL 应是一行文字，现在里面有写不出来的字；照老师给的名字重新设")
    return text


# 问它

@dataclass(frozen=True)
class Answer:
    """一次提问的结果：收到的文字（断了就是断之前的），出了什么毛病（没有就是 None），几秒，几个词元"""
    text: str
    trouble: str | None
    seconds: float
    tokens: int

    def __str__(self) -> str:
        shown = [self.text]
        if self.trouble:
            shown.append(f"（{self.trouble}）")
        return "\n".join(filter(None, shown))


def ask(question: str, max_tokens: int = 200, show: Callable | None = None,
        patience: float = SILENT_SECONDS) -> Answer:
    """问一个问题，一段一段地收回答，每一步选概率最大的词元

    max_tokens: 1 到 1000；show: 每收到一段交给它一次；patience: 几秒一个字也没有来就不再等
    服务器出的毛病写在 Answer.trouble 里，已经收到的不会丢；太忙、还没有收到就断开时，自己再问几次
    没有设或写错 COURSE_SERVER 时报 ModelError，问题、个数不对时报 TypeError、ValueError
    例: ask("你好", show=print).trouble -> None
    """
    check_question(question, max_tokens)
    start = time.perf_counter()
    pieces = []
    tokens = None
    trouble = None
    try:
        for part in stream_with_retries(question, max_tokens, patience):
            tokens = part.tokens or tokens
            if part.text:
                pieces.append(part.text)
                if show:
                    show(part.text)
    except ModelError as error:
        trouble = str(error)
        if pieces:
            trouble += "；收到的部分还在"
    seconds = time.perf_counter() - start
    return Answer("".join(pieces), trouble, seconds, tokens or len(pieces))


def ask_all(questions: list[str], at_once: int = 8, max_tokens: int = 200,
            patience: float = SILENT_SECONDS) -> list[Answer]:
    """问许多问题，同时最多问 at_once 个（1 到 100），回答的次序与问题相同；一个出了毛病，不影响别的

    例: [answer.text for answer in ask_all(["你好", "你是谁"])]
    """
    if isinstance(questions, str):
        raise TypeError('questions 应是一列问题，现在是一段文字；只问一个时写 ask("你好")')
    if type(at_once) is not int or not 1 <= at_once <= 100:
        raise ValueError(f"at_once 应是 1 到 100 的整数，现在是 {at_once!r}；例如 8")
    for question in questions:
        check_question(question, max_tokens)
    ask_one = partial(ask, max_tokens=max_tokens, patience=patience)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(ask_one, questions))


def check_question(question: str, max_tokens: int) -> None:
    """问题应有字、不太长，max_tokens 应是 1 到 1000 的整数，COURSE_SERVER 应设好；不对就报错"""
    from helpers.tokens import check_text  # 它要导入 transformers，用到时再导入

    check_text(question)
    check_text(question.strip())  # 只有空白也算空的
    if len(question) > MOST_ASKED_LETTERS:
        raise ValueError(f"问题应不超过 {MOST_ASKED_LETTERS} 个字，现在有 {len(question)} 个；缩短再试")
    if type(max_tokens) is not int or not 1 <= max_tokens <= MOST_ANSWER_TOKENS:
        raise ValueError(f"max_tokens 应是 1 到 {MOST_ANSWER_TOKENS} 的整数，现在是 {max_tokens!r}；例如 200")
    if not address():
        raise ModelError(
            f"COURSE_SERVER 应是服务器的地址（例如 {EXAMPLE_ADDRESS}），现在没有设；设好以后重新启动 JupyterLab")
    key()
    model_name()


# 一段一段地收

@dataclass(frozen=True)
class Part:
    """服务器发来的一段：几个字（可能没有），是不是最后一段，回答一共几个词元（还没有报就是 None）"""
    text: str
    last: bool
    tokens: int | None


def read_part(data: str) -> Part:
    """data: 后面的 JSON → Part；服务器说出错了时报 ModelError，不是约定的格式时报 MALFORMED 里的错"""
    event = json.loads(data)
    if event.get("error") is not None:
        raise ModelError(filled(FAILED, shorten_reply(event["error"])))
    text = ""
    last = False
    for choice in event["choices"]:
        piece = choice["delta"].get("content")
        if piece is not None:
            text += piece
        last = bool(choice.get("finish_reason"))
    text = text.encode("utf-8", "replace").decode("utf-8")  # 半个表情写不出来，变成问号
    return Part(text, last, answer_tokens(event))


def answer_tokens(event: dict) -> int | None:
    """服务器报的词元数，没有报就是 None；不是整数时报 TypeError"""
    usage = event.get("usage")
    if not usage:
        return None
    tokens = usage.get("completion_tokens")
    if type(tokens) is not int:
        raise TypeError(f"completion_tokens 是 {tokens!r}")
    return tokens


def received_parts(response) -> Iterator[Part]:
    """回答里 data: 开头的各行，读到 [DONE] 为止；别的行（注释、空行）不看

    出处: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    for line in web.answer_lines(response, ANSWER_BYTES):
        field, _, data = line.partition(":")
        data = data.strip()
        if field != "data":
            continue
        if data == "[DONE]":
            return
        yield read_part(data)


def stream(question: str, max_tokens: int, patience: float) -> Iterator[Part]:
    """服务器发来的一段又一段；出了毛病、看不懂、说个不停、没有说完、是空的时报 ModelError"""
    start = time.monotonic()
    messages = [{"role": "user", "content": question}]
    body = {"messages": messages, "model": model_name(), "max_tokens": max_tokens, "temperature": 0, "stream": True}
    headers = {"Authorization": f"Bearer {key()}"}
    url = address().rstrip("/") + "/chat/completions"
    part = None
    ended = False
    count = 0
    with (friendly(start),
          web.web_answer("POST", url, min(patience, ANSWER_SECONDS), patience, json=body, headers=headers)
          as (response, deadline)):
        check_status(response)
        for part in received_parts(response):
            if part.text:
                count += 1
                deadline.until = min(time.monotonic() + patience, start + ANSWER_SECONDS)
            yield part
            ended = ended or part.last
            check_end(count, max_tokens)
    if part is None:
        raise ModelError(filled(UNREADABLE, "没有 data: 开头的行"))  # 例如校园网的登录页
    if not ended:
        raise BusyError(filled(BROKEN))
    if count == 0:
        raise ModelError(filled(EMPTY))


def check_status(response) -> None:
    """状态码不是 200 时报 ModelError，带着服务器自己的话"""
    if response.status_code == 200:
        return
    said = ""
    with contextlib.suppress(web.TooLarge):
        for block in web.answer_blocks(response, SAID_BYTES):
            said += block.decode("utf-8", "replace")
    message = message_for_status(response.status_code, said)
    raise server_trouble(message, f"{response.status_code}：{said}")


def check_end(count: int, max_tokens: int) -> None:
    """一段大致是一个词元，多出一倍还不停，就报 ModelError"""
    if count > 2 * max_tokens + 8:
        raise ModelError(filled(ENDLESS, f" {max_tokens} 个词元"))


def stream_with_retries(question: str, max_tokens: int, patience: float) -> Iterator[Part]:
    """一段又一段；太忙、还没有收到字就断开时，隔几秒再问"""
    received = False
    for wait in RETRY_WAITS:
        try:
            for part in stream(question, max_tokens, patience):
                received = received or part.text
                yield part
            return
        except BusyError:
            if received:
                raise
        time.sleep(wait * random.uniform(0.5, 1.5))  # 四十个人不要同时再问
    yield from stream(question, max_tokens, patience)


# 服务器出的毛病 → 一句中文；{host} 是服务器，{model} 是模型的名字，{said} 是服务器或者错误自己的话

UNKNOWN_HOST = "应查得到 {host} 的地址，现在查不到；检查 COURSE_SERVER 和代理的设置，看看连的是不是老师说的网络"
NOBODY_LISTENS = "{host} 应有服务器在听，现在连接被拒绝；服务器没有开或者停了，问老师，再检查地址、端口和代理的设置"
UNREACHABLE = "{host} 应有服务器在听，现在连不上（{said}）；服务器没有开或者停了，问老师，再检查地址、端口和代理的设置"
NO_REACTION = "{host} 应接受连接，现在一直没有反应；检查地址，看看连的是不是老师说的网络，还不行就请老师看看防火墙"
SILENT = "{host} 应很快开始回答，现在等了很久没有字来；人太多或者它卡住了，过一会儿再问"
SERVER_BUSY = "{host} 应能回答，现在太忙或者停了（{said}）；过一两分钟再问，还不行就告诉老师"
WRONG_KEY = "{host} 应让你问，现在不让（{said}）；把 COURSE_SERVER_KEY 设成老师给的密钥"
TOO_LONG = "{host} 应答得完，现在说问题加回答太长（{said}）；缩短问题再试"
WRONG_MODEL = ("{host} 应能回答 {model}，现在说没有或者不行（{said}）；把 COURSE_SERVER_MODEL 设成老师给的名字，"
               "再检查 COURSE_SERVER 末尾是不是 /v1")
SERVER_ERROR = "{host} 应能回答，现在服务器出错（{said}）；不是你的电脑的问题，再问一次，还不行就告诉老师"
FAILED = "{host} 应说完再停，现在说它出错了：{said}；再问一次，还不行就告诉老师"
BROKEN = "{host} 应说完再停，现在没有说完连接就断了；服务器可能停了，过一会儿再问"
ENDLESS = "{host} 应在{said}以内说完，现在还没有停；已经不再收了，把问题问得窄一些再试"
EMPTY = "{host} 应回答文字，现在是空的回答；换一个问法再试，还不行就告诉老师"
UNREADABLE = ("{host} 应回答 OpenAI 格式的 JSON，现在的回答看不懂（{said}）；多半是校园网还没有登录"
              "（先在浏览器里登录），或者 COURSE_SERVER 写成了别的网站")


class BusyError(ModelError):
    """太忙，或者连上以后断开：过一会儿再问，多半就好"""


@contextlib.contextmanager
def friendly(start: float) -> Iterator[None]:
    """里面收一个回答时，服务器和网络出的毛病变成一句中文的 ModelError；start: 什么时候开始问的"""
    import httpx2

    try:
        yield
    except web.TooLate:
        if time.monotonic() < start + ANSWER_SECONDS:
            raise ModelError(filled(SILENT)) from None
        raise ModelError(filled(ENDLESS, f" {ANSWER_SECONDS} 秒")) from None
    except web.TooLarge:
        raise ModelError(filled(ENDLESS, f" {ANSWER_BYTES / 1e6:.0f} MB ")) from None
    except (httpx2.HTTPError, *MALFORMED) as error:
        raise server_trouble(message_for(error), str(error)) from None


def server_trouble(message: str, said: str) -> ModelError:
    """一句话 → 错误；过一会儿再问多半就好的是 BusyError"""
    text = filled(message, shorten_reply(said))
    if message in (SERVER_BUSY, BROKEN):
        return BusyError(text)
    return ModelError(text)


def filled(message: str, said: str = "") -> str:
    """把名字填进一句话"""
    return message.format(host=server_host(), model=shorten_reply(model_name()), said=said)


def shorten_reply(said: object) -> str:
    """服务器或者错误自己的话，一行，最多 100 个字"""
    return " ".join(str(said)[:1000].split())[:100]


def message_for(error: Exception) -> str:
    """网络的毛病、看不懂的回答说哪一句"""
    import httpx2

    if isinstance(error, httpx2.ConnectTimeout):
        return NO_REACTION
    if isinstance(error, httpx2.TimeoutException):
        return SILENT
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return message_for_connection(error)
    if isinstance(error, httpx2.TransportError):
        return BROKEN
    return UNREADABLE  # 转来转去、解不开压缩、不是约定的格式


def message_for_status(code: int, text: str) -> str:
    """服务器回答了一个错误的状态码；text 是它自己的话"""
    if code in (401, 403):
        return WRONG_KEY
    if "context length" in text:
        return TOO_LONG
    if code in (400, 404, 422):
        return WRONG_MODEL
    if code in BUSY_CODES:
        return SERVER_BUSY
    return SERVER_ERROR


def message_for_connection(error: BaseException | None) -> str:
    """连不上：查不到地址、被拒绝、别的；原因在里面的某一层"""
    while error:
        if isinstance(error, socket.gaierror):
            return UNKNOWN_HOST
        if isinstance(error, ConnectionRefusedError):
            return NOBODY_LISTENS
        error = error.__cause__ or error.__context__
    return UNREACHABLE
