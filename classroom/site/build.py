"""把课程做成静态网页：python classroom/site/build.py [文件夹]

默认写到项目根目录的 site；双击里面的 index.html 就能看，整个文件夹可以放到 U 盘或任何静态网站上。
笔记本不运行，显示的是已经保存的输出
"""
import argparse
import contextlib
import hashlib
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from npm import run_npm
from target import check, explained, replace

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LIBRARIES = {  # npm 上的包 → 其中要用的文件和它的 sha256；升级时三样一起改
    "mermaid@11.17.2": ("dist/mermaid.min.js", "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"),
    "mathjax@3.2.2": ("es5/tex-svg.js", "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"),
}


def fetch(package: str, folder: Path) -> None:
    """从 npm 取一个库，连同许可一起放进 folder/库名；取过的在 npm 自己的缓存里，断网也能用

    例: fetch("mermaid@11.17.2", folder) 写出 folder/mermaid/mermaid.min.js 和 folder/mermaid/LICENSE
    """
    file, expected = LIBRARIES[package]
    target = folder / package.split("@")[0]
    target.mkdir(parents=True)
    run_npm(f"应从 npm 取到 {package}，没有取到", "pack", "--prefer-offline", "--fetch-retries=1",
            f"--pack-destination={target}", package)
    archive = target / f"{package.replace('@', '-')}.tgz"
    with tarfile.open(archive) as opened:
        for name in (file, "LICENSE"):
            (target / Path(name).name).write_bytes(opened.extractfile(f"package/{name}").read())
    archive.unlink()
    came = hashlib.sha256((target / Path(file).name).read_bytes()).hexdigest()
    if came != expected:
        sys.exit(f"{package} 的 {file} 的 sha256 应是 {expected}，现在是 {came}；"
                 "运行 npm cache clean --force 以后再试，还是这样就不要用它")


def add_views(live: Path) -> None:
    """互动视图要的一切写进 live：教学小模型、分词器、计算的库，画面的脚本和样式"""
    import export
    import views

    export.export(live)
    (live / "views.js").write_text(views.script(), encoding="utf-8")
    (live / "views.css").write_text(views.styles(), encoding="utf-8")


def build(folder: Path) -> None:
    """做好全部网页再换掉 folder 里旧的；做不成时旧的还在"""
    from sphinx.application import Sphinx

    with tempfile.TemporaryDirectory() as scratch:
        pages, libraries = Path(scratch) / "pages", Path(scratch) / "libraries"
        for package in LIBRARIES:
            fetch(package, libraries)
        add_views(libraries / "live")
        static = {"html_static_path": ["static", str(libraries)]}
        app = Sphinx(ROOT, HERE, pages, Path(scratch) / "doctrees", "html", static, status=None, warningiserror=True)
        app.build()
        if app.statuscode:
            sys.exit("网页没有做成，原因写在上面的 WARNING 里；改好那个文件再运行一次")
        for unused in (".buildinfo", "_sources", "_static/*.html", "_static/**/*.map"):  # 看网页用不到的
            for path in list(pages.glob(unused)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        replace(pages, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="把课程做成静态网页")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site", help="写到哪里（默认 site）")
    folder = parser.parse_args().folder.resolve()
    check(folder, "网页", "searchindex.js")
    with explained(folder, "网页"):
        build(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"做好了，共 {size / 1e6:.0f} MB，双击打开：{folder / 'index.html'}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
