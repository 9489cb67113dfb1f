"""Filter box: one line of the filter language with completion, the error under it, saved filters as chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QRectF, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from console.i18n import tr
from console.tables.filters import Field, FilterError, complete, parse_filter
from console.theme import theme
from console.widgets.buttons import IconButton
from console.widgets.chips import Tag
from console.widgets.text import Text

APPLY_AFTER_MS = 120


class _Line(QLineEdit):
    """A line edit with a search glyph at its left."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextMargins(24, 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        theme.paint_icon(painter, "search", QRectF(10, (self.height() - 14) / 2, 14, 14), "text-tertiary")
        painter.end()


class FilterBox(QWidget):
    """Type, and the list follows. An error leaves the last good filter in force and is said under the line.

    Signals:
        changed(object): a Filter, or None when the line is empty.
        saved_changed(list): the saved filters are these now.
    """

    changed = Signal(object)
    saved_changed = Signal(list)

    def __init__(
        self,
        fields: Sequence[Field] = (),
        *,
        words: Callable[[Any], str] = str,
        placeholder: str = "",
        name: str = "",
        saved: Sequence[str] = (),
        clock: Callable[[], float] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._fields, self._words, self._clock = list(fields), words, clock
        self._saved = list(saved)
        self.line = _Line()
        self.line.setPlaceholderText(placeholder or tr("Filter"))
        self.line.setAccessibleName(name or tr("Filter"))
        self.line.installEventFilter(self)
        self._clear = IconButton("x", tr("Clear filter"), shortcut="Esc", small=True)
        self._clear.setParent(self.line)
        self._clear.clicked.connect(self.clear)
        self._clear.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._clear.hide()
        self.error = Text("", "small", "bad")
        self.error.hide()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(APPLY_AFTER_MS)
        self._timer.timeout.connect(self.apply)
        self.line.textEdited.connect(self._on_edited)
        self._completions = QStringListModel(self)
        self._completer = QCompleter(self._completions, self)
        self._completer.setWidget(self.line)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.activated.connect(self._on_completed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.line)
        layout.addWidget(self.error)
        self._chips = QWidget()
        self._chip_layout = QHBoxLayout(self._chips)
        self._chip_layout.setContentsMargins(0, 2, 0, 0)
        self._chip_layout.setSpacing(6)
        layout.addWidget(self._chips)
        self.setFocusProxy(self.line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._show_saved()

    @property
    def text(self) -> str:
        return self.line.text()

    def set_text(self, text: str) -> None:
        """Put a filter in and apply it at once."""
        self.line.setText(text)
        self.apply()

    def set_fields(self, fields: Sequence[Field]) -> None:
        """Other fields or values (new tags appeared)."""
        self._fields = list(fields)

    def clear(self) -> None:
        self.set_text("")

    def save(self) -> None:
        """Keep the filter of now as a chip (Ctrl+S in the line)."""
        text = self.text.strip()
        if text and text not in self._saved and self.error.isHidden():
            self._saved.append(text)
            self._show_saved()
            self.saved_changed.emit(list(self._saved))

    def forget(self, text: str) -> None:
        """Drop a saved filter."""
        if text in self._saved:
            self._saved.remove(text)
            self._show_saved()
            self.saved_changed.emit(list(self._saved))

    def apply(self) -> None:
        """Read the line; tells `changed`, or shows what is wrong."""
        self._timer.stop()
        text = self.text
        self._clear.setVisible(bool(text))
        try:
            found = parse_filter(text, self._fields, words=self._words, now=self._clock() if self._clock else None)
        except FilterError as error:
            self._show_error(str(error))
            return
        self._show_error("")
        self.changed.emit(None if found.empty else found)

    def _show_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))
        self.line.setProperty("wrong", bool(text))
        self.line.style().unpolish(self.line)
        self.line.style().polish(self.line)
        self.line.setAccessibleDescription(text)

    def _on_edited(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        self._timer.start()
        start, options = complete(text, self.line.cursorPosition(), self._fields)
        token = text[start : self.line.cursorPosition()]
        options = [option for option in options if option != token]
        if not options or not token:
            popup = self._completer.popup()
            if popup is not None:
                popup.hide()
            return
        self._completions.setStringList(options[:8])
        self._completer.complete()

    def _on_completed(self, option: str) -> None:
        text, cursor = self.text, self.line.cursorPosition()
        start, _ = complete(text, cursor, self._fields)
        gap = "" if option[-1:] in (":", ">") else " "
        self.line.setText(text[:start] + option + gap + text[cursor:].lstrip())
        self.line.setCursorPosition(start + len(option) + len(gap))
        self._timer.start()

    def _show_saved(self) -> None:
        while self._chip_layout.count():
            taken = self._chip_layout.takeAt(0)
            widget = taken.widget() if taken is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for text in self._saved:
            chip = Tag(text, clickable=True)
            chip.clicked.connect(lambda text=text: self.set_text(text))
            self._chip_layout.addWidget(chip)
        self._chip_layout.addStretch(1)
        self._chips.setVisible(bool(self._saved))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is not self.line:
            return False
        if event.type() == QEvent.Type.Resize:
            self._clear.setGeometry(self.line.width() - 27, (self.line.height() - 24) // 2, 24, 24)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape and self.text:
                self.clear()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.apply()
            if event.key() == Qt.Key.Key_S and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
                self.save()
                return True
        return False
