"""The names are those of the installed MLflow, and the figures are its figures."""

import ast
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.resources import GpuReading, HostReading, TelemetryHistory, TelemetrySample
from backend.services import outbox
from backend.services.system_metrics import system_metrics
from backend.store.settings import OutboxItem
from tests.helpers.stores import a_run, make_store


def mlflows_names() -> set[str]:
    """Every name MLflow's own monitors use, read from their source."""
    mlflow = pytest.importorskip("mlflow")
    folder = Path(mlflow.__file__).parent / "system_metrics" / "metrics"
    names = set()
    for file in folder.glob("*_monitor.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "0" for part in node.values)
                names.add("".join(map(str, parts)))
    return names


def test_names_and_figures_are_mlflows() -> None:
    history = TelemetryHistory(times=(10.0, 12.0), values={
        "cpu/utilization_percent": (37.25, None), "memory/used_bytes": (61e9, 62e9),
        "memory/total_bytes": (128e9, 128e9), "disk/used_bytes": (40e9, 40e9), "disk/total_bytes": (100e9, 100e9),
        "net/in_bytes_per_s": (1e6, 3e6), "net/out_bytes_per_s": (None, None),
        "gpu/0/utilization_percent": (38.0, 39.0), "gpu/0/memory_used_bytes": (12e9, 12e9),
        "gpu/0/memory_total_bytes": (48e9, 48e9), "gpu/0/power_w": (150.0, 160.0),
        "gpu/0/power_limit_w": (300.0, 300.0),
    })  # fmt: skip
    rows = system_metrics(history)
    found = {(name, step): value for name, step, _, value in rows}
    assert {name.removeprefix("system/") for name, *_ in rows} <= mlflows_names()
    assert found[("system/cpu_utilization_percentage", 0)] == 37.2
    assert ("system/cpu_utilization_percentage", 1) not in found  # unknown is left out, never 0
    assert found[("system/system_memory_usage_megabytes", 1)] == 62000.0
    assert found[("system/system_memory_usage_percentage", 0)] == 47.7
    assert found[("system/disk_available_megabytes", 0)] == 60000.0
    assert found[("system/network_receive_megabytes", 1)] == 6.0
    assert found[("system/gpu_0_power_usage_percentage", 1)] == 53.3
    assert found[("system/gpu_0_memory_usage_percentage", 0)] == 25.0
    assert not any("transmit" in name for name, _ in found)


def test_an_ended_run_takes_its_machine_to_the_mirror_and_twice_is_the_same(tmp_path: Path) -> None:
    clock = ManualClock()
    store = make_store(tmp_path, clock)
    begin = clock.now() // 300 * 300
    clock.jump(begin - clock.now())
    with store.transaction():
        for _ in range(700):
            host = HostReading(cpu_percent=clock.now() % 50)
            card = GpuReading(index=0, utilization_percent=80.0)
            store.telemetry.add(TelemetrySample(taken_at=clock.now(), host=host, gpus=(card,)))
            clock.advance(1.0)
    store.runs.add(a_run(state="completed", started_at=begin + 10, ended_at=begin + 200))
    item = OutboxItem(1, "run", "r1", {}, 0)
    assert outbox.message(store, item)["body"]["metrics"] == []  # not kept with the run yet
    store.care_for_telemetry()
    first = outbox.message(store, item)["body"]["metrics"]
    assert {row[0] for row in first} == {"system/cpu_utilization_percentage", "system/gpu_0_utilization_percentage"}
    clock.advance(5000.0)
    store.care_for_telemetry()
    assert outbox.message(store, item)["body"]["metrics"] == first
    assert [kept.key for kept in store.outbox.take()] == ["r1"]
    store.close()
