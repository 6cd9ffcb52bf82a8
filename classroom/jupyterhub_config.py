"""一台 Linux 服务器上的 JupyterHub：每个学生一份自己的笔记本，全班同一个只读的模型；怎样用见 jupyterhub.md

COURSE_TRIAL=1   试用：编的学生，一个口令，没有隔离；不设就是正式：系统账号和密码，每人有内存上限
COURSE_MODEL     模型，默认教学小模型 tiny
COURSE_STUDENTS  同时计算的学生，默认 40；每人的线程 = 核数 ÷ 它，至少 1
COURSE_MEMORY    每人的内存上限，默认 2G
COURSE_DOMAIN    正式时：学校给的域名，每个学生一个子域名，例如 https://hub.example.edu；不设就是大家同一个网址
COURSE_SERVER 和它的 _KEY、_MODEL：有推理服务器时照样传给学生，见 server.md
"""
import os
import re
import secrets
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from helpers.errors import ModelError
from helpers.files import course_folder
from helpers.model import here

from traitlets.config import Application

TRIAL = os.environ.get("COURSE_TRIAL") == "1"
SERVER = Path(__file__).parent / "student_server.py"
STATE = course_folder() / ("hub-trial" if TRIAL else "hub")
GROUP = "course"
LIMITS = {  # systemd 另外管的；值都是字
    "TasksMax": "512",  # 进程和线程一共；fork 炸弹到此为止
    "MemorySwapMax": "0",  # 到了内存上限就结束，不去拖慢大家的硬盘
    "LimitFSIZE": "5G",  # 一个文件最大；一共多大由磁盘配额管，见 jupyterhub.md
    "LimitCORE": "0",
    "ProtectProc": "invisible",  # 看不到别人的进程和它们的参数
    "RestrictSUIDSGID": "yes",
    "UMask": "0077"}  # 新的文件只有自己读得到


def demand(good: bool, message: str) -> None:
    """不行就说一句中文，不启动"""
    if not good:
        sys.exit(message)


def readable(path: Path) -> bool:
    """别的用户读得了这个文件：它和上面的每一层文件夹都放行"""
    return bool(path.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in path.parents)


def writable_by_all(path: Path) -> bool:
    """谁都能改这个文件或文件夹"""
    return bool(path.stat().st_mode & 0o002)


def open_homes() -> list[str]:
    """course 组里，家文件夹别人也进得去的学生"""
    import grp
    import pwd

    try:
        names = grp.getgrnam(GROUP).gr_mem
    except KeyError:
        sys.exit(f"学生应在 {GROUP} 组里，现在没有这个组；运行 groupadd {GROUP}")
    return [name for name in names if is_open(Path(pwd.getpwnam(name).pw_dir))]


def is_open(home: Path) -> bool:
    """别人进得去；还没有这个文件夹就进不去"""
    return home.exists() and bool(home.stat().st_mode & 0o007)


def asked_host() -> str:
    """命令里 --url 或 --ip 要求的主机名；没有写是 127.0.0.1"""
    if not Application.initialized():
        return "127.0.0.1"
    asked = Application.instance().cli_config.JupyterHub
    url = asked.get("bind_url", "http://127.0.0.1")
    return asked.get("ip", urlsplit(url).hostname or "")


def model() -> Path:
    """全班用的模型所在的文件夹；没有就不启动，免得每个学生各下载一份"""
    try:
        folder = here()
    except ModelError as error:
        sys.exit(str(error))
    demand(folder is not None, "COURSE_MODEL 的模型应已经在这台服务器上，现在没有；先运行 "
                               "python -m helpers.model fetch，见 jupyterhub.md 第 4 节")
    return folder.resolve()


