"""抄给学生的一份、JupyterHub 的设置、Kubernetes 的设置：不用启动服务器的检查"""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from servers.jupyterlab import ROOT
from student_server import give
from traitlets.config import Application, Config
from traitlets.config.loader import PyFileConfigLoader

CONFIG = ROOT / "classroom" / "jupyterhub_config.py"
NOT_GIVEN = {  # 有链接、但不抄给学生的
    "helpers/tiny/checkpoint/README.md": "学生的 helpers 文件夹会挡住装好的 helpers，run_qwen.py 就不能运行了",
    "pyproject.toml": "学生在自己的文件夹里 pip install -e . 会装成没有 helpers 的课程，试用时换掉老师的"}


@pytest.fixture
def course(tmp_path):
    """课程的一小份：两本笔记本和 README"""
    for name in ("README.md", "notebooks/01.ipynb", "notebooks/02.ipynb"):
        write(tmp_path / "course" / name, f"第一版 {name}")
    return tmp_path / "course"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def words(path: Path) -> str:
    """.md 文件，或者笔记本里文字的格"""
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".md" else "\n".join(
        "".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def test_a_student_gets_what_the_lessons_link_to(tmp_path):
    given = set(give(ROOT, tmp_path))
    assert {"README.md", "run_qwen.py", "classroom/speed.json", "notebooks/images/next_token.webp"} <= given
    assert {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= given
    assert not any(name.startswith(("helpers", "tests")) for name in given)
    assert {name for name in given if name.endswith((".py", ".safetensors"))} == {"run_qwen.py"}
    links = {os.path.normpath(Path(name).parent / link) for name in given if name.endswith((".md", ".ipynb"))
             for link in re.findall(r"\]\(([^)#\s:]+)[)#]", words(tmp_path / name))}
    assert {Path(link).as_posix() for link in links if not (tmp_path / link).exists()} == set(NOT_GIVEN)
    assert give(ROOT, tmp_path) == []


@pytest.mark.ci  # 要装 JupyterHub
def test_a_students_own_token_py_does_not_lock_him_out(tmp_path, monkeypatch, own_cache):
    monkeypatch.setenv("COURSE_TRIAL", "1")
    monkeypatch.setenv("COURSE_MODEL", "tiny")
    command = PyFileConfigLoader(CONFIG.name, path=str(CONFIG.parent)).load_config().Spawner.cmd
    home = tmp_path / "张三"
    for name in ("token.py", "random.py", "json.py"):
        write(home / name, "raise SystemExit('学生自己的文件')")
    started = subprocess.run([*command, "--version"], cwd=home, capture_output=True, encoding="utf-8",
                             env={**os.environ, "HOME": str(home), "USERPROFILE": str(home)})
    assert started.returncode == 0, started.stderr
    assert "学生自己的文件" not in started.stdout + started.stderr


def test_an_update_never_touches_what_the_student_changed(course, tmp_path):
    mine = tmp_path / "张三" / "hf-course"
    assert give(course, mine) == ["README.md", "notebooks/01.ipynb", "notebooks/02.ipynb"]
    write(mine / "notebooks/01.ipynb", "我的答案")
    write(mine / "notebooks/03.ipynb", "我自己的一本")
    for name in ("01", "02", "03", "04"):
        write(course / "notebooks" / f"{name}.ipynb", f"第二版 {name}")
    assert give(course, mine) == ["notebooks/02.ipynb", "notebooks/04.ipynb"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in (mine / "notebooks").iterdir()}
    assert texts == {"01.ipynb": "我的答案", "02.ipynb": "第二版 02",
                     "03.ipynb": "我自己的一本", "04.ipynb": "第二版 04"}
    write(course / "notebooks/01.ipynb", "第三版 01")
    assert give(course, mine) == []
    (mine / "notebooks/01.ipynb").rename(mine / "notebooks/我的01.ipynb")  # jupyterhub.md 教的：改了名，就再得一份新的
    assert give(course, mine) == ["notebooks/01.ipynb"]
    assert (mine / "notebooks/01.ipynb").read_text(encoding="utf-8") == "第三版 01"
    assert (mine / "notebooks/我的01.ipynb").read_text(encoding="utf-8") == "我的答案"


def test_the_copy_can_be_written_even_if_the_course_is_read_only(course, tmp_path):
    (course / "README.md").chmod(0o444)
    give(course, tmp_path / "mine")
    assert (tmp_path / "mine" / "README.md").stat().st_mode & 0o200


def test_an_interrupted_copy_is_not_taken_for_the_students_work(course, tmp_path, monkeypatch):
    def cut(path, target):
        Path(target).write_text("半", encoding="utf-8")
        raise OSError("磁盘满了")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", cut)
        with pytest.raises(OSError, match="磁盘满了"):
            give(course, tmp_path / "mine")
    assert "notebooks/01.ipynb" in give(course, tmp_path / "mine")
    assert (tmp_path / "mine" / "README.md").read_text(encoding="utf-8") == "第一版 README.md"
    (tmp_path / "mine/.original/README.md").unlink()  # 抄了学生的一份，还没有抄原件就断了
    assert give(course, tmp_path / "mine") == []
    write(course / "README.md", "第二版 README.md")
    assert give(course, tmp_path / "mine") == ["README.md"]


@pytest.fixture
def load(monkeypatch, tmp_path):
    """读 JupyterHub 的设置：load(环境变量) -> 设置；像是由 root 在有 systemd 的服务器上，课程放在大家读得到的地方"""
    real = Path.stat

    def load(readable: bool = True, **environment):
        for name in ("COURSE_DOMAIN", "COURSE_TRIAL", "COURSE_MODEL", "COURSE_STUDENTS", "COURSE_MEMORY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"XDG_CACHE_HOME": str(tmp_path), **environment}.items():
            monkeypatch.setenv(name, value)
        mask = (lambda mode: mode | 0o555) if readable else (lambda mode: mode & ~0o007)

        def stat(path: Path, **given) -> os.stat_result:
            found = real(path, **given)
            if path.name.startswith("student") and path.is_relative_to(tmp_path):  # 学生的家文件夹照实
                return found
            return os.stat_result((mask(found.st_mode), *tuple(found)[1:]))

        monkeypatch.setattr(Path, "stat", stat)
        return PyFileConfigLoader(CONFIG.name, path=str(CONFIG.parent)).load_config()

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    isdir = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path == "/run/systemd/system" or isdir(path))
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    enrol(monkeypatch, {})
    return load


def enrol(monkeypatch, homes: dict[str, Path]) -> None:
    """course 组里是这些学生，家文件夹在这里"""
    groups = {"course": SimpleNamespace(gr_mem=list(homes))}
    monkeypatch.setitem(sys.modules, "grp", SimpleNamespace(getgrnam=groups.__getitem__))
    users = {name: SimpleNamespace(pw_dir=str(home)) for name, home in homes.items()}
    monkeypatch.setitem(sys.modules, "pwd", SimpleNamespace(getpwnam=users.__getitem__))


@pytest.fixture
def asked():
    """像是 jupyterhub 的命令里写了这些：asked(bind_url="http://0.0.0.0:8000")"""
    def asked(**given: str) -> None:
        Application.clear_instance()
        Application.instance().cli_config = Config({"JupyterHub": given})

    Application.clear_instance()
    yield asked
    Application.clear_instance()


@pytest.mark.parametrize("given", [{"bind_url": "http://0.0.0.0:8000"}, {"bind_url": "http://:8000"},
                                   {"bind_url": "http://10.0.0.5"}, {"ip": "0.0.0.0"}, {"ip": ""}])
def test_a_trial_is_not_opened_to_the_network(load, asked, given):
    asked(**given)
    with pytest.raises(SystemExit, match="试用应只在本机开"):
        load(COURSE_TRIAL="1")
    load()  # 正式的可以


@pytest.mark.parametrize("given", [{}, {"bind_url": "http://127.0.0.1:9000"}, {"ip": "localhost"}])
def test_a_trial_on_this_machine_opens(load, asked, given):
    asked(**given)
    assert load(COURSE_TRIAL="1").JupyterHub.spawner_class == "simple"


def test_a_hostile_student_meets_limits(load):
    config = load().SystemdSpawner
    limits = config.unit_extra_properties
    assert config.disable_user_sudo is True
    assert int(limits["TasksMax"]) <= 1024
    assert limits["MemorySwapMax"] == "0"
    assert limits["LimitFSIZE"] == "5G"
    assert limits["ProtectProc"] == "invisible"
    assert limits["UMask"] == "0077"
    assert str(ROOT) in config.readonly_paths


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有这样的权限")
@pytest.mark.parametrize("mode", [0o755, 0o711, 0o704])
def test_a_home_that_others_can_enter_is_refused(load, monkeypatch, tmp_path, mode):
    homes = {name: tmp_path / name for name in ("student01", "student02")}
    for home in homes.values():
        home.mkdir(mode=0o700)
    enrol(monkeypatch, {**homes, "student03": tmp_path / "还没有"})
    load()
    homes["student02"].chmod(mode)
    with pytest.raises(SystemExit, match="现在 student02 的别人也进得去"):
        load()


@pytest.mark.parametrize("trial", ["", "0", "true"])
def test_a_real_hub_asks_for_system_passwords(load, trial):
    config = load(COURSE_TRIAL=trial)
    assert config.JupyterHub.authenticator_class == "pam"
    assert config.LocalAuthenticator.allowed_groups == {"course"}
    assert "allow_all" not in config.Authenticator and "SharedPasswordAuthenticator" not in config
    assert config.JupyterHub.spawner_class == "systemdspawner.SystemdSpawner"
    assert config.Spawner.environment["COURSE_MODEL"] in config.SystemdSpawner.readonly_paths


def test_a_trial_has_a_fresh_password_and_says_what_it_lacks(load, capsys):
    passwords = {load(COURSE_TRIAL="1").SharedPasswordAuthenticator.user_password for _ in range(3)}
    assert len(passwords) == 3 and min(map(len, passwords)) >= 8
    config = load(COURSE_TRIAL="1")
    assert "没有隔离" in capsys.readouterr().err and "没有隔离" in config.JupyterHub.template_vars["announcement"]
    assert "allow_all" not in config.Authenticator and len(config.Authenticator.allowed_users) == 40


@pytest.mark.parametrize("trial", ["", "1"])
def test_loopback_limits_and_culling(load, trial, tmp_path):
    config = load(COURSE_TRIAL=trial, COURSE_STUDENTS="5", COURSE_MEMORY="3G")
    assert config.JupyterHub.bind_url == "http://127.0.0.1:8000"
    assert config.Spawner.mem_limit == "3G"
    assert config.Spawner.environment["OMP_NUM_THREADS"] == "3"  # 16 核 ÷ 5
    assert load(COURSE_STUDENTS="40").Spawner.environment["OMP_NUM_THREADS"] == "1"
    (service,), (role,) = config.JupyterHub.services, config.JupyterHub.load_roles
    assert "jupyterhub_idle_culler" in service["command"] and role["services"] == [service["name"]]
    assert not any(scope.startswith("admin") for scope in role["scopes"])
    assert any("cull_idle_timeout" in argument for argument in config.Spawner.args)
    places = [config.JupyterHub.db_url, config.JupyterHub.cookie_secret_file, config.ConfigurableHTTPProxy.pid_file]
    assert all(str(tmp_path) in place for place in places)  # 不在项目文件夹里


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="只有 Linux 的 torch 用 GNU 的 OpenMP")
def test_a_kernel_that_imports_torch_first_does_not_spin_either(load):
    student = load(COURSE_TRIAL="1").Spawner.environment
    shown = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, text=True,
                           env={**student, "OMP_DISPLAY_ENV": "VERBOSE"})
    assert shown.returncode == 0, shown.stderr
    assert f"GOMP_SPINCOUNT = '{student['GOMP_SPINCOUNT']}'" in shown.stderr


