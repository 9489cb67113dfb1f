"""Keys: what pages bind, how a key is written, and the user's own; menus, tooltips, palette and `?` ask here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence

from console.i18n import mark


@dataclass(frozen=True)
class PageKey:
    """The usual key of an action that a page offers; `page` is the page's key in the rail or "run", "compare"."""

    page: str
    id: str
    text: str
    usual: str


PAGE_KEYS: tuple[PageKey, ...] = (
    PageKey("run", "run.pause", mark("Pause or resume"), "Ctrl+P"),
    PageKey("run", "run.checkpoint", mark("Checkpoint now"), "Ctrl+B"),
    PageKey("run", "run.stop", mark("Stop…"), "Ctrl+."),
    PageKey("run", "run.rename", mark("Rename…"), "F2"),
    PageKey("run", "run.pin", mark("Pin"), "P"),
    PageKey("run", "run.next_tab", mark("Next tab"), "Ctrl+Tab"),
    PageKey("runs", "runs.compare", mark("Compare"), "C"),
    PageKey("runs", "runs.tag", mark("Tag…"), "T"),
    PageKey("runs", "runs.rename", mark("Rename…"), "F2"),
    PageKey("runs", "runs.pin", mark("Pin"), "P"),
    PageKey("runs", "runs.archive", mark("Archive"), "Del"),
    PageKey("compare", "compare.pin", mark("Pin"), "P"),
    PageKey("data", "data.next", mark("Next dataset"), "J"),
    PageKey("data", "data.before", mark("Previous dataset"), "K"),
    PageKey("data", "data.tab", mark("Next tab"), "Ctrl+Tab"),
    PageKey("data", "data.remove", mark("Remove…"), "Del"),
    PageKey("models", "model.promote", mark("Promote…"), "Ctrl+Shift+P"),
    PageKey("models", "model.rollback", mark("Roll back…"), "Ctrl+Shift+R"),
    PageKey("models", "model.next", mark("Next version"), "J"),
    PageKey("models", "model.before", mark("Previous version"), "K"),
    PageKey("models", "model.compare", mark("Compare with champion"), "C"),
    PageKey("models", "model.pin", mark("Pin"), "P"),
    PageKey("endpoints", "endpoint.try", mark("Run playground"), "Ctrl+Return; Ctrl+Enter"),
    PageKey("endpoints", "endpoint.promote", mark("Promote…"), "Ctrl+Shift+P"),
    PageKey("endpoints", "endpoint.rollback", mark("Roll back…"), "Ctrl+Shift+R"),
    PageKey("endpoints", "endpoint.pin", mark("Pin"), "P"),
    PageKey("alerts", "alert.acknowledge", mark("Acknowledge"), "A"),
    PageKey("alerts", "alert.snooze", mark("Snooze"), "S"),
    PageKey("alerts", "alert.retrain", mark("Retrain…"), "R"),
    PageKey("alerts", "alert.next", mark("Next alert"), "J"),
    PageKey("alerts", "alert.before", mark("Previous alert"), "K"),
    PageKey("chart", "chart.follow", mark("Follow live"), "F"),
    PageKey("chart", "chart.log_y", mark("Log y"), "L"),
    PageKey("chart", "chart.axis", mark("Next x axis"), "X"),
    PageKey("chart", "chart.rougher", mark("Less smoothing"), "["),
    PageKey("chart", "chart.smoother", mark("More smoothing"), "]"),
    PageKey("chart", "chart.zoom_in", mark("Zoom in"), "+; Shift++; ="),
    PageKey("chart", "chart.zoom_out", mark("Zoom out"), "-"),
    PageKey("chart", "chart.zoom_reset", mark("Reset zoom"), "0"),
    PageKey("chart", "chart.next_event", mark("Next event"), "E"),
    PageKey("chart", "chart.event_before", mark("Previous event"), "Shift+E"),
    PageKey("chart", "chart.table", mark("Show as table"), "Ctrl+Shift+D"),
)

CHART = "chart"
"""What a focused chart answers to, whatever page it stands on; pages of charts offer some of it as actions."""

WITH_CHARTS = frozenset({"run", "compare", "endpoints", "alerts"})
"""Pages whose charts take keys."""

_FORMER: dict[str, str] = {
    "run.follow": "chart.follow", "run.log_y": "chart.log_y", "run.axis": "chart.axis",
    "run.rougher": "chart.rougher", "run.smoother": "chart.smoother",
}  # fmt: skip
"""Ids of earlier versions under which a user's key may be kept."""


