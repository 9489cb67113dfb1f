"""A real window over a state in which every page has something to show: two cards, runs, versions, traffic, drift."""

import time
from typing import Any

from PySide6.QtWidgets import QApplication

from backend.contract.resources import (
    AlertRecord,
    AuditRecord,
    BackendSettings,
    DatasetRecord,
    DriftReport,
    EndpointRecord,
    FeatureDrift,
    GpuProcess,
    GpuReading,
    HostReading,
    ModelRecord,
    RunRecord,
    SystemStatus,
    TelemetrySample,
    VersionRecord,
)
from console.settings import PINNED, Settings
from console.shell import Services
from console.state.changes import Changes
from console.state.store import AppState
from console.window import Window
from tests.helpers.fake_link import FakeLink

PLACES = (
    "overview", "data", "runs", "run/intent-lora-r16-s42", "run/head-failed", "compare/intent-lora-r16-s42,head-s1",
    "models", "endpoints", "alerts", "audit", "settings", "settings/keyboard",
)  # fmt: skip
"""Every page, and the run page in two states."""


def _run(name: str, **fields: Any) -> RunRecord:
    now = time.time()
    known = {"id": name, "name": name, "recipe": "text_classification", "state": "completed", "step": 12_000,
             "total_steps": 12_000, "epoch": 3.0, "epochs": 3.0, "base_model": "starter-en-zh-classifier",
             "dataset_id": "d1", "dataset_name": "support-tickets", "device": "cuda:0", "created_at": now - 9000,
             "started_at": now - 8400, "ended_at": now - 1680, "active_seconds": 6720.0, "tags": ("sweep-4", "lora"),
             "metrics": {"train/loss": 0.2184, "eval/loss": 0.2712, "eval/f1": 0.9412, "eval/accuracy": 0.9388,
                         "train/samples_per_s": 212.0},
             "spark": (1.2, 0.9, 0.6, 0.41, 0.3, 0.24, 0.22), "model_ready": True}  # fmt: skip
    return RunRecord.model_validate({**known, **fields})