def test_every_way_to_serve_a_class_sets_the_same_spin_count(load):
    values = yaml.safe_load((ROOT / "classroom" / "values.yaml").read_text(encoding="utf-8"))
    page = (ROOT / "classroom" / "jupyterhub.md").read_text(encoding="utf-8")
    wanted = re.search(r'"GOMP_SPINCOUNT", "(\d+)"', (ROOT / "helpers" / "__init__.py").read_text(encoding="utf-8"))[1]
    assert values["singleuser"]["extraEnv"]["GOMP_SPINCOUNT"] == wanted
    assert f'"GOMP_SPINCOUNT": "{wanted}"' in page
    assert f"GOMP_SPINCOUNT={wanted}" in page
    assert load(GOMP_SPINCOUNT="7").Spawner.environment["GOMP_SPINCOUNT"] == "7"  # 老师自己设过的不动
    assert load(GOMP_SPINCOUNT=wanted).Spawner.environment["GOMP_SPINCOUNT"] == wanted


@pytest.mark.ci
@pytest.mark.parametrize("trial", ["", "1"])
def test_every_setting_exists(load, trial):
    """拼错的设置 JupyterHub 只会提醒，不会停下；要装 [hub]"""
    from jupyterhub.app import JupyterHub
    from jupyterhub.auth import Authenticator, LocalAuthenticator
    from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
    from jupyterhub.proxy import ConfigurableHTTPProxy
    from jupyterhub.spawner import SimpleLocalProcessSpawner, Spawner
    from systemdspawner import SystemdSpawner

    known = {kind.__name__: set(kind.class_trait_names(config=True)) for kind in (
        JupyterHub, Authenticator, LocalAuthenticator, SharedPasswordAuthenticator, ConfigurableHTTPProxy, Spawner,
        SimpleLocalProcessSpawner, SystemdSpawner)}
    for name, settings in load(COURSE_TRIAL=trial).items():
        assert set(settings) <= known[name], name
    assert "COURSE_SERVER" in Spawner(config=load(COURSE_TRIAL=trial)).env_keep