PAGE_NAMES: dict[str, str] = {
    "run": mark("Run"), "runs": mark("Runs"), "compare": mark("Compare"), "data": mark("Data"),
    "models": mark("Models"), "endpoints": mark("Endpoints"), "alerts": mark("Drift & alerts"), CHART: mark("Charts"),
}  # fmt: skip


class KeyTable(QObject):
    """The key of every action by its id: the user's own, else the usual one.

    `letters` says whether keys that are a plain letter or sign act at all.

    Signals:
        changed: a key is another one now.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._usual: dict[str, str] = {}
        self._own: dict[str, str] = {}
        self.letters = True
        self.declare((key.id, key.usual) for key in PAGE_KEYS)

    def declare(self, usual: Iterator[tuple[str, str]]) -> None:
        """Add usual keys."""
        self._usual.update(usual)

    def load(self, own: dict[str, str]) -> None:
        """Take the user's keys in place of those known."""
        self._own = dict(own)
        self.changed.emit()

    def set(self, action_id: str, key: str) -> None:
        """The user's key; empty: none."""
        self._own[action_id] = key
        self.changed.emit()

    def usual(self, action_id: str) -> str:
        return self._usual.get(action_id, "")

    def of(self, action_id: str, usual: str = "") -> str:
        """Portable text such as `G, O; Ctrl+1`; empty when there is none. `usual` for what is not declared."""
        return self._own.get(action_id, self._usual.get(action_id, usual))

    def is_key_of(self, action_id: str, event: QKeyEvent) -> bool:
        """True when this key press asks for the action, for widgets that take keys before or without a shortcut."""
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        pressed = QKeySequence(QKeyCombination(held, Qt.Key(event.key())))
        keys = key_sequences(self.of(action_id))
        return pressed in [key for key in keys if self.letters or not is_letter(key.toString())]

    def shown(self, action_id: str) -> str:
        """In the platform's words, for tooltips."""
        return shown_shortcut(self.of(action_id))


key_table = KeyTable()


def under_ids_of_now(own: dict[str, str]) -> dict[str, str]:
    """The user's keys as an earlier version kept them, under the ids that their actions have now."""
    renamed = {_FORMER[action_id]: key for action_id, key in own.items() if action_id in _FORMER}
    return {**renamed, **{action_id: key for action_id, key in own.items() if action_id not in _FORMER}}


def key_sequences(shortcut: str) -> list[QKeySequence]:
    """`"G, O; Ctrl+1"` → two sequences, the first of two strokes."""
    return [QKeySequence(part.strip()) for part in shortcut.split(";") if part.strip()]


def shown_shortcut(shortcut: str) -> str:
    """The first sequence in the platform's own words: `Ctrl+K`, on macOS `⌘K`."""
    found = key_sequences(shortcut)
    return found[0].toString(QKeySequence.SequenceFormat.NativeText) if found else ""


_CAPS = {"Shift": "⇧", "Return": "↵", "Enter": "↵"}


def key_caps(shortcut: str) -> list[str]:
    """The first sequence as one text per key cap: `Ctrl`, `⇧`, `P`."""
    shown = shown_shortcut(shortcut).replace(", ", "+")
    held, plus = (shown[:-1], ["+"]) if shown.endswith("+") else (shown, [])
    return [*(_CAPS.get(cap, cap) for cap in held.split("+") if cap), *plus]


def is_letter(shortcut: str) -> bool:
    """True when the shortcut begins with a plain letter or sign: without Ctrl, Alt or Meta, and not a named key."""
    return any(_is_sign(part.split(",")[0].strip()) for part in shortcut.split(";") if part.strip())


def _is_sign(stroke: str) -> bool:
    held, _, key = stroke.rpartition("+")
    return len(key or "+") == 1 and not any(name in held.upper() for name in ("CTRL", "ALT", "META"))


def in_each_other_s_way(one: str, other: str) -> str:
    """The key that two shortcuts share, or that begins the other's; empty when they can stand side by side."""
    for mine in key_sequences(one):
        for theirs in key_sequences(other):
            short, long = sorted((_strokes(mine), _strokes(theirs)), key=len)
            if short and short == long[: len(short)]:
                return min(mine, theirs, key=lambda sequence: sequence.count()).toString()
    return ""


def _strokes(sequence: QKeySequence) -> list[object]:
    return [sequence[at] for at in range(sequence.count())]  # type: ignore[index]  # the stub does not know it
