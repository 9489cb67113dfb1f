"""Rows of a dataset, read from the backend page by page as they come into view."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from backend.contract.answers import items_of
from backend.contract.errors import ErrorReply
from backend.contract.resources import DatasetRecord
from console import operations, words
from console.context import Context
from console.i18n import tr
from console.said import said
from console.tables import Column, TableModel, TableView
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.panel import Panel

PAGE = 200
MOST_PAGES = 60
WAIT_MS = 250

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class PagedModel(TableModel):
    """A table of `total` rows of which only some pages are here. Signals: wanted(page number)."""

    wanted = Signal(int)

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__(columns)
        self._total = 0
        self._pages: dict[int, list[dict[str, Any]]] = {}

    def reset_rows(self, total: int) -> None:
        """Other rows: nothing is known but their number."""
        self.beginResetModel()
        self._total, self._pages = total, {}
        self.endResetModel()

    def put_page(self, number: int, items: list[dict[str, Any]]) -> None:
        """A page has come; the pages longest unread go first when there are many."""
        while len(self._pages) >= MOST_PAGES:
            self._pages.pop(next(iter(self._pages)))
        self._pages[number] = items
        first, last = number * PAGE, min(self._total, (number + 1) * PAGE) - 1
        if first <= last:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    @property
    def has_any(self) -> bool:
        """Whether some page is here."""
        return bool(self._pages)

    def has_page(self, number: int) -> bool:
        return number in self._pages

    @property
    def total(self) -> int:
        return self._total

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else self._total

    def row_at(self, index: int) -> Any:
        page = self._pages.get(index // PAGE)
        if page is None:
            self.wanted.emit(index // PAGE)
            return {"row": -1 - index}
        place = index % PAGE
        return page[place] if place < len(page) else {"row": -1 - index}

    def id_at(self, index: int) -> Hashable:
        found: Hashable = self.row_at(index)["row"]
        return found

    def place_of(self, row_id: Hashable) -> int | None:  # noqa: ARG002
        """Unknown: the row may not be here."""
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        if not index.isValid() or index.row() >= self._total:
            return None
        from console.tables.model import ROW_ROLE

        row = self.row_at(index.row())
        if role == ROW_ROLE:
            return row
        return self.columns[index.column()].shown(row) if role == 0 else None

    def to_tsv(self, rows: Sequence[int], columns: Sequence[int]) -> str:
        """The selected rows that are here."""
        self._shown = [self.row_at(at) for at in rows]
        return super().to_tsv(range(len(self._shown)), columns)


def columns_of(record: DatasetRecord) -> tuple[Column, ...]:
    """Row number, text first and wide, label as a tag, the rest as they come."""
    text, label = record.mapping.get("text"), record.mapping.get("label")
    names = [name for name in (text, label) if name] + [n for n in record.columns if n not in (text, label)]
    found = [
        Column("row", tr("Row"), lambda r: r["row"], text=lambda r: words.count(r["row"] + 1) if r["row"] >= 0 else "",
               width=74, mono=True, small=True, sortable=False, hideable=False, role=lambda _r: "text-tertiary")
    ]  # fmt: skip
    wide = text or (names[0] if names else None)
    for name in names:
        get = partial(_value, name)
        if name == label and len(record.labels) <= 200:
            found.append(Column(name, name, get, cell=partial(_tags, name), kind="tags", width=130, sortable=False))
        else:
            found.append(Column(name, name, get, text=get, stretch=name == wide, width=320 if name == wide else 120,
                                sortable=False, tip=get))  # fmt: skip
    return tuple(found)


def _value(name: str, row: dict[str, Any]) -> str:
    value = row.get(name)
    return "" if value is None else " ".join(str(value)[:2000].split())


def _tags(name: str, row: dict[str, Any]) -> list[str]:
    return [str(row[name])] if row.get(name) else []


class RowsView(QWidget):
    """Filter line and table of one dataset version. `compact` is a panel at the end of Quality.

    Signals: all_wanted() from the compact one's link.
    """

    all_wanted = Signal()

    def __init__(self, context: Context, *, compact: bool = False) -> None:
        super().__init__()
        self._context, self._compact = context, compact
        self.record: DatasetRecord | None = None
        self._find = ""
        self._why_not = ""  # why the rows that are asked for cannot be read
        self._turn = 0
        self._asked: set[int] = set()
        self.table: TableView | None = None
        self.model: PagedModel | None = None
        self.needle = QLineEdit()
        self.needle.setPlaceholderText(tr("Find in rows"))
        self.needle.setAccessibleName(tr("Find in rows"))
        self.needle.setClearButtonEnabled(True)
        self.needle.setProperty("small", "true")  # it stands in the header of a panel
        self.needle.setFixedSize(260, 26)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._on_find)
        self.needle.textChanged.connect(self._on_typed)
        self.panel = Panel(tr("Rows"), flush=True)
        self.panel.body.setContentsMargins(8, 0, 2, 0)
        link = Button(tr("All rows"), "link", "arrow-right", icon_right=True)
        link.clicked.connect(self.all_wanted)
        self.panel.add_action(link if compact else self.needle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)

    def show_dataset(self, record: DatasetRecord) -> None:
        """Another version: its columns, its rows, no filter."""
        if self.record is not None and self.record.id == record.id:
            return
        self.record, self._find = record, ""
        self.needle.blockSignals(True)
        self.needle.clear()
        self.needle.blockSignals(False)
        if self.table is not None:
            self.table.hide()
            self.table.deleteLater()
        self.model = PagedModel(columns_of(record))
        self.model.wanted.connect(self._on_wanted)
        height = theme.size("row-dense") - 4 if self._compact else None
        self.table = TableView(self.model, name=tr("Rows"), row_height=height)
        self.table.set_empty_text("")
        self.panel.add(self.table, 1)
        self._restart(record.rows)

    def retry(self) -> None:
        """The backend answers again: pages that could not be read are asked for when they are painted."""
        if self.table is None or self.record is None or not self._why_not:
            return
        if self.model is not None and not self.model.has_any:
            self._restart(None if self._find else self.record.rows)
        else:
            self._asked = {page for page in self._asked if self.model is not None and self.model.has_page(page)}
            self._tell_unread("")
            self.table.viewport().update()

    def search(self, text: str) -> None:
        """Put a text into the filter line and look at once."""
        self.needle.setText(text)
        self._timer.stop()
        self._on_find()

    def _restart(self, total: int | None) -> None:
        self._turn += 1
        self._asked = set()
        self._why_not = ""
        if self.model is not None:
            self.model.reset_rows(total if total is not None else 0)
        self._say()
        if total is None:
            self._read(0)

    def _say(self) -> None:
        record, model = self.record, self.model
        if record is None or model is None:
            return
        text = words.count(record.rows)
        if self._find:
            text = tr("{n} of {all} hold “{find}”", n=words.count(model.total), all=words.count(record.rows),
                      find=self._find)  # fmt: skip
        self.panel.set_title(tr("Rows"), f"{text} · {self._why_not}" if self._why_not and model.total else text)

    def _tell_unread(self, why: str) -> None:
        """Say why rows are missing: in the middle when none is here, else in the head, and those that are here stay."""
        self._why_not = why
        if why and self.model is not None and self.table is not None and not self.model.has_any:
            self.model.reset_rows(0)
            self.table.set_empty_text(why)
        self._say()

    # ---- reading -------------------------------------------------------------------------------------------

    def _on_typed(self, _text: str) -> None:
        self._timer.start()

    def _on_find(self) -> None:
        wanted = self.needle.text().strip()
        if wanted != self._find and self.record is not None:
            self._find = wanted
            self._restart(None if wanted else self.record.rows)

    def _on_wanted(self, page: int) -> None:
        if page not in self._asked:
            self._asked.add(page)
            # a cell is being painted just now: the question goes out on the next turn
            QTimer.singleShot(0, self, partial(self._read, page))

    def _read(self, page: int) -> None:
        record = self.record
        if record is None or self._context.offline():
            self._asked.discard(page)
            self._tell_unread(tr("Backend does not answer. Rows are read as soon as it does."))
            return
        self._asked.add(page)
        call = operations.read_rows(self._context.link, record.id, page * PAGE, PAGE, self._find)
        call.on_reply(partial(self._on_rows, self._turn, page)).on_refused(partial(self._on_refused, self._turn))

    def _on_rows(self, turn: int, page: int, body: dict[str, Any]) -> None:
        if turn != self._turn or self.model is None or self.table is None:
            return
        self._why_not = ""
        items = items_of(body)
        total = body.get("total", len(items))
        if total != self.model.total:
            self.model.reset_rows(total)
        self.table.set_empty_text(tr("No row holds “{find}”.", find=self._find) if self._find else "")
        self.model.put_page(page, items)
        self._say()

    def _on_refused(self, turn: int, error: ErrorReply) -> None:
        if turn == self._turn:
            self._tell_unread(said(error.text))
