"""Real processes: start, find again, tell, end; and what remains true when any of them dies."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backend.contract.commands import Stop
from backend.contract.errors import Conflict, NotFound
from backend.contract.jobs import JobSpec
from backend.jobs import identity
from backend.jobs.folder import JobFolder
from backend.jobs.output import LIMIT_BYTES
from backend.platform import command_line, is_locked, process_started, write_json_atomic
from backend.supervisor.launch import Supervisor
from tests.helpers.jobs import Jobs
from tests.helpers.wait import until


def alive(pid: int) -> bool:
    return process_started(pid) is not None


def test_a_job_leads_its_own_session_and_group_and_has_no_pipe_to_us(jobs: Jobs) -> None:
    ends = os.pipe()  # as if our own starter had left us one
    os.set_inheritable(ends[1], True)
    job = jobs.start()
    for end in ends:
        os.close(end)
    found = until(job.identity)
    jobs.wait_kind("started")
    assert os.getsid(found.runner_pid) == found.runner_pid != os.getsid(0)
    assert os.getpgid(found.worker_pid) == found.worker_pid
    for pid in (found.runner_pid, found.worker_pid):
        targets = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        assert not [target for target in targets if target.startswith(("pipe:", "socket:"))]
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    seen = jobs.see()
    assert (seen.alive, seen.worker_alive, seen.runner_alive, seen.same_boot) == (True, True, True, True)


def test_two_starts_at_once_make_one_worker(jobs: Jobs) -> None:
    jobs.make()
    refused, barrier = [], threading.Barrier(4)

    def launch() -> None:
        barrier.wait()
        try:
            Supervisor(jobs.home).launch("r1", resume=False, attempt=1)
        except Conflict as error:
            refused.append(error)

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    jobs.wait_kind("metrics")
    assert len(jobs.pids()) == 2  # one runner, one worker
    again = subprocess.run(
        [sys.executable, "-m", "backend.jobs.runner", str(jobs.home.job("r1"))], capture_output=True, text=True
    )
    assert (again.returncode, "already runs" in again.stderr) == (75, True)


def test_unknown_and_impossible_jobs_are_not_found(jobs: Jobs) -> None:
    jobs.make("r1")
    shutil.copytree(jobs.home.job("r1"), jobs.home.root / "evil")  # a whole job, but not one of ours
    for job_id in ("nope", "..", "", "a/b", "../jobs/r1", "../evil", "./r1", str(jobs.home.root / "evil")):
        with pytest.raises(NotFound):
            jobs.supervisor.launch(job_id, resume=False, attempt=1)


def test_another_daemon_finds_it_and_can_stop_it(jobs: Jobs) -> None:
    jobs.start()
    before = jobs.wait_kind("started")
    other = Supervisor(jobs.home)
    assert other.adopt() == ["r1"]
    assert other.observe("r1").worker_alive
    other.send("r1", Stop(id="s"))
    seen = jobs.wait_end()
    assert seen.exit.exit_code == 0
    assert before[0].fields["pid"] == seen.identity.worker_pid
    assert other.adopt() == []


LAUNCHER = """
import os, signal, sys
from pathlib import Path
from backend.paths import Home
from backend.supervisor.launch import Supervisor
Supervisor(Home(Path(sys.argv[1]))).launch("r1", resume=False, attempt=1)
if len(sys.argv) > 2: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("point", ["", "supervisor.before_start:kill", "supervisor.after_start:kill"])
def test_a_daemon_killed_while_launching_leaves_one_worker_or_none(jobs: Jobs, point: str) -> None:
    jobs.make()
    command = [sys.executable, "-c", LAUNCHER, str(jobs.home.root), "die"]
    done = subprocess.run(command, env={**os.environ, "MODELDECK_FAILPOINT": point})
    assert done.returncode == -9
    if point == "supervisor.before_start:kill":
        assert not jobs.see().alive
        jobs.supervisor.launch("r1", resume=False, attempt=1)
    else:
        assert jobs.see().alive  # known by its lock at once, by its identity later
        with pytest.raises(Conflict):
            jobs.supervisor.launch("r1", resume=False, attempt=1)
    jobs.wait_kind("metrics")
    assert len([pid for pid in jobs.pids() if b"backend.worker.selftest" in command_line(pid)]) == 1


