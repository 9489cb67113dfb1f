"""The command palette: one field, sections, fuzzy match, prefixes > @ # ?, disabled entries with their reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from console.i18n import tr
from console.keys import key_caps
from console.theme import theme
from console.widgets import paint
from console.widgets.chips import Icon, Tag
from console.widgets.fuzzy import match
from console.widgets.panel import line
from console.widgets.text import Text

ROW = 38
SECTION = 24
MOST_PER_SECTION = 6
PREFIXES = {">": "command", "@": "run", "#": "version", "?": "help"}


@dataclass(frozen=True)
class PaletteItem:
    """One entry. `run` is called when it is chosen; with a `reason` it is listed but cannot be chosen."""

    section: str
    text: str
    run: Callable[[], object]
    detail: str = ""
    icon: str = "arrow-right"
    shortcut: str = ""
    reason: str = ""
    kind: str = "command"


@dataclass(frozen=True)
class _Line:
    """A painted line: a section head, or an item with its matched letters."""

    head: str = ""
    item: PaletteItem | None = None
    places: tuple[int, ...] = ()


def arrange(items: Sequence[PaletteItem], query: str) -> list[_Line]:
    """The lines for a query: sections in the order in which they come, best matches first in each."""
    kind = PREFIXES.get(query[:1])
    needle = (query[1:] if kind else query).strip()
    sections: dict[str, list[tuple[float, int, PaletteItem, list[int]]]] = {}
    for index, item in enumerate(items):
        if kind is not None and item.kind != kind:
            continue
        found = match(needle, item.text)
        if found is not None:
            sections.setdefault(item.section, []).append((-found[0], index, item, found[1]))
    lines: list[_Line] = []
    for section, entries in sections.items():
        entries.sort(key=lambda entry: entry[:2])
        most = 50 if kind is not None else MOST_PER_SECTION
        lines.append(_Line(head=section))
        lines += [_Line(item=item, places=tuple(places)) for _, _, item, places in entries[:most]]
    return lines


class _List(QWidget):
    """The painted lines.

    Signals:
        chosen(object): a PaletteItem without a reason.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.lines: list[_Line] = []
        self.current = -1
        self._scroll = 0

    def show_lines(self, lines: list[_Line]) -> None:
        self.lines = lines
        self._scroll = 0
        self.current = next((i for i, entry in enumerate(lines) if entry.item and not entry.item.reason), -1)
        self._tell()

    def full_height(self) -> int:
        return sum(self._height(entry) for entry in self.lines) + 10

    def step(self, step: int) -> None:
        """Move to the next entry, reasoned ones included so that their reason can be read."""
        places = [i for i, entry in enumerate(self.lines) if entry.item]
        if places:
            at = places.index(self.current) if self.current in places else -1
            self.current = places[(at + step) % len(places)]
            rect = self._rect(self.current)
            if rect.top() < 0:
                self._scroll += rect.top() - 30
            elif rect.bottom() > self.height():
                self._scroll += rect.bottom() - self.height() + 6
            self._scroll = max(0, self._scroll)
            self._tell()

    def choose(self) -> None:
        if 0 <= self.current < len(self.lines):
            item = self.lines[self.current].item
            if item is not None and not item.reason:
                self.chosen.emit(item)

    def _tell(self) -> None:
        item = self.lines[self.current].item if 0 <= self.current < len(self.lines) else None
        self.setAccessibleName(f"{item.text}, {item.reason or item.detail}" if item else tr("Nothing matches"))
        self.update()

    @staticmethod
    def _height(entry: _Line) -> int:
        return ROW if entry.item else SECTION

    def _rect(self, index: int) -> QRect:
        top = 4 + sum(self._height(entry) for entry in self.lines[:index]) - self._scroll
        return QRect(0, top, self.width(), self._height(self.lines[index]))

    def _at(self, y: float) -> int:
        return next((i for i in range(len(self.lines)) if self._rect(i).top() <= y < self._rect(i).bottom() + 1), -1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position().y())
        if at >= 0 and self.lines[at].item and at != self.current:
            self.current = at
            self._tell()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._at(event.position().y()) == self.current:
            self.choose()

    def wheelEvent(self, event: QWheelEvent) -> None:
        most = max(0, self.full_height() - self.height())
        self._scroll = max(0, min(most, self._scroll - event.angleDelta().y() // 2))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if not self.lines:
            area = QRectF(18, 8, self.width() - 36, ROW)
            paint.draw_text(painter, area, tr("Nothing matches"), theme.font("body"), "text-tertiary")
        for index, entry in enumerate(self.lines):
            rect = QRectF(self._rect(index))
            if rect.bottom() < 0 or rect.top() > self.height():
                continue
            if entry.item is None:
                head = rect.adjusted(18, 2, -18, 0)
                paint.draw_text(painter, head, entry.head, theme.font("caption", 500), "text-tertiary")
            else:
                self._paint_item(painter, rect.adjusted(8, 0, -8, 0), entry, index == self.current)
        painter.end()

    def _paint_item(self, painter: QPainter, rect: QRectF, entry: _Line, current: bool) -> None:
        item = entry.item
        if item is None:
            return
        if current:
            paint.box(painter, rect.adjusted(0, 0.5, 0, -0.5), 6, theme.role("accent-soft"))
        role = "text-disabled" if item.reason else "text"
        icon_role = "text-disabled" if item.reason else "accent" if current else "text-secondary"
        theme.paint_icon(painter, item.icon, QRectF(rect.left() + 10, rect.center().y() - 8, 16, 16), icon_role)
        right = self._paint_keys(painter, rect, item)
        left = self._paint_matched(painter, rect, entry, role, right)
        detail = item.reason or item.detail
        if detail and right - left > 40:
            area = QRectF(left + 10, rect.top(), right - left - 20, rect.height())
            paint.draw_text(painter, area, detail, theme.font("small"), "text-tertiary")

    def _paint_keys(self, painter: QPainter, rect: QRectF, item: PaletteItem) -> float:
        caps = key_caps(item.shortcut)
        right = rect.right() - 10
        left = right - sum(paint.kbd_width(cap) + 9 for cap in caps) + (9 if caps else 0)
        at = left
        for cap in caps:
            at += paint.kbd(painter, QRectF(at, rect.top(), 60, rect.height()), cap) + 9
        return left

    def _paint_matched(self, painter: QPainter, rect: QRectF, entry: _Line, role: str, right: float) -> float:
        """The text with its matched letters in accent; returns where it ends."""
        font = theme.font("body", 500)
        left = rect.left() + 35
        text = entry.item.text if entry.item else ""
        text = paint.elided(text, font, max(60.0, right - left - 10))
        start = 0
        while start < len(text):
            hit = start in entry.places
            stop = start
            while stop < len(text) and (stop in entry.places) is hit:
                stop += 1
            piece = text[start:stop]
            width = paint.text_width(piece, font)
            area = QRectF(left, rect.top(), width + 2, rect.height())
            painter.setFont(font)
            painter.setPen(theme.role("accent" if hit and role == "text" else role))
            painter.drawText(area, int(paint.CENTER_LEFT.value), piece)
            left += width
            start = stop
        return left


class CommandPalette(QWidget):
    """The scrim over the window and the box in it. `open(items)` shows it with the last query selected.

    Signals:
        closed: it left the screen.
    """

    closed = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._owner = window
        self._items: Sequence[PaletteItem] = ()
        self._focus_before: QWidget | None = None
        self._box = QWidget(self)
        layout = QVBoxLayout(self._box)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        self.field = QLineEdit()
        self.field.setProperty("bare", True)
        font = theme.font("body")
        font.setPixelSize(15)
        self.field.setFont(font)
        self.field.setAccessibleName(tr("Command palette"))
        self.field.textChanged.connect(self._on_text_changed)
        self.field.installEventFilter(self)
        self._where = Text("", "small", "text-secondary")
        self._page = Tag("")
        head = QWidget()
        head_layout = QHBoxLayout(head)
        head_layout.setContentsMargins(18, 0, 16, 0)
        head_layout.setSpacing(10)
        for widget in (Icon("search", "text-secondary", 16), self.field, self._where, self._page):
            head_layout.addWidget(widget, 1 if widget is self.field else 0)
        head.setFixedHeight(51)
        self.list = _List()
        self.list.chosen.connect(self._on_chosen)
        layout.addWidget(head)
        layout.addWidget(line())
        layout.addWidget(self.list, 1)
        layout.addWidget(line())
        layout.addWidget(self._build_foot())
        self.hide()
        window.installEventFilter(self)

    @staticmethod
    def _build_foot() -> QWidget:
        from console.widgets.chips import Kbd

        foot = QWidget()
        foot.setFixedHeight(36)
        layout = QHBoxLayout(foot)
        layout.setContentsMargins(16, 0, 16, 0)
        layout.setSpacing(6)
        for keys, text in ((("↑ ↓",), tr("move")), (("↵",), tr("run"))):
            layout.addWidget(Kbd(*keys))
            layout.addWidget(Text(text, "small", "text-secondary"))
            layout.addSpacing(8)
        layout.addStretch(1)
        for text in (tr("> commands"), tr("@ runs"), tr("# versions"), tr("? help")):
            layout.addWidget(Text(text, "small", "text-secondary"))
            layout.addSpacing(4)
        return foot

    def open(self, items: Sequence[PaletteItem], *, page: str = "", where: str = "", prefix: str = "") -> None:
        """Show these items; `page` is the tag at the right, `where` the thing in focus."""
        self._focus_before = QApplication.focusWidget()
        self._items = items
        self._where.setText(tr("on {name}", name=where) if where else "")
        self._page.set_text(page)
        self._page.setVisible(bool(page))
        self.field.setPlaceholderText(tr("Search or run a command"))
        if prefix:
            self.field.setText(prefix)
        self.field.selectAll()
        self._on_text_changed(self.field.text())
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def set_items(self, items: Sequence[PaletteItem]) -> None:
        """New items while it is open (something was found later)."""
        self._items = items
        self._on_text_changed(self.field.text())

    def close_palette(self) -> None:
        """Leave the screen; the focus goes back to where it was."""
        self.hide()
        before, self._focus_before = self._focus_before, None
        try:
            if before is not None and before.isVisible():
                before.setFocus(Qt.FocusReason.OtherFocusReason)
        except RuntimeError:  # the widget was deleted meanwhile
            pass
        self.closed.emit()

    def _on_text_changed(self, text: str) -> None:
        self.list.show_lines(arrange(self._items, text))
        self._fit()

    def _on_chosen(self, item: PaletteItem) -> None:
        self.close_palette()
        item.run()

    def _fit(self) -> None:
        window = self._owner
        self.setGeometry(window.rect())
        width = min(theme.size("palette"), window.width() - 40)
        height = min(51 + 2 + 36 + max(46, self.list.full_height()) + 2, window.height() - 180)
        self._box.setGeometry((window.width() - width) // 2, 130, width, height)
        self.update()  # the shadow around the box is this widget's own

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parent() and self.isVisible():
            self._fit()
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._on_key(event)
        return False

    def _on_key(self, event: QKeyEvent) -> bool:
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            self.list.step(step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.list.choose()
        elif event.key() == Qt.Key.Key_Escape:
            self.close_palette()
        else:
            return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._box.geometry().contains(event.position().toPoint()):
            self.close_palette()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("scrim"))
        rect = QRectF(self._box.geometry())
        for step in range(20):
            alpha = 0.03 * (1 - step / 20) ** 2
            painter.setPen(QPen(QColor.fromRgbF(0, 0, 0, alpha), 2 * step + 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.translated(0, 6), 12, 12)
        paint.box(painter, rect, theme.radius("sheet"), theme.role("panel"), theme.role("line-control"))
        painter.end()
