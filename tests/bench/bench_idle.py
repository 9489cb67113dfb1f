"""What a daemon costs that has nothing to do: share of a core and memory, beside the limits (1 %, 150 MB).

Run: `.venv/bin/python -m tests.bench.bench_idle [seconds]`.
"""

import sys
import time
from pathlib import Path

import psutil

from tests.helpers.home import RunningHome

SAMPLE = "sentiment_en_movie"
LIMIT_PERCENT = 1.0
LIMIT_BYTES = 150_000_000


def by_thread(pid: int) -> dict[str, float]:
    """Thread id → CPU seconds."""
    ticks = 100.0
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[task.name] = (int(fields[11]) + int(fields[12])) / ticks
    return found


def main(seconds: float) -> int:
    """Print figures of the daemon and of the processes it keeps (the sensor)."""
    with RunningHome() as home:
        home.start()
        pid = home.backend.pid
        time.sleep(5)  # the start is not idle
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
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
