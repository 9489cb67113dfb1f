"""Which process is which."""

import os
import subprocess

from backend import platform
from backend.jobs import environment, identity


def test_only_exactly_this_process_is_alive() -> None:
    pid, boot = os.getpid(), platform.boot_id()
    started = platform.process_started(pid)
    assert identity.is_alive(pid, started, boot)
    assert not identity.is_alive(pid, started + 1, boot)
    assert not identity.is_alive(pid, started, "another boot")
    assert not identity.is_alive(0, started, boot)


def test_a_zombie_is_not_alive_and_gets_no_signal() -> None:
    process = subprocess.Popen(["sleep", "60"])
    started = platform.process_started(process.pid)
    assert not platform.signal_process(process.pid, started - 1, 9)  # a stranger with the same number
    assert process.poll() is None
    assert platform.signal_process(process.pid, started, 9)
    assert platform.wait_gone(process.pid, started, 5.0)  # dead, not collected yet
    assert os.path.exists(f"/proc/{process.pid}")
    assert not platform.signal_process(process.pid, started, 9)
    process.wait()


def test_processes_are_found_by_cookie() -> None:
    cookie = identity.new_cookie()
    process = subprocess.Popen(["sleep", "60"], env={identity.COOKIE: cookie}, start_new_session=True)
    try:
        assert [pid for pid, _ in identity.with_cookie(cookie)] == [process.pid]
        assert identity.with_cookie(cookie[:-1]) == []
    finally:
        process.kill()
        process.wait()


def test_the_environment_is_an_allow_list() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "HF_TOKEN": "x",
        "AWS_KEY": "x",
        "MODELDECK_FAILPOINT": "a:kill",
        "LD_PRELOAD": "x",
    }
    assert environment.allowed(given) == {"PATH": "/bin", "LC_ALL": "C", "MODELDECK_FAILPOINT": "a:kill"}


def test_only_one_holds_a_lock_and_death_frees_it(tmp_path) -> None:
    path = tmp_path / "lock"
    assert not platform.is_locked(path)
    held = platform.try_lock(path)
    assert platform.is_locked(path)
    assert platform.try_lock(path) is None
    os.close(held)
    assert not platform.is_locked(path)
