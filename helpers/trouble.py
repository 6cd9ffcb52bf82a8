"""共用的推理服务器出的毛病 → 一句中文：应是什么、现在是什么、怎么办

每个函数的 host 是服务器的名字和端口，例如 "10.0.0.5:8000"
出处: classroom/server.md 的“出了毛病”
"""
import socket

from helpers.errors import ModelError

NONSENSE = (ValueError, AttributeError, TypeError, KeyError, IndexError)  # 回答不是约定的格式时，读它会出的错
BUSY = (429, 502, 503)


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
