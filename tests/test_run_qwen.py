"""run_qwen.py 作为一个程序：回答、退出代码、没有 traceback"""
import os
import signal
import subprocess
import sys
from pathlib import Path

from helpers.generation import UNFINISHED

import pytest
from qwen3_like import scripted

ROOT = Path(__file__).parent.parent


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "run_qwen.py", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8",
                          env={**os.environ, **environment}, timeout=120)


def test_the_first_answer_is_about_the_question():
    result = run()
    assert result.returncode == 0
    assert "取代" in result.stdout
    assert "人工智能未来会取代人类吗" not in result.stdout  # 只有回答，没有重复问题
    assert "<|" not in result.stdout


def test_another_question():
    result = run("你是谁")
    assert result.returncode == 0
    assert "教学小模型" in result.stdout


@pytest.mark.ci
def test_fast_says_how_and_answers_the_same():
    result = run("--fast", "你是谁")
    assert result.returncode == 0
    assert result.stdout == run("你是谁").stdout
    assert "16 位：写词元时" in result.stderr


@pytest.mark.ci
@pytest.mark.parametrize("script, shown", [
    (["<think>", "a", "</think>", "b", "<|im_end|>"], "【思考】a【回答】b\n"),
    (["<think>", "a"], "【思考】" + 999 * "a" + f"\n{UNFINISHED}\n"),
    (["b", "<|im_end|>"], "b\n")])
def test_thinking_is_taken_apart(tmp_path, script, shown):
    """Qwen3：先思考再回答"""
    result = run("你好", COURSE_MODEL=str(scripted(tmp_path, script)))
    assert result.returncode == 0
    assert result.stdout == shown


@pytest.mark.parametrize("arguments, code, says", [
    (["   "], 2, "空白"), ([""], 2, "空白"), (["长" * 3000], 2, "缩短")])
def test_bad_questions(arguments, code, says):
    result = run(*arguments)
    assert result.returncode == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_bad_model():
    result = run(COURSE_MODEL="qwen/Qwen-0.5B")
    assert result.returncode == 1
    assert "没有发布过" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows 不能这样发送 Ctrl-C")
def test_ctrl_c():
    code = ("from helpers.errors import friendly_errors\nimport signal, time\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # 后台启动的程序默认不理 Ctrl-C
            "with friendly_errors():\n    print('ready', flush=True)\n    time.sleep(30)")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"ready"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "已停止" in error.decode()
    assert b"Traceback" not in error


def test_the_script_does_everything_where_errors_are_friendly():
    lines = (ROOT / "run_qwen.py").read_text(encoding="utf-8").splitlines()
    start = lines.index("with friendly_errors():")
    assert all(line.startswith("    ") or not line for line in lines[start + 1:])
    assert not any("torch" in line or "transformers" in line for line in lines[1:start])
