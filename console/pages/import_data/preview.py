"""The first rows as they would be read, and the rows that cannot be, each with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from backend.contract.resources import DatasetPreview
from console import words
from console.i18n import tr, tr_n
from console.tables import Column, TableModel, TableView
from console.tasks import role_name, roles_of
from console.theme import theme
from console.widgets.controls import Toggle
from console.widgets.panel import Panel
from console.widgets.rows import EventRow
from console.widgets.text import Text

ROWS = 20
SHOWN_BAD = 6
ROW_HEIGHT = 28
FEATURES = ("tabular", "image-classification")  # every column without a role counts


class PreviewTable(Panel):
    """Twenty rows; a column's role stands behind its name."""

    def __init__(self) -> None:
        super().__init__(tr("Preview"), flush=True)
        self.body.setContentsMargins(8, 0, 8, 6)
        self._table: TableView | None = None
        self._shown: tuple[Any, ...] = ()

    def show_preview(self, preview: DatasetPreview, mapping: Mapping[str, str], task: str) -> None:
        """Made anew when the file or the mapping is another."""
        shown = (preview.path, task, tuple(sorted(mapping.items())))
        if shown == self._shown:
            return
        self._shown = shown
        if self._table is not None:
            self._table.hide()
            self._table.deleteLater()
        model = TableModel(_columns(preview, mapping, task), row_id=lambda item: item[0])
        self._table = TableView(model, name=tr("Preview"), row_height=ROW_HEIGHT)
        self._table.set_empty_text(tr("The file holds no rows."))
        rows = preview.rows[:ROWS]
        model.set_rows(list(enumerate(rows)))
        self._table.setFixedHeight(theme.size("table-head") + 2 + ROW_HEIGHT * min(9, max(2, len(rows))) + 6)
        self.add(self._table)
        count = (
            tr("more than {n}", n=words.count(200_000)) if preview.row_count is None else words.count(preview.row_count)
        )
        told = tr("first {n} of {all} rows", n=len(rows), all=count)
        facts = (preview.format.upper(), preview.encoding, tr_n(len(preview.columns), "{n} column", "{n} columns"))
        self.set_title(tr("Preview"), " · ".join(part for part in (told, *facts) if part))

    def columns(self) -> list[str]:
        """Titles of the columns."""
        model = self._table.model() if self._table is not None else None
        return [column.title for column in model.columns] if isinstance(model, TableModel) else []


def _columns(preview: DatasetPreview, mapping: Mapping[str, str], task: str) -> Sequence[Column]:
    roles = {column: role_name(task, role) for role, column in mapping.items()}
    wide = _widest(preview, [mapping[role.name] for role in roles_of(task) if role.name in mapping])
    found = []
    for at, column in enumerate(preview.columns):
        title = f"{column} · {roles[column]}" if column in roles else column
        get = partial(_cell, at)
        role = None if column in roles or not roles or task in FEATURES else _grey
        found.append(
            Column(column, title, get, text=get, stretch=column == wide, width=300 if column == wide else 130,
                   sortable=False, hideable=False, small=role is not None, role=role, tip=get)
        )  # fmt: skip
    return found


def _widest(preview: DatasetPreview, named: Sequence[str]) -> str:
    """Of the columns with a role the one with the longest texts."""
    columns = [name for name in named if name in preview.columns] or list(preview.columns[:1])

    def letters(name: str) -> int:
        at = preview.columns.index(name)
        return sum(len(_cell(at, (0, row))) for row in preview.rows[:ROWS])

    return max(columns, key=letters, default="")


def _grey(_row: Any) -> str:
    return "text-tertiary"


def _cell(at: int, item: tuple[int, tuple[Any, ...]]) -> str:
    values = item[1]
    value = values[at] if at < len(values) else None
    return "" if value is None else " ".join(str(value)[:500].split())


class BadRows(Panel):
    """Rows that cannot be read, by line; the toggle leaves them out. Signals: changed()."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Rows that cannot be read"))
        self.skip = Toggle(tr("Skip them"))
        self.skip.toggled.connect(self._on_toggled)
        self.add_action(self.skip)
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        self.add(self._column)

    def show_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The first few with line and cause; hidden when there are none."""
        while (item := self._column.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for bad in rows[:SHOWN_BAD]:
            line = tr("line {n}", n=words.count(int(bad.get("line") or 0)))
            self._column.addWidget(EventRow("circle-x", "bad", str(bad.get("text", "")), line))
        if len(rows) > SHOWN_BAD:
            self._column.addWidget(Text(tr("{n} more", n=len(rows) - SHOWN_BAD), "small", "text-tertiary"))
        self.set_title(tr("Rows that cannot be read"), words.count(len(rows)))
        self.setVisible(bool(rows))

    def _on_toggled(self, _on: bool) -> None:
        self.changed.emit()
