"""The scheduler with a real store, a real ingest and real self-test processes."""

import os
import signal
import subprocess
import threading

import pytest

from backend import failpoints
from backend.clock import ManualClock, SystemClock
from backend.contract.commands import Pause
from backend.contract.errors import Conflict
from backend.jobs.folder import JobFolder
from backend.platform import process_started, write_json_atomic
from backend.supervisor.hang import HangRule
from tests.helpers.jobs import Jobs
from tests.helpers.wait import until
from tests.helpers.walked import Daemon


def test_a_queued_run_starts_and_completes_once(daemon: Daemon) -> None:
    daemon.queue(steps=30, rate_hz=0)
    run = daemon.until_state("completed")
    assert (run.attempt, run.step, run.cause, run.failure, run.resumable) == (1, 30, None, None, False)
    assert run.ended_at >= run.started_at > 0
    for _ in range(3):
        daemon.step()
    assert daemon.completed == ["r1"]
    assert daemon.texts("state")[-1] == "Completed"
    assert daemon.texts("state").count("Completed") == 1
    actions = [(record.action, record.after) for record in reversed(daemon.store.audit.all())]
    assert [pair for pair in actions if pair[0].startswith("run.")] == [
        ("run.start", "preparing"),
        ("run.end", "completed"),
    ]


def test_one_at_a_time_in_order_with_move_and_cancel(daemon: Daemon) -> None:
    daemon.queue("a", steps=20, rate_hz=50)
    for run_id in ("b", "c", "d"):
        daemon.queue(run_id, steps=2, rate_hz=0)
    daemon.until_state("running", "a")
    assert [run.id for run in daemon.store.runs.queue()] == ["b", "c", "d"]
    daemon.store.runs.move("d", 1)
    assert daemon.scheduler.cancel("c").state == "stopped"
    with pytest.raises(Conflict):
        daemon.scheduler.cancel("a")
    daemon.until(lambda: daemon.run("b").state == "completed")
    started = {run_id: daemon.run(run_id).started_at for run_id in ("a", "b", "d")}
    assert started["a"] < started["d"] < started["b"]
    assert daemon.run("d").started_at >= daemon.run("a").ended_at - 0.05
    assert daemon.run("c").started_at is None
    assert not JobFolder(daemon.jobs.home.job("c")).launch_file.exists()


def test_as_many_at_once_as_the_settings_say(daemon: Daemon) -> None:
    daemon.store.settings.change({"runs_at_once": 2})
    for run_id in ("a", "b", "c"):
        daemon.queue(run_id)
    daemon.until(lambda: [daemon.run(i).state for i in "abc"] == ["running", "running", "queued"])


ENDS = {
    "kill": ("failed", "signal", "Killed by signal 9 (SIGKILL)"),
    "segfault": ("failed", "signal", "Crashed (SIGSEGV, signal 11)"),
    "oom": ("failed", "out_of_memory", "7.6 GiB are free"),
    "gpu_lost": ("failed", "gpu_lost", "fallen off the bus"),
    "exit0": ("failed", "no_result", "Ended without result"),
    "exit3_after_save": ("failed", "error", "Finished with error after save"),
}


@pytest.mark.parametrize("kind", ENDS)
def test_every_death_is_told_with_cause_and_advice_and_not_repeated(daemon: Daemon, kind: str) -> None:
    daemon.queue(steps=8, rate_hz=0, checkpoint_every=2, crash_at_step=5, crash_kind=kind)
    state, code, text = ENDS[kind]
    run = daemon.until_state(state)
    assert run.failure.code == code
    assert text in run.failure.text == run.cause
    assert run.failure.advice
    assert run.resumable
    assert run.step == (8 if kind == "exit3_after_save" else 5)
    for _ in range(3):
        daemon.step()
    assert (daemon.run().attempt, daemon.run().state) == (1, state)
    assert [event for event in daemon.texts("state") if "after step" in event] == [
        f"{run.cause} (after step {run.step})"
    ]


