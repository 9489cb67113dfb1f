"""What was found at a path: a table with ticks, and below it what will be left out and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from backend.contract.imports import SOURCES, FoundRun
from console import words
from console.i18n import tr, tr_n
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets.paint import STATES
from console.widgets.panel import Panel
from console.widgets.rows import EventRow
from console.widgets.text import Text

ROW_HEIGHT = 30
SHOWN_NOTES = 8


class FoundTable(Panel):
    """One row a training; what cannot be taken has no tick. Signals: changed()."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Found"), flush=True)
        self.body.setContentsMargins(8, 0, 8, 6)
        self.model = TableModel(_columns(), row_id=lambda item: item.key)
        self.view = TableView(self.model, name=tr("Found"), row_height=ROW_HEIGHT)
        self.model.ticks_changed.connect(self._on_ticks)
        self.add(self.view)
        self._items: tuple[FoundRun, ...] = ()

    def show_items(self, items: Sequence[FoundRun]) -> None:
        """Tick everything that can be taken and is not here yet."""
        self._items = tuple(items)
        self.model.set_rows(list(items))
        self.model.set_ticked([item.key for item in items if item.problem is None and item.known_as is None])
        self.view.setFixedHeight(theme.size("table-head") + 2 + ROW_HEIGHT * min(9, max(1, len(items))) + 6)
        points = sum(item.points for item in items)
        whole = all(item.complete for item in items)
        told = words.count(points) if whole else tr("more than {n}", n=words.count(points))
        found = tr_n(len(items), "{n} training", "{n} trainings")
        self.set_title(tr("Found"), f"{found} · {tr('{n} points', n=told)}")

    def chosen(self) -> list[str]:
        """Keys of what is ticked and can be taken."""
        takable = {item.key for item in self._items if item.problem is None}
        return [key for key in self.model.ticked if key in takable]

    def _on_ticks(self, *_ignored: object) -> None:
        self.changed.emit()


class LeftOut(Panel):
    """What does not come in, with file and place."""

    def __init__(self) -> None:
        super().__init__(tr("Left out"))
        self.has_notes = False
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        self.add(self._column)

    def show_items(self, items: Sequence[FoundRun], passed_over: Sequence[str]) -> None:
        """The first few."""
        while (item := self._column.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        notes = [("circle-x", "bad", f"{i.problem} {i.fix or ''}".strip(), i.name) for i in items if i.problem]
        notes += [("circle-minus", "text-tertiary", text, i.name) for i in items for text in i.left_out]
        notes += [("link", "text-tertiary", text, "") for text in passed_over]
        for icon, role, text, name in notes[:SHOWN_NOTES]:
            row = EventRow(icon, role, text, name[:40])
            row.setToolTip("")
            self._column.addWidget(row)
        if len(notes) > SHOWN_NOTES:
            self._column.addWidget(Text(tr("{n} more", n=len(notes) - SHOWN_NOTES), "small", "text-tertiary"))
        self.set_title(tr("Left out"), words.count(len(notes)))
        self.has_notes = bool(notes)


def _columns() -> list[Column]:
    grey = "text-secondary"
    return [
        Column("tick", "", lambda _r: None, kind="check", width=34, sortable=False, hideable=False,
               cell=lambda r: ("circle-x", "bad") if r.problem else None),
        Column("name", tr("Name"), lambda r: r.name, stretch=True, weight=500, width=160, hideable=False,
               tip=lambda r: r.path),
        Column("source", tr("From"), lambda r: tr(SOURCES.get(r.source, r.source)), width=144, role=lambda _r: grey),
        Column("points", tr("Points"), lambda r: r.points, text=_points, align="right", width=84),
        Column("metrics", tr("Metrics"), lambda r: r.metric_count, align="right", width=70,
               tip=lambda r: ", ".join(key[:60] for key in r.metrics[:40])),
        Column("steps", tr("Steps"), lambda r: r.last_step, text=_steps, align="right", width=124),
        Column("state", tr("State"), _state, width=104, role=_state_role),
    ]  # fmt: skip


def _points(item: FoundRun) -> str:
    shown = words.count(item.points)
    return shown if item.complete else f"≥ {shown}"


def _steps(item: FoundRun) -> str:
    if item.first_step is None:
        return words.DASH
    return f"{words.count(item.first_step)} – {words.count(item.last_step)}"


def _state(item: FoundRun) -> str:
    if item.problem:
        return tr("cannot be read")
    if item.known_as:
        return tr("here already")
    look = STATES.get(item.state)
    return tr(look.word) if look else item.state


def _state_role(item: FoundRun) -> str:
    return "bad" if item.problem else "text-secondary"
