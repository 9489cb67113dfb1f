"""What a daemon and a window cost that have nothing to do: share of a core and memory, beside the limits.

Run: `.venv/bin/python -m tests.bench.bench_idle [seconds]`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from backend.paths import PROJECT, Home
from tests.helpers.home import RunningHome

SAMPLE = "sentiment_en_movie"
LIMIT_PERCENT = 1.0
LIMIT_BYTES = 150_000_000
CONSOLE_PERCENT = 2.0
CONSOLE_BYTES = 250_000_000
SETTLE_S = 5.0  # a start is not idle


def by_thread(pid: int) -> dict[str, float]:
    """Thread id → CPU seconds."""
    ticks = 100.0
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[task.name] = (int(fields[11]) + int(fields[12])) / ticks
    return found


def console(home: Home, seconds: float) -> None:
    """Print figures of a window that shows the Overview of this home, live machine curves included."""
    command = [sys.executable, str(PROJECT / "main.py"), "--home", str(home.root)]
    process = psutil.Popen(command, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, stdout=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_S)
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds)
        percent = 100 * (sum(process.cpu_times()[:2]) - before) / seconds
        memory = process.memory_info().rss
    finally:
        process.terminate()
        process.wait(30)
    print(f"console on its Overview: {percent:.2f} % of a core, {memory / 1e6:.0f} MB")
    print(f"  ratio to the limits: cpu {percent / CONSOLE_PERCENT:.2f}, memory {memory / CONSOLE_BYTES:.2f}")


def main(seconds: float) -> int:
    """Print figures of the daemon, of the processes it keeps (the sensor), and of a window."""
    with RunningHome() as home:
        home.start()
        pid = home.backend.pid
        time.sleep(SETTLE_S)
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        before = [sum(process.cpu_times()[:2]) for process in family]
        threads = by_thread(pid)
        time.sleep(seconds)
        for process, old in zip(family, before, strict=True):
            percent = 100 * (sum(process.cpu_times()[:2]) - old) / seconds
            memory = process.memory_info().rss
            name = "daemon" if process.pid == pid else f"child {process.name()}"
            print(f"{name}: {percent:.2f} % of a core, {memory / 1e6:.0f} MB")
            if process.pid == pid:
                print(f"  ratio to the limits: cpu {percent / LIMIT_PERCENT:.2f}, memory {memory / LIMIT_BYTES:.2f}")
        later = by_thread(pid)
        home.ask("POST", "/datasets", {"path": SAMPLE})
        memory = family[0].memory_info().rss
        print(f"daemon after an import of 3,000 rows: {memory / 1e6:.0f} MB")
        print(f"  ratio to the limit: {memory / LIMIT_BYTES:.2f}")
        for thread, now in sorted(later.items()):
            print(f"  thread {thread}: {100 * (now - threads.get(thread, 0.0)) / seconds:.2f} %")
        console(home.home, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
