"""全班用一台服务器的测试的下半部分：在 127.0.0.1 上开一个试用的 JupyterHub，像学生的浏览器那样登录、读写、运行"""
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from servers.jupyterlab import ROOT, free_port, wait_for

import psutil
import requests
import websocket
from jupyter_client.session import Session


class Student:
    """一个学生的浏览器：登录，启动自己的服务器，读写文件，运行一本笔记本"""

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name, self.web = address, name, requests.Session()
        self.place = f"/user/{name}/"

    def token(self, place: str) -> str:
        return self.web.cookies.get("_xsrf", path=place)

    def login(self, password: str) -> requests.Response:
        self.web.get(f"{self.address}/hub/login")
        return self.web.post(f"{self.address}/hub/login", data={
            "username": self.name, "password": password, "_xsrf": self.token("/hub/")})

    def hub(self, method: str, path: str = "") -> requests.Response:
        return self.web.request(method, f"{self.address}/hub/api/users/{self.name}{path}",
                                headers={"X-XSRFToken": self.token("/hub/")})

    def start(self, seconds: float = 150) -> None:
        """启动自己的服务器，等到 JupyterLab 打开"""
        assert self.hub("POST", "/server").status_code in (201, 202)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            page = self.web.get(f"{self.address}{self.place}lab/tree/hf-course/notebooks")
            if page.ok and page.url.startswith(f"{self.address}{self.place}"):
                return
            time.sleep(1)
        raise AssertionError(f"{self.name} 的服务器 {seconds} 秒里没有启动：{page.status_code} {page.url}")

    def stop(self) -> None:
        self.hub("DELETE", "/server")
        while self.hub("GET").json()["servers"]:
            time.sleep(0.2)

    def api(self, method: str, path: str, **given) -> dict:
        """自己的服务器上的一个请求"""
        answer = self.web.request(method, f"{self.address}{self.place}api/{path}", **given,
                                  headers={"X-XSRFToken": self.token(self.place)})
        assert answer.ok, (method, path, answer.status_code, answer.text[:500])
        return answer.json()

    def read(self, name: str) -> dict:
        return self.api("GET", f"contents/hf-course/notebooks/{name}")["content"]

    def write(self, name: str, content: dict) -> None:
        self.api("PUT", f"contents/hf-course/notebooks/{name}",
                 json={"type": "notebook", "format": "json", "content": content})

    def run(self, name: str) -> str:
        """在自己的内核里从头运行到尾，返回印出来的字；哪一格报错就停在哪里"""
        kernel = self.api("POST", "kernels", json={"name": "python3", "path": "hf-course/notebooks"})["id"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.web.cookies
                            if self.place.startswith(cookie.path))
        address = self.address.replace("http", "ws", 1)
        socket = websocket.create_connection(f"{address}{self.place}api/kernels/{kernel}/channels", cookie=cookies,
                                             timeout=150)
        try:
            cells = [cell["source"] for cell in self.read(name)["cells"] if cell["cell_type"] == "code"]
            return "".join(execute(socket, Session(), code) for code in cells)
        finally:
            socket.close()


def execute(socket: websocket.WebSocket, session: Session, code: str) -> str:
    """一格：送出去，收到内核空下来为止，返回印出来的字"""
    request = session.msg("execute_request", {"code": code, "allow_stdin": False})
    socket.send(json.dumps({**request, "channel": "shell"}, default=str))
    printed = ""
    while True:
        message = json.loads(socket.recv())
        content = message["content"]
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        assert message["msg_type"] != "error", (code, content["ename"], content["evalue"])
        printed += content["text"] if content.get("name") == "stdout" else ""
        if content.get("execution_state") == "idle":
            return printed


class JupyterHub:
    """试用的 JupyterHub：地址、口令、进程、它用的那一份课程和模型"""

    def __init__(self, folder: Path) -> None:
        self.course, self.model, self.log = folder / "course", folder / "model", folder / "hub.log"
        ignored = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "site")
        for name in ("classroom", "notebooks"):
            shutil.copytree(ROOT / name, self.course / name, ignore=ignored)
        for name in ("README.md", "LICENSE", "NOTICE", "run_qwen.py"):
            shutil.copy(ROOT / name, self.course)
        shutil.copytree(ROOT / "helpers/tiny/checkpoint", self.model)
        self.before, self.home = state(self.model), folder / "home"
        self.address, self.process = f"http://127.0.0.1:{free_port()}", None

    def start(self) -> None:
        command = [sys.executable, "-m", "jupyterhub", "-f", "classroom/jupyterhub_config.py",
                   f"--url={self.address}", f"--JupyterHub.hub_port={free_port()}",
                   f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{free_port()}"]
        environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
        environment |= {"HOME": str(self.home), "COURSE_TRIAL": "1", "COURSE_STUDENTS": "8",
                        "COURSE_MODEL": str(self.model), "PYTHONIOENCODING": "utf-8"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=self.course, env=environment, stdout=log, stderr=log)
        wait_for(f"{self.address}/hub/login", self.process, self.log)
        self.password = re.search(r"口令 (\S+)", self.log.read_text(encoding="utf-8"))[1]

    def family(self) -> list[psutil.Process]:
        """它、代理、服务、学生的服务器和内核：都在它的文件夹里工作，它自己意外结束了也找得到"""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.course.parent):
                    found.append(process)
        return found

    def stop(self) -> None:
        """停掉它和它的每一个子孙；不听话的强行结束"""
        if self.process is None:  # 没有启动过
            return
        family = self.family()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=30)
        for process in psutil.wait_procs(family, timeout=5)[1]:
            process.kill()
        psutil.wait_procs(family, timeout=10)


def state(folder: Path) -> dict:
    """文件夹里每个文件的大小、修改时间和 sha256"""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in folder.rglob("*")}
