"""测试不看运行它的人：别的账号、只读的、路径里有中文和空格的一份，断网，别的语言和时区，奇怪的设置"""
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ["tests/test_tokens.py", "tests/test_client.py", "tests/download/test_classroom_copy.py"]
NOWHERE = "http://127.0.0.1:9"
ODD = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_ENDPOINT": NOWHERE, "TRANSFORMERS_VERBOSITY": "debug",
       "http_proxy": NOWHERE, "https_proxy": NOWHERE, "all_proxy": NOWHERE, "ALL_PROXY": NOWHERE,
       "LANG": "C", "LC_ALL": "de_DE", "TZ": "Asia/Kathmandu",
       "COURSE_MODEL": "/没有", "COURSE_MODEL_HUB": "没有", "COURSE_SERVER": NOWHERE, "COURSE_GRADING": "1",
       "MODELSCOPE_CACHE": "/没有", "MODELSCOPE_ENDPOINT": NOWHERE, "MODELSCOPE_DOMAIN": "127.0.0.1:9",
       "PYTHONUTF8": "1", "PYTHONSTARTUP": "/没有.py", "PYTHONWARNINGS": "error", "PIP_REQUIRE_VIRTUALENV": "1",
       "PIP_INDEX_URL": NOWHERE, "JUPYTER_CONFIG_DIR": "/没有", "JUPYTER_DATA_DIR": "/没有",
       "JUPYTER_RUNTIME_DIR": "/没有", "IPYTHONDIR": "/没有", "MPLBACKEND": "没有", "MPLCONFIGDIR": "/没有"}


@pytest.fixture
def read_only(tmp_path):
    """课程的一份：文件夹和文件都只能读"""
    copied = tmp_path / "某 人" / "课 程"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "screenshots", "site", "Qwen", "node_modules")
    shutil.copytree(ROOT, copied, ignore=ignored)
    places = [copied, *copied.rglob("*")]
    for path in places:
        path.chmod(path.stat().st_mode & ~0o222)
    yield copied
    for path in places:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def run(copied: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess:
    """在这一份里运行 pytest，环境是上面那些；家文件夹是空的"""
    home.mkdir()
    place = {"HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=copied, env={**environment, **ODD, **place}, capture_output=True,
                          encoding="utf-8", timeout=120)


@pytest.mark.ci
def test_a_sample_is_green_and_quiet_for_anybody(read_only, tmp_path):
    for number, sample in enumerate((SAMPLE, ["--nbval", "notebooks/02_quickstart.ipynb"])):
        done = run(read_only, tmp_path / f"家{number}", *sample)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "Traceback" not in said
        assert "warning" not in said.lower()
