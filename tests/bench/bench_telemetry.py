"""What watching eight cards costs: the sensor, the API while NVML hangs, the history on the disk.

Run: `.venv/bin/python -m tests.bench.bench_telemetry [seconds of sensor]`. Limits: sensor ≤ 1 % of a core at 1 Hz,
API p99 < 200 ms while NVML hangs, history ≤ 200 MB for eight cards after a year.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from backend.clock import SystemClock
from backend.contract.resources import GpuReading, HostReading, TelemetrySample
from backend.store import Store, open_store, slots, telemetry
from backend.store.slots import TIERS, Rows
from backend.store.telemetry_values import flat
from backend.telemetry.child import SensorChild
from tests.helpers.home import RunningHome
from tests.helpers.nvml import Stub, compile_stub
from tests.helpers.wait import until

CARDS = 8
SENSOR_LIMIT_PERCENT = 1.0
API_LIMIT_MS = 200.0
SIZE_LIMIT_BYTES = 200_000_000
REQUESTS = 400
DAY_S = 86_400


def main() -> None:
    """Print each figure beside its limit."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder:
        stub = Stub(compile_stub(Path(folder)), Path(folder) / "mode")
        _sensor(stub, Path(folder), seconds)
        _api(stub)
    _history()


# ---- the sensor ------------------------------------------------------------------------------------------------------


def _sensor(stub: Stub, folder: Path, seconds: float) -> None:
    child = SensorChild(folder, 1.0, env=stub.env(NVML_STUB_CARDS=str(CARDS)))
    try:
        until(lambda: child.next(1.0), 30)
        process = psutil.Process(child.pid)
        time.sleep(3)
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds)
        percent = 100 * (sum(process.cpu_times()[:2]) - before) / seconds
        memory = process.memory_info().rss
    finally:
        child.close()
    ratio = percent / SENSOR_LIMIT_PERCENT
    print(
        f"sensor, {CARDS} cards at 1 Hz   {percent:8.2f} % of a core over {seconds:.0f} s   ratio to limit {ratio:.2f}"
    )
    print(f"sensor, memory            {memory / 1e6:8.1f} MB")


# ---- the API while NVML hangs ----------------------------------------------------------------------------------------


def _api(stub: Stub) -> None:
    env = {key: stub.env()[key] for key in ("LD_LIBRARY_PATH", "NVML_STUB_FILE")}
    with RunningHome(**env, NVML_STUB_CARDS=str(CARDS)) as home:
        home.start()
        until(lambda: len(home.ask("GET", "/telemetry").get("gpus", ())) == CARDS, 60)
        _p99(home, "API while NVML works     ")
        stub.set("hang")
        time.sleep(2)
        _p99(home, "API while NVML hangs     ")  # the deadline passes and the sensor is replaced meanwhile
        until(lambda: home.ask("GET", "/telemetry").get("gpu_problem"), 60)
        _p99(home, "API after it was told    ")


def _p99(home: RunningHome, name: str) -> None:
    long = {"seconds": 3600, "points": 900}
    paths = (("/telemetry", {}), ("/telemetry/history", long), ("/runs", {}), ("/system", {}))
    process, took = psutil.Process(home.backend.pid), []
    before = sum(process.cpu_times()[:2])
    for number in range(REQUESTS):
        started = time.perf_counter()
        path, query = paths[number % len(paths)]
        home.ask("GET", path, query=query)
        took.append((time.perf_counter() - started) * 1000)
    p50, p99 = np.percentile(took, (50, 99))
    cpu = (sum(process.cpu_times()[:2]) - before) / REQUESTS * 1000
    print(
        f"{name} p50 {p50:6.1f} ms, p99 {p99:6.1f} ms (daemon {cpu:.1f} ms of CPU a request)   "
        f"ratio to limit {p99 / API_LIMIT_MS:.2f}"
    )


# ---- the history -----------------------------------------------------------------------------------------------------


def _history() -> None:
    with tempfile.TemporaryDirectory() as folder:
        from backend.paths import Home

        home = Home(Path(folder) / "home")
        store = open_store(home, SystemClock())
        empty = home.database.stat().st_size
        _waiting(store)
        _day(store, home.database, empty)
        used = _year(store, home.database, empty)
        ratio = used / SIZE_LIMIT_BYTES
        print(f"history, a year           {used / 1e6:8.1f} MB for {CARDS} cards   ratio to limit {ratio:.2f}")
        for name, seconds in (("5 min", 300), ("6 h", 6 * 3600), ("30 days", 30 * DAY_S), ("a year", 365 * DAY_S)):
            started = time.perf_counter()
            found = store.telemetry.between(END - seconds, END, 900, ("cpu/*", "gpu/*/utilization_percent"))
            took = (time.perf_counter() - started) * 1000
            print(f"reading {name:8} {took:8.1f} ms ({len(found.times)} steps of {len(found.values)} names)")
        store.close()


END = 1_800_000_000.0 // 345_600 * 345_600


