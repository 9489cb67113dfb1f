"""From the start of `python main.py` to the first paint of its window, offscreen, with and without a daemon running.

Run: `python -m tests.bench.bench_start [rounds]`. The home was used before; the set-up check is part of the start.
"""

import os
import statistics
import subprocess
import sys
import time

from backend import launch
from backend.paths import PROJECT, Home
from tests.helpers.home import RunningHome

LIMIT_S = {"with a daemon": 1.0, "without": 2.5}
PATIENCE_S = 60.0
SETTLED_S = 8.0
"""A daemon that has just begun still starts its sensor and its mirror; `running` means one that has done so."""


def start_once(home: Home) -> tuple[float, float]:
    """Seconds until the window says that it is painted, and how many of them on the CPU; the process is ended then."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "MODELDECK_TRACE_START": "1"}
    begun = time.time()
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "main.py"), "--home", str(home.root)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout or ():
            if line.startswith("window painted at "):
                words = line.split()
                return float(words[3]) - begun, float(words[5])
        raise SystemExit(f"the console ended with {process.wait()} before its window was painted")
    finally:
        time.sleep(1.0)  # a start of the daemon that is under way is not cut off
        process.terminate()
        process.wait(PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()


def main(rounds: int) -> None:
    """Print the median of each kind of start, and its ratio to the limit."""
    with RunningHome() as home:
        home.start()
        time.sleep(SETTLED_S)
        found = {"with a daemon": [start_once(home.home) for _ in range(rounds)]}
        home.stop()
        found["without"] = []
        for _ in range(rounds):
            found["without"].append(start_once(home.home))
            if launch.read_endpoint_file(home.home) is not None:
                launch.stop(home.home)
        for kind, seconds in found.items():
            whole, cpu = zip(*seconds, strict=True)
            middle, limit = statistics.median(whole), LIMIT_S[kind]
            print(f"{kind:14} {middle:5.2f} s  (best {min(whole):.2f}, worst {max(whole):.2f})")
            print(f"  of it {statistics.median(cpu):.2f} s of CPU: the rest is waiting, for a disk or a busy machine")
            print(f"  ratio {middle / limit:.2f} (to the limit of {limit:g} s)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
