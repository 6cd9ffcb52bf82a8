"""静态网页：照说明用一条命令做成，再用 Chromium 从文件、从 127.0.0.1 打开每一页

python -m pip install -e ".[browser,site]"，pytest -m browser；截图写在 tests/screenshots
"""
import io
import platform
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pages import SHOTS, cells, diagrams, headings, squeeze
from PIL import Image
from servers import loopback
from servers.jupyterlab import ROOT

SCRIPT = ROOT / "classroom" / "site" / "build.py"
NOTEBOOKS = [f"notebooks/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
PAGES = ["README", *NOTEBOOKS, "notebooks/glossary", "helpers/tiny/checkpoint/README",
         *[f"classroom/{path.stem}" for path in sorted((ROOT / "classroom").glob("*.md"))]]
browser = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """做好的网页"""
    for name in ("myst_nb", "sphinx_book_theme", "jieba"):
        pytest.importorskip(name, reason="没有装做网页的包：pip install -e '.[site]'")
    folder = tmp_path_factory.mktemp("site") / "网页"
    result = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert str(folder / "index.html") in result.stdout
    return folder


class Parsed(HTMLParser):
    """一页的 id、链接 <a href>、资源（脚本、样式、图片），和看得见的文字"""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids, self.links, self.resources, self.text, self.hidden = {""}, [], [], "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids.add(values.get("id"))
        self.hidden = tag in ("script", "style")
        self.resources += [values["src"]] if "src" in values else []
        if "href" in values:
            (self.links if tag == "a" else self.resources).append(values["href"])

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        self.text += "" if self.hidden else data


@pytest.fixture(scope="module")
def parsed(site) -> dict[Path, Parsed]:
    return {path: Parsed(path) for path in site.rglob("*.html")}


@browser
def test_the_pages_are_all_there_and_small(site):
    assert sorted(PAGES + ["index", "search"]) == sorted(
        path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html"))
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file() and "live" not in path.parts) < 15e6
    live = site / "_static" / "live"
    assert sum(path.stat().st_size for path in live.iterdir()) < 25e6


@browser
def test_no_link_is_broken(site, parsed):
    broken = []
    for path, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = parsed[target].ids if target in parsed else {""}
            if not parts.scheme and not (target.is_file() and unquote(parts.fragment) in known):
                broken.append((path.name, link))
    assert broken == []
    assert sum(len(page.links) for page in parsed.values()) > 500


@browser
def test_every_resource_is_in_the_folder(parsed):
    for path, page in parsed.items():
        parts = [urlsplit(resource) for resource in page.resources if not resource.startswith(("data:", "#"))]
        assert [part for part in parts if part.netloc or not (path.parent / unquote(part.path)).is_file()] == []


@browser
def test_the_sidebar_lists_every_lesson(site, parsed):
    for name in PAGES:
        for notebook in NOTEBOOKS:
            title = headings(f"{Path(notebook).name}.ipynb")[0]
            assert squeeze(title) in squeeze(parsed[site / f"{name}.html"].text.split("学完你能")[0]), name


@browser
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_shown_as_committed(site, parsed, name):
    text = squeeze(parsed[site / f"{name}.html"].text)
    outputs = [output for cell in cells(f"{Path(name).name}.ipynb") for output in cell.get("outputs", [])]
    printed = ["".join(output["text"]) for output in outputs if output["output_type"] == "stream"]
    assert outputs and [words for words in printed if squeeze(words) not in text] == []


@browser
def test_nothing_tells_which_computer_built_it(site, parsed):
    """项目的、构建用的文件夹不在任何文件里；电脑的名字不在看得见的文字里"""
    places = [str(ROOT), str(site.parent), str(Path(tempfile.gettempdir(), tempfile.gettempprefix()))]
    for path in site.rglob("*"):
        assert not path.is_file() or [place for place in places if place.encode() in path.read_bytes()] == [], path
    name = re.compile(rf"(?<!\w){re.escape(platform.node())}(?!\w)")
    assert [path for path, page in parsed.items() if name.search(page.text)] == []


class Page:
    """浏览器里的一页：problems 是控制台的错误，和想离开这台电脑的请求"""

    def __init__(self, chromium, width: int = 1280, theme: str = "light") -> None:
        self.page = chromium.new_page(viewport={"width": width, "height": 900}, locale="zh-CN", color_scheme=theme)
        self.page.set_default_timeout(20_000)
        self.problems = []
        self.page.on("console", lambda message: self.note(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("request", lambda request: self.visit(request.url))

    def note(self, text: str) -> None:
        self.problems.append(text)

    def visit(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            self.note(url)

    def open(self, url: str) -> None:
        """打开，等流程图和公式画好"""
        self.page.goto(url)
        self.page.wait_for_function("""() => [...document.querySelectorAll('.highlight-mermaid, .math')]
            .every(block => block.querySelector('svg'))""")

    def check(self, name: str) -> None:
        """没有问题，没有比屏幕宽；留一张截图"""
        assert self.problems == []
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        SHOTS.mkdir(exist_ok=True)
        height = min(self.page.evaluate("document.documentElement.scrollHeight"), 16_000)
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": height})
        self.page.screenshot(path=SHOTS / f"site_{name.replace('/', '_')}.png")


@pytest.fixture
def view(chromium):
    pages = []

    def new(**settings) -> Page:
        pages.append(Page(chromium, **settings))
        return pages[-1]
    yield new
    for page in pages:
        page.page.close()


@pytest.fixture
def address(site):
    """同一个文件夹，放在 127.0.0.1 上"""
    with loopback.static(site) as url:
        yield url


BROKEN_NUMBERS = """() => {
  const range = document.createRange();
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const broken = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const { 0: number, index } of node.data.matchAll(/[0-9][0-9,.]*[0-9]/g)) {
      range.setStart(node, index);
      range.setEnd(node, index + number.length);
      if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(number);
    }
  }
  return broken;
}"""
NARROW_CELLS = """() => [...document.querySelectorAll("main td")].filter(cell => cell.offsetParent
  && cell.innerText.replace(/\\s/g, "").length > 12 && cell.offsetWidth < 150).map(cell => cell.innerText)"""


@browser
@pytest.mark.parametrize("name", PAGES)
def test_every_page_on_a_desktop_and_a_phone(site, view, name):
    wanted = diagrams(f"{Path(name).name}.ipynb") if name in NOTEBOOKS else []
    for size, width in (("desktop", 1280), ("phone", 390)):
        page = view(width=width)
        page.open((site / f"{name}.html").as_uri())
        drawn = page.page.eval_on_selector_all(".highlight-mermaid svg", "all => all.map(svg => svg.textContent)")
        assert len(drawn) == len(wanted)
        labels = re.findall(r"[\u4e00-\u9fff]{2,}", "".join(wanted))
        assert [label for label in labels if label not in "".join(drawn)] == []
        assert page.page.evaluate(BROKEN_NUMBERS) == []
        assert page.page.evaluate(NARROW_CELLS) == []
        page.check(f"{name}_{size}")


@browser
def test_pictures_are_dark_in_the_dark_theme(site, view):
    """图的底色就是网页的底色，不是一块白板或者灰板"""
    page = view(theme="dark")
    for name, selector in (("notebooks/07_pipeline", ".highlight-mermaid"),
                           ("notebooks/05_next_token", ".cell_output img"), ("README", "main img")):
        page.open((site / f"{name}.html").as_uri())
        shot = page.page.locator(selector).first.screenshot()
        pixels = Image.open(io.BytesIO(shot)).convert("RGB")
        colors = pixels.getcolors(pixels.width * pixels.height)
        assert max(max(colors)[1]) < 30, name
    assert page.problems == []


@browser
@pytest.mark.parametrize("wish, kind", [("no-preference", ".webp"), ("reduce", ".png")])
def test_the_films_stand_still_when_asked(site, view, wish, kind):
    page = view()
    page.page.emulate_media(reduced_motion=wish)
    page.open((site / "README.html").as_uri())
    films = page.page.locator("main picture img")
    shown = films.evaluate_all("all => all.map(img => [img.currentSrc, img.complete, img.naturalWidth])")
    assert [src.endswith(f"images/{name}{kind}") for name, (src, *_) in zip(
        ("next_token", "slow_motion"), shown, strict=True)] == [True, True]
    assert all(complete and width > 1000 for _, complete, width in shown)
    assert page.problems == []


def found(page: Page, start: str, words: str) -> list[str]:
    """像学生那样搜 words，给出结果的网址"""
    page.open(start)
    page.page.keyboard.press("Control+k")
    page.page.keyboard.type(words)
    page.page.keyboard.press("Enter")
    page.page.wait_for_function("() => /。/.test(document.querySelector('#search-results .search-summary')?.innerText)")
    return page.page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")


@browser
@pytest.mark.parametrize("words, lesson", [("分词", "03"), ("词元", "03"), ("KV cache", "06"), ("生成循环", "06"),
                                           ("151645", "07"), ("量子纠缠", None)])
@pytest.mark.parametrize("way", ["file", "http"])
def test_search(site, address, view, words, lesson, way):
    page, root = view(), site.as_uri() if way == "file" else address
    results = found(page, f"{root}/notebooks/02_quickstart.html", words)
    assert bool(results) == bool(lesson)
    assert lesson is None or any(f"notebooks/{lesson}_" in result for result in results)
    if results:
        assert words in page.page.locator("#search-results .context .highlighted").all_inner_texts()
        page.check(f"search_{way}_{words}")
        page.open(results[0])
    assert page.problems == []


@browser
def test_a_result_is_a_passage_of_the_lesson_and_leads_to_its_section(site, parsed, view):
    page = view()
    found(page, (site / "README.html").as_uri(), "temperature")
    result = page.page.locator("#search-results li").filter(has_text="05　下一个词元").first
    assert result.locator("a").inner_text() == "05　下一个词元：它从哪里来？ › 4　温度：更稳，还是更敢？"
    assert result.locator("p").inner_text().startswith("掷骰子以前")
    place = urlsplit(result.locator("a").get_attribute("href")).fragment
    assert unquote(place) in parsed[site / "notebooks" / "05_next_token.html"].ids
    noise = ("目录", "System Settings", "import ", "打印")
    snippets = page.page.locator("#search-results p.context").all_inner_texts()
    assert [text for text in snippets if any(word in text for word in noise)] == []


@browser
def test_lesson_cards_on_the_front_page(site, chromium):
    """不用 JavaScript，只用键盘，窄屏幕，深色"""
    page = chromium.new_page(viewport={"width": 390, "height": 900}, color_scheme="dark", java_script_enabled=False)
    page.goto((site / "README.html").as_uri())
    shown = page.locator(".lessons > li").all_inner_texts()
    assert len(shown) == len(NOTEBOOKS)
    for notebook in NOTEBOOKS:
        opening = "".join(cells(f"{Path(notebook).name}.ipynb")[0]["source"])
        outcome = re.search(r"^- (.+)$", opening, flags=re.M)[1]
        minutes = re.search(r"：(\d+ 分钟)", opening)[1]
        card, = [text for text in shown if headings(f"{Path(notebook).name}.ipynb")[0] in text]
        assert outcome in card
        assert minutes in card
    page.locator(".lessons a").nth(1).press("Enter")
    page.wait_for_url("**/02_quickstart.html")
    page.close()


@browser
def test_the_front_page(site, address, view):
    for root in (site.as_uri(), address):
        page = view()
        page.page.goto(f"{root}/index.html")
        page.page.wait_for_url(f"{root}/README.html")
        assert "课程地图" in page.page.inner_text("main")
        assert page.problems == []


LIVE = [("03_tokenization", "microscope", "13 个字符 → 39 个字节 → 7 个词元"),
        ("05_next_token", "guess", "猜了 0 / 23 个"), ("05_next_token", "next_token", "不会\n99670\n0.48"),
        ("06_writing", "race", "问题连同模板 25 个词元"), ("07_pipeline", "slow_motion", "31 步，125 格"),
        ("10_inside", "attention", "第 1 层，4 个头平均：第 25 个词元 ↵"),
        ("10_inside", "lens", "模型最后答 不会 0.48")]


def started(page: Page, name: str):
    """按“在这里操作”，等视图算好"""
    still = page.page.locator(f".live-view[data-view={name}]")
    still.locator("xpath=preceding-sibling::p[1]").get_by_role("button").press("Enter")
    live = page.page.locator(f".live[data-view={name}]")
    live.wait_for(timeout=60_000)
    page.page.wait_for_function("name => !document.querySelector(`.live[data-view=${name}]`).hasAttribute('data-busy')",
                                arg=name, timeout=60_000)
    return live


@browser
@pytest.mark.parametrize("lesson, name, shown", LIVE)
@pytest.mark.parametrize("way, width, theme", [("file", 1280, "light"), ("http", 390, "dark")])
def test_views_live_on_the_page(site, address, view, lesson, name, shown, way, width, theme):
    page = view(width=width, theme=theme)
    root = site.as_uri() if way == "file" else address
    page.open(f"{root}/notebooks/{lesson}.html")
    live = started(page, name)
    page.page.wait_for_function("([box, text]) => box.innerText.includes(text)", arg=[live.element_handle(), shown])
    assert "⚠" not in live.inner_text()
    page.check(f"live_{name}_{width}")


@browser
def test_the_page_writes_what_the_notebook_writes(site, view):
    page = view()
    page.open((site / "notebooks" / "05_next_token.html").as_uri())
    live = started(page, "next_token")
    live.get_by_role("button", name="接着写完").press("Enter")
    live.get_by_text("写完了：写出了结束词元").wait_for()
    answer = "".join(live.locator(".sentence .chip bdi").all_inner_texts())
    assert answer.startswith("不会完全取代。人工智能会代替一部分重复的工作")
    live.get_by_label("问题", exact=True).fill("")
    live.get_by_label("问题", exact=True).press("Enter")
    live.get_by_text("现在是空的").wait_for()


@browser
def test_a_chat_stays_a_picture_on_the_page(site, view):
    page = view()
    page.open((site / "notebooks" / "06_writing.html").as_uri())
    picture = page.page.locator(".live-view[data-view=chat]")
    assert "要自己聊，在笔记本里运行这一格" in picture.inner_text()
    assert "重用 KV cache" in picture.inner_text()
    assert page.page.locator(".live-start").count() == 1  # 只有赛跑的


@browser
def test_a_page_without_the_model_says_so(site, view):
    page = view()
    page.page.route("**/engine.classic.js", lambda route: route.abort())
    page.open((site / "notebooks" / "05_next_token.html").as_uri())
    page.page.locator(".live-start button").first.press("Enter")
    page.page.get_by_text("应能取到 engine.classic.js，现在不能").first.wait_for()
    assert page.page.locator(".live-start button").first.is_enabled()


@browser
@pytest.mark.parametrize("before, said", [
    ("delete window.Worker", "这个浏览器应有 Worker，现在没有；换新一点的浏览器再试；下面还是静态的图"),
    ("delete window.WebAssembly", "这个浏览器应有 WebAssembly，现在没有；换新一点的浏览器再试；下面还是静态的图"),
    ("void (ResizeObserver.prototype.observe = () => { throw Error('不会') })",
     "这个浏览器应能画这个视图，现在不能（不会）；换新一点的浏览器再试；下面还是静态的图")])
def test_a_browser_that_cannot_keeps_the_picture(site, view, before, said):
    page = view()
    page.open((site / "notebooks" / "10_inside.html").as_uri())
    page.page.evaluate(before)
    picture = page.page.locator(".live-view[data-view=attention]")
    shown = picture.inner_html()
    page.page.locator(".live-start button").first.press("Enter")
    page.page.get_by_text(said).wait_for()
    assert "第 1 层" in picture.inner_text()
    assert picture.inner_html() == shown
    assert page.problems == []


@browser
@pytest.mark.parametrize("width, theme", [(1280, "light"), (390, "dark")])
def test_a_quiz_lives_without_the_model(site, view, width, theme):
    page = view(width=width, theme=theme)
    fetched = []
    page.page.on("request", lambda request: fetched.append(request.url.rsplit("/", 1)[-1]))
    page.open((site / "notebooks" / "05_next_token.html").as_uri())
    live = page.page.locator(".live[data-view=quiz]")
    live.locator(".option").first.press("Enter")
    live.get_by_text("✗ A：把分数当成了概率").wait_for()
    assert "views.js" in fetched
    assert [name for name in fetched if name.startswith(("engine", "model", "worker"))] == []
    page.check(f"quiz_{width}")
