"""The daemon as a process: one per home, private, killed at any moment, gone without a trace."""

import json
import os
import random
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import launch
from backend.clock import SystemClock
from backend.contract.errors import Conflict, Refused, Unavailable
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader
from backend.paths import Home
from backend.server import doorway
from backend.services.intent import Intent
from backend.services.promotion import STAGES
from backend.store import open_store
from tests.helpers.home import RunningHome
from tests.helpers.raw_http import JSON, exchange
from tests.helpers.wait import until


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home


def logged_points(home: RunningHome, run_id: str) -> list[tuple[str, int, str]]:
    """(key, step, value as text) of every metric line of the run's event log, in order."""
    reader, offset = LogReader(JobFolder(home.home.job(run_id)).events), 0
    found: list[tuple[str, int, str]] = []
    while (result := reader.read(offset)).offset != offset:
        assert not result.damaged
        offset = result.offset
        for line in result.lines:
            if line.kind == "metrics":
                found += [(key, line.fields["step"], repr(value)) for key, value in line.fields["values"].items()]
    return found


def exported_points(home: RunningHome, run_id: str) -> list[tuple[str, int, str]]:
    lines = home.cli("run", "export", run_id, "--format", "jsonl").stdout.splitlines()
    return [(p["key"], p["step"], repr(p["value"])) for p in map(json.loads, lines)]


def wait_step(home: RunningHome, run_id: str, step: int) -> None:
    until(lambda: home.ask("GET", f"/runs/{run_id}")["step"] >= step, 60, every=0.05)


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_killed_mid_run_nothing_is_lost_and_the_worker_is_adopted(home: RunningHome, kills: int) -> None:
    """RELIABILITY row 8."""
    home.start()
    rng = random.Random(kills)
    run = home.start_run(steps=1_000_000, rate_hz=200, points_per_step=3, checkpoint_every=100)
    home.wait_run(run["id"], ("running",))
    identity = JobFolder(home.home.job(run["id"])).identity()
    for _ in range(kills):
        wanted = home.ask("GET", f"/runs/{run['id']}")["step"] + rng.randrange(20, 120)
        wait_step(home, run["id"], wanted)
        home.kill()
        home.start()
    home.ask("POST", f"/runs/{run['id']}/commands", {"command": "stop"})
    ended = home.wait_run(run["id"], timeout=120)
    assert (ended["state"], ended["attempt"]) == ("stopped", 1)
    assert JobFolder(home.home.job(run["id"])).identity() == identity
    logged = logged_points(home, run["id"])
    assert len(logged) == ended["step"] * 3
    assert exported_points(home, run["id"]) == logged
    report = home.json("doctor")
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]


def test_killed_during_its_start_it_starts_again(home: RunningHome) -> None:
    """RELIABILITY row 10."""
    home.start()
    run = home.start_run(steps=300, rate_hz=100)
    for wait_s in (0.0, 0.2, 0.5, 0.9):
        home.kill()
        process, _ = launch.spawn(home.home)
        time.sleep(wait_s)  # the moment of the kill is the test
        process.kill()
        process.wait()
    home.start()
    assert home.wait_run(run["id"])["state"] == "completed"
    assert exported_points(home, run["id"]) == logged_points(home, run["id"])


def test_a_worker_that_ended_while_the_daemon_was_away_is_told_truly(home: RunningHome) -> None:
    """RELIABILITY row 16."""
    home.start()
    run = home.start_run(steps=100_000, rate_hz=200)
    home.wait_run(run["id"], ("running",))
    identity = JobFolder(home.home.job(run["id"])).identity()
    assert identity
    home.kill()
    os.kill(identity.worker_pid, signal.SIGKILL)
    until(lambda: JobFolder(home.home.job(run["id"])).exit_record())
    home.start()
    ended = home.wait_run(run["id"])
    assert ended["state"] == "failed"
    assert "9" in ended["cause"] or "SIGKILL" in ended["cause"]


