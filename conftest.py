"""测试和笔记本都不看运行它的人自己的设置；要用到的测试自己设

在根目录：只运行一本笔记本（pytest --nbval notebooks/02_quickstart.ipynb）时也先读它，内核、子进程从这里得到环境
"""
import os
import re
import time

SETTINGS = r"(COURSE|HF|HUGGINGFACE|TRANSFORMERS|MODELSCOPE|JUPYTER|LC)_\w+|IPYTHONDIR|MPL\w+|MATPLOTLIBRC"
PYTHON = r"PYTHON(STARTUP|UTF8|WARNINGS|IOENCODING|OPTIMIZE|INSPECT|SAFEPATH)"
SYSTEM = r"(HTTP|HTTPS|ALL|NO)_PROXY|LANG|LANGUAGE|TZ|XDG_\w+_HOME|PIP_REQUIRE_VIRTUALENV"
PERSONAL = re.compile(f"({SETTINGS}|{PYTHON}|{SYSTEM})", re.IGNORECASE)
PATIENCE = {"MODELSCOPE_DOWNLOAD_TIMEOUT": "2",  # modelscope 的客户端少等一会儿；它在导入时读
            "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",
            "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "1",
            "MODELSCOPE_DOWNLOAD_LOW_SPEED_WINDOW_SECONDS": "2"}

for name in list(os.environ):
    if PERSONAL.fullmatch(name):
        del os.environ[name]
os.environ.update(PATIENCE)
if hasattr(time, "tzset"):  # Windows 上没有
    time.tzset()
