"""在真正的浏览器里打开每一本笔记本，Restart & Run All，像学生那样看页面

python -m pip install -e ".[test,browser]"，装上 Chromium 和中文字体，pytest -m browser；截图写在 tests/screenshots
"""
import base64
import json
import re
import urllib.parse

import pytest
from pages import SHOTS, WITH_VIEWS, diagrams, headings, squeeze
from servers.jupyterlab import ROOT

pytestmark = pytest.mark.browser
NAMES = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


@pytest.fixture
def lab(opened, labs, name):
    yield opened(name)
    if name not in WITH_VIEWS:
        labs.pop(name).close()


def svg_of(source: str) -> str:
    """<img> 的 data: 地址 → 里面的 SVG"""
    head, body = source.split(",", 1)
    return base64.b64decode(body).decode() if "base64" in head else urllib.parse.unquote(body)


def drawn(lab) -> list[str]:
    """页面上画好的 mermaid 图的 SVG；互动视图里的另外查"""
    return [svg_of(source) for source in lab.page.eval_on_selector_all(
        ".jp-RenderedMermaid img",
        "images => images.filter(i => i.naturalWidth && !i.closest('.jupyter-widgets')).map(i => i.src)")]


def shoot(lab, name: str) -> None:
    """从上到下的截图，给人看"""
    SHOTS.mkdir(exist_ok=True)
    height = lab.page.eval_on_selector(".jp-WindowedPanel-inner", "panel => panel.scrollHeight")
    lab.page.set_viewport_size({"width": 1280, "height": min(height + 150, 16_000)})
    lab.page.eval_on_selector(".jp-WindowedPanel-outer", "panel => panel.scrollTo(0, 0)")
    lab.page.wait_for_timeout(500)
    lab.page.screenshot(path=SHOTS / f"{name}.png")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("name", NAMES)
def test_restart_and_run_all(lab, name):
    assert lab.page.query_selector_all('[data-mime-type="application/vnd.jupyter.error"]') == []
    warnings = lab.page.query_selector_all('[data-mime-type="application/vnd.jupyter.stderr"]')
    assert [squeeze(warning.inner_text()) for warning in warnings] == warnings_shown(name)
    lab.page.wait_for_timeout(1000)
    check_diagrams(lab, name)
    check_layout(lab)
    shoot(lab, name.removesuffix(".ipynb"))
    check_contents(lab, name)
    assert lab.outside == []


def warnings_shown(name: str) -> list[str]:
    """笔记本里特意给学生看的警告：只有它们可以出现"""
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [squeeze("".join(output["text"])) for output in outputs if output.get("name") == "stderr"]


def check_diagrams(lab, name: str) -> None:
    """每段 mermaid 都成了 SVG，里面有源码里的中文"""
    svgs = drawn(lab)
    assert len(svgs) == len(diagrams(name))
    written = "".join(svgs)
    labels = [word for source in diagrams(name) for word in re.findall(r"[\u4e00-\u9fff]{2,}", source)]
    assert [word for word in labels if word not in written] == []


def check_layout(lab) -> None:
    """1280 像素宽的屏幕上，没有部件比笔记本宽；不同的汉字画出来不同（不是一样的方块）"""
    wide = lab.page.eval_on_selector_all(
        ".jp-OutputArea-output", "all => all.filter(o => o.scrollWidth > o.clientWidth + 1).map(o => o.innerText)")
    assert wide == []
    assert lab.page.evaluate("""() => {
        const draw = letter => {
            const canvas = Object.assign(document.createElement('canvas'), {width: 40, height: 40});
            const pen = canvas.getContext('2d');
            pen.font = `30px ${getComputedStyle(document.querySelector('.jp-RenderedMarkdown')).fontFamily}`;
            pen.fillText(letter, 2, 32);
            return canvas.toDataURL();
        };
        return new Set([...'汉字词元模型'].map(draw)).size;
    }""") == 6


def check_contents(lab, name: str) -> None:
    """目录面板列出每一个标题"""
    lab.command("toc:show-panel")
    lab.page.wait_for_selector(".jp-TableOfContents .jp-tocItem-content")
    listed = "".join(lab.page.eval_on_selector_all(".jp-tocItem-content", "all => all.map(i => i.innerText)"))
    plain = [re.sub(r"[`*]", "", heading) for heading in headings(name)]
    assert [heading for heading in plain if squeeze(heading) not in squeeze(listed)] == []
    lab.command("application:toggle-left-area")
