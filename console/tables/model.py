"""TableModel: rows by id, filtered and sorted in place, ticks, and only the signals the view needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from console.tables.columns import Column, tsv_cell

Index = QModelIndex | QPersistentModelIndex
Sort = tuple[str, bool]
"""(column key, descending)"""

ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_NOWHERE = QModelIndex()


class TableModel(QAbstractTableModel):
    """Rows are any objects; `row_id(row)` must be hashable and unique.

    Signals:
        ticks_changed: the set of ticked ids changed.
        counted(int, int): (shown, all) rows changed.
    """

    ticks_changed = Signal()
    counted = Signal(int, int)

    def __init__(
        self, columns: Sequence[Column], row_id: Callable[[Any], Hashable] = lambda row: row.id, parent: Any = None
    ) -> None:
        super().__init__(parent)
        self.columns = list(columns)
        self._row_id = row_id
        self._all: dict[Hashable, Any] = {}
        self._shown: list[Any] = []
        self._place: dict[Hashable, int] = {}
        self._sorts: list[Sort] = []
        self._filter: Callable[[Any], bool] | None = None
        self._layout: Callable[[list[Any]], list[Any]] | None = None
        self._ticked: set[Hashable] = set()

    # -- rows ------------------------------------------------------------------------------------------------

    def set_rows(self, rows: Iterable[Any]) -> None:
        """Show these rows; when the shown ids and their order stay, only the cells are repainted."""
        self._all = {self._row_id(row): row for row in rows}
        gone = self._ticked - self._all.keys()
        if gone:
            self._ticked -= gone
            self.ticks_changed.emit()
        self._arrange()

    def update_row(self, row: Any) -> None:
        """Replace or add one row."""
        self._all[self._row_id(row)] = row
        self._arrange()

    def remove_row(self, row_id: Hashable) -> None:
        if self._all.pop(row_id, None) is not None:
            self.set_rows(self._all.values())

    def rows(self) -> list[Any]:
        """The shown rows in their order."""
        return list(self._shown)

    def all_rows(self) -> list[Any]:
        return list(self._all.values())

    def row_at(self, index: int) -> Any:
        return self._shown[index]

    def id_at(self, index: int) -> Hashable:
        return self._row_id(self._shown[index])

    def place_of(self, row_id: Hashable) -> int | None:
        """The shown position of an id; None when it is filtered out or unknown."""
        return self._place.get(row_id)

    # -- filter, sort, ticks ---------------------------------------------------------------------------------

    def set_filter(self, accepts: Callable[[Any], bool] | None) -> None:
        """Show only rows that `accepts`; None shows all."""
        self._filter = accepts
        self._arrange()

    def set_layout(self, layout: Callable[[list[Any]], list[Any]] | None) -> None:
        """Let `layout` arrange the filtered and sorted rows, and put rows of its own between them (group heads)."""
        self._layout = layout
        self._arrange()

    @property
    def sorts(self) -> list[Sort]:
        return list(self._sorts)

    def set_sorts(self, sorts: Sequence[Sort]) -> None:
        """Sort by these columns, the first one first; unknown keys are ignored; empty keeps the given order."""
        keys = {column.key for column in self.columns}
        self._sorts = [(key, descending) for key, descending in sorts if key in keys]
        self._arrange()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    @property
    def ticked(self) -> list[Hashable]:
        """Ticked ids, shown ones first in their order."""
        shown = [self._row_id(row) for row in self._shown if self._row_id(row) in self._ticked]
        return shown + sorted((t for t in self._ticked if t not in self._place), key=str)

    def is_ticked(self, row_id: Hashable) -> bool:
        return row_id in self._ticked

    def set_ticked(self, row_ids: Iterable[Hashable]) -> None:
        wanted = set(row_ids) & self._all.keys()
        if wanted != self._ticked:
            self._ticked = wanted
            self._repaint_all()
            self.ticks_changed.emit()

    def toggle_tick(self, row_id: Hashable) -> None:
        self.set_ticked(self._ticked ^ {row_id})

    def tick_state(self) -> Qt.CheckState:
        """For the header's box: of the shown rows, none, some or all are ticked."""
        count = sum(1 for row_id in self._place if row_id in self._ticked)
        if not count:
            return Qt.CheckState.Unchecked
        return Qt.CheckState.Checked if count == len(self._shown) else Qt.CheckState.PartiallyChecked

    def tick_all(self, on: bool) -> None:
        shown = set(self._place)
        self.set_ticked(self._ticked | shown if on else self._ticked - shown)

    def _arrange(self) -> None:
        rows = [row for row in self._all.values() if self._filter is None or self._filter(row)]
        by_key = {column.key: column for column in self.columns}
        for key, descending in reversed(self._sorts):
            rows = _sorted(rows, by_key[key].value, descending)
        shown = len(rows)
        rows = self._layout(rows) if self._layout is not None else rows
        ids = [self._row_id(row) for row in rows]
        if ids == list(self._place):
            self._shown = rows
            self._repaint_all()
        else:
            self.beginResetModel()
            self._shown = rows
            self._place = {row_id: at for at, row_id in enumerate(ids)}
            self.endResetModel()
        self.counted.emit(shown, len(self._all))

    def _repaint_all(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(self.columns) - 1))

    # -- Qt --------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        row, column = self._shown[index.row()], self.columns[index.column()]
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return column.shown(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.shown(row)}"
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def to_tsv(self, rows: Sequence[int], columns: Sequence[int]) -> str:
        """These cells as tab-separated text with a head line; formulas are defused, numbers stay numbers."""
        picked = [self.columns[c] for c in columns if self.columns[c].kind not in ("check", "dot", "icon")]
        lines = ["\t".join(tsv_cell(column.title or column.key, number=False) for column in picked)]
        for at in rows:
            row = self._shown[at]
            lines.append("\t".join(_cell_text(column, row) for column in picked))
        return "\n".join(lines) + "\n"


def _cell_text(column: Column, row: Any) -> str:
    value = column.value(row)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and column.text is None:
        return tsv_cell(repr(value), number=True)
    shown = column.shown(row)
    return tsv_cell("" if shown == "—" else shown, number=number and _is_plain_number(shown))


def _is_plain_number(text: str) -> bool:
    try:
        float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        return False
    return True


def _sorted(rows: list[Any], value: Callable[[Any], Any], descending: bool) -> list[Any]:
    """Rows by a value, each asked for once; unknown ones last in both directions."""
    known, unknown = [], []
    for row in rows:
        found = value(row)
        if found is None:
            unknown.append(row)
        else:
            known.append((_sort_key(found), row))
    known.sort(key=itemgetter(0), reverse=descending)
    return [row for _, row in known] + unknown


def _sort_key(value: Any) -> Any:
    if isinstance(value, str):
        return (1, value.casefold())
    if isinstance(value, (list, tuple)):
        return (1, " ".join(str(v) for v in value).casefold())
    if isinstance(value, float) and value != value:
        return (0, float("inf"))
    return (0, value)
