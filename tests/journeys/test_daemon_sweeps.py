"""Long sweeps of RELIABILITY rows 8, 9 and 10, run with --slow. MODELDECK_SWEEP=0.1 does a tenth of each."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from backend import launch
from backend.clock import SystemClock
from backend.paths import PROJECT
from backend.store import open_store
from tests.helpers.home import RunningHome
from tests.helpers.wait import until
from tests.journeys.killing import FastRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]
SHARE = float(os.environ.get("MODELDECK_SWEEP", "1"))
RANDOM_KILLS = 300
"""No failure in 300 means less than one in a hundred at 95 % (3/N)."""

RECOVERY_KILLS = 100
CALLS = {
    "pwrite64": 60,
    "fdatasync": 25,
    "fsync": 12,
    "rename": 6,
    "unlink": 6,
    "ftruncate": 4,
    "write": 40,
}
"""System calls at whose N-th use by a thread the daemon dies, and the largest N."""

ENOUGH_S = 25.0
"""A daemon that lives this long never makes its N-th call."""


def part(count: int) -> int:
    return max(1, round(count * SHARE))


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home.start()


def test_row_8_killed_three_hundred_times_at_random(home: RunningHome) -> None:
    run, draw = FastRun(home, rate_hz=100), random.Random()
    for _ in range(part(RANDOM_KILLS)):
        run.kill_at_random(draw)
    run.check()


def test_row_10_killed_again_and_again_in_recovery(home: RunningHome) -> None:
    run, draw = FastRun(home, rate_hz=100), random.Random()
    for _ in range(part(RECOVERY_KILLS)):
        run.kill_in_recovery(draw, 2.0)
    run.check()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", CALLS)
def test_row_9_killed_at_the_nth_system_call(home: RunningHome, call: str) -> None:
    run = FastRun(home, rate_hz=100)
    most = CALLS[call]
    tried = sorted(random.Random(call).sample(range(1, most + 1), part(most)))
    died = [number for number in tried if dies_at(home, call, number)]
    assert died, f"no {call} was ever reached"
    run.check()


def dies_at(home: RunningHome, call: str, number: int) -> bool:
    """Whether the daemon came to the N-th such call of a thread and died of it; the database is whole either way."""
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:signal=KILL:when={number}"]
    command = [sys.executable, "-m", "backend.daemon", "--home", str(home.home.root), "--listen", "unix"]
    process = subprocess.Popen(
        [*strace, *inject, *command],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(ENOUGH_S)
        died = process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    except subprocess.TimeoutExpired:
        died = False
        os.killpg(process.pid, signal.SIGKILL)  # strace, the daemon and its sensor; the run has a session of its own
        process.wait()
    until(lambda: launch.find(home.home, timeout_s=1.0) is None, 30)
    store = open_store(home.home, SystemClock(), read_only=True)
    try:
        bad = [check for check in store.check() if not check.ok]
    finally:
        store.close()
    assert not bad, f"{call} {number}: {bad}"
    return died
