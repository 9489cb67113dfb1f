"""Which version answers: live and standby with their figures, engines, roll back and promote."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from backend.contract.resources import EndpointRecord, ModelRecord
from console import words
from console.i18n import mark, tr
from console.pages.endpoints.figures import VersionFigures
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import StatePill
from console.widgets.paint import StateLook
from console.widgets.panel import Panel, line
from console.widgets.rows import KeyValue

ROW, HEAD = 34, 24
ENGINE_STATES = {
    "loading": mark("loading"), "ready": mark("ready"), "stopped": mark("stopped"), "failed": mark("failed"),
    "died": mark("died"),
}  # fmt: skip


class VersionsTable(QWidget):
    """Version, alias, requests a second, p95, errors."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, str, str, str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEAD + 2 * ROW)

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def show_rows(self, rows: list[tuple[str, str, str, str, str]]) -> None:
        """(version, alias, req/s, p95, errors)."""
        if rows != self._rows:
            self._rows = rows
            self.setAccessibleName("; ".join(" ".join(cells) for cells in rows))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        small, right = theme.font("small"), paint.CENTER_RIGHT
        wide = self.width() >= 300
        stops = (self.width() - (118 if wide else 106), self.width() - (58 if wide else 52), self.width())
        for stop, text in zip(stops, (tr("req/s"), tr("p95 ms"), tr("errors")), strict=True):
            paint.draw_text(painter, QRectF(stop - 52, 0, 52, HEAD), text, small, "text-tertiary", right)
        for index, (version, alias, *cells) in enumerate(self._rows):
            top = HEAD + index * ROW
            strong = theme.font("body", 600)
            paint.draw_text(painter, QRectF(0, top, 60, ROW), version, strong, "text")
            left = paint.text_width(version, strong) + 9
            if alias:
                paint.chip(painter, QRectF(left, top + 7, stops[0] - 36 - left, 20), paint.alias_look(alias))
            for stop, text in zip(stops, cells, strict=True):
                paint.draw_text(painter, QRectF(stop - 56, top, 56, ROW), text, theme.font("body"), "text", right)
        painter.end()


class TrafficPanel(Panel):
    """Signals: promote_wanted(version), roll_back_wanted(version)."""

    promote_wanted = Signal(int)
    roll_back_wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__(tr("Traffic"))
        self.pill = StatePill("unknown", "")
        self.add_action(self.pill)
        self.split = _Split()
        self.table = VersionsTable()
        self.body.addSpacing(3)
        self.add(self.split)
        self.add(self.table)
        self.add(line())
        self.facts = {
            "engines": KeyValue(tr("Loaded"), weight=500),
            "memory": KeyValue(tr("Memory"), weight=500),
            "standby": KeyValue(tr("Standby"), weight=500),
            "batch": KeyValue(tr("Batching"), weight=500),
            "queue": KeyValue(tr("Queue"), weight=500),
        }
        for fact in self.facts.values():
            self.add(fact)
        self.body.setSpacing(5)
        self.body.addStretch(1)
        self.roll_back = Button(tr("Roll back…"), icon="rotate-ccw", action="endpoint.rollback")
        self.promote = Button(tr("Promote…"), "primary", "badge-check", action="endpoint.promote")
        self.roll_back.clicked.connect(self._on_roll_back)
        self.promote.clicked.connect(self._on_promote)
        buttons = QHBoxLayout()
        buttons.addWidget(self.roll_back)
        buttons.addStretch(1)
        buttons.addWidget(self.promote)
        self.add(buttons)
        self._back: int | None = None
        self._next: int | None = None

    def show_endpoint(
        self, endpoint: EndpointRecord, model: ModelRecord | None, figures: dict[int, VersionFigures], why_not: str
    ) -> None:
        """`figures`: of the live and the standby version; `why_not`: why nothing can be switched now."""
        live, standby = endpoint.live_version, endpoint.standby_version
        answers = live is not None and endpoint.state in ("serving", "degraded")
        look = StateLook("", "crown" if answers else "circle", "accent" if answers else "idle", answers)
        self.pill.set_look(look, tr("All to v{n}", n=live) if answers else tr("No version answers"))
        self.split.show_split(f"v{live}" if live else "", f"v{standby}" if standby else "", answers)
        self.table.show_rows([_row(number, model, figures) for number in (live, standby) if number])
        self._show_facts(endpoint)
        self._back = standby or (model.previous if model else None)
        self._next = next_version(model, live)
        self.roll_back.setText(tr("Roll back to v{n}…", n=self._back) if self._back else tr("Roll back…"))
        self.promote.setText(tr("Promote v{n}…", n=self._next) if self._next else tr("Promote…"))
        back_reason = why_not or ("" if self._back else tr("Nothing was live before."))
        next_reason = why_not or ("" if self._next else tr("There is no newer version to promote."))
        self.roll_back.set_enabled(not back_reason, back_reason)
        self.promote.set_enabled(not next_reason, next_reason)
        for button in (self.roll_back, self.promote):
            button.updateGeometry()

    def set_low(self, low: bool) -> None:
        """Little height: what does not change while it serves gives way."""
        for name in ("engines", "memory", "batch", "queue"):
            self.facts[name].setVisible(not low)

    def _show_facts(self, endpoint: EndpointRecord) -> None:
        states = [(e.get("version"), str(e.get("state", ""))) for e in endpoint.engines]
        engines = [f"v{version} {tr(ENGINE_STATES.get(state, state))}" for version, state in states]
        self.facts["engines"].set_value(", ".join(engines) or words.DASH)
        memory = [int(e["memory_bytes"]) for e in endpoint.engines if e.get("memory_bytes")]
        self.facts["memory"].set_value(words.size(sum(memory)) if memory else words.DASH)
        standby = endpoint.standby_version
        self.facts["standby"].set_value(tr("v{n} kept warm, back in about 1 s", n=standby) if standby else tr("none"))
        limits = endpoint.limits
        batch = tr(
            "up to {n}, waits {ms} ms", n=limits.get("max_batch", words.DASH), ms=limits.get("max_wait_ms", words.DASH)
        )
        self.facts["batch"].set_value(batch)
        self.facts["queue"].set_value(tr("at most {n} requests", n=limits.get("queue", words.DASH)))

    def _on_promote(self) -> None:
        if self._next:
            self.promote_wanted.emit(self._next)

    def _on_roll_back(self) -> None:
        if self._back:
            self.roll_back_wanted.emit(self._back)


