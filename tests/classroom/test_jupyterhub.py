"""全班用一台服务器：真的 JupyterHub，八个学生同时登录、打开一讲、从头运行到尾，只在 .ci/run 里运行"""
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers.jupyterhub import JupyterHub, Student, state

LESSON = "02_quickstart.ipynb"
STUDENTS = [f"student{number:02}" for number in range(1, 9)]
MB = 2 ** 20
pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """一个试用的 JupyterHub；结束时停掉所有的进程"""
    hub = JupyterHub(tmp_path_factory.mktemp("hub"))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="module")
def students(hub):
    """八个学生，同时登录，同时把一讲从头运行到尾；(学生, 印出来的字)"""
    def attend(name: str) -> tuple[Student, str]:
        student = Student(hub.address, name)
        assert student.login(hub.password).ok
        student.start()
        return student, student.run(LESSON)

    start = time.perf_counter()
    with ThreadPoolExecutor(len(STUDENTS)) as pool:
        attended = list(pool.map(attend, STUDENTS))
    print(f"{len(STUDENTS)} 个学生同时从登录到运行完：{time.perf_counter() - start:.0f} 秒")
    return attended


def test_wrong_passwords_and_unknown_names_are_refused(hub):
    for name, password in (("student01", "not-the-password"), ("student01", ""), ("root", hub.password)):
        student = Student(hub.address, name)
        assert student.login(password).status_code == 403, name
        assert student.web.get(f"{hub.address}/hub/api/user").status_code == 403
    assert "没有隔离" in Student(hub.address, "x").web.get(f"{hub.address}/hub/login").content.decode()


def test_eight_students_run_a_lesson_at_once(hub, students):
    for student, printed in students:
        assert "你好 → [108386]" in printed and "红烧肉怎么做 →" in printed, student.name
    memory = {name: {"rss": 0, "pss": 0, "uss": 0} for name in STUDENTS}
    for process in hub.family():
        if process.environ().get("JUPYTERHUB_USER") in memory:
            full = process.memory_full_info()
            for kind in ("rss", "pss", "uss"):
                memory[process.environ()["JUPYTERHUB_USER"]][kind] += getattr(full, kind) / MB
    for name, row in memory.items():
        print(name, " ".join(f"{kind} {value:,.0f} MB" for kind, value in row.items()))
        assert 100 < row["uss"] < 2048  # 没有到每人的上限


def test_the_weights_are_in_memory_once(hub, students):
    weights = [part for process in hub.family() if "ipykernel_launcher" in process.cmdline()
               for part in process.memory_maps() if part.path == str(hub.model / "model.safetensors")]
    size = (hub.model / "model.safetensors").stat().st_size
    print(f"权重 {size / MB:.0f} MB，{len(weights)} 个内核一共 {sum(part.pss for part in weights) / MB:.0f} MB")
    assert len(weights) == len(STUDENTS)
    assert all(part.rss > size / 2 and part.private_dirty == 0 for part in weights)
    assert sum(part.pss for part in weights) < 1.1 * size


def test_nobody_wrote_into_the_shared_model(hub, students):
    assert state(hub.model) == hub.before


def test_students_do_not_see_each_other(hub, students):
    one = students[0][0]
    page = one.web.get(f"{hub.address}/user/student02/api/contents/hf-course")
    assert page.status_code == 403, page.url
    assert one.web.get(f"{hub.address}/hub/api/users").status_code == 403


def test_work_survives_an_update_of_the_course(hub, students):
    student = students[0][0]
    changed = student.read(LESSON)
    changed["cells"][0]["source"] = "我的笔记"
    student.write(LESSON, changed)
    student.stop()
    for name in (LESSON, "01_setup.ipynb"):
        newer = json.loads((hub.course / "notebooks" / name).read_text(encoding="utf-8"))
        newer["cells"][0]["source"] = "新的一版"
        (hub.course / "notebooks" / name).write_text(json.dumps(newer), encoding="utf-8")
    shutil.copy(hub.course / "notebooks" / LESSON, hub.course / "notebooks" / "10_new.ipynb")
    student.start()
    first = {name: student.read(name)["cells"][0]["source"] for name in (LESSON, "01_setup.ipynb", "10_new.ipynb")}
    assert first == {LESSON: "我的笔记", "01_setup.ipynb": "新的一版", "10_new.ipynb": "新的一版"}


def test_idle_servers_are_culled_by_a_running_service(hub):
    assert any("jupyterhub_idle_culler" in process.cmdline() for process in hub.family())
    assert "Traceback" not in hub.log.read_text(encoding="utf-8")
