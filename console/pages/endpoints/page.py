"""The Endpoints page."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from backend.contract.answers import items_of, readable, readable_items
from backend.contract.events import RequestWindow
from backend.contract.resources import EndpointRecord, HistoryEntry, ModelRecord
from console import operations, words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.endpoints.acting import EndpointActions
from console.pages.endpoints.figures import LAST_S, Recent, error_percent, loaded
from console.pages.endpoints.head import AT_REST, EndpointHead
from console.pages.endpoints.playground import Playground
from console.pages.endpoints.traffic import TrafficPanel
from console.state.changes import Changes
from console.widgets.buttons import Button
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.meters import MetricTile
from console.widgets.page import titled
from console.widgets.toast import Banner

TILES: tuple[tuple[str, str, str], ...] = (
    ("requests", mark("Requests"), "requests"),
    ("p50", "p50", "latency"),
    ("p95", "p95", "latency"),
    ("p99", "p99", "latency"),
    ("errors", mark("Errors"), "errors"),
    ("uptime", mark("Uptime"), ""),
)
EVENTS = {
    "promote": mark("Promoted v{n}"),
    "rollback": mark("Rolled back to v{n}"),
    "undo": mark("Undone, v{n} answers again"),
}
CLOCK_MS = 1_000


class EndpointsPage(EndpointActions):
    """`open_target(name)` chooses the endpoint; else the first one is shown."""

    title = mark("Endpoints")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._name = ""
        self._recent = Recent()
        self._charts: dict[str, Any] = {}
        self._history_of: tuple[Any, ...] = ()
        self.head = EndpointHead()
        self.failed = Banner(rounded=True)
        self.failed.hide()
        self.tiles = {key: MetricTile(tr(text)) for key, text, _ in TILES}
        self.traffic = TrafficPanel()
        self.playground = Playground(context)
        self._stack = QStackedWidget()
        self._loading = titled(tr(self.title), Skeleton(tr("Reading the endpoints")), 0)
        self._stack.addWidget(self._loading)
        self._detail = self._build_detail()
        self._stack.addWidget(self._detail)
        self._empty = titled(tr(self.title), self._build_empty(), 0)
        self._stack.addWidget(self._empty)
        self.content.setContentsMargins(20, 0, 16, 16)
        self.content.addWidget(self._stack, 1)
        self._clock = QTimer(self)
        self._clock.setInterval(CLOCK_MS)
        self._clock.timeout.connect(self._on_clock)
        self._connect()

    # ---- building ------------------------------------------------------------------------------------------

    def _build_detail(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        tiles = QHBoxLayout()
        tiles.setSpacing(10)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        middle = QHBoxLayout()
        middle.setSpacing(10)
        self._chart_holder = QWidget()
        QGridLayout(self._chart_holder).setContentsMargins(0, 0, 0, 0)
        middle.addWidget(self._chart_holder, 1)
        middle.addWidget(self.traffic)
        self.traffic.setFixedWidth(356)
        head = QVBoxLayout()
        head.setSpacing(6)
        head.addWidget(self.head)
        head.addWidget(self.failed)
        column.addLayout(head)
        column.addSpacing(-4)
        column.addLayout(tiles)
        column.addLayout(middle, 1)
        column.addWidget(self.playground)
        return holder

    def _build_empty(self) -> QWidget:
        self._deploy = Button(tr("Deploy a version…"), "primary", "rocket")
        self._deploy.clicked.connect(self._on_deploy)
        models = Button(tr("All models"))
        models.clicked.connect(self._on_models)
        return EmptyState(
            "rocket",
            tr("No endpoint yet"),
            tr("An endpoint is an address on this machine where a version of a model answers."),
            (self._deploy, models),
        )

    def _connect(self) -> None:
        head = self.head
        head.switcher.clicked.connect(self._on_switch)
        head.copy.clicked.connect(self._on_copy_address)
        head.key.clicked.connect(self._on_copy_key)
        head.window_choice.changed.connect(self._on_window)
        head.restart.clicked.connect(self._on_restart)
        head.stop.clicked.connect(self._on_stop)
        head.start.clicked.connect(self._on_start)
        head.more.clicked.connect(self._on_more)
        self.traffic.promote_wanted.connect(self._on_promote)
        self.traffic.roll_back_wanted.connect(self._on_roll_back)
        for key, _, chart in TILES:
            if chart:
                self.tiles[key].clicked.connect(partial(self._on_tile, chart))

    def _make_charts(self) -> None:
        """On first show: pyqtgraph costs more than the rest of the page."""
        if self._charts:
            return
        from console.charts.catalogue import ENDPOINT_CHARTS
        from console.charts.grid import ChartGrid
        from console.charts.group import ChartGroup
        from console.pages.endpoints.feeder import Feeder

        span = float(self.head.window_choice.value)
        group = ChartGroup(self, axis="time", labels="clock", follow_span=span)
        grid = ChartGrid(group, ENDPOINT_CHARTS)
        feeder = Feeder(self.context, group, self)
        feeder.failed.connect(self._on_history_failed)
        self._charts = {"group": group, "grid": grid, "feeder": feeder}
        layout = self._chart_holder.layout()
        if layout is not None:
            layout.addWidget(grid)

    # ---- which endpoint ------------------------------------------------------------------------------------

    @property
    def model(self) -> ModelRecord | None:
        endpoint = self.endpoint
        return self.context.state.models.get(endpoint.model or "") if endpoint else None

    def open_target(self, target: str) -> None:
        if target != self._name:
            self._name = target
            self._recent.clear()
        self._show()

    def target(self) -> str:
        return self._name

    def on_shown(self) -> None:
        self._clock.start()
        self._show()

    def on_hidden(self) -> None:
        self._clock.stop()

    def set_stale(self, since: float | None) -> None:
        for tile in self.tiles.values():
            tile.set_stale(since is not None)
        self._show()

    def refresh(self, changes: Changes) -> None:
        if changes.everything:
            self._history_of = ()
        if windows := changes.windows.get(self._name):
            self._take_windows(windows)
        if changes.everything or changes.connection or changes.endpoints or changes.models:
            self._show()

    def _take_windows(self, windows: list[tuple[float, RequestWindow]]) -> None:
        self._recent.add(windows)
        if self._charts:
            self._charts["feeder"].append(windows)

    def _show(self) -> None:
        state = self.context.state
        if not state.endpoints:
            self._stack.setCurrentWidget(self._empty if state.loaded else self._loading)
            ready = any(not v.deleted for m in state.models.values() for v in m.versions)
            self._deploy.set_enabled(ready, tr("Register a run first; there is no version to deploy."))
            return
        if self.endpoint is None:
            if self._name and state.loaded:
                self.context.toast(tr("There is no endpoint {name}", name=self._name), kind="warn")
            self._name = next(iter(state.endpoints))
            self._recent.clear()
        self._stack.setCurrentWidget(self._detail)
        self._show_endpoint()

    def _show_endpoint(self) -> None:
        endpoint = self.endpoint
        if endpoint is None:
            return
        stale = words.clock(self.context.state.stale_since) if self.context.offline() else ""
        self.head.show_endpoint(endpoint, self.context.offline(), stale)
        self._show_failure(endpoint)
        self._show_tiles(endpoint)
        self._show_traffic(endpoint)
        self.playground.show_endpoint(endpoint.name, loaded(endpoint), self._why_not_ask(endpoint), self.shape)
        self._fit_playground()
        if self.isVisible():
            self._make_charts()
            self._read_history(endpoint)
            self._set_limits(endpoint)
        self.context.actions_changed()

    def _show_failure(self, endpoint: EndpointRecord) -> None:
        bad, degraded = endpoint.state == "failed", endpoint.state == "degraded"
        self.failed.setVisible(bad or degraded)
        if not (bad or degraded):
            return
        again = Button(tr("Start") if bad else tr("Restart"), icon="refresh-cw", small=True)
        again.clicked.connect(self._on_start if bad else self._on_restart)
        title = (
            tr("{name} does not answer", name=endpoint.name) if bad else tr("{name} is degraded", name=endpoint.name)
        )
        self.failed.show_message(title, endpoint.text, icon="circle-x" if bad else "triangle-alert",
                                 role="bad" if bad else "warn", buttons=(again,))  # fmt: skip

    # ---- tiles ---------------------------------------------------------------------------------------------

    def _show_tiles(self, endpoint: EndpointRecord) -> None:
        stats = {} if endpoint.state in AT_REST else endpoint.stats
        if stats and self._recent.idle(self.context.clock()):
            stats = {"serve/requests_per_s": 0.0, "serve/errors_per_s": 0.0}
        requests = stats.get("serve/requests_per_s")
        self.tiles["requests"].set_value(words.rate(requests), tr("/s") if requests is not None else "")
        self.tiles["requests"].set_note(tr("last minute"))
        for name in ("p50", "p95", "p99"):
            value = stats.get(f"serve/latency_ms_{name}")
            self.tiles[name].set_value(words.milliseconds(value), "ms" if value is not None else "")
        slo = endpoint.limits.get("slo_p99_ms")
        p99 = stats.get("serve/latency_ms_p99")
        if slo and p99 is not None:
            held = p99 <= slo
            icon = "circle-check" if held else "triangle-alert"
            self.tiles["p99"].set_note(tr("SLO {n}", n=f"{slo:g}"), "ok" if held else "warn", icon)
        else:
            self.tiles["p99"].set_note(tr("SLO {n}", n=f"{slo:g}") if slo else "")
        errors = error_percent(stats)
        role = "bad" if errors else "text"
        self.tiles["errors"].set_value(words.fixed(errors, 2), "%" if errors is not None else "", role=role)
        rejected = stats.get("serve/rejected_per_s")
        self.tiles["errors"].set_note(tr("{n}/s turned away", n=f"{rejected:.1f}") if rejected else "", "warn")
        self._show_uptime(endpoint)

    def _show_uptime(self, endpoint: EndpointRecord) -> None:
        serving = endpoint.serving_since if endpoint.state not in AT_REST else None
        value = words.duration(self.context.clock() - serving) if serving else words.DASH
        number, _, unit = value.partition(" ") if value.count(" ") == 1 else (value, "", "")
        self.tiles["uptime"].set_value(number, unit)
        count = endpoint.restarts
        note = tr_n(count, "{n} restart", "{n} restarts") if count else tr("no restarts")
        self.tiles["uptime"].set_note(note, "warn" if count else "text-tertiary")

    def _on_clock(self) -> None:
        endpoint = self.endpoint
        if endpoint is not None and not self.context.offline():
            self._show_tiles(endpoint)
            self._show_traffic(endpoint)

    # ---- traffic, charts -----------------------------------------------------------------------------------

    def _show_traffic(self, endpoint: EndpointRecord) -> None:
        now = self.context.clock()
        numbers = [n for n in (endpoint.live_version, endpoint.standby_version) if n is not None]
        figures = {number: self._recent.of(number, now) for number in numbers}
        self.traffic.show_endpoint(endpoint, self.model, figures, self._why_not_switch(endpoint))

    def _read_history(self, endpoint: EndpointRecord) -> None:
        wanted = (endpoint.name, self.head.window_choice.value, endpoint.live_version)
        if wanted == self._history_of or self.context.offline():
            return
        same = self._history_of[:2] == wanted[:2]
        self._history_of = wanted
        name, span, link = endpoint.name, float(self.head.window_choice.value), self.context.link
        if not same:
            self._charts["group"].set_follow_span(span)
            self._charts["feeder"].open(name, span)
            since = self.context.clock() - LAST_S
            operations.read_windows(link, name, since).on_reply(partial(self._on_windows, name))
        if endpoint.model:
            operations.read_model_history(link, endpoint.model).on_reply(partial(self._on_events, name))

    def _on_windows(self, name: str, body: dict[str, Any]) -> None:
        if name == self._name:
            found = [(item["time"], window) for item in items_of(body)
                     if "time" in item and (window := readable(RequestWindow, item)) is not None]  # fmt: skip
            self._recent.add(found)
            self._recent.read = True
            self._on_clock()

    def _on_events(self, name: str, body: dict[str, Any]) -> None:
        if name == self._name and self._charts:
            entries = readable_items(HistoryEntry, body)
            self._charts["feeder"].show_history(entries, {key: tr(text) for key, text in EVENTS.items()})

    def _on_history_failed(self, text: str) -> None:
        self._history_of = ()
        self.context.toast(tr("The curves could not be read"), text, kind="bad")

    def _set_limits(self, endpoint: EndpointRecord) -> None:
        limits = (endpoint.name, endpoint.limits.get("slo_p99_ms"), endpoint.limits.get("max_batch"))
        if limits == self._charts.get("limits"):
            return
        self._charts["limits"] = limits
        from console.charts.catalogue import Limit

        _, slo, batch = limits
        grid = self._charts["grid"]
        grid.chart("latency").set_limits((Limit(float(slo), "warn"),) if slo else ())
        if batch:
            grid.chart("batch").set_capacity(float(batch), tr("of {n}", n=batch), limit=False)

    def _on_window(self, value: str) -> None:
        endpoint = self.endpoint
        if endpoint is not None and self._charts:
            self._charts["group"].set_follow_span(float(value))
            self._read_history(endpoint)

    def _on_tile(self, chart: str) -> None:
        if self._charts:
            found = self._charts["grid"].chart(chart)
            self._charts["grid"].maximize(found)
            found.setFocus()

    # ---- menus ---------------------------------------------------------------------------------------------

    def _on_switch(self) -> None:
        menu = QMenu(self)
        for endpoint in self.context.state.endpoints.values():
            text = f"{endpoint.name} · {tr(endpoint.state)}".replace("&", "&&")
            menu.addAction(text, partial(self.context.navigate, f"endpoint/{endpoint.name}"))
        menu.addSeparator()
        menu.addAction(tr("Deploy a version…"), self._on_deploy)
        menu.exec(self.head.switcher.mapToGlobal(self.head.switcher.rect().bottomLeft()))

    def _on_more(self) -> None:
        menu, button = self.fill_menu(), self.head.more
        menu.exec(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height() + 4)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.traffic.setFixedWidth(356 if self.width() >= 1150 else 312)
        self.head.address.setVisible(self.width() >= 1080)
        low = self.height() < 740
        self.traffic.set_low(low)
        self._fit_playground()

    def _fit_playground(self) -> None:
        """Longer inputs and answers than a sentence with its classes get more room."""
        low, long = self.height() < 740, not self.shape.explained
        self.playground.setFixedHeight((210 if low else 250) if long else (190 if low else 200))
