"""/metrics: Prometheus text of what this daemon knows."""

import math
from collections.abc import Iterator, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from backend.contract.resources import GpuReading
from backend.contract.states import LIVE_RUN_STATES, AlertState
from backend.server.parts import Parts, PartsIn

GPU_FIELDS = (
    "utilization_percent",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_c",
    "power_w",
    "power_limit_w",
)
HOST_FIELDS = ("cpu_percent", "memory_used_bytes", "memory_total_bytes", "disk_used_bytes", "disk_total_bytes")


async def metrics(parts: PartsIn) -> Response:
    """Counts of runs and alerts, the machine, and each endpoint's last minute."""
    text = await run_in_threadpool(lambda: "\n".join([*_lines(parts), ""]))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _lines(parts: Parts) -> Iterator[str]:
    yield from _gauge(
        "modeldeck_runs_running", "Runs that work now", len(parts.store.runs.with_states(LIVE_RUN_STATES))
    )
    yield from _gauge("modeldeck_runs_queued", "Runs that wait", len(parts.store.runs.queue()))
    yield from _gauge(
        "modeldeck_alerts_open", "Alerts nobody looked at", len(parts.store.alerts.all([AlertState.OPEN]))
    )
    yield from _gauge("modeldeck_feed_messages", "Feed messages ever published", parts.hub.newest)
    sample = parts.store.telemetry.latest()
    if sample is not None:
        for name in HOST_FIELDS:
            yield from _gauge(f"modeldeck_host_{name}", "Of this machine", getattr(sample.host, name))
        yield from _cards(sample.gpus)
    yield from _endpoints(parts)


def _cards(cards: tuple[GpuReading, ...]) -> Iterator[str]:
    for name in GPU_FIELDS:
        found = [({"gpu": str(card.index)}, getattr(card, name)) for card in cards]
        yield from _family(f"modeldeck_gpu_{name}", "Of a card", found)


def _endpoints(parts: Parts) -> Iterator[str]:
    endpoints = parts.store.endpoints.all()
    up = [({"endpoint": e.name, "version": str(e.live_version)}, float(e.state == "serving")) for e in endpoints]
    yield from _family("modeldeck_endpoint_up", "1 when the endpoint answers", up)
    for name in sorted({key for endpoint in endpoints for key in endpoint.stats}):
        found = [({"endpoint": e.name}, e.stats.get(name)) for e in endpoints]
        metric = "modeldeck_" + "".join(c if c.isalnum() else "_" for c in name)
        yield from _family(metric, "Of the last minute", found)


def _gauge(name: str, text: str, value: float | None) -> Iterator[str]:
    yield from _family(name, text, [({}, value)])


def _family(name: str, text: str, found: Sequence[tuple[dict[str, str], float | None]]) -> Iterator[str]:
    known = [(labels, value) for labels, value in found if value is not None]
    if not known:
        return
    yield f"# HELP {name} {text}."
    yield f"# TYPE {name} gauge"
    for labels, value in known:
        inside = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        yield f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
