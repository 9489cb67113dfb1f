"""Columns as data: what a table shows of a row, how it sorts, how it is painted and copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS = ("text", "two_line", "pill", "progress", "sparkline", "tags", "check", "chips", "dot", "icon", "ring", "custom")


@dataclass(frozen=True)
class Progress:
    """A progress cell: fraction 0…1 or None, the text beside the bar, and whether it still moves."""

    fraction: float | None
    text: str = ""
    active: bool = True


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value)
    if isinstance(value, Progress):
        return value.text
    return str(value)


@dataclass(frozen=True)
class Column:
    """One column.

    value(row): what it sorts and filters by; None sorts last in both directions.
    text(row): what is shown, copied and spoken; default `str(value)`, "—" for None.
    cell(row): what the painter of `kind` draws; default the value. By kind: pill → state name or
        (state, word); progress → Progress; sparkline → sequence of numbers; tags, chips → list of texts;
        two_line → (first, second); check → None, or (icon, role) for a row that cannot be ticked;
        dot, icon → (role, name) / (icon, role); ring → fraction.
    role(row): colour role of the text, None for the usual. weight: 400, 500 or 600.
    paint(painter, rect, row): for kind "custom".
    zero, settled_role: for sparklines: scale from zero; colour role per row via `role`.
    """

    key: str
    title: str
    value: Callable[[Any], Any]
    text: Callable[[Any], str] | None = None
    cell: Callable[[Any], Any] | None = None
    kind: str = "text"
    align: str = "left"
    width: int = 100
    min_width: int = 40
    stretch: bool = False
    weight: int = 400
    mono: bool = False
    small: bool = False
    role: Callable[[Any], str | None] | None = None
    tip: Callable[[Any], str] | None = None
    paint: Callable[..., None] | None = None
    visible: bool = True
    sortable: bool = True
    hideable: bool = True
    descending_first: bool = False
    zero: bool = False
    header_tip: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"column {self.key!r}: kind {self.kind!r} is not one of {KINDS}")

    def shown(self, row: Any) -> str:
        """The text of a row's cell."""
        return self.text(row) if self.text is not None else _shown(self.value(row))

    def drawn(self, row: Any) -> Any:
        """What the painter gets."""
        return self.cell(row) if self.cell is not None else self.value(row)


def tsv_cell(text: str, *, number: bool) -> str:
    """One cell for the clipboard: tabs and line ends become spaces, and text that a spreadsheet would take for a
    formula gets a leading quote (RELIABILITY T23); numbers stay numbers."""
    flat = " ".join(text.replace("\t", " ").splitlines()) if text else ""
    if number:
        return flat
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + flat.lstrip()
    return flat
