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
class _Undo:
    text: str
    callback: Callable[[], object]
    until: float


class UndoStack:
    """Reversible actions of the last ten minutes, newest first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: list[_Undo] = []

    def push(self, text: str, callback: Callable[[], object]) -> Callable[[], object]:
        """Remember how to undo; returns a callback that undoes it once, however often it is called."""
        entry = _Undo(text, callback, self._clock() + UNDO_FOR_S)
        self._entries.append(entry)
        return lambda: self._use(entry)

    def peek(self) -> str | None:
        """What the next undo would take back."""
        self._drop_old()
        return self._entries[-1].text if self._entries else None

    def undo(self) -> bool:
        """Undo the newest; False when there is nothing."""
        self._drop_old()
        return bool(self._entries) and self._use(self._entries[-1])

    def _use(self, entry: _Undo) -> bool:
        if entry not in self._entries:
            return False
        self._entries.remove(entry)
        entry.callback()
        return True

    def _drop_old(self) -> None:
        now = self._clock()
        self._entries = [entry for entry in self._entries if entry.until > now]