def test_a_death_is_only_told_when_everything_said_is_stored(daemon: Daemon) -> None:
    daemon.queue(steps=500, rate_hz=0, crash_at_step=400, crash_kind="kill")
    daemon.scheduler.tick()
    daemon.jobs.wait_end()
    for _ in range(5):
        daemon.scheduler.tick()  # ingest does not come round
    assert daemon.run().state == "preparing"
    run = daemon.until_state("failed")
    assert run.step == 400


def test_what_arrives_during_the_look_is_part_of_how_it_ended(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.queue(steps=500, rate_hz=0, crash_at_step=400, crash_kind="kill")
    daemon.scheduler.tick()
    daemon.jobs.wait_end()
    drained = daemon.ingest.drained
    monkeypatch.setattr(daemon.ingest, "drained", lambda job_id: (daemon.ingest.poll(), drained(job_id))[1])
    daemon.scheduler.tick()
    assert daemon.run().state == "failed"
    assert [text for text in daemon.texts("state") if text.endswith("(after step 400)")]


def test_a_killed_run_is_resumed_from_its_checkpoint(daemon: Daemon) -> None:
    daemon.queue(steps=40, rate_hz=100, checkpoint_every=5)
    daemon.until(lambda: daemon.run().step >= 12)
    daemon.jobs.signal_worker(signal.SIGKILL)
    assert daemon.until_state("failed").resumable
    daemon.store.runs.change("r1", state="queued")
    run = daemon.until_state("completed")
    assert (run.attempt, run.step) == (2, 40)
    assert [text for text in daemon.texts("attempt") if "2" in text]
    assert daemon.jobs.said("started")[-1].fields["resumed_from_step"] >= 10, "not from its beginning"
    series = daemon.store.series.read("r1", ["train/loss"], None, None, 1000)["train/loss"]
    assert series.steps == tuple(range(1, 41))


def test_a_restarted_daemon_adopts_what_runs(daemon: Daemon) -> None:
    daemon.queue()
    daemon.until_state("running")
    before = daemon.jobs.see().identity
    daemon.restart()
    daemon.until(lambda: daemon.run().step > 20)
    assert daemon.jobs.see().identity == before
    assert daemon.run().attempt == 1
    assert len(daemon.jobs.pids()) == 2


def test_a_death_while_the_daemon_was_down_is_told(daemon: Daemon) -> None:
    daemon.queue(steps=100_000)
    daemon.until_state("running")
    daemon.jobs.signal_worker(signal.SIGKILL)
    daemon.jobs.wait_end()
    daemon.restart()
    assert daemon.until_state("failed").cause == "Killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize("who", ["runner first", "worker first"])
def test_without_runner_and_worker_it_is_interrupted(daemon: Daemon, who: str) -> None:

    daemon.queue(checkpoint_every=5)
    daemon.until(lambda: daemon.run().step >= 12)
    found = daemon.jobs.see().identity
    order = [found.runner_pid, found.worker_pid]
    if who == "worker first":
        os.kill(found.runner_pid, signal.SIGSTOP)  # it cannot write down what happens
        order.reverse()
    for pid in order:
        os.kill(pid, signal.SIGKILL)
    run = daemon.until_state("interrupted")
    assert (run.failure.code, run.resumable) == ("runner_lost", True)


def test_a_worker_without_runner_runs_on_and_is_told_once(daemon: Daemon) -> None:

    daemon.queue()
    daemon.until_state("running")
    os.kill(daemon.jobs.see().identity.runner_pid, signal.SIGKILL)
    daemon.until(lambda: [text for text in daemon.texts("warning") if "runner has died" in text])
    daemon.restart()
    step = daemon.run().step
    daemon.until(lambda: daemon.run().step > step + 10)
    assert daemon.run().state == "running"
    assert len([text for text in daemon.texts("warning") if "runner has died" in text]) == 1


def test_after_a_reboot_it_is_interrupted_and_strangers_are_left_alone(daemon: Daemon) -> None:
    daemon.queue(checkpoint_every=5, steps=100_000)
    daemon.until(lambda: daemon.run().step >= 6)
    daemon.jobs.supervisor.kill("r1")
    until(lambda: not daemon.jobs.see().alive)
    job = JobFolder(daemon.jobs.home.job("r1"))
    job.exit_file.unlink()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        fields = {"boot_id": "another", "worker_pid": stranger.pid, "worker_started": process_started(stranger.pid)}
        write_json_atomic(job.identity_file, {**job.identity().model_dump(mode="json"), **fields})
        daemon.restart()
        run = daemon.until_state("interrupted")
        assert (run.failure.code, run.resumable) == ("host_restarted", True)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_killed_between_intent_and_launch_it_is_launched_exactly_once(daemon: Daemon) -> None:
    daemon.queue(steps=10, rate_hz=0)
    failpoints.reset("scheduler.before_launch:raise")
    daemon.scheduler.tick()
    assert daemon.run().state == "preparing"
    assert not JobFolder(daemon.jobs.home.job("r1")).launch_file.exists()
    daemon.restart()
    run = daemon.until_state("completed")
    assert run.attempt == 1
    assert len(daemon.jobs.said("started")) == 1


def test_killed_between_the_launch_record_and_the_start_it_is_launched_exactly_once(daemon: Daemon) -> None:
    daemon.queue(steps=10, rate_hz=0)
    failpoints.reset("supervisor.before_start:raise")
    daemon.scheduler.tick()
    assert JobFolder(daemon.jobs.home.job("r1")).launch_file.exists()
    daemon.restart()
    run = daemon.until_state("completed")
    assert run.attempt == 1
    assert len(daemon.jobs.said("started")) == 1


def test_killed_while_the_runner_was_being_started_it_is_launched_again(daemon: Daemon) -> None:
    """Its log is open already, and nobody writes into it."""
    daemon.queue(steps=10, rate_hz=0)
    failpoints.reset("supervisor.before_start:raise")
    daemon.scheduler.tick()
    JobFolder(daemon.jobs.home.job("r1")).runner_output.touch()
    daemon.restart()
    run = daemon.until_state("completed")
    assert (run.attempt, len(daemon.jobs.said("started"))) == (1, 1)


def test_a_runner_that_never_comes_to_life_is_not_started_for_ever(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[str] = []
    monkeypatch.setattr(daemon.jobs.supervisor.compute, "start", lambda job, *_: starts.append(job.job_id))
    daemon.queue(steps=10, rate_hz=0)
    run = daemon.until_state("interrupted")
    assert "without a record" in run.cause
    assert starts == ["r1"] * 4


def test_an_attempt_that_has_spoken_is_not_started_again(daemon: Daemon) -> None:
    daemon.queue(steps=100_000, rate_hz=50)
    daemon.scheduler.tick()
    daemon.jobs.wait_kind("metrics", "r1")
    job = JobFolder(daemon.jobs.home.job("r1"))
    job.identity_file.unlink()
    assert job.was_begun()


def test_one_that_cannot_be_started_fails_with_the_reason(daemon: Daemon) -> None:
    daemon.queue()
    JobFolder(daemon.jobs.home.job("r1")).spec_file.unlink()
    daemon.queue("r2", steps=2, rate_hz=0)
    run = daemon.until_state("failed")
    assert (run.failure.code, "could not be started" in run.cause) == ("missing_file", True)
    daemon.until_state("completed", "r2")


def test_a_wrong_setting_that_only_the_worker_sees_is_a_failure(daemon: Daemon) -> None:
    daemon.queue(steps=0)
    run = daemon.until_state("failed")
    assert (run.failure.code, run.cause) == ("settings", "steps: Input should be greater than or equal to 1")


def test_a_hang_is_told_in_two_stages_and_ends_by_force(jobs: Jobs) -> None:
    daemon = Daemon(jobs, SystemClock(), HangRule(slow_s=0.4, hung_s=1.0, confirm_s=0.1))
    daemon.queue(hang_at_step=10, ignore_term=True)
    daemon.until(lambda: daemon.run().hang == "slow")
    daemon.until(lambda: daemon.run().hang == "hung")
    for _ in range(20):
        daemon.step()
    assert daemon.run().state == "running"  # nothing is stopped by itself
    notices = [event.data["code"] for event in daemon.store.runs.events("r1") if event.kind == "warning"]
    assert notices == ["hang_slow", "hang_hung"]
    daemon.scheduler.force_stop("r1", grace_s=0.2)
    run = daemon.until_state("stopped")
    assert (run.hang, run.failure) == ("none", None)
    until(lambda: not jobs.pids())
    daemon.store.close()


def test_a_stopped_process_hangs_and_recovers_and_a_paused_run_never_hangs(jobs: Jobs) -> None:
    daemon = Daemon(jobs, SystemClock(), HangRule(slow_s=0.4, hung_s=60, confirm_s=0.1))
    daemon.queue()
    daemon.until(lambda: daemon.run().step > 5)
    jobs.signal_worker(signal.SIGSTOP)
    daemon.until(lambda: daemon.run().hang == "slow")
    jobs.signal_worker(signal.SIGCONT)
    daemon.until(lambda: daemon.run().hang == "none")
    jobs.supervisor.send("r1", Pause(id="p"))
    daemon.until_state("paused")
    watch = daemon.scheduler._watches["r1"]
    for _ in range(30):
        daemon.step()
    assert watch.age_s == 0
    daemon.store.close()


def test_a_frozen_daemon_tells_no_hang(jobs: Jobs) -> None:
    clock = ManualClock()
    daemon = Daemon(jobs, clock)
    daemon.queue()
    daemon.until(lambda: daemon.run().step > 5)
    jobs.signal_worker(signal.SIGSTOP)
    until(lambda: not daemon.ingest.poll())
    daemon.step()  # nothing new arrives around the freeze, and the last step was seen before it
    clock.advance(120)
    for _ in range(10):  # for longer than a finding takes to be confirmed
        daemon.step()
        clock.advance(0.5)
    assert daemon.run().hang == "none"
    jobs.signal_worker(signal.SIGCONT)
    daemon.store.close()


def test_below_the_reserve_nothing_starts_and_one_notice_says_so(daemon: Daemon) -> None:
    notices = []
    daemon.store.feed.subscribe(lambda messages: notices.extend(m for m in messages if m.topic == "system"))
    daemon.store.settings.change({"reserve_disk_bytes": 10**18})
    daemon.queue(steps=2, rate_hz=0)
    for _ in range(5):
        daemon.step()
    assert daemon.run().state == "queued"
    assert len([message for message in notices if "reserve" in message.data.get("text", "")]) == 1
    daemon.store.settings.change({"reserve_disk_bytes": 0})
    daemon.until_state("completed")


def test_a_run_whose_folder_is_gone_fails_but_not_while_the_whole_disk_is_away(daemon: Daemon) -> None:
    home = daemon.jobs.home
    daemon.queue()
    daemon.until_state("running")
    daemon.jobs.supervisor.kill("r1")
    until(lambda: not daemon.jobs.pids())
    away = home.root / "away"
    home.jobs.rename(away)
    for _ in range(3):
        daemon.scheduler.tick()
    assert daemon.run().state == "running"
    home.jobs.mkdir()
    daemon.scheduler.tick()
    assert (daemon.run().state, daemon.run().failure.code) == ("failed", "missing_file")


def test_a_removed_run_that_still_lives_is_ended(daemon: Daemon) -> None:
    daemon.queue()
    daemon.until_state("running")
    daemon.store.runs.remove("r1")
    daemon.restart()
    until(lambda: not daemon.jobs.see().alive)


def test_it_rests_when_nothing_lives_and_wakes_when_something_begins(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.scheduler._REST_S", 3600.0)
    stop = threading.Event()
    thread = threading.Thread(target=daemon.scheduler.run, args=(stop,))
    thread.start()
    try:
        until(lambda: daemon.scheduler._resting and not daemon.scheduler._changed)
        daemon.queue()
        until(lambda: daemon.run().state != "queued")
    finally:
        stop.set()
        daemon.scheduler.wake()
        thread.join()
