"""A tree of names and values as a table with a filter, and the Config tab: what was set, with copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from backend.contract.resources import RunRecord
from console import words
from console.context import Context
from console.i18n import tr
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.controls import Toggle
from console.widgets.panel import Panel, inset, row
from console.widgets.text import Text
from console.yaml import run_to_yaml


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested dicts and lists as dotted names and texts, in order."""
    if isinstance(value, dict) and value:
        return [
            pair for key, inner in value.items() for pair in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    return [(prefix, shown(value))]


def shown(value: Any) -> str:
    """A value as YAML writes it; a list without brackets, nothing as a dash."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return str(value).lower()
    return words.DASH if value is None else str(value)


class Facts(QWidget):
    """A filterable table of two columns; `marked` names have a dot and heavier values."""

    def __init__(self, context: Context, name: str, *more: Column) -> None:
        super().__init__()
        self._context = context
        self._marked: set[str] = set()
        columns = (
            Column("name", tr("Name"), lambda r: r[0], kind="custom", paint=self._paint_name, width=320, mono=True),
            Column("value", tr("Value"), lambda r: r[1], kind="custom", paint=self._paint_value, stretch=True,
                   tip=lambda r: r[1]),
            *more,
        )  # fmt: skip
        self.model = TableModel(columns, row_id=lambda r: r[0])
        self.view = TableView(self.model, name=name, row_height=28)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(tr("Filter"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(260)
        self._filter.textChanged.connect(self._on_filter)
        self.note = Text("", "small", "text-tertiary")
        self.tools: list[QWidget] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(10)

    def build(self, *tools: QWidget) -> None:
        """Put the tools beside the filter and the table below."""
        self._layout.addWidget(row(self._filter, self.note, None, *tools, gap=10))
        panel = Panel(flush=True)
        panel.add(inset(self.view), 1)
        self._layout.addWidget(panel, 1)

    def _paint_name(self, painter: QPainter, rect: QRectF, fact: tuple[str, ...]) -> None:
        marked = fact[0] in self._marked
        paint.draw_text(painter, rect, fact[0], theme.mono("small"), "text" if marked else "text-secondary")
        if marked:
            left = rect.left() + paint.text_width(fact[0], theme.mono("small"))
            paint.dot(painter, QPointF(min(left + 10, rect.right() - 3), rect.center().y()), "accent", 6)

    def _paint_value(self, painter: QPainter, rect: QRectF, fact: tuple[str, ...]) -> None:
        font = theme.font("body", 600 if fact[0] in self._marked else 400)
        paint.draw_text(painter, rect, fact[1], font, "text")

    def show_facts(self, facts: Sequence[tuple[str, ...]], marked: set[str]) -> None:
        """Replace the rows."""
        self._marked = marked
        self.model.set_rows(facts)

    def focus_find(self) -> None:
        """Ctrl+F."""
        self._filter.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_filter(self, text: str) -> None:
        needle = text.casefold()
        self.model.set_filter((lambda r: needle in " ".join(r).casefold()) if needle else None)


class ConfigTab(Facts):
    """Settings of the run; those that differ from the recipe are marked. Copies as YAML, which New run reads again."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        super().__init__(context, tr("Config"))
        self._run = run
        self._only = Toggle(tr("Only differences"), False)
        self._only.toggled.connect(self._on_only)
        copy = Button(tr("Copy YAML"), icon="copy")
        copy.clicked.connect(self._on_copy)
        self.build(self._only, copy)
        self.show_run(run)

    def show_run(self, run: RunRecord) -> None:
        """Show the settings of the record."""
        self._run = run
        changed = set(run.changed_settings)
        facts = [
            ("recipe", run.recipe),
            ("dataset", run.dataset_name or words.DASH),
            ("base_model", run.base_model or words.DASH),
        ]
        facts += [(name, text) for name, text in flatten(run.settings) if not self._only.isChecked() or name in changed]
        self.show_facts(facts, changed)
        self.note.setText(
            tr("{n} differ from the recipe", n=len(changed)) if changed else tr("as the recipe recommends")
        )

    def _on_only(self, _on: bool) -> None:
        self.show_run(self._run)

    def _on_copy(self) -> None:
        self._context.copy(run_to_yaml(self._run))
