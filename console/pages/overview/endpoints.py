"""Live endpoints: state, version, latency of the last hour, and the figures of the last minute."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from backend.contract.resources import EndpointRecord
from backend.contract.states import EndpointState
from console import alert_words, words
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.panel import Panel, row
from console.widgets.text import Text

ROW = 47
HEAD = 30
MOST_ROWS = 6
DOTS = {
    EndpointState.SERVING: "ok",
    EndpointState.DEGRADED: "warn",
    EndpointState.STARTING: "accent",
    EndpointState.FAILED: "bad",
}


def stat(endpoint: EndpointRecord, name: str) -> float | None:
    return endpoint.stats.get(f"serve/{name}")


def errors_text(endpoint: EndpointRecord) -> str:
    """Failed requests of a hundred in the last minute; unknown without requests."""
    requests, errors = stat(endpoint, "requests_per_s"), stat(endpoint, "errors_per_s")
    if not requests or errors is None:
        return words.DASH
    return words.percent(min(1.0, errors / requests), 2)


class LiveEndpoints(Panel):
    """Every endpoint that is not stopped; click opens it."""

    def __init__(self, context: Context) -> None:
        super().__init__(tr("Live endpoints"), flush=True)
        self._context = context
        self._stale = False
        self.model = TableModel(self._columns(), row_id=lambda r: r.name)
        self.view = TableView(self.model, name=tr("Live endpoints"), row_height=ROW, single_click=True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.head.setSectionsMovable(False)
        self.view.head.setMinimumSectionSize(8)
        self.view.setColumnWidth(0, 8)
        self.view.setColumnWidth(self.model.columnCount() - 1, 8)
        self.view.opened.connect(self._on_opened)
        link = Button(tr("Endpoints"), "link", "arrow-right", icon_right=True)
        link.clicked.connect(self._on_all_clicked)
        self.add_action(link)
        self.deploy = Button(tr("Deploy a version…"), icon="rocket", small=True)
        self.deploy.clicked.connect(self._on_deploy_clicked)
        self._empty_text = Text("", "body", "text-tertiary")
        self._empty = row(self._empty_text, None, self.deploy, margins=(13, 12, 13, 16))
        self.add(self.view)
        self.add(self._empty)
        self.body.addStretch(1)

    def _columns(self) -> tuple[Column, ...]:
        def figure(name: str, title: str, text: Any, width: int, **more: Any) -> Column:
            return Column(name, title, lambda r: stat(r, name), text=lambda r: text(stat(r, name)), align="right",
                          width=width, sortable=False, **{"role": self._role, **more})  # fmt: skip

        return (
            Column("lead", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
            Column("dot", "", lambda r: r.state, kind="dot", width=24, min_width=24, sortable=False, hideable=False,
                   cell=lambda r: "idle" if self._stale else DOTS.get(r.state, "idle"),
                   tip=lambda r: r.text or r.state),
            Column("name", tr("Endpoint"), lambda r: r.name, stretch=True, width=120, weight=600, sortable=False,
                   hideable=False, tip=lambda r: r.url),
            Column("version", tr("Version"), lambda r: r.live_version, kind="custom", width=148,
                   paint=self._paint_version, sortable=False,
                   text=lambda r: f"v{r.live_version}" if r.live_version else words.DASH),
            Column("spark", tr("p95, 1 h"), lambda r: stat(r, "latency_ms_p95"), kind="sparkline", zero=True, width=100,
                   cell=lambda r: r.spark, role=lambda _r: "settled" if self._stale else "s1-blue", sortable=False),
            figure("requests_per_s", tr("req/s"), words.rate, 66),
            figure("latency_ms_p50", tr("p50 ms"), words.milliseconds, 66),
            figure("latency_ms_p95", tr("p95 ms"), words.milliseconds, 66),
            figure("latency_ms_p99", tr("p99 ms"), words.milliseconds, 66, weight=600, role=self._worst_role),
            Column("errors", tr("Errors"), lambda r: stat(r, "errors_per_s"), text=errors_text, align="right", width=68,
                   role=self._error_role, sortable=False),
            Column("trail", "", lambda _r: "", width=8, min_width=8, sortable=False, hideable=False),
        )  # fmt: skip

    def _role(self, _row: EndpointRecord) -> str:
        return "text-tertiary" if self._stale else "text"

    def _worst_role(self, endpoint: EndpointRecord) -> str:
        worst = stat(endpoint, "latency_ms_p99")
        limit = alert_words.p99_limit(endpoint, self._context.state.rules.values())
        over = worst is not None and limit is not None and worst > limit[0] and not self._stale
        return alert_words.role_of(limit[1]) if over and limit is not None else self._role(endpoint)

    def _error_role(self, endpoint: EndpointRecord) -> str:
        return "bad" if (stat(endpoint, "errors_per_s") or 0) > 0.1 and not self._stale else self._role(endpoint)

    def _paint_version(self, painter: QPainter, rect: QRectF, endpoint: EndpointRecord) -> None:
        font = theme.font("body", 600)
        text = f"v{endpoint.live_version}" if endpoint.live_version else words.DASH
        paint.draw_text(painter, rect, text, font, self._role(endpoint))
        model = self._context.state.models.get(endpoint.model or "")
        if model is None or endpoint.live_version is None:
            return
        alias = {model.champion: "champion", model.previous: "previous"}.get(endpoint.live_version)
        left = paint.text_width(text, font) + 8
        if alias:
            paint.chip(painter, rect.adjusted(left, 0, 0, 0), paint.alias_look(alias))

    def refresh(self) -> None:
        """Bring the rows up to the state."""
        state = self._context.state
        live = [e for e in state.endpoints.values() if e.state != EndpointState.STOPPED]
        serving = sum(e.state in (EndpointState.SERVING, EndpointState.DEGRADED) for e in live)
        self.subtitle.setText(tr("{n} serving", n=serving) if live else "")
        self.model.set_rows(live)
        self.view.setVisible(bool(live))
        self._empty.setVisible(not live)
        height = HEAD + ROW * min(len(live), MOST_ROWS)
        if self.view.height() != height:
            self.view.setFixedHeight(height)
        has_models = any(model.versions for model in state.models.values())
        self._empty_text.setText(
            tr("No endpoint is live.") if has_models else tr("No endpoint is live. Register a finished run first.")
        )
        self.deploy.setVisible(has_models)
        reason = tr("Backend does not answer.") if self._context.offline() else ""
        self.deploy.set_enabled(not reason, reason)

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.view.viewport().update()

    def _on_opened(self, endpoint: EndpointRecord) -> None:
        self._context.navigate(f"endpoint/{endpoint.name}")

    def _on_all_clicked(self) -> None:
        self._context.navigate("endpoints")

    def _on_deploy_clicked(self) -> None:
        self._context.start("endpoint.new")