def threads() -> str:
    """每个学生的计算线程"""
    text = os.environ.get("COURSE_STUDENTS", "40")
    demand(text.isdecimal() and int(text) > 0,
           f"COURSE_STUDENTS 应是正整数（同时计算的学生），现在是 {text!r}；例如 40")
    return str(max(1, os.cpu_count() // int(text)))


def memory() -> str:
    """每个学生的内存上限"""
    text = os.environ.get("COURSE_MEMORY", "2G")
    demand(bool(re.fullmatch(r"\d+(\.\d+)?[KMGT]", text)),
           f"COURSE_MEMORY 应是一个数加 K、M、G 或 T（每人的内存上限），现在是 {text!r}；例如 2G")
    return text


demand(bool(shutil.which("configurable-http-proxy")),
       "PATH 里应有 configurable-http-proxy，现在没有；运行 npm install -g configurable-http-proxy")
MODEL = model()
STATE.mkdir(parents=True, exist_ok=True, mode=0o700)

c = get_config()  # noqa: F821
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")

c.Spawner.cmd = [sys.executable, "-P", str(SERVER)]  # -P：学生自己的 token.py 不会当成标准库的
c.Spawner.default_url = "/lab/tree/hf-course/notebooks"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # 全班同时登录，慢的服务器要排队
c.Spawner.mem_limit = memory()
c.Spawner.environment = {
    "COURSE_MODEL": str(MODEL),
    "GOMP_SPINCOUNT": os.environ["GOMP_SPINCOUNT"],  # 先导入 torch 的内核也一样，见 helpers/__init__.py
    "OMP_WAIT_POLICY": "PASSIVE",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # 学生的终端也用这个 Python
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), threads())}
c.Spawner.env_keep.extend(["COURSE_SERVER", "COURSE_SERVER_KEY", "COURSE_SERVER_MODEL"])

# 闲下来就还内存：没有打开着的页面、30 分钟没有运行过的内核；60 分钟没有动静的服务器（都不删文件）
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=1800", "--MappingKernelManager.cull_interval=300"]
c.JupyterHub.services = [{"name": "cull",
                          "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]}]
c.JupyterHub.load_roles = [{"name": "cull", "services": ["cull"],
                            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"]}]

if TRIAL:
    demand(asked_host() in ("127.0.0.1", "::1", "localhost"),
           f"试用应只在本机开（127.0.0.1），现在命令里要在 {asked_host() or '所有的网卡'} 上开；"
           "试用没有隔离，谁登录都等于是你。去掉 --url 和 --ip；给真的学生用，见 jupyterhub.md 的“一个真的班”")
    PASSWORD = secrets.token_urlsafe(8)
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = PASSWORD
    c.Authenticator.allowed_users = {f"student{number:02}" for number in range(1, 41)}
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(STATE / "students" / "{username}")
    c.Spawner.args += ["--allow-root"]
    c.JupyterHub.template_vars = {"announcement": "试用：学生之间没有隔离，不能给真的学生用"}
    c.JupyterHub.log_level = "WARN"  # 终端里只留下面两行和毛病
    c.ConfigurableHTTPProxy.log_level = "warn"
    print("试用：学生之间没有隔离，都以你的身份运行，不能给真的学生用。浏览器打开 http://127.0.0.1:8000\n"
          f"用户名 student01 到 student40，口令 {PASSWORD}　按 Ctrl+C 结束", file=sys.stderr, flush=True)
else:
    demand(os.geteuid() == 0 and os.path.isdir("/run/systemd/system"),
           "正式的服务器应由 root 在有 systemd 的 Linux 上启动，现在不是；只想看看就先设 COURSE_TRIAL=1")
    for path in (SERVER, Path(sys.executable).resolve(), Path(sys.prefix) / "pyvenv.cfg", *MODEL.iterdir()):
        demand(not path.exists() or readable(path),
               f"学生应读得了 {path}，现在读不了；把课程、环境、模型都放在 /srv 里，再运行 chmod -R go+rX /srv")
    for path in (SERVER.parent.parent, SERVER, MODEL, *MODEL.iterdir()):
        demand(not writable_by_all(path), f"{path} 学生应改不了，现在谁都能改；运行 chmod -R go-w /srv")
    opened = "、".join(open_homes())
    demand(opened == "", f"学生的家文件夹应只有自己进得去，现在 {opened} 的别人也进得去；运行 chmod 700 /home/student*")
    domain = os.environ.get("COURSE_DOMAIN", "")
    demand(domain == "" or bool(re.fullmatch(r"https://[\w.-]+(:\d+)?", domain)),
           f"COURSE_DOMAIN 应是 https:// 和域名，现在是 {domain!r}；例如 https://hub.example.edu")
    c.JupyterHub.subdomain_host = domain
    c.JupyterHub.authenticator_class = "pam"
    c.LocalAuthenticator.allowed_groups = {GROUP}
    c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
    c.SystemdSpawner.isolate_tmp = c.SystemdSpawner.isolate_devices = True
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.unit_extra_properties = LIMITS
    c.SystemdSpawner.readonly_paths = [str(MODEL), str(SERVER.parent.parent)]
    c.Spawner.args += ["--KernelManager.transport=ipc"]  # 内核和服务器之间不走端口，别的学生听不到
    c.Spawner.environment["JUPYTER_RUNTIME_DIR"] = "/tmp/jupyter"  # 每人自己的 /tmp；ipc 的路径要短
