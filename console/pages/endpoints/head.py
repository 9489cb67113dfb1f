"""The head of the Endpoints page."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from backend.contract.resources import EndpointRecord
from console.i18n import mark, tr
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Icon, StatePill
from console.widgets.controls import Segmented
from console.widgets.text import Text

WINDOWS: tuple[tuple[str, str], ...] = (
    ("900", mark("15 min")),
    ("3600", mark("1 h")),
    ("21600", mark("6 h")),
    ("86400", mark("24 h")),
)
AT_REST = ("stopped", "failed")


class EndpointHead(QWidget):
    """Crumb, name with switcher, state, address; window, Restart, Stop or Start, more."""

    all_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(54)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        self.crumb = Text(tr("Endpoints"), "body", "text-tertiary")
        self.name = Text("", "crumb-title", elide=True)
        self.switcher = IconButton("chevron-down", tr("Another endpoint"), small=True)
        self.pill = StatePill("unknown")
        self.address = Text("", "small", "text-secondary", mono=True, elide=True)
        self.copy = IconButton("copy", tr("Copy address"), small=True)
        self.key = IconButton("key-round", tr("Copy API key"), small=True)
        for widget in (self.crumb, Icon("chevron-right", "text-tertiary", 12), self.name, self.switcher, self.pill,
                       self.address, self.copy, self.key):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch(1)
        self.window_choice = Segmented([(value, tr(text)) for value, text in WINDOWS], "3600", name=tr("Window"))
        self.restart = Button(tr("Restart"), icon="refresh-cw")
        self.stop = Button(tr("Stop"), "danger", "square")
        self.start = Button(tr("Start"), "primary", "play")
        self.more = IconButton("ellipsis", tr("More"))
        for control in (self.window_choice, self.restart, self.stop, self.start, self.more):
            layout.addWidget(control)
        self.start.hide()

    def show_endpoint(self, endpoint: EndpointRecord, offline: bool, stale: str) -> None:
        """Bring everything up to the record."""
        self.name.setText(endpoint.name)
        self.name.setMaximumWidth(self.name.fontMetrics().horizontalAdvance(endpoint.name) + 6)
        self.pill.set_state(endpoint.state)
        shown = f"POST {address(endpoint).removeprefix('http://')}" if endpoint.port else ""
        self.address.setText(tr("from {time}", time=stale) if stale else shown)
        self.address.set_role("warn" if stale else "text-secondary")
        self.address.setMaximumWidth(self.address.fontMetrics().horizontalAdvance(self.address.text()) + 8)
        for button in (self.copy, self.key):
            button.setVisible(bool(endpoint.port) and not stale)
        rest = endpoint.state in AT_REST
        self.stop.setVisible(not rest)
        self.start.setVisible(rest)
        self.restart.setVisible(not rest)
        away = tr("Backend does not answer.") if offline else ""
        for action in (self.restart, self.stop, self.start):
            action.set_enabled(not away, away)


def address(endpoint: EndpointRecord) -> str:
    """Where predictions are asked for."""
    base = endpoint.url or (f"http://127.0.0.1:{endpoint.port}" if endpoint.port else "")
    return f"{base}/predict" if base else ""