def test_of_two_daemons_the_second_ends_and_names_the_first(home: RunningHome) -> None:
    """RELIABILITY row 12."""
    home.start()
    process, output = launch.spawn(home.home)
    assert process.wait(60) == launch.OCCUPIED
    assert str(home.backend.pid) in output.read_text()
    assert home.ask("GET", "/system")["pid"] == home.backend.pid


def test_a_race_has_one_winner(home: RunningHome) -> None:
    processes = [launch.spawn(home.home)[0] for _ in range(4)]
    home.process = until(
        lambda: next((p for p in processes if launch.find(home.home) and p.pid == home.backend.pid), None), 40
    )
    losers = [process for process in processes if process is not home.process]
    assert [process.wait(60) for process in losers] == [launch.OCCUPIED] * 3
    assert home.ask("GET", "/system")["state"] == "running"


def test_two_callers_who_start_it_get_the_same_one(home: RunningHome) -> None:
    one = launch.start(home.home)
    other = launch.start(home.home)
    assert one == other
    assert launch.stop(home.home) is True
    assert launch.stop(home.home) is False
    assert launch.find(home.home) is None


def test_what_a_killed_daemon_left_does_not_matter(home: RunningHome) -> None:
    """RELIABILITY row 14: a stale socket, a stale backend.json, a lock file naming a stranger."""
    home.start()
    home.kill()
    assert home.home.socket.exists()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        home.home.lock.write_text(json.dumps({"pid": stranger.pid}))
        assert launch.find(home.home) is None
        home.start()
        assert home.ask("GET", "/system")["pid"] == home.process.pid  # type: ignore[union-attr]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_everything_is_private_whatever_the_umask_is(home: RunningHome) -> None:
    """RELIABILITY T7."""
    old = os.umask(0)
    try:
        home.start()
        run = home.start_run(steps=20, rate_hz=0, checkpoint_every=10)
        home.wait_run(run["id"])
    finally:
        os.umask(old)
    for root in (home.home.root, home.home.runtime):
        for path in [root, *root.rglob("*")]:
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_a_stop_leaves_no_socket_no_file_and_no_lock(home: RunningHome) -> None:
    home.start()
    assert home.stop() == 0
    assert not home.home.socket.exists()
    assert not home.home.endpoint_file.exists()
    lock = doorway.HomeLock(home.home)
    lock.take()
    lock.free()


def test_tcp_answers_only_with_the_token_and_proves_itself() -> None:
    """RELIABILITY T1, T6."""
    with RunningHome(listen="tcp:0") as home:
        home.start()
        assert home.backend.token is not None
        assert len(bytes.fromhex(home.backend.token)) == 32
        assert stat.S_IMODE(home.home.endpoint_file.stat().st_mode) == 0o600
        assert home.ask("GET", "/system")["socket"].startswith("127.0.0.1:")
        first = home.backend.token
        home.stop()
        home.start()
        assert home.backend.token != first


def test_a_squatter_on_the_port_never_sees_the_token() -> None:
    """RELIABILITY row 13, T6: somebody else listens where the daemon was."""
    with RunningHome(listen="tcp:0") as home:
        home.start()
        address, token = home.backend.address, home.backend.token
        home.kill()
        heard = b""
        with socket.socket() as rogue:
            rogue.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            rogue.bind(address or ("", 0))
            rogue.listen(4)
            rogue.settimeout(10)
            caller = subprocess.Popen(
                [*("python3", "-c"), f"import socket; socket.create_connection({address!r}).close()"]
            )
            caller.wait()
            rogue.accept()[0].close()
            import threading

            def answer() -> None:
                nonlocal heard
                connection, _ = rogue.accept()
                heard = connection.recv(65536)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{"status": "ok", "proof": "00"}')
                connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            assert launch.find(home.home) is None
            thread.join()
        assert b"/healthz" in heard
        assert (token or "").encode() not in heard