def test_a_death_while_nobody_looks_is_written_down(jobs: Jobs) -> None:
    jobs.make(steps=5, rate_hz=0, crash_at_step=3)
    subprocess.run([sys.executable, "-c", LAUNCHER, str(jobs.home.root), "die"])
    seen = jobs.wait_end()
    assert (seen.exit.signal, seen.exit.attempt) == (11, 1)
    assert seen.exit.peak_memory_bytes > 1_000_000
    assert seen.exit.ended_at >= seen.exit.started_at


def test_the_runner_may_die_the_worker_runs_on_and_its_end_is_seen(jobs: Jobs) -> None:
    job = jobs.start()
    found = until(job.identity)
    steps = len(jobs.wait_kind("metrics"))
    os.kill(found.runner_pid, signal.SIGKILL)
    until(lambda: not jobs.see().runner_alive)
    seen = jobs.see()
    assert (seen.alive, seen.worker_alive, seen.exit) == (True, True, None)
    jobs.wait_kind("metrics", count=steps + 20)
    with pytest.raises(Conflict):  # the worker holds the lock now
        jobs.supervisor.launch("r1", resume=True, attempt=2)
    jobs.supervisor.terminate("r1", grace_s=10)
    seen = jobs.see()
    assert (seen.alive, seen.exit) == (False, None)
    assert jobs.said("ended")[-1].fields["outcome"] == "stopped"
    until(lambda: not is_locked(job.lock))


def test_a_runner_killed_before_it_wrote_its_identity_does_not_hide_the_worker(jobs: Jobs) -> None:
    job = jobs.start()
    until(job.identity)
    jobs.wait_kind("metrics")
    os.kill(job.identity().runner_pid, signal.SIGKILL)
    job.identity_file.unlink()
    until(lambda: len(jobs.pids()) == 1)
    assert jobs.see().alive
    assert jobs.supervisor.kill("r1")
    until(lambda: not jobs.see().alive)


def test_a_stopped_worker_is_alive_and_can_be_ended(jobs: Jobs) -> None:
    job = jobs.start()
    jobs.wait_kind("metrics")
    jobs.signal_worker(signal.SIGSTOP)
    assert jobs.see().worker_alive
    jobs.supervisor.terminate("r1", grace_s=0.2)
    assert jobs.wait_end().exit.signal == 9
    assert not alive(job.identity().worker_pid)


def test_one_that_ignores_sigterm_is_ended_with_all_it_started(jobs: Jobs) -> None:
    jobs.start(ignore_term=True)
    jobs.wait_kind("metrics")
    pids = until(lambda: found if len(found := jobs.pids()) >= 6 else [])
    jobs.supervisor.terminate("r1", grace_s=0.3)
    assert jobs.wait_end().exit.signal == 9
    # A process that is just ending shows no cookie any more.
    until(lambda: not jobs.pids() and not any(alive(pid) for pid in pids))


def test_what_a_dead_worker_started_does_not_outlive_it(jobs: Jobs) -> None:
    jobs.start(ignore_term=True)
    jobs.wait_kind("metrics")
    until(lambda: len(jobs.pids()) >= 6)
    jobs.signal_worker(signal.SIGKILL)
    jobs.wait_end()
    until(lambda: not jobs.pids())


def change_identity(job: JobFolder, **fields) -> None:
    write_json_atomic(job.identity_file, {**job.identity().model_dump(mode="json"), **fields})


