"""What status bar, rail and banner say of the state: pure look-ups from AppState to parts and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.contract.states import RunState
from console.i18n import mark, tr
from console.widgets.pins import Pin
from console.widgets.statusbar import Part

LEFT: tuple[tuple[str, str], ...] = (
    ("backend", mark("Backend: log and restart")),
    ("gpu", mark("Processors: go to Overview")),
    ("disk", mark("Free space: storage settings")),
    ("jobs", mark("Jobs: show the queue")),
)
RIGHT: tuple[tuple[str, str], ...] = (
    ("mirror", mark("MLflow store")),
    ("language", mark("Language")),
    ("version", mark("About, copy diagnostics")),
)
MOST_GPUS = 4
START_TRIES = 3  # after 1, 2 and 4 s
GB = 1e9
GIB = 2**30  # memory is counted as cards and drivers count it


@dataclass(frozen=True)
class BannerText:
    """What the bar under the top row says."""

    text: str
    detail: str
    role: str = "warn"
    icon: str = "wifi-off"
    restart: bool = True
    busy: bool = False  # the restart is under way


def starting(state: Any) -> bool:
    """Nothing was heard of the backend yet, and it has had no more time than a start takes: no reason to warn."""
    return not state.loaded and not state.online and (state.retry is None or state.retry[0] <= START_TRIES)


def backend_parts(state: Any, latency_ms: float | None) -> list[Part]:
    """Dot, word, and how long the last answer took."""
    if state.restarting:
        return [Part("dot", "accent"), Part("text", tr("Restarting backend"))]
    if state.online:
        parts = [Part("dot", "ok"), Part("text", tr("Backend connected"))]
        if latency_ms is not None:
            parts.append(Part("grey", f"{max(1, round(latency_ms))} ms"))
        return parts
    if starting(state):
        return [Part("dot", "accent"), Part("text", tr("Starting backend"))]
    return [Part("dot", "warn"), Part("text", tr("Backend offline"), role="warn")]


def processor_parts(state: Any) -> list[Part]:
    """Every card with its load and memory; without a card the CPU."""
    sample = state.telemetry
    if sample is None:
        return []
    parts: list[Part] = []
    for gpu in sample.gpus[:MOST_GPUS]:
        if parts:
            parts.append(Part("space"))
        parts += _load(f"GPU {gpu.index}", gpu.utilization_percent, gpu.memory_used_bytes, bool(gpu.lost))
    if not sample.gpus:
        parts = _load("CPU", sample.host.cpu_percent, sample.host.memory_used_bytes, False)
    return parts


def _load(name: str, percent: float | None, used: int | None, lost: bool) -> list[Part]:
    parts = [Part("grey", name, role="bad" if lost else "")]
    if percent is not None:
        parts += [Part("bar", fraction=percent / 100), Part("text", f"{percent:.0f}%")]
    if used is not None:
        parts.append(Part("grey", f"{used / GIB:.1f} GB"))
    return parts


def disk_parts(state: Any) -> list[Part]:
    """Free space of the home's disk; amber below 5 GB."""
    free = state.system.disk_free_bytes if state.system else None
    if free is None:
        return []
    low = free < 5 * GB
    text = tr("{size} GB free", size=f"{free / GB:,.0f}" if free >= 10 * GB else f"{free / GB:.1f}")
    return [Part("icon", "hard-drive", role="warn" if low else ""), Part("text", text, role="warn" if low else "")]


def job_parts(state: Any) -> list[Part]:
    """How many runs work and wait."""
    if not state.loaded:
        return []
    live, queued = state.live_runs(), len(state.queued_runs())
    paused = sum(run.state == RunState.PAUSED for run in live)
    parts = [Part("icon", "activity"), Part("text", tr("{n} running", n=len(live) - paused))]
    if paused:
        parts.append(Part("grey", tr("{n} paused", n=paused)))
    if queued:
        parts.append(Part("grey", tr("{n} queued", n=queued)))
    return parts


def mirror_parts(state: Any) -> list[Part]:
    """How the MLflow neighbour does."""
    mirror = state.system.mirror if state.system else None
    if mirror is None:
        return []
    if mirror.state == "failing":
        return [Part("icon", "database", role="warn"), Part("text", tr("MLflow store is failing"), role="warn")]
    if mirror.state == "behind":
        return [Part("icon", "database"), Part("grey", tr("MLflow store {n} behind", n=f"{mirror.backlog:,}"))]
    words = {"in_sync": tr("MLflow store in sync"), "off": tr("MLflow store off")}
    return [Part("icon", "database"), Part("grey", words.get(mirror.state, mirror.text))]


def pins(state: Any, pinned: list[Any]) -> list[Pin]:
    """Pinned links with what they do now; a run shows its progress, an endpoint its state."""
    found = []
    for entry in pinned:
        if not isinstance(entry, dict) or not isinstance(entry.get("link"), str):
            continue
        link, text = entry["link"], str(entry.get("text") or entry["link"])
        kind, _, target = link.partition("/")
        fraction, dot = None, ""
        run = state.runs.get(target) if kind == "run" else None
        endpoint = state.endpoints.get(target) if kind == "endpoint" else None
        if run is not None:
            text = run.name
            fraction = run.step / run.total_steps if run.total_steps and run.ended_at is None else None
            dot = {"failed": "bad", "interrupted": "warn"}.get(run.state, "idle")
        elif endpoint is not None:
            dot = {"serving": "ok", "degraded": "warn", "failed": "bad"}.get(endpoint.state, "idle")
        found.append(Pin(link, text, fraction, dot))
    return found


def banner(state: Any, version: str) -> BannerText | None:
    """What stands under the top row, worst first; None when all is well."""
    if state.restarting and not state.online:
        return BannerText(
            tr("Restarting the backend. Training and serving go on."), "", "accent", "refresh-cw", busy=True
        )
    if state.mismatch:
        text = tr("Backend {theirs} and app {ours} differ.", theirs=state.mismatch, ours=version)
        return BannerText(text, tr("Restart the backend to finish the update."), icon="refresh-cw")
    if not state.online and state.stale_since is not None and not starting(state):
        detail = ""
        if state.retry is not None:
            detail = tr("Reconnecting, try {count}, next in {seconds} s.", count=state.retry[0], seconds=state.retry[1])
        return BannerText(tr("Backend does not answer. Training and serving may still run."), detail)
    system = state.system
    if system is not None and system.read_only_reason:
        return BannerText(tr("This home folder is read-only."), system.read_only_reason, icon="lock", restart=False)
    if system is not None and system.disk_free_bytes is not None and system.disk_free_bytes < 5 * GB:
        text = tr("{size} GB free on the disk of the home folder.", size=f"{system.disk_free_bytes / GB:.1f}")
        return BannerText(text, tr("Checkpoints and imports stop at zero."), icon="hard-drive", restart=False)
    return None