def test_neither_arguments_nor_environments_hold_the_token() -> None:
    """RELIABILITY T9, of the daemon, its sensor and a worker."""
    with RunningHome(listen="tcp:0") as home:
        home.start()
        run = home.start_run(steps=100_000, rate_hz=100)
        home.wait_run(run["id"], ("running",))
        token = (home.backend.token or "").encode()
        seen = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if str(home.root).encode() in text:
                seen += 1
                assert token not in text
        assert seen >= 3


def test_the_log_cannot_be_forged_and_keeps_no_secret(home: RunningHome) -> None:
    """RELIABILITY T10, T25."""
    home.start()
    name = "a\n2026 ERROR forged\x1b[2J\u202e"
    run = home.ask("POST", "/runs", {"recipe": "selftest", "settings": {"steps": 5, "rate_hz": 0}, "name": name})
    marker = "markerQ7"
    exchange(home.backend, f"/api/v1/runs/{run['id']}?token={marker}", headers={"X-Secret": marker})
    exchange(
        home.backend,
        f"/x%0A2026%20ERROR%1b[2J?{marker}",
        method="POST",
        headers=JSON,
        body=f'{{"{marker}": 1}}'.encode(),
    )
    home.wait_run(run["id"])
    home.stop()
    text = home.log()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert marker not in text
    lines = text.splitlines()
    assert [json.loads(line) for line in lines if line]
    assert any("\\\\u000a2026 ERROR" in line and '"path"' in line for line in lines)


def test_a_full_reserve_refuses_new_runs_and_names_the_bytes(home: RunningHome) -> None:
    """RELIABILITY row 33, 18: no new work; what runs goes on."""
    home.start()
    home.ask("PATCH", "/settings", {"values": {"reserve_disk_bytes": 10**18}})
    with pytest.raises(Unavailable, match=r"1,000,000,000,000,000,000 bytes") as refused:
        home.start_run(steps=1)
    assert refused.value.code == "disk_full"
    assert home.ask("GET", "/runs")["items"] == []


def test_a_runtime_folder_that_is_a_link_or_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Refused, match="not a link"):
        doorway.own_folder(tmp_path / "link")
    if os.getuid() == 0:
        os.chown(tmp_path / "real", 12345, 12345)
        with pytest.raises(Refused, match="belongs to user 12345"):
            doorway.own_folder(tmp_path / "real")


def test_a_lock_that_is_held_names_its_holder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = doorway.HomeLock(home)
    first.take()
    with pytest.raises(Conflict, match=str(os.getpid())):
        doorway.HomeLock(home).take()
    first.free()
    doorway.HomeLock(home).take()


def test_a_promotion_that_a_dead_daemon_left_is_settled_by_the_next(home: RunningHome) -> None:
    """RELIABILITY row 64: at its start, without being asked."""
    names = {"kind": "promote", "model": "tiny", "endpoint": "front", "job_id": "e1", "reason": "x", "actor": "ada"}
    numbers = {"from_version": 1, "to_version": 2, "standby_version": None}
    aliases = {"champion": 1, "previous": None, "champion_after": 2, "previous_after": 1}
    intent = Intent.model_validate({**names, **numbers, **aliases})
    store = open_store(home.home, SystemClock())
    left = store.operations.start("promote", "model/tiny", STAGES, intent.model_dump(mode="json"))
    store.close()
    home.start()
    until(lambda: home.ask("GET", f"/operations/{left.id}")["state"] == "failed", 30)
    assert home.ask("GET", f"/operations/{left.id}")["error"]["code"] == "interrupted"


def test_a_bad_listen_is_refused() -> None:
    for text in ("udp:1", "tcp:x", "tcp:70000", "unix:x", "tcp:"):
        with pytest.raises(Refused, match="neither unix nor tcp"):
            doorway.parse_listen(text)
    assert doorway.parse_listen("tcp:0") == 0
    assert doorway.parse_listen("unix") is None