def test_after_a_new_boot_nothing_of_it_is_alive_and_no_stranger_is_touched(jobs: Jobs) -> None:
    job = jobs.start(steps=3, rate_hz=0)
    jobs.wait_end()
    until(lambda: not jobs.pids())
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        started = process_started(stranger.pid)
        change_identity(
            job,
            boot_id="0000",
            worker_pid=stranger.pid,
            worker_started=started,
            runner_pid=stranger.pid,
            runner_started=started,
        )
        job.exit_file.unlink()
        seen = jobs.see()
        assert (seen.alive, seen.same_boot, seen.exit) == (False, False, None)
        jobs.supervisor.terminate("r1", grace_s=0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_reused_pid_is_not_the_worker(jobs: Jobs) -> None:
    job = jobs.start(steps=3, rate_hz=0)
    jobs.wait_end()
    until(lambda: not jobs.pids())
    stranger = subprocess.Popen(["sleep", "60"], process_group=0)
    try:
        wrong = process_started(stranger.pid) - 1
        change_identity(
            job, worker_pid=stranger.pid, worker_started=wrong, runner_pid=stranger.pid, runner_started=wrong
        )
        job.exit_file.unlink()
        assert not jobs.see().alive
        jobs.supervisor.terminate("r1", grace_s=0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_newer_protocol_is_seen(jobs: Jobs) -> None:
    job = jobs.start()
    until(job.identity)
    change_identity(job, protocol=99)
    assert not jobs.see().protocol_ok


def test_damaged_side_files_do_not_hide_a_living_job(jobs: Jobs) -> None:
    job = jobs.start()
    until(job.identity)
    job.identity_file.write_text("{")
    job.exit_file.write_text("nonsense")
    assert jobs.see().alive


def test_no_zombie_remains(jobs: Jobs) -> None:
    job = jobs.start(steps=1, rate_hz=0)
    jobs.wait_end()
    runner = job.identity().runner_pid
    until(lambda: (jobs.see(), not os.path.exists(f"/proc/{runner}"))[1])


def test_a_flood_of_output_is_capped_and_its_tail_is_harmless(jobs: Jobs) -> None:
    job = jobs.start(steps=2, rate_hz=0, flood_bytes=80 * 1024 * 1024)
    seen = jobs.wait_end()
    assert seen.exit.exit_code == 0
    assert job.output.stat().st_size <= LIMIT_BYTES
    assert job.old_output.stat().st_size <= LIMIT_BYTES
    assert len(seen.exit.tail) == 50
    assert "rubbish" in seen.exit.tail[-2]
    assert not set("".join(seen.exit.tail)) & {"\x1b", "\0", "\u202e", "\r"}


def test_a_flood_is_capped_while_it_still_runs(jobs: Jobs) -> None:
    job = jobs.start(flood_bytes=40 * 1024 * 1024, hang_at_step=2)
    jobs.wait_kind("metrics", count=2)
    until(lambda: job.old_output.exists() and job.output.stat().st_size <= LIMIT_BYTES)


def test_a_child_without_cookie_is_ended_with_its_group(jobs: Jobs) -> None:
    job = jobs.make()
    job.spec_file.unlink()
    job.write_spec(JobSpec(job_id="r1", kind="train", main="tests.helpers.forgetful", name="r1"))
    jobs.supervisor.launch("r1", resume=False, attempt=1)
    jobs.wait_end()
    child = int((job.path / "child.pid").read_text())
    until(lambda: not alive(child))


def test_no_secret_reaches_the_worker(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "MODELDECK_TOKEN",
        "GITHUB_TOKEN",
        "SOME_PASSWORD",
        "SSH_AUTH_SOCK",
    ):
        monkeypatch.setenv(name, "s3cr3t-value")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    job = jobs.start()
    found = until(job.identity)
    jobs.wait_kind("started")
    for pid in (found.runner_pid, found.worker_pid):
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        names = {entry.split(b"=")[0].decode() for entry in entries if entry}
        assert b"s3cr3t" not in b"".join(entries)
        assert not [
            n
            for n in names
            if ("TOKEN" in n or "KEY" in n or "SECRET" in n) and not n.startswith(("HF_HUB_DIS", "TOKENIZERS"))
        ]
        assert "LC_ALL" in names
        assert b"s3cr3t" not in b"".join(command_line(pid))
    worker = dict(e.split(b"=", 1) for e in Path(f"/proc/{found.worker_pid}/environ").read_bytes().split(b"\0") if e)
    assert worker[b"HF_HUB_OFFLINE"] == b"1"
    assert worker[b"TMPDIR"].decode() == str(job.path / "tmp")
    assert worker[b"HF_HOME"].decode().startswith(str(jobs.home.cache))


def test_everything_is_private_under_an_open_umask(jobs: Jobs) -> None:
    old = os.umask(0)
    try:
        job = jobs.start(steps=30, rate_hz=0, checkpoint_every=10)
        jobs.supervisor.send("r1", Stop(id="x"))
        jobs.wait_end()
    finally:
        os.umask(old)
    open_to_others = [path for path in [job.path, *job.path.rglob("*")] if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_cookies_differ_by_attempt(jobs: Jobs) -> None:
    job = jobs.start(steps=1, rate_hz=0)
    jobs.wait_end()
    first = job.launch().cookie
    jobs.supervisor.launch("r1", resume=True, attempt=2)
    assert (
        job.exit_record() is None or job.exit_record().attempt == 2
    )  # the old record does not speak for the new attempt
    jobs.wait_end()
    assert job.launch().cookie != first
    assert job.exit_record().attempt == 2
    assert len(identity.new_cookie()) == 32
