"""Every other kind of alert: the evidence in rows, and the two charts that show it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backend.contract.base import number_from_json
from backend.contract.resources import AlertRecord, RunRecord
from console import alert_words, operations, words
from console.charts.catalogue import ENDPOINT_CHARTS, MACHINE_CHARTS, RUN_CHARTS, ChartSpec, Limit, SeriesSpec, spec_for
from console.charts.chart import TimeSeriesChart
from console.charts.events import ChartEvent
from console.charts.group import ChartGroup
from console.context import Context
from console.i18n import mark, tr
from console.pages.alerts.facts import Fact, FactsPanel, StoryPanel
from console.said import said
from console.widgets.panel import Panel
from console.widgets.text import Text

SPAN_S = 3600.0
POINTS = 600
READ_EVERY_S = 5.0
GB = 1e-9

_DISK = ChartSpec(
    "disk_used", mark("Disk used"), (SeriesSpec("disk/used_bytes", "utilization", scale=GB, style=".1f"),), "GB",
    fill=True, zero=True, robust=False,
)  # fmt: skip
_MEMORY = ChartSpec(
    "memory_used", mark("Memory used"), (SeriesSpec("memory/used_bytes", "utilization", scale=GB, style=".1f"),), "GB",
    fill=True, zero=True, robust=False,
)  # fmt: skip
_REJECTED = ChartSpec(
    "rejected", mark("Rejected requests"), (SeriesSpec("serve/rejected_per_s", "errors", style=".2f"),), "per second",
    zero=True, robust=False,
)  # fmt: skip


def specs_for(alert: AlertRecord) -> tuple[ChartSpec, ...]:
    """What a kind of alert is seen in: its own value first, then what stands beside it."""
    serve = {spec.id: spec.with_(span=1, lane=False) for spec in ENDPOINT_CHARTS}
    machine = {spec.id: spec for spec in (*MACHINE_CHARTS, *RUN_CHARTS)}
    limit = alert.evidence.get("limit")
    role = alert_words.role_of(alert.severity)
    first: tuple[ChartSpec, ...] = ()
    if alert.kind in ("latency", "endpoint"):
        first = (serve["latency"], serve["requests"])
    elif alert.kind == "errors":
        rejected = alert.feature == "serve/rejected_per_s"
        first = (_REJECTED if rejected else serve["errors"], serve["requests"])
    elif alert.kind == "gpu":
        first = tuple(_of_card(machine[name], str(alert.feature)) for name in ("power_temp", "gpu_memory"))
    elif alert.kind in ("disk", "memory"):
        first = (_DISK, _MEMORY) if alert.kind == "disk" else (_MEMORY, _DISK)
        limit = None  # the limit is a share, the chart shows bytes; capacity tells it below
    elif alert.kind == "rule":
        first = _of_rule(str(alert.feature or ""), serve, machine)
        limit = None if (first and first[0] in (_DISK, _MEMORY)) or alert.feature in UNDRAWN else limit
    elif alert.kind == "run":
        first = (machine["loss"].with_(span=1, lane=True), machine["step_seconds"].with_(hidden=False))
    if not first:
        return ()
    shown = first[0].with_(lane=True)
    if limit is not None and alert.kind != "gpu":
        shown = shown.with_(limits=(Limit(float(limit), role),))
    return shown, *first[1:]


UNDRAWN = ("step_age_s", "disk/full_in_s")
"""Values of rules that no curve shows: the limit would be a line nowhere."""


def about_run(alert: AlertRecord) -> bool:
    """Whether the curves beside the alert are those of a run."""
    metric = str(alert.feature or "")
    return alert.kind == "run" or (
        alert.kind == "rule" and alert.run_id is not None and not metric.startswith(("gpu/", "disk/"))
    )


def _of_rule(metric: str, serve: dict[str, ChartSpec], machine: dict[str, ChartSpec]) -> tuple[ChartSpec, ...]:
    """The chart of the rule's value, and one that explains it."""
    if metric == "step_age_s":
        return machine["loss"].with_(span=1, lane=True), machine["step_seconds"].with_(hidden=False)
    if metric.startswith("disk/used") or metric == "disk/full_in_s":
        return _DISK, _MEMORY
    if metric == "memory/used_share":
        return _MEMORY, _DISK
    if metric.endswith("memory_used_share"):
        return _of_card(machine["gpu_memory"], metric), _of_card(machine["gpu_util"], metric)
    shown = spec_for(metric).with_(span=1)
    if metric.startswith("serve/"):
        return shown, serve["requests"]
    if metric.startswith("gpu/"):
        return shown, _of_card(machine["power_temp"], metric)
    other = machine["cpu"] if metric.startswith(("cpu/", "memory/", "net/")) else machine["loss"]
    return shown, other.with_(span=1, hidden=False, lane=False)


def _of_card(spec: ChartSpec, metric: str) -> ChartSpec:
    card = metric.split("/")[1] if metric.count("/") > 1 else "0"
    series = tuple(replace(one, key=one.key.replace("gpu/0/", f"gpu/{card}/")) for one in spec.series)
    return spec.with_(series=series, span=1)


