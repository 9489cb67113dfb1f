"""/metrics in the text format of Prometheus 0.0.4. Label values are escaped; nothing of a request is in it but
counts."""

from backend.worker.serving.router import Router
from backend.worker.serving.windows import Windows

HELP = {
    "modeldeck_requests_total": ("counter", "Requests by version and result"),
    "modeldeck_items_total": ("counter", "Texts answered by version"),
    "modeldeck_queue_items": ("gauge", "Texts waiting by version"),
    "modeldeck_engine_ready": ("gauge", "1 when the engine of a version can answer"),
    "modeldeck_engine_loads_total": ("counter", "How often the engine of a version was started"),
    "modeldeck_live_version": ("gauge", "The version that answers"),
    "modeldeck_in_flight_requests": ("gauge", "Requests being answered"),
}


def render(endpoint: str, router: Router, windows: Windows, in_flight: int) -> str:
    """Every metric with its help and type."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in HELP}
    for (model, version, what), count in sorted(windows.totals.items()):
        labels = {"endpoint": endpoint, "model": model, "version": str(version)}
        if what == "items":
            samples["modeldeck_items_total"].append((labels, count))
        else:
            samples["modeldeck_requests_total"].append(({**labels, "result": what}, count))
    for keeper in router.keepers:
        labels = {"endpoint": endpoint, "model": keeper.version.model, "version": str(keeper.version.version)}
        samples["modeldeck_queue_items"].append((labels, keeper.lane.waiting))
        samples["modeldeck_engine_ready"].append((labels, float(keeper.state == "ready")))
        samples["modeldeck_engine_loads_total"].append((labels, keeper.loads))
    if router.live is not None:
        samples["modeldeck_live_version"].append(({"endpoint": endpoint}, router.live.version.version))
    samples["modeldeck_in_flight_requests"].append(({"endpoint": endpoint}, in_flight))
    lines = []
    for name, (kind, text) in HELP.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{_labels(labels)}}} {value:g}" for labels, value in samples[name]]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