class _Split(QWidget):
    """Where requests go, as a bar with a name at each end. Not a control: the whole traffic is on one version."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(38)
        self._names = ("", "")
        self._answers = False

    def sizeHint(self) -> QSize:
        return QSize(200, 38)

    def show_split(self, live: str, standby: str, answers: bool) -> None:
        self._names, self._answers = (live, standby), answers
        self.setAccessibleName(tr("{live} 100%, {standby} 0%", live=live, standby=standby) if standby else live)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        small, strong = theme.font("small"), theme.font("body", 600)
        live, standby = self._names
        if live:
            paint.draw_text(painter, QRectF(0, 0, 80, 20), live, small, "text-secondary")
            left = paint.text_width(live, small) + 6
            paint.draw_text(painter, QRectF(left, 0, 80, 20), "100%" if self._answers else "0%", strong, "text")
        if standby:
            paint.draw_text(painter, QRectF(0, 0, self.width(), 20), "0%", strong, "text", paint.CENTER_RIGHT)
            used = paint.text_width("0%", strong) + 6
            area = QRectF(0, 0, self.width() - used, 20)
            paint.draw_text(painter, area, standby, small, "text-secondary", paint.CENTER_RIGHT)
        paint.bar(painter, QRectF(0, 24, self.width(), 10), 1.0 if self._answers else None, theme.role("accent-fill"))
        painter.end()


def next_version(model: ModelRecord | None, live: int | None) -> int | None:
    """The newest version that is not live and still has its files."""
    for version in model.versions if model else ():
        if not version.deleted and version.version != live:
            return version.version if live is None or version.version > live else None
    return None


def _row(number: int, model: ModelRecord | None, figures: dict[int, VersionFigures]) -> tuple[str, str, str, str, str]:
    found = figures[number]
    version: Any = next((v for v in model.versions if v.version == number), None) if model else None
    aliases = version.aliases if version is not None else ()
    alias = aliases[0] if aliases else ""
    errors, rate = words.percent(found.error_share, 2), found.requests_per_s
    return (
        f"v{number}",
        alias,
        words.fixed(rate, 1 if rate >= 1 or not rate else 2),
        words.milliseconds(found.p95_ms),
        errors,
    )