class OtherView(QWidget):
    """Shows one alert; reads its series when it is turned to, and every few seconds while it is active."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.alert: AlertRecord | None = None
        self._charts: list[TimeSeriesChart] = []
        self._read_at = 0.0
        self._turn = 0
        self.group: ChartGroup | None = None
        self.facts = FactsPanel(tr("Evidence"))
        self.detail = Panel(tr("What the worker said"))
        self.detail_text = Text("", "log", "text-secondary", wrap=True, mono=True)
        self.detail.add(self.detail_text)
        self.story = StoryPanel()
        self._right = QVBoxLayout()
        self._right.setSpacing(10)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.facts)
        left.addWidget(self.detail, 2)
        left.addWidget(self.story, 3)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(left, 47)
        layout.addLayout(self._right, 53)

    # ---- what is shown -------------------------------------------------------------------------------------

    def show_alert(self, alert: AlertRecord, now: float) -> None:
        """Evidence and story follow the record; charts are made anew for another alert."""
        other = self.alert is None or self.alert.id != alert.id
        self.alert = alert
        run = self._context.state.runs.get(alert.run_id or "")
        self.facts.show_facts(facts_of(alert, run, now))
        failure = run.failure if run is not None else None
        tail = "\n".join(failure.tail[-12:]) if failure else ""
        self.detail_text.setText(tail)
        self.detail.setVisible(bool(tail))
        self.story.show_alert(alert, self._context.state.audit, now)
        if other:
            self._rebuild(alert)
            self.read(now)
        if self.group is not None:
            events = [ChartEvent(alert.id, "error" if alert.severity == "bad" else "alert", alert_words.title(alert),
                                 time=alert.opened_at)]  # fmt: skip
            if events != self.group.events:
                self.group.set_events(events)

    def _rebuild(self, alert: AlertRecord) -> None:
        for chart in self._charts:
            chart.closing()
            chart.hide()
            chart.deleteLater()
        axis: Literal["step", "time"] = "step" if about_run(alert) else "time"
        self.group = ChartGroup(self, axis=axis, labels="elapsed" if about_run(alert) else "clock")
        self._charts = [TimeSeriesChart(self.group, spec) for spec in specs_for(alert)]
        for chart in self._charts:
            self._right.addWidget(chart, 1)
        host = self._context.state.telemetry.host if self._context.state.telemetry else None
        for chart in self._charts:
            total = {"disk_used": host and host.disk_total_bytes, "memory_used": host and host.memory_total_bytes}.get(
                chart.spec.id
            )
            if total:
                chart.set_capacity(total * GB, tr("GB of {n}", n=words.fixed(total * GB, 0)))

    def charts(self) -> list[TimeSeriesChart]:
        """The charts of the alert in front."""
        return list(self._charts)

    # ---- series --------------------------------------------------------------------------------------------

    def read_if_old(self, now: float) -> None:
        """While an alert is active its charts go on."""
        alert = self.alert
        if alert is None or about_run(alert) or alert.state == "resolved":
            return
        if now - self._read_at >= READ_EVERY_S:
            self.read(now)

    def read(self, now: float) -> None:
        """Ask for the series of the alert in front; an answer for another one is dropped."""
        alert = self.alert
        if alert is None or self._context.offline():
            return
        self._turn += 1
        self._read_at = now
        link = self._context.link
        if about_run(alert) and alert.run_id:
            keys = [one.key for chart in self._charts for one in chart.spec.series]
            call = link.get(f"/runs/{alert.run_id}/series", {"keys": ",".join(keys), "points": POINTS})
            call.on_reply(partial(self._on_run_series, self._turn))
            return
        span = max(SPAN_S, 1.2 * (now - alert.opened_at)) if alert.state != "resolved" else now - alert.opened_at + 1800
        if alert.endpoint:
            call = operations.read_endpoint_history(link, alert.endpoint, min(span, 30 * 86400), POINTS)
        else:
            call = operations.read_telemetry_history(link, min(span, 86400), POINTS)
        call.on_reply(partial(self._on_history, self._turn))

    def _on_history(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn or self.group is None:
            return
        wanted = {one.key for chart in self._charts for one in chart.spec.series}
        for key, values in body.get("values", {}).items():
            if key in wanted:
                numbers = [float("nan") if v is None else v for v in values]
                self.group.set_series(key, None, body.get("times") or [], None, numbers)

    def _on_run_series(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn or self.group is None:
            return
        for key, data in (body.get("series") or {}).items():
            values = [_number(value) for value in data["values"]]
            self.group.set_series(key, data["steps"], data["times"], data.get("epochs") or None, values)


def _number(value: Any) -> float:
    known = number_from_json(value)
    return float("nan") if known is None else known


def facts_of(alert: AlertRecord, run: RunRecord | None, now: float) -> list[Fact]:
    """The evidence as label and value."""
    found: list[Fact] = []
    metric = alert.evidence.get("metric")
    if metric is not None:
        name = alert_words.metric_name(metric)
        found += [
            (
                name if name.startswith("p99") else name[:1].upper() + name[1:],
                alert_words.metric_value(metric, alert.evidence.get("value")),
            ),
            (tr("Limit"), alert_words.metric_value(metric, alert.evidence.get("limit"))),
            (tr("Passed for"), words.duration(alert.evidence.get("for_seconds"))),
        ]
    if alert.endpoint:
        found.append((tr("Endpoint"), alert.endpoint))
    if alert.model:
        found.append((tr("Model"), f"{alert.model} v{alert.version}" if alert.version else alert.model))
    if run is not None:
        step = f"{words.count(run.step)} / {words.count(run.total_steps)}" if run.total_steps else words.count(run.step)
        found += [(tr("Run"), run.name), (tr("Step"), step), (tr("Data"), run.dataset_name or words.DASH)]
        if run.failure is not None:
            found.append((tr("Cause"), said(run.failure.text)))  # what to do stands in full below the title
    found.append((tr("Last seen"), words.day_and_time(alert.seen_at or alert.opened_at, now)))
    return found
