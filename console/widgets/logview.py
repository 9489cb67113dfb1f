"""Log view: any number of lines, 18 px each, only the visible ones painted; filter, find, follow."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role

Line = tuple[float, str, str]
"""unix time, level, text"""

LEVELS = ("debug", "info", "warning", "error")
ROLES = {"warning": "warn", "error": "bad", "critical": "bad", "debug": "text-tertiary"}
KEPT = 200_000
_STEP = re.compile(r"\bstep (\d[\d,]*)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def visible_text(text: str) -> str:
    """The text with control and direction characters shown as escapes, so that a line cannot forge another (T25)."""
    return _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\t", "    "))


class LogView(QAbstractScrollArea):
    """Read-only lines.

    Signals:
        step_clicked(int): a step number in a line was clicked.
        follow_changed(bool): scrolling up switched following off, End switched it on.
    """

    spoken_role = Role.Document

    step_clicked = Signal(int)
    follow_changed = Signal(bool)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self._all: list[Line] = []
        self._shown: list[Line] = []
        self._lowest = 0
        self._needle = ""
        self._empty_text = ""
        self._found = -1
        self._follow = True
        self._selected: tuple[int, int] | None = None
        self._row = theme.line_height("log")
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    # -- lines -----------------------------------------------------------------------------------------------

    def set_lines(self, lines: Iterable[Line]) -> None:
        """Replace everything."""
        self._all = []
        self._shown = []
        self._selected, self._found = None, -1
        self.append(lines)

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines at the end; beyond 200,000 the oldest go."""
        new = [(at, level.lower(), visible_text(text)) for at, level, text in lines]
        self._all += new
        self._shown += [entry for entry in new if self._accepts(entry)]
        if len(self._all) > KEPT:
            self._all = self._all[-KEPT:]
            self._shown = [entry for entry in self._all if self._accepts(entry)]
        self._fit()

    def set_empty_text(self, text: str) -> None:
        """Said where the first line would stand, once it is known that there is none."""
        self._empty_text = text
        self.viewport().update()

    @property
    def count(self) -> int:
        """Lines shown."""
        return len(self._shown)

    def set_level(self, level: str) -> None:
        """Only this level and worse; an empty text shows all."""
        self._lowest = LEVELS.index(level) if level in LEVELS else 0
        self._shown = [entry for entry in self._all if self._accepts(entry)]
        self._selected, self._found = None, -1
        self._fit()

    def _accepts(self, entry: Line) -> bool:
        return not self._lowest or (LEVELS.index(entry[1]) if entry[1] in LEVELS else 3) >= self._lowest

    def text(self) -> str:
        """Every shown line, or the selected ones."""
        first, last = self._range() if self._selected else (0, len(self._shown) - 1)
        return "\n".join(" ".join(self._columns(entry)) for entry in self._shown[first : last + 1])

    # -- find and follow -------------------------------------------------------------------------------------

    def find_text(self, needle: str, *, backwards: bool = False) -> bool:
        """Go to the next line with `needle`, around the end; False when there is none."""
        self._needle = needle.casefold()
        self.viewport().update()
        if not needle or not self._shown:
            return False
        step = -1 if backwards else 1
        for offset in range(1, len(self._shown) + 1):
            at = (self._found + step * offset) % len(self._shown)
            if self._needle in self._shown[at][2].casefold():
                self._found = at
                self.set_follow(False)
                self.scroll_to(at)
                return True
        return False

    def first_error(self) -> bool:
        """Go to the first error line; False when there is none."""
        for at, entry in enumerate(self._shown):
            if ROLES.get(entry[1]) == "bad":
                self.set_follow(False)
                self._found = at
                self.scroll_to(at)
                return True
        return False

    @property
    def follow(self) -> bool:
        return self._follow

    def set_follow(self, follow: bool) -> None:
        if follow != self._follow:
            self._follow = follow
            self.follow_changed.emit(follow)
        if follow:
            self._to_end()

    def scroll_to(self, line: int) -> None:
        rows = max(1, self.viewport().height() // self._row)
        self.verticalScrollBar().setValue(max(0, line - rows // 2))
        self.viewport().update()

    def _to_end(self) -> None:
        bar = self.verticalScrollBar()
        bar.blockSignals(True)
        bar.setValue(bar.maximum())
        bar.blockSignals(False)
        self.viewport().update()

    def _fit(self) -> None:
        bar = self.verticalScrollBar()
        rows = max(1, self.viewport().height() // self._row)
        bar.blockSignals(True)
        bar.setRange(0, max(0, len(self._shown) - rows))
        bar.setPageStep(rows)
        bar.blockSignals(False)
        if self._follow:
            self._to_end()
        self.viewport().update()

    def _on_scrolled(self, value: int) -> None:
        self.set_follow(value >= self.verticalScrollBar().maximum())
        self.viewport().update()

    # -- events ----------------------------------------------------------------------------------------------

    def resizeEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        elif event.matches(QKeySequence.StandardKey.SelectAll) and self._shown:
            self._selected = (0, len(self._shown) - 1)
            self.viewport().update()
        elif event.key() == Qt.Key.Key_End:
            self.set_follow(True)
        elif event.key() == Qt.Key.Key_Home:
            self.verticalScrollBar().setValue(0)
        else:
            super().keyPressEvent(event)

    def _line_at(self, y: float) -> int:
        at = self.verticalScrollBar().value() + int(y // self._row)
        return max(0, min(len(self._shown) - 1, at))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._shown:
            return
        at = self._line_at(event.position().y())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._selected = (self._selected[0], at) if shift and self._selected else (at, at)
        found = _STEP.search(self._shown[at][2])
        if found is not None and self._step_rect(self._shown[at], at, found).contains(event.position()):
            self.step_clicked.emit(int(found[1].replace(",", "")))
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._selected is not None and event.buttons() & Qt.MouseButton.LeftButton and self._shown:
            self._selected = (self._selected[0], self._line_at(event.position().y()))
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def _range(self) -> tuple[int, int]:
        first, last = self._selected or (0, -1)
        return min(first, last), max(first, last)

    # -- painting --------------------------------------------------------------------------------------------

    @staticmethod
    def _columns(entry: Line) -> tuple[str, str, str]:
        return time.strftime("%H:%M:%S", time.localtime(entry[0])), f"{entry[1].upper():<7}", entry[2]

    def _text_left(self) -> float:
        return paint.text_width("00:00:00  WARNING ", theme.font("log")) + 4

    def _step_rect(self, entry: Line, at: int, found: re.Match[str]) -> QRectF:
        font = theme.font("log")
        left = self._text_left() + paint.text_width(entry[2][: found.start()], font)
        top = (at - self.verticalScrollBar().value()) * self._row
        return QRectF(left, top, paint.text_width(found[0], font), self._row)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self.viewport())
        first = self.verticalScrollBar().value()
        rows = self.viewport().height() // self._row + 1
        selected = self._range() if self._selected else (0, -1)
        for at in range(first, min(len(self._shown), first + rows)):
            rect = QRectF(0, (at - first) * self._row, self.viewport().width(), self._row)
            if selected[0] <= at <= selected[1]:
                painter.fillRect(rect, theme.role("selected"))
            elif at == self._found:
                painter.fillRect(rect, theme.role("accent-soft"))
            self._paint_line(painter, rect, self._shown[at])
        if not self._shown:
            text = tr("No line of this level.") if self._all else self._empty_text
            area = QRectF(0, 0, self.viewport().width(), self._row)
            paint.draw_text(painter, area, text, theme.font("small"), "text-tertiary")
        painter.end()

    def _paint_line(self, painter: QPainter, rect: QRectF, entry: Line) -> None:
        font = theme.font("log")
        clock, level, text = self._columns(entry)
        role = ROLES.get(entry[1], "text-secondary")
        paint.draw_text(painter, rect, clock, font, "text-tertiary")
        gap = paint.text_width("00:00:00  ", font)
        level_role = role if entry[1] in ROLES else "text-tertiary"
        paint.draw_text(painter, rect.adjusted(gap, 0, 0, 0), level.strip(), font, level_role)
        left = self._text_left()
        area = rect.adjusted(left, 0, 0, 0)
        if self._needle:
            self._paint_hits(painter, area, text)
        paint.draw_text(painter, area, text, font, role if role == "bad" else "text-secondary")

    def _paint_hits(self, painter: QPainter, area: QRectF, text: str) -> None:
        font = theme.font("log")
        folded, at = text.casefold(), -1
        while (at := folded.find(self._needle, at + 1)) >= 0:
            left = area.left() + paint.text_width(text[:at], font)
            width = paint.text_width(text[at : at + len(self._needle)], font)
            painter.fillRect(QRectF(left, area.top() + 1, width, area.height() - 2), theme.role("warn-soft"))
