"""拍 README 开头的两段短片：python tests/film.py 网页的文件夹（先运行 python classroom/site/build.py）

在真正的网页里操作“下一个词元”和“慢动作”，一边操作一边截图，合成 notebooks/images 里的 .webp；
做完的样子另存一张 .png，给要求“减少动画”的人
"""
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from servers.jupyterlab import CHROMIUM, FLAGS

IMAGES = Path(__file__).parent.parent / "notebooks" / "images"
SIZE = {"width": 1280, "height": 900}
SHARP = 1.5  # 高分辨率的屏幕上也清楚
FASTEST = 0.08  # 两张之间至少几秒


def next_token(page: Page, live) -> Iterator[float]:
    """一步一步地操作；给出的数是看几秒"""
    yield 1.0
    for value in (0.7, 0.4, 0.2, 0.5, 0.9, 1.2, 1.5, 1.0):
        live.get_by_label("温度", exact=True).fill(str(value))
        yield 0.35
    for _ in range(3):
        live.get_by_role("button", name="抽一个").click()
        yield 1.1
    live.get_by_role("button", name="接着写完").click()
    yield 1.5
    live.locator(".stone").first.click()
    yield 0.6
    live.get_by_role("button", name="退一个").click()
    yield 0.6
    live.locator(".bar").nth(2).click()
    yield 0.6
    live.get_by_role("button", name="接着写完").click()
    yield 2.5


def slow_motion(page: Page, live) -> Iterator[float]:
    """走十几格"""
    yield 1.0
    for _ in range(13):
        live.get_by_role("button", name="下一格").click()
        yield 0.8
    live.get_by_role("tab", name="KV cache").click()
    for number in (40, 70, 100, 124):
        live.get_by_label("第几格", exact=True).fill(str(number))
        yield 0.7
    live.get_by_role("tab", name="这一格").click()
    yield 2.0


def film(page: Page, address: str, name: str, story) -> None:
    """打开一页，让叫 name 的视图动起来，照 story 操作，拍成 IMAGES/name.webp"""
    page.goto(address)
    view = page.locator(f".live-view[data-view={name}]")
    view.locator("xpath=preceding-sibling::p[1]").get_by_role("button").click()
    live = page.locator(f".live[data-view={name}]")
    live.wait_for()
    page.wait_for_function("() => !document.querySelector('.live[data-busy]')")
    page.wait_for_timeout(1500)
    pictures = []
    times = []
    for seconds in story(page, live):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.monotonic()
            picture = Image.open(io.BytesIO(live.screenshot())).convert("RGB")
            pictures.append(picture)
            time.sleep(max(0, FASTEST - (time.monotonic() - start)))
            times.append(round(1000 * (time.monotonic() - start)))
    save(pictures, times, IMAGES / f"{name}.webp")


def save(pictures: list, times: list[int], path: Path) -> None:
    """合成一段；一样大，高矮不同的下面补白；从做完的样子开始，还没有动的时候看到的不是空的"""
    pictures = pictures[-1:] + pictures
    times = [1000] + times
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    frames = []
    for picture in pictures:
        frame = Image.new("RGB", (width, height), "white")
        frame.paste(picture)
        frames.append(frame)
    frames[0].quantize(256).save(path.with_suffix(".png"), optimize=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=60, method=4)
    print(f"{path.name}：{len(frames)} 张，{sum(times) / 1000:.0f} 秒，{path.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    site = Path(sys.argv[1]).resolve()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=SIZE, device_scale_factor=SHARP, locale="zh-CN")
        film(page, f"file://{site}/notebooks/05_next_token.html", "next_token", next_token)
        film(page, f"file://{site}/notebooks/07_pipeline.html", "slow_motion", slow_motion)
        browser.close()


if __name__ == "__main__":
    main()
