"""网页自己的模型：照说明写出来，放在 127.0.0.1 上，在 Chromium 里像画面那样问它"""
import subprocess
import sys
from pathlib import Path

from servers.jupyterlab import ROOT

SCRIPT = ROOT / "classroom" / "site" / "export.py"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script src="live/engine.classic.js"></script>"""
HERE = ("http://127.0.0.1:", "file:", "blob:", "data:")

OPEN = """async () => {
    const start = performance.now();
    const {open} = await import("./live/engine.js");
    window.engine = await open("live/", (load) => { window.load = load; });
    return (performance.now() - start) / 1000;
}"""
ASK = "([method, inputs]) => engine[method](...inputs)"
REFUSED = """([method, inputs]) => engine[method](...inputs)
    .then(() => "（没有拒绝）", (error) => error.message)"""
WATCH = """async ([method, inputs, most]) => {
    const steps = [];
    const going = engine[method](...inputs, (step) => {
        steps.push(step);
        if (steps.length === most) going.stop();
    });
    await going;
    return steps;
}"""
IN_THE_PAGE = """() => {  // 限速只管网页自己的线程，所以让 worker 的代码在这个线程里运行
    window.Worker = class {
        constructor(script) {
            this.room = document.createElement("iframe");
            document.body.append(this.room);
            const inside = this.room.contentWindow;
            inside.postMessage = (data) => this.onmessage({data});
            this.ready = inside.eval(`import("${script}")`);
        }
        async postMessage(data) {
            await this.ready;
            this.room.contentWindow.onmessage({data});
        }
    };
}"""


def write_page(folder: Path) -> None:
    """写出一页空的网页，旁边的 live 里是它的模型"""
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    command = [sys.executable, SCRIPT, folder / "live"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "做好了" in result.stdout


class PageEngine:
    """一页网页和它的模型；problems 是控制台里的话，和想离开这台电脑的请求"""

    def __init__(self, chromium, address: str) -> None:
        self.problems = []
        self.page = chromium.new_page()
        self.page.on("console", lambda message: self.note(message.text))
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("request", lambda request: self.visit(request.url))
        self.page.goto(f"{address}/index.html")

    def note(self, text: str) -> None:
        self.problems.append(text)

    def visit(self, url: str) -> None:
        if not url.startswith(HERE):
            self.note(url)

    def run(self, script: str, given=None):
        """网页里的一个函数的结果"""
        return self.page.evaluate(script, given)

    def open(self) -> float:
        """准备好用了几秒"""
        return self.run(OPEN)

    def slow_down(self, times: int) -> None:
        """CPU 慢几倍；在 open 以前叫"""
        self.run(IN_THE_PAGE)
        session = self.page.context.new_cdp_session(self.page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": times})

    def ask(self, method: str, *inputs):
        """一个方法的结果"""
        return self.run(ASK, [method, list(inputs)])

    def watch(self, method: str, *inputs, most: int | None = None) -> list:
        """一步一步给的方法：到结束时给了的每一步；给到第 most 步就说停"""
        return self.run(WATCH, [method, list(inputs), most])

    def refused(self, method: str, *inputs) -> str:
        """坏的输入得到的那句话"""
        return self.run(REFUSED, [method, list(inputs)])

    def refused_text(self, method: str, text: str) -> str:
        """坏的文字得到的那句话；半个字符传不过去，所以写成编号"""
        data = text.encode("utf-16-le", "surrogatepass")
        units = memoryview(data).cast("H").tolist()
        script = f"(units) => ({REFUSED})(['{method}', [String.fromCharCode(...units)]])"
        return self.run(script, units)

    def close(self) -> None:
        """关掉，没有出过问题"""
        assert self.problems == []
        self.page.close()
