"""An event file of 10 series: brought in, then opened, beside TensorBoard's own reader on the same file.

`MODELDECK_PEER_PYTHON=/path/of/a/venv/bin/python python -m tests.bench.bench_import [points a series]`; the peer is a
Python of its own that has tensorboard. Without it our figures stand alone. To reach: opening ≥ 100 × EventAccumulator.
"""

import math
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from backend.clock import SystemClock
from backend.contract.imports import ImportRun, PreviewImport
from backend.data.foreign import crc
from backend.paths import Home
from backend.services.ingest import Ingest
from backend.services.run_import import RunImporter
from backend.store import Store, open_store
from tests.helpers.foreign import field, record, scalar

SERIES = 10
PEER = """
import sys, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import tensorboard
began = time.monotonic()
found = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
found.Reload()
points = sum(len(found.Scalars(tag)) for tag in found.Tags()["scalars"])
print(points, time.monotonic() - began, tensorboard.__version__)
"""


def main() -> None:
    """Print one figure a line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.out.tfevents.1"
        _write(path, count)
        print(f"event file      {SERIES} series × {count:,} points, {path.stat().st_size / 1e6:,.0f} MB")
        home = Home(Path(folder) / "home")
        store = open_store(home, SystemClock())
        run_id = _bring_in(store, home, path)
        opened = _open(store, run_id)
        store.close()
        _peer(path, opened, SERIES * count)


def _write(path: Path, count: int) -> None:
    """One event a point, as SummaryWriter writes them; checksums of many records at once."""
    names = [f"train__metric_{number}" for number in range(SERIES)]
    with path.open("wb") as file:
        file.write(record(field(1, 1, struct.pack("<d", 1.0)) + field(3, 2, b"brain.Event:2")))
        for start in range(0, count, 5000):
            steps = range(start, min(start + 5000, count))
            datas = [scalar(s, 1e9 + s * 0.1, **{n: math.sin(s / 50 + i)}) for s in steps for i, n in enumerate(names)]
            file.write(b"".join(_framed(datas)))


def _framed(datas: list[bytes]) -> list[bytes]:
    out: list[bytes] = [b""] * len(datas)
    for size in {len(data) for data in datas}:
        places = [at for at, data in enumerate(datas) if len(data) == size]
        joined = np.frombuffer(b"".join(datas[at] for at in places), np.uint8)
        sums = crc.masked_of(joined, range(0, len(joined), size), size).astype("<u4").tobytes()
        head = struct.pack("<Q", size)
        head += struct.pack("<I", crc.masked(crc.crc32c(head)))
        for number, at in enumerate(places):
            out[at] = head + datas[at] + sums[4 * number : 4 * number + 4]
    return out


def _bring_in(store: Store, home: Home, path: Path) -> str:
    ingest, stop = Ingest(store, home, SystemClock()), threading.Event()
    thread = threading.Thread(target=ingest.run, args=(stop,))
    thread.start()
    importer = RunImporter(store, home, SystemClock(), ingest, lambda: None)
    began = time.monotonic()
    preview = importer.preview(PreviewImport(path=str(path)))
    print(f"preview         {time.monotonic() - began:12.2f} s (whole: {preview.items[0].complete})")
    began = time.monotonic()
    operation = importer.begin(ImportRun(path=str(path)), "bench")
    while (found := store.operations.get(operation.id)) is not None and found.state == "running":
        time.sleep(0.05)
    taken = time.monotonic() - began
    stop.set()
    ingest.wake()
    thread.join()
    if found is None or found.state != "done":
        raise SystemExit(f"the import failed: {found}")
    run = found.result["runs"][0]
    print(
        f"import          {run['points'] / taken:12,.0f} points/s ({run['points']:,} points in {taken:.2f} s, stored)"
    )
    return str(run["id"])


def _open(store: Store, run_id: str) -> float:
    """The first full picture of every series, 2,000 points each that keep every extreme; the best of three."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        store.series.read(run_id, None, None, None, 2000)
        times.append(time.monotonic() - began)
    print(f"open            {min(times):12.3f} s (first {times[0]:.3f} s)")
    return times[0]


def _peer(path: Path, opened: float, points: int) -> None:
    python = os.environ.get("MODELDECK_PEER_PYTHON")
    if not python:
        print("TensorBoard     not measured: MODELDECK_PEER_PYTHON names no Python that has tensorboard")
        return
    done = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"TensorBoard     not measured: {done.stderr.strip().splitlines()[-1] if done.stderr else 'it ended'}")
        return
    found, taken, version = done.stdout.split()
    if int(found) != points:
        raise SystemExit(f"TensorBoard read {found} points of {points}")
    print(f"TensorBoard     {float(taken):12.3f} s to open the same points ({version}, EventAccumulator, no limit)")
    print(f"ratio           {float(taken) / opened:12.0f} × as fast to open (to reach: 100)")


if __name__ == "__main__":
    main()