def sample(at: float) -> TelemetrySample:
    """A sample with every reading there is."""
    rng = np.random.default_rng(int(at))
    cards = tuple(GpuReading(index=index, **_card(rng)) for index in range(CARDS))
    host = HostReading(
        cpu_percent=30.0, memory_used_bytes=61 << 30, memory_total_bytes=128 << 30, disk_used_bytes=1 << 39,
        disk_total_bytes=1 << 40, disk_read_bytes_per_s=1e6, disk_write_bytes_per_s=2e6, net_in_bytes_per_s=3e5,
        net_out_bytes_per_s=4e5,
    )  # fmt: skip
    return TelemetrySample(taken_at=at, gpus=cards, host=host)


def _card(rng: Any) -> dict[str, float]:
    return {
        "utilization_percent": float(rng.integers(60, 100)),
        "memory_used_bytes": int(38e9),
        "memory_total_bytes": 48 << 30,
        "temperature_c": 66.0,
        "power_w": float(rng.normal(280, 9)),
        "power_limit_w": 300.0,
        "fan_percent": 41.0,
        "sm_clock_mhz": 2520.0,
        "memory_clock_mhz": 9501.0,
        "pcie_rx_bytes_per_s": 2e9,
        "pcie_tx_bytes_per_s": 1e9,
    }


def readings(first: float, count: int, step: float, seed: int) -> Rows:
    """Readings as busy cards give them: load and power are noise around a slow wave, temperatures follow."""
    rng = np.random.default_rng(seed)
    names = tuple(flat(sample(0.0)))
    times = first + np.arange(count) * step
    wave = np.sin(times / 900.0)[:, None]
    columns = {
        "utilization_percent": np.clip(np.rint(85 + 10 * wave + rng.normal(0, 8, (count, CARDS))), 0, 100),
        "memory_used_bytes": 38e9 + np.cumsum(rng.integers(-1, 2, (count, CARDS)), axis=0) * (2 << 20),
        "temperature_c": np.rint(66 + 3 * wave + rng.normal(0, 0.7, (count, CARDS))),
        "power_w": np.round(280 + 15 * wave + rng.normal(0, 12, (count, CARDS)), 3),
        "fan_percent": np.rint(41 + 3 * wave + rng.normal(0, 0.5, (count, CARDS))),
        "sm_clock_mhz": 2520 - 15 * rng.integers(0, 4, (count, CARDS)),
        "pcie_rx_bytes_per_s": np.abs(rng.normal(2e9, 3e8, (count, CARDS))),
        "pcie_tx_bytes_per_s": np.abs(rng.normal(1e9, 2e8, (count, CARDS))),
    }
    host = {
        "cpu/utilization_percent": np.round(np.clip(rng.normal(35, 9, count), 0, 100), 1),
        "memory/used_bytes": 61e9 + np.cumsum(rng.integers(-3, 4, count)) * (1 << 20),
        "disk/used_bytes": 5e11 + np.arange(count) * step * 1e5,
        **{
            name: np.abs(rng.normal(3e7, 2e7, count)) for name in names if name.endswith("_per_s") and "gpu" not in name
        },
    }
    plain = flat(sample(0.0))
    matrix = np.empty((count, len(names)))
    for place, name in enumerate(names):
        kind = name.rpartition("/")[2]
        if name in host:
            matrix[:, place] = host[name]
        elif name.startswith("gpu/") and kind in columns:
            matrix[:, place] = columns[kind][:, int(name.split("/")[1])]
        else:
            matrix[:, place] = plain[name]
    return Rows(names, times, matrix, matrix, matrix)


def _waiting(store: Store) -> None:
    with store.transaction():
        for second in range(600):
            store.telemetry.add(sample(END - DAY_S - 600 + second))
    started = time.perf_counter()
    store.telemetry.roll_up()
    took = (time.perf_counter() - started) * 1000
    print(f"packing a window of 5 min {took:8.1f} ms for {CARDS} cards")


def _put(store: Store, tier: slots.Tier, rows: Rows) -> None:
    with store.database.writing() as connection:
        telemetry._put(connection, tier, slots.slotted(rows, tier.step))
        telemetry._drop_blocks(connection, tier)


def _size(store: Store, path: Path) -> int:
    with store.database.reading() as connection:
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_count", "freelist_count", "page_size")
        )
    assert path.exists()
    return int((pages - free) * size)  # type: ignore[operator]


def _day(store: Store, path: Path, empty: int) -> None:
    """The last day, as it comes: every second once, in all tiers."""
    for window in range(0, DAY_S, 3600):
        rows = readings(END - DAY_S + window, 3600, 1.0, window)
        for tier in TIERS:
            _put(store, tier, rows)
    used = _size(store, path) - empty
    print(f"history, a day            {used / 1e6:8.1f} MB for {CARDS} cards")


def _year(store: Store, path: Path, empty: int) -> int:
    """Every block of every tier that is ever kept, filled from noisy readings."""
    ten, five = TIERS[1], TIERS[2]
    for block in range(1, ten.blocks):
        rows = readings(END - (block + 4) * 21_600, 21_600, 1.0, block)
        _put(store, ten, rows)
    for block in range(1, five.blocks):  # a reading in ten seconds is enough for its extremes
        rows = readings(END - (block + 1) * 345_600, 34_560, 10.0, block)
        _put(store, five, rows)
    hour = TIERS[0]
    _put(store, hour, readings(END - DAY_S - 3600, 3600, 1.0, 5))
    return _size(store, path) - empty


if __name__ == "__main__":
    main()