def _version(number: int, **more: Any) -> VersionRecord:
    confusion = ((140 - number, 10 + number), (12, 138))
    values = {"test/accuracy": 0.92 + number / 1000, "test/f1": 0.92 + number / 1000, "test/loss": 0.28}
    per_class = {n: {"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 150} for n in ("refund", "delivery")}
    return VersionRecord.model_validate({
        "model": "support-intent", "version": number, "run_id": "head-s1", "run_name": "intent-lora-r16-s42",
        "task": "text-classification", "metrics": values, "created_at": time.time() - 90_000 * (3 - number),
        "size_bytes": 91_000_000, "dataset_id": "d1", "dataset_sha256": "d" * 64, "dataset_name": "support-tickets",
        "evaluation": {"rows": 300, "values": values, "labels": ("refund", "delivery"), "per_class": per_class,
                       "confusion": confusion},
        "labels": ("refund", "delivery"), "manifest_sha256": "ab" * 32, **more,
    })  # fmt: skip


def _cards() -> tuple[GpuReading, ...]:
    process = GpuProcess(pid=4711, name="python", memory_bytes=21 * 2**30, owner="run/intent-lora-r16-s42")
    foreign = GpuProcess(pid=977, name="blender", memory_bytes=3 * 2**30)
    return tuple(
        GpuReading(
            index=index,
            name="NVIDIA RTX 6000 Ada Generation",
            utilization_percent=38.0 + 50 * index,
            memory_used_bytes=38 * 2**30,
            memory_total_bytes=48 * 2**30,
            temperature_c=67.0,
            power_w=164.0,
            power_limit_w=300.0,
            power_limit_min_w=150.0,
            power_limit_max_w=300.0,
            processes=(process,) if index == 0 else (foreign,),
        )
        for index in (0, 1)
    )


def _fill_runs(state: AppState) -> None:
    now = time.time()
    live = _run("intent-lora-r16-s42", state="running", step=8420, ended_at=None, eta_seconds=1080.0,
                last_step_at=now - 0.4, epoch=2.1, model_ready=False, facts={"gpu": 0})  # fmt: skip
    failed = _run("head-failed", state="failed", step=1440, model_ready=False, resumable=True, cause="out_of_memory",
                  failure={"code": "out_of_memory", "text": "GPU 0 ran out of memory at step 1,440. Needed 51.2 GB of "
                           "48 GB.", "advice": "Restart with batch 32."})  # fmt: skip
    queued = [_run(f"topic-base-lr3e-{n}", state="queued", step=0, started_at=None, ended_at=None, queue_position=n,
                   active_seconds=None, metrics={}, spark=(), model_ready=False) for n in (1, 2)]  # fmt: skip
    paused = _run("distil-paused", state="paused", step=4000, ended_at=None, model_ready=False)
    for run in (live, *queued, paused, _run("head-s1"), failed):
        state.runs[run.id] = run


def _fill_serving(state: AppState) -> None:
    now = time.time()
    state.models["support-intent"] = ModelRecord(
        name="support-intent", task="text-classification", labels=("refund", "delivery"), champion=1, previous=2,
        versions=(_version(3), _version(2, aliases=("previous",), first_served_at=now - 200_000),
                  _version(1, aliases=("champion",), first_served_at=now - 7200, last_served_at=now)),
    )  # fmt: skip
    engines = ({"version": 1, "state": "ready", "memory_bytes": 100_000_000}, {"version": 2, "state": "ready"})
    state.endpoints["support-intent"] = EndpointRecord.model_validate({
        "name": "support-intent", "url": "http://127.0.0.1:8085", "port": 8085, "key": "s3cret", "state": "serving",
        "model": "support-intent", "live_version": 1, "standby_version": 2, "serving_since": now - 7200,
        "engines": engines, "created_at": now - 90_000,
        "stats": {"serve/requests_per_s": 41.0, "serve/errors_per_s": 0.02, "serve/latency_ms_p50": 6.1,
                  "serve/latency_ms_p95": 11.8, "serve/latency_ms_p99": 19.4},
        "limits": {"max_batch": 32, "max_wait_ms": 2.0, "queue": 256, "slo_p99_ms": 25.0},
    })  # fmt: skip
    features = tuple(
        FeatureDrift(
            feature=name,
            psi=psi,
            js=psi / 2,
            state=look,
            reference=(0.5, 0.3, 0.2),
            current=(0.2, 0.3, 0.5),
            edges=(0.0, 32.0, 64.0, 128.0),
        )
        for name, psi, look in (("text_length", 0.31, "bad"), ("unknown_share", 0.05, "ok"))
    )
    state.drift["support-intent"] = DriftReport(
        endpoint="support-intent", model="support-intent", version=1, checked_at=now - 2, window_seconds=600.0,
        window_items=412, minimum_items=100, features=features,
    )  # fmt: skip
    moved = {"before": 64.2, "after": 118.0, "psi": 0.31, "text": "Text length moved right: median 64 → 118 tokens."}
    for name, kind, severity in (("a1", "input_drift", "bad"), ("a2", "latency", "warn")):
        evidence = {"features": {"text_length": moved}, "limit": 0.2}
        if kind == "latency":
            evidence = {"metric": "serve/latency_ms_p99", "value": 1400.4, "limit": 500.0, "for_seconds": 60.0}
        state.alerts[name] = AlertRecord.model_validate({
            "id": name, "kind": kind, "endpoint": "support-intent", "severity": severity, "opened_at": now - 5000,
            "seen_at": now - 5, "model": "support-intent", "version": 1, "feature": "text_length",
            "title": "Input drift on support-intent" if kind == "input_drift" else "p99 above 500 ms",
            "text": moved["text"], "evidence": evidence,
        })  # fmt: skip


def _fill_data(state: AppState) -> None:
    profile = {"length_edges": [0, 10, 20, 40], "length_histogram": [0, 5, 3, 0], "length_characters": {"p50": 14},
               "languages": {"en": 990, "de": 10}, "format": "csv", "encoding": "utf-8"}  # fmt: skip
    problem = {"code": "imbalance", "text": "'refund' has 950 rows, 'delivery' only 50.", "count": 50,
               "sample": ("delivery",)}  # fmt: skip
    for number in (1, 2):
        state.datasets[f"d{number}"] = DatasetRecord.model_validate({
            "id": f"d{number}", "name": "support-tickets", "version": number, "task": "text-classification",
            "rows": 1000 * number, "columns": ("text", "label"), "mapping": {"text": "text", "label": "label"},
            "labels": {"refund": 950, "delivery": 50}, "created_at": time.time() - 600, "profile": profile,
            "problems": (problem,), "sha256": "f" * 64, "source": "/data/tickets.csv",
        })  # fmt: skip


def full_state() -> AppState:
    """The state; connected, everything read."""
    state = AppState()
    state.loaded = True
    state.connected()
    now = time.time()
    _fill_runs(state)
    _fill_serving(state)
    _fill_data(state)
    state.settings = BackendSettings()
    state.system = SystemStatus.model_validate({
        "state": "running", "pid": 7, "home": "/home/x/modeldeck", "socket": "unix:/run/x", "started_at": now - 9000,
        "version": "0.1.0", "protocol": 1, "versions": {"python": "3.11", "torch": "2.13"},
        "disk_free_bytes": 4 * 10**11, "disk_total_bytes": 10**12, "mirror": {"state": "in_sync"},
    })  # fmt: skip
    host = HostReading(cpu_percent=37.0, cpu_count=32, memory_used_bytes=61 * 2**30, memory_total_bytes=128 * 2**30)
    for back in range(120, -1, -1):
        state.telemetry_history.append(TelemetrySample(taken_at=now - back, gpus=_cards(), host=host))
    state.telemetry = state.telemetry_history[-1]
    return state


def _answers(link: FakeLink) -> None:
    now = time.time()
    link.answers["GET /audit"] = {"items": [
        AuditRecord.model_validate({
            "seq": n, "time": now - 4000 * n, "actor": "ada", "action": "model.promote",
            "object": "support-intent", "before": "v2", "after": "v1", "reason": "better on every class",
            "result": "done", "hash": "ab" * 32,
        }).model_dump(mode="json")
        for n in (1, 2, 3)
    ]}  # fmt: skip
    link.answers["GET /models/support-intent/history"] = {"items": []}


def full_window(settings: Settings, state: AppState | None = None) -> Window:
    """The window with real pages, shown at 1440×900 on its start page."""
    settings.set(PINNED, [{"link": "run/intent-lora-r16-s42", "text": "intent-lora-r16-s42"},
                          {"link": "endpoint/support-intent", "text": "support-intent"}])  # fmt: skip
    link = FakeLink()
    _answers(link)
    window = Window(link, state or full_state(), settings, Services(diagnostics=lambda: "Qt 6"))
    window.resize(1440, 900)
    window.show()
    window.open_start_page()
    window.on_changes(Changes(everything=True))
    QApplication.processEvents()
    return window
