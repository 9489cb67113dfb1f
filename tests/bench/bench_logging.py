"""What logging a step costs the training thread: `python -m tests.bench.bench_logging`. Limit: 50 µs a step, p99.

Each step does work that releases the interpreter lock, as a training step does, then logs six numbers. The floor is the
same call doing nothing: on a busy machine cold caches and preemption cost it something, too.
"""

import hashlib
import statistics
import tempfile
import time
from pathlib import Path

from backend.jobs.buffered import BufferedLog
from backend.jobs.log import LogReader, LogWriter

STEPS = 4000
LIMIT_US = 50.0
VALUES = {
    "train/loss": 0.6931471805599453,
    "train/grad_norm": 1.25,
    "train/learning_rate": 4.9e-5,
    "train/samples_per_s": 312.5,
    "train/step_s": 0.1024,
    "train/data_wait_fraction": 0.01,
}
_WORK = bytes(1 << 20)  # hashing this takes about half a millisecond without the interpreter lock


def measure(log_step) -> list[float]:
    """Microseconds of each logging call."""
    costs = []
    for step in range(1, STEPS + 1):
        hashlib.sha256(_WORK).digest()
        begun = time.perf_counter_ns()
        log_step(step)
        costs.append((time.perf_counter_ns() - begun) / 1000)
    return costs


def quantile(costs: list[float], share: float) -> float:
    return sorted(costs)[int(len(costs) * share)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        buffered = BufferedLog(Path(folder) / "buffered.ndjson")
        costs = measure(lambda step: buffered.add_metrics(step, None, dict(VALUES)))
        buffered.close()
        stored = len(LogReader(Path(folder) / "buffered.ndjson").read(0, 1 << 30).lines)
        floor = measure(lambda step: None)
        direct = LogWriter(Path(folder) / "direct.ndjson")
        peer = measure(lambda step: direct.append("metrics", {"step": step, "epoch": None, "values": VALUES}))
        direct.close()
    p99, peer_p99 = quantile(costs, 0.99), quantile(peer, 0.99)
    print(f"buffered log: median {statistics.median(costs):.1f} µs, p99 {p99:.1f} µs")
    print(f"doing nothing: median {statistics.median(floor):.1f} µs, p99 {quantile(floor, 0.99):.1f} µs")
    print(f"written at once: median {statistics.median(peer):.1f} µs, p99 {peer_p99:.1f} µs")
    print(f"stored {stored} of {STEPS} steps")
    print(f"p99 / limit of {LIMIT_US:.0f} µs = {p99 / LIMIT_US:.2f}; p99 / written at once = {p99 / peer_p99:.2f}")


if __name__ == "__main__":
    main()
