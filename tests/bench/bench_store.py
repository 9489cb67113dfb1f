"""How fast the store takes, draws and zooms ten million points: `python -m tests.bench.bench_store [million points]`.

Beside it, from RELIABILITY.md: plain SQLite rows at synchronous=FULL, nothing parsed, 205,000 rows/s; thinning ten
million rows by a full scan 3.97 s, a window of 2,000 of them 0.85 ms.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from backend.clock import SystemClock
from backend.contract.jobs import JobSpec
from backend.contract.resources import RunRecord
from backend.jobs.folder import JobFolder
from backend.jobs.lines import encode_line
from backend.paths import Home
from backend.services.ingest import Ingest
from backend.store import Store, open_store

KEYS = ("train/loss", "train/grad_norm", "train/learning_rate", "train/step_s", "train/samples_per_s")
LOG_LINES = 100_000


def main() -> None:
    """Print one figure a line."""
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        store = open_store(home, SystemClock())
        _ingest(store, home)
        _pictures(store, home, int(millions * 1e6))
        store.close()


def _ingest(store: Store, home: Home) -> None:
    job = JobFolder(home.job("bench"))
    job.write_spec(JobSpec(job_id="bench", kind="train", main="x", name="bench", recipe="selftest"))
    store.runs.add(RunRecord(id="bench", name="bench", recipe="selftest", state="running", created_at=1.0))
    numbers = random.Random(1)
    with job.events.open("wb") as file:
        for seq in range(1, LOG_LINES + 1):
            values = {key: numbers.random() for key in KEYS}
            file.write(
                encode_line(seq, 1e9 + seq * 0.01, "metrics", {"step": seq, "epoch": seq / 1000, "values": values})
            )
    ingest = Ingest(store, home, SystemClock())
    started = time.process_time(), time.monotonic()
    while not ingest.drained("bench"):
        ingest.poll()
    cpu_s, wall_s = time.process_time() - started[0], time.monotonic() - started[1]
    points = LOG_LINES * len(KEYS)
    print(
        f"ingest          {points / wall_s:12,.0f} points/s ({points:,} points in {wall_s:.2f} s, {cpu_s:.2f} s of CPU)"
    )


def _pictures(store: Store, home: Home, count: int) -> None:
    store.runs.add(RunRecord(id="long", name="long", recipe="selftest", state="running", created_at=1.0))
    numbers = random.Random(2)
    started, value = time.monotonic(), 2.0
    for start in range(0, count, 50_000):
        batch = []
        for step in range(start, min(start + 50_000, count)):
            value += numbers.gauss(0, 0.01)
            batch.append(("train/loss", step, 1e9 + step * 0.01, step / 1000, value))
        store.series.append("long", 1, batch)
    print(f"append          {count / (time.monotonic() - started):12,.0f} points/s into one key (making them included)")
    print(f"database        {home.database.stat().st_size / count:12.1f} bytes a point")
    for name, window in (
        ("first picture", (None, None)),
        ("tenth of it", (count * 0.4, count * 0.5)),
        ("2,000 points", (count // 2, count // 2 + 1999)),
    ):
        started = time.monotonic()
        data = store.series.read("long", ["train/loss"], *window, 2000)["train/loss"]
        print(
            f"{name:15} {(time.monotonic() - started) * 1000:12.1f} ms ({data.count:,} points as {len(data.steps):,})"
        )


if __name__ == "__main__":
    main()
