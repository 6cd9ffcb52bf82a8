"""网页自己的模型够小、够快，不离开自己的网站，从文件夹双击打开也行；在 Chromium 里看

python -m pip install -e ".[browser,site]"，pytest -m browser
"""
import shutil
from collections.abc import Callable

import pytest
from servers import loopback
from servers.page_engine import PageEngine

pytestmark = pytest.mark.browser
SETTINGS = {"penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8}

TIMES = """async (settings) => {
    const ids = (await engine.ask("你好")).map((piece) => piece.id);
    const times = [];
    for (let count = 0; count < 10; count += 1) {
        const start = performance.now();
        const {rows} = await engine.next(ids, settings);
        times.push(performance.now() - start);
        ids.push(rows[0].id);
    }
    return times;
}"""
LONGEST_WAIT = """async () => {
    const ids = (await engine.ask("好".repeat(100))).map((piece) => piece.id);
    let last = performance.now();
    let longest = 0;
    const clock = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
    }, 5);
    await engine.lens(ids);
    await engine.cut("一二三四五".repeat(2000));
    clearInterval(clock);
    return longest;
}"""
TRY_TO_CUT = """() => import("./live/engine.js")
    .then(({open}) => open("live/"))
    .then((engine) => engine.cut("你好"))
    .then(({text}) => text, (error) => error.message)"""


def best_of_some(measure: Callable[[], float], enough: float, most: int = 5) -> float:
    """量几次里最小的：别的程序只会让它变慢；够小了就不再量"""
    best = measure()
    for _ in range(most - 1):
        if best < enough:
            break
        best = min(best, measure())
    return best


def test_everything_is_small(exported):
    sizes = [path.stat().st_size for path in (exported / "live").iterdir()]
    assert sum(sizes) < 25e6


def test_it_is_ready_soon_and_loads_only_from_its_own_site(chromium, page_address):
    def seconds() -> float:
        page = PageEngine(chromium, page_address)
        taken = page.open()
        load = page.run("() => load")
        assert load["loaded"] == load["total"]
        page.close()
        return taken

    assert best_of_some(seconds, 5) < 5


def test_a_token_is_quick_on_a_phone(chromium, page_address):
    page = PageEngine(chromium, page_address)
    page.slow_down(4)
    page.open()
    first, *later = page.run(TIMES, SETTINGS)  # 第一次读整个问题
    assert min(later) < 150
    page.close()


def test_the_page_does_not_freeze(engine):
    assert best_of_some(lambda: engine.run(LONGEST_WAIT), 300) < 300


def test_it_runs_from_a_folder_too(chromium, exported):
    """从 U 盘双击打开的网页：浏览器不让它 fetch，也不让它用 ES 模块"""
    page = PageEngine(chromium, exported.as_uri())
    page.run("async () => { window.engine = await liveEngine.open('live/'); }")
    ids = [found["id"] for found in page.ask("ask", "人工智能未来会取代人类吗？")]
    best = page.ask("next", ids, SETTINGS)["rows"][0]
    assert best["label"] == "不会"
    page.close()


def test_a_missing_file_is_said_and_can_be_tried_again(chromium, exported, tmp_path):
    folder = tmp_path / "网页"
    shutil.copytree(exported, folder)
    missing = folder / "live" / "weights-3.js"
    kept = missing.read_bytes()
    missing.unlink()
    with loopback.static(folder) as url:
        page = PageEngine(chromium, url)
        said = page.run(TRY_TO_CUT)
        assert said == "应取到网页旁边的 weights-3.js，现在取不到；检查网络和文件夹，再按一次"
        missing.write_bytes(kept)
        assert page.run(TRY_TO_CUT) == "你好"
        page.page.close()


def test_an_old_browser_is_said(chromium, page_address):
    page = PageEngine(chromium, page_address)
    page.slow_down(1)  # 在网页自己的线程里，才拿得掉
    page.page.add_init_script("delete self.DecompressionStream")
    said = page.run(TRY_TO_CUT)
    assert said.startswith("这个浏览器应能运行教学小模型，现在不能（DecompressionStream is not defined）；")
    page.page.close()


def test_no_blob_is_read(chromium, page_address):
    """双击打开的网页，WebKit 的 worker 读不了 Blob，读就是 NotReadableError"""
    page = PageEngine(chromium, page_address)
    page.slow_down(1)
    page.page.add_init_script("delete Blob.prototype.stream; delete Blob.prototype.arrayBuffer;")
    assert page.run(TRY_TO_CUT) == "你好"
    page.page.close()


def test_a_broken_file_is_said(chromium, exported, tmp_path):
    """网站用一页“找不到”代替了文件"""
    folder = tmp_path / "网页"
    shutil.copytree(exported, folder)
    (folder / "live" / "weights-3.js").write_text("<!doctype html>404")
    with loopback.static(folder) as url:
        page = PageEngine(chromium, url)
        assert "现在取不到" in page.run(TRY_TO_CUT)
        page.page.close()
