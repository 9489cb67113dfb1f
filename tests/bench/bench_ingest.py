"""From a worker's log to the feed, beside MLflow in the same run: `python -m tests.bench.bench_ingest [thousands]`.

1. The log alone: what a training loop hands to BufferedLog until it is on the disk (limit 300,000 points/s), bytes
   a point, and what each call costs the loop (mean and p99 ≤ 5 µs, worst ≤ 10 ms).
2. End to end: log → committed → published (limit 100,000 points/s).
3. Peers that are installed: MLflow log_batch, TensorBoard's writer.
CPU time of this process stands beside wall time: the machine may be busy.
"""

import contextlib
import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.clock import SystemClock
from backend.contract.jobs import JobSpec
from backend.contract.resources import RunRecord
from backend.jobs.buffered import BufferedLog
from backend.jobs.folder import JobFolder
from backend.paths import Home
from backend.services.ingest import Ingest
from backend.store import open_store

KEYS = tuple(f"train/metric_{i}" for i in range(10))
WRITE_LIMIT, INGEST_LIMIT = 300_000, 100_000


class Watch:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def tell(self, name: str, points: int, limit: float | None = None) -> float:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        text = f"{name:30} {points / wall:10,.0f} points/s by the clock, {points / max(cpu, 1e-9):10,.0f} by CPU"
        print(text + (f", ratio to the limit {points / wall / limit:.2f}" if limit else ""))
        return points / wall


def values(step: int) -> dict[str, float]:
    return {key: 1.0 / (step + i + 3) for i, key in enumerate(KEYS)}


def write(path: Path, steps: int) -> None:
    """The loop as fast as it goes, then everything on the disk."""
    ready = [values(step) for step in range(steps)]
    log, costs = BufferedLog(path), []
    watch = Watch()
    for step, numbers in enumerate(ready, 1):
        log.add_metrics(step, step / 1000, numbers)
    log.close()
    watch.tell("log alone, to the disk", steps * len(KEYS), WRITE_LIMIT)
    print(f"  {path.stat().st_size / steps / len(KEYS):.1f} bytes a point in the log")
    log = BufferedLog(path.with_suffix(".paced"))
    gc.collect()
    for step, numbers in enumerate(ready[:20_000], 1):
        begun = time.perf_counter_ns()
        log.add_metrics(step, step / 1000, numbers)
        costs.append((time.perf_counter_ns() - begun) / 1000 / len(KEYS))
        end = time.perf_counter_ns() + 200_000  # a step of 0.2 ms is far faster than any training
        while time.perf_counter_ns() < end:
            time.sleep(0.0001)
    log.close()
    costs.sort()
    print(
        f"  cost in the loop, a point: mean {statistics.fmean(costs):.2f} µs, p99 {costs[int(len(costs) * 0.99)]:.2f} "
        f"µs (limit 5), worst call {costs[-1] * len(KEYS) / 1000:.2f} ms (limit 10)"
    )


def ingest(home: Home, steps: int) -> float:
    store = open_store(home, SystemClock())
    job = JobFolder(home.job("bench"))
    job.write_spec(JobSpec(job_id="bench", kind="train", main="x", name="bench", recipe="selftest"))
    store.runs.add(RunRecord(id="bench", name="bench", recipe="selftest", state="running", created_at=1.0))
    log = BufferedLog(job.events)
    for step in range(1, steps + 1):
        log.add_metrics(step, step / 1000, values(step))
    log.close()
    heard = 0

    def hear(messages: list[Any]) -> None:
        nonlocal heard
        heard += sum(len(m.data["points"]) for m in messages if m.topic == "series")

    store.feed.subscribe(hear)
    door = Ingest(store, home, SystemClock())
    watch = Watch()
    while not door.drained("bench"):
        door.poll()
    rate = watch.tell("log → committed → published", steps * len(KEYS), INGEST_LIMIT)
    if heard != steps * len(KEYS):
        raise SystemExit(f"{heard} of {steps * len(KEYS)} points were published")
    store.close()
    return rate


def mlflow_peer(folder: Path, steps: int) -> float:
    import logging

    import mlflow
    from mlflow.entities import Metric

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = mlflow.MlflowClient(f"sqlite:///{folder}/peer.db")
    run = client.create_run(client.create_experiment("bench"))
    batch: list[Metric] = []
    watch = Watch()
    for step in range(steps):
        batch += [Metric(key, value, step, step) for key, value in values(step).items()]
        if len(batch) >= 1000:
            client.log_batch(run.info.run_id, metrics=batch)
            batch = []
    client.log_batch(run.info.run_id, metrics=batch)
    return watch.tell("MLflow log_batch", steps * len(KEYS))


def tensorboard_peer(folder: Path, steps: int) -> float:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))
    watch = Watch()
    for step in range(steps):
        for key, value in values(step).items():
            writer.add_scalar(key, value, step)
    writer.close()
    return watch.tell("TensorBoard SummaryWriter", steps * len(KEYS))


def main(thousands: float) -> None:
    steps = int(thousands * 1000)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "events.ndjson", steps)
        ours = ingest(Home(Path(folder) / "home"), steps)
        for peer in (mlflow_peer, tensorboard_peer):
            with contextlib.suppress(ImportError):
                print(f"  ours is {ours / peer(Path(folder), steps // 20):.0f} × this")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 100.0)
