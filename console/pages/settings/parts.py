"""Rows, sections and categories; each row knows the words the search finds it by."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.panel import Panel, line
from console.widgets.text import Text

WIDEST = 760


class Hint(Text):
    """A wrapped second line that is as high as its text needs at its width, no higher."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "small", "text-tertiary", wrap=True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(160, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class Row(QWidget):
    """Name and hint at the left, the control at the right; a hairline above unless it is the first."""

    def __init__(self, name: str, control: QWidget | None = None, hint: str = "", *, words: str = "") -> None:
        super().__init__()
        self.name, self.control = name, control
        self._more = words
        self._words = f"{name} {hint} {words}".casefold()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self.hairline = line()
        outer.addWidget(self.hairline)
        inner = QHBoxLayout()
        inner.setContentsMargins(14, 9, 14, 9)
        inner.setSpacing(16)
        outer.addLayout(inner)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        inner.addLayout(texts, 1)
        self.label = Text(name, "body", weight=500)
        self.hint = Hint(hint)
        texts.addWidget(self.label)
        texts.addWidget(self.hint)
        self.hint.setVisible(bool(hint))
        if control is not None:
            control.setAccessibleName(name)
            self.label.setBuddy(control)
            inner.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)

    def rename(self, name: str, words: str = "") -> None:
        """Another name; `words` are found by the search besides those given at first."""
        self.name = name
        self.label.setText(name)
        self._words = f"{name} {words} {self._more}".casefold()

    def set_hint(self, text: str, role: str = "text-tertiary") -> None:
        """Another second line; empty hides it."""
        self.hint.setText(text)
        self.hint.set_role(role)
        self.hint.setVisible(bool(text))

    def matches(self, query: str) -> bool:
        """True when every word of the query is somewhere in its texts."""
        return all(part in self._words for part in query.casefold().split())


class Section(Panel):
    """A titled panel of rows."""

    def __init__(self, title: str, *rows: Row) -> None:
        super().__init__(title, flush=True)
        self.rows: list[Row] = []
        self.needs_rows = False  # hidden while it has none
        self.body.setSpacing(0)
        self.body.setContentsMargins(0, 0, 0, 2)
        self.setMaximumWidth(WIDEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        for row in rows:
            self.add_row(row)

    def add_row(self, row: Row) -> None:
        self.rows.append(row)
        self.add(row)
        self._rule()

    def remove_row(self, row: Row) -> None:
        """Take a row away for good."""
        self.rows.remove(row)
        row.hide()
        row.deleteLater()
        self._rule()

    def _rule(self) -> None:
        told = Qt.WidgetAttribute.WA_WState_ExplicitShowHide  # a row just made is hidden too, until its parent shows it
        shown = [row for row in self.rows if not (row.isHidden() and row.testAttribute(told))]
        for row in shown:
            row.hairline.setVisible(row is not shown[0])

    def search(self, query: str) -> bool:
        """Show only the rows that match (all when the title does); False when none is left."""
        whole = all(part in self.title.text().casefold() for part in query.casefold().split())
        for row in self.rows:
            row.setVisible(whole or row.matches(query))
        self._rule()
        found = whole or any(not row.isHidden() for row in self.rows)
        found = found and (bool(self.rows) or not self.needs_rows)
        self.setVisible(found)
        return found


class Category(QWidget):
    """The sections of one category, below each other; `heading` stands above them while searching."""

    def __init__(self, key: str, name: str) -> None:
        super().__init__()
        self.key, self.name = key, name
        self.sections: list[Section] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(12)
        self.heading = Text(name, "small", "text-tertiary", weight=500)
        self.heading.hide()
        self._layout.addWidget(self.heading)

    def add(self, section: Section) -> Section:
        """Append a section; returns it."""
        self.sections.append(section)
        self._layout.addWidget(section)
        return section

    def search(self, query: str) -> bool:
        """Show what matches; False when nothing does. An empty query shows all."""
        named = bool(query) and all(part in self.name.casefold() for part in query.casefold().split())
        found = [section.search("" if named else query) for section in self.sections]
        self.heading.setVisible(bool(query))
        return any(found)


class CategoryList(QWidget):
    """The categories with their icons, 30 px each; one tab stop, arrows move. Signals: chosen(key)."""

    chosen = Signal(str)
    ITEM = 32

    def __init__(self, items: list[tuple[str, str, str]], name: str) -> None:
        super().__init__()
        self._items = items  # key, text, icon
        self._current, self._hover = items[0][0], -1
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setFixedWidth(190)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    @property
    def current(self) -> str:
        return self._current

    def set_current(self, key: str) -> None:
        """Mark a category; an empty key marks none (while searching)."""
        self._current = key
        self.setAccessibleDescription(next((text for each, text, _ in self._items if each == key), ""))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(190, self.ITEM * len(self._items))

    def _at(self, y: float) -> int:
        index = int(y // self.ITEM)
        return index if 0 <= index < len(self._items) else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position().y())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self._items[index][0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._at(event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: ARG002
        self._set_hover(-1)

    def _set_hover(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        keys = [key for key, _, _ in self._items]
        at = keys.index(self._current) if self._current in keys else 0
        self.chosen.emit(keys[max(0, min(len(keys) - 1, at + step))])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, (key, text, icon) in enumerate(self._items):
            rect = QRectF(0, index * self.ITEM, self.width(), self.ITEM - 2)
            current = key == self._current
            if current or index == self._hover:
                paint.box(painter, rect, theme.radius("row"), theme.role("selected" if current else "raised"))
            role = "text" if current else "text-secondary"
            theme.paint_icon(painter, icon, QRectF(rect.left() + 10, rect.top() + 7, 16, 16), role)
            font = theme.font("body", 500)
            paint.draw_text(painter, rect.adjusted(36, 0, -8, 0), text, font, role)
        painter.end()