@pytest.mark.parametrize("environment, said", [
    ({"COURSE_STUDENTS": "0"}, "COURSE_STUDENTS 应是正整数"),
    ({"COURSE_STUDENTS": "四十"}, "现在是 '四十'"),
    *(({"COURSE_MEMORY": text}, f"COURSE_MEMORY 应是一个数加.*现在是 '{text}'") for text in ("2GB", "2g", "")),
    ({"COURSE_MODEL": "/没有/这个"}, "模型应是 tiny"),
    ({"COURSE_MODEL": "qwen", "MODELSCOPE_CACHE": "/没有"}, "先运行 python -m helpers.model fetch"),
    ({"readable": False}, "chmod"),
])
def test_what_is_wrong_is_said_in_a_sentence(load, environment, said):
    with pytest.raises(SystemExit, match=said):
        load(**environment)


def test_no_group_no_proxy_no_root_no_systemd(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "grp", SimpleNamespace(getgrnam={}.__getitem__))
    with pytest.raises(SystemExit, match="groupadd course"):
        load()
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    with pytest.raises(SystemExit, match="systemd"):
        load()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="npm install -g configurable-http-proxy"):
        load(COURSE_TRIAL="1")


def test_kubernetes_settings():
    values = yaml.safe_load((ROOT / "classroom" / "values.yaml").read_text(encoding="utf-8"))
    student, hub = values["singleuser"], values["hub"]["config"]
    assert hub["JupyterHub"]["authenticator_class"] not in ("dummy", "tmp", None)  # 不要密码的
    assert "allow_all" not in hub["Authenticator"] and values["proxy"]["https"]["enabled"] is True
    assert student["cmd"][1] == f"/srv/course/{(ROOT / 'classroom/student_server.py').relative_to(ROOT).as_posix()}"
    assert all(isinstance(value, str) for value in student["extraEnv"].values())
    assert student["extraEnv"]["OMP_NUM_THREADS"] == str(student["cpu"]["limit"])
    assert {"limit", "guarantee"} == set(student["memory"])
    assert values["cull"]["enabled"] is True and values["cull"]["users"] is False  # 停服务器，不删学生


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有这样的权限")
def test_a_model_that_all_can_change_is_refused(load, monkeypatch, tmp_path):
    copied = shutil.copytree(ROOT / "helpers" / "tiny" / "checkpoint", tmp_path / "model")
    load(COURSE_MODEL=str(copied))
    (copied / "config.json").chmod(0o666)
    with pytest.raises(SystemExit, match="config.json 学生应改不了，现在谁都能改"):
        load(COURSE_MODEL=str(copied))


@pytest.mark.parametrize("domain", ["hub.example.edu", "http://hub.example.edu", "https://hub.example.edu/路径"])
def test_a_domain_gives_every_student_an_address_of_his_own(load, domain):
    assert load(COURSE_DOMAIN="https://hub.example.edu").JupyterHub.subdomain_host == "https://hub.example.edu"
    assert load().JupyterHub.subdomain_host == ""
    with pytest.raises(SystemExit, match="COURSE_DOMAIN 应是 https://"):
        load(COURSE_DOMAIN=domain)
