"""浏览器测试的下半部分：在 127.0.0.1 上开一个 JupyterLab，用 Chromium 打开笔记本、运行、读页面

笔记本先复制一份，测试不会改动原件；JupyterLab 的设置、工作区都放在临时文件夹里
"""
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
SETTINGS = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # 不在屏幕里的单元格也留在页面上
            "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
CELL = ".jp-Notebook .jp-CodeCell"


@contextmanager
def server(folder: Path):
    """在 folder 里开 JupyterLab，给出 (地址, 口令)；结束时关掉它和它的内核"""
    for name in ("notebooks", "classroom"):
        shutil.copytree(ROOT / name, folder / "course" / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "README.md", folder / "course")
    for name, values in SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", "--expose-app-in-browser",
               f"--ServerApp.root_dir={folder / 'course'}", f"--LabApp.user_settings_dir={folder / 'settings'}",
               f"--LabApp.workspaces_dir={folder / 'workspaces'}", "--LabApp.extension_manager=readonly"]
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", process, folder / "lab.log")
        yield f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """一个现在没有人用的端口"""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """等服务器答话；它退出了、等不到就报出它的记录"""
    for _ in range(int(seconds / 0.5)):
        try:
            urllib.request.urlopen(url)
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    raise RuntimeError(f"服务器没有开起来：\n{log.read_text()[-2000:]}")


class Lab:
    """打开着一本笔记本的页面；outside 是想离开这台电脑的请求"""

    def __init__(self, browser, address: str, token: str, height: int = 900) -> None:
        self.address, self.token, self.outside = address, token, []
        self.page = browser.new_page(viewport={"width": 1280, "height": height}, locale="zh-CN")
        self.page.on("request", self.check)

    def check(self, request) -> None:
        here = self.address.removeprefix("http://")
        if not request.url.startswith((f"http://{here}", f"ws://{here}", "data:", "blob:")):
            self.outside.append(request.url)

    def open(self, name: str) -> None:
        """打开一本，等单元格都在页面上"""
        self.page.goto(f"{self.address}/lab/tree/notebooks/{name}?token={self.token}&reset")
        self.page.wait_for_selector(CELL, state="attached", timeout=60_000)
        self.command("application:toggle-left-area")
        self.idle()

    def command(self, name: str, **arguments) -> None:
        """执行 JupyterLab 的一条命令"""
        self.page.evaluate("([name, given]) => { jupyterapp.commands.execute(name, given); }", [name, arguments])

    def idle(self, seconds: float = 300) -> None:
        """等内核空下来"""
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=seconds * 1000)

    def run_all(self) -> None:
        """菜单里的 Restart Kernel and Run All Cells，等到每一格都有编号"""
        self.command("notebook:clear-all-cell-outputs")  # 存着的编号也清掉，才看得出这一次跑完了
        self.page.wait_for_function("() => !/[0-9]/.test([...document.querySelectorAll("
                                    "'.jp-CodeCell .jp-InputPrompt')].map(p => p.textContent).join(''))")
        self.command("runmenu:restart-and-run-all")
        self.page.click(".jp-Dialog .jp-mod-accept")
        self.page.wait_for_function("""() => {
            const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
            const errors = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
            return errors || prompts.every((p, i) => p.textContent.trim() === `[${i + 1}]:`);
        }""", timeout=300_000)
        self.idle()

    def close(self) -> None:
        """关掉页面和内核"""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()


class Live:
    """页面上的一个互动视图：像学生那样用键盘和鼠标操作，读它显示的字；name 是视图的名字"""

    def __init__(self, lab: Lab, name: str) -> None:
        self.page = lab.page
        self.box = lab.page.locator(f".live[data-view={name}]").first
        self.box.scroll_into_view_if_needed()

    def text(self) -> str:
        return self.box.inner_text()

    def press(self, button: str) -> None:
        """用键盘按一个按钮：移到它上面，按回车"""
        self.box.get_by_role("button", name=button, exact=True).first.press("Enter")

    def press_at_once(self, *buttons: str) -> None:
        """一个接一个地按，中间不等页面：比模型快"""
        self.box.evaluate("""(box, names) => {
            const named = (name) => [...box.querySelectorAll("button")].find((node) => node.textContent === name);
            for (const name of names) named(name).click();
        }""", list(buttons))

    def slide(self, label: str, value: float) -> None:
        """滑块拖到 value"""
        self.box.get_by_label(label, exact=True).fill(str(value))

    def write(self, label: str, text: str) -> None:
        """文字框：全部换成 text，按 Tab 离开"""
        entry = self.box.get_by_label(label, exact=True)
        entry.fill(text)
        entry.press("Tab")

    def choose(self, label: str, index: int) -> None:
        """下拉框：选第 index 项（从 0 数）"""
        self.box.get_by_label(label, exact=True).select_option(index=index)

    def idle(self, seconds: float = 60) -> None:
        """等它算完"""
        self.page.wait_for_function("box => !box.hasAttribute('data-busy')", arg=self.box.element_handle(),
                                    timeout=seconds * 1000)

    def wait(self, text: str, seconds: float = 20) -> None:
        """等到显示出 text；等不到就报出现在显示的"""
        end = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > end:
                raise AssertionError(f"{seconds} 秒里没有等到 {text!r}，现在是\n{self.text()}")
            self.page.wait_for_timeout(50)

    def milliseconds(self, act, text: str) -> float:
        """做 act 以后多少毫秒显示出 text（浏览器里的时钟，连同键盘和重画）"""
        self.box.evaluate("""(box, text) => {
            window.shown = new Promise((done, fail) => {
                const start = performance.now(), passed = () => performance.now() - start;
                const look = () => box.innerText.includes(text) ? done(passed())
                    : passed() > 20_000 ? fail(`20 秒里没有等到 ${text}`) : requestAnimationFrame(look);
                look();
            });
        }""", text)
        act()
        return self.page.evaluate("window.shown")
