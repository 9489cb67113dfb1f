"""Where the user has been, and what can be undone; plain Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

UNDO_FOR_S = 600.0
MOST_PLACES = 100


class Places:
    """Back and forward over visited links."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._at = -1

    def visit(self, link: str) -> None:
        """A new place; what lay ahead is forgotten. The place of now is not repeated."""
        if self._at >= 0 and self._places[self._at] == link:
            return
        self._places = [*self._places[: self._at + 1], link][-MOST_PLACES:]
        self._at = len(self._places) - 1

    def back(self) -> str | None:
        """The place before, which becomes the place of now; None at the beginning."""
        if self._at <= 0:
            return None
        self._at -= 1
        return self._places[self._at]

    def forward(self) -> str | None:
        """The place after; None at the end."""
        if self._at + 1 >= len(self._places):
            return None
        self._at += 1
        return self._places[self._at]

    @property
    def can_go_back(self) -> bool:
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        return self._at + 1 < len(self._places)


@dataclass(frozen=True)
class _Entry:
    text: str
    undo: Callable[[], object]
    redo: Callable[[], object] | None
    until: float


class UndoStack:
    """Reversible actions of the last ten minutes, newest first; what was undone can be done again until something new
    is done.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._done: list[_Entry] = []
        self._undone: list[_Entry] = []

    def push(
        self, text: str, undo: Callable[[], object], redo: Callable[[], object] | None = None
    ) -> Callable[[], object]:
        """Remember how to undo, and how to do it again; returns a callback that undoes it, once."""
        entry = _Entry(text, undo, redo, self._clock() + UNDO_FOR_S)
        self._done.append(entry)
        self._undone.clear()
        return lambda: self._take_back(entry)

    def undo(self) -> str | None:
        """Undo the newest; its text, or None when there is nothing."""
        self._drop_old()
        return self._take_back(self._done[-1]) if self._done else None

    def redo(self) -> str | None:
        """Do again what was undone last; its text, or None when there is nothing."""
        self._drop_old()
        entry = self._undone.pop() if self._undone else None
        if entry is None or entry.redo is None:
            return None
        self._done.append(entry)
        entry.redo()
        return entry.text

    def _take_back(self, entry: _Entry) -> str | None:
        if entry not in self._done:
            return None
        self._done.remove(entry)
        if entry.redo is not None:
            self._undone.append(entry)
        entry.undo()
        return entry.text

    def _drop_old(self) -> None:
        now = self._clock()
        self._done = [entry for entry in self._done if entry.until > now]
        self._undone = [entry for entry in self._undone if entry.until > now]
