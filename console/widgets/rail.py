"""The rail: pages in groups with badges, pinned things below, Settings at the foot; collapses to icons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.text import Text, set_tip

MOST_PINNED = 8


@dataclass(frozen=True)
class Pin:
    """A pinned thing: deep link, text, and either a progress fraction or a dot role."""

    link: str
    text: str
    fraction: float | None = None
    dot: str = ""


class RailItem(QAbstractButton):
    """One page of the rail, 28 px."""

    def __init__(self, key: str, text: str, icon: str) -> None:
        super().__init__()
        self.key, self._icon = key, icon
        self._text = text
        self._badge, self._badge_bad = "", False
        self._collapsed = False
        self.setCheckable(True)
        self.setFixedHeight(28)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.retranslate()

    def retranslate(self) -> None:
        self.setText(tr(self._text))
        name = f"{self.text()}, {self._badge}" if self._badge else self.text()
        self.setAccessibleName(name)
        set_tip(self, name if self._collapsed else "")

    def set_badge(self, text: str, bad: bool = False) -> None:
        """A count at the right; `bad` draws it red-soft."""
        if (text, bad) != (self._badge, self._badge_bad):
            self._badge, self._badge_bad = text, bad
            self.retranslate()
            self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.retranslate()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(52, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        on = self.isChecked()
        if on or self.underMouse():
            fill = theme.role("selected") if on else theme.role("raised")
            paint.box(painter, QRectF(self.rect()), theme.radius("row"), fill)
        role = "text" if on or self.underMouse() else "text-secondary"
        icon_role = role if on or self.underMouse() else "text-tertiary"
        left = (self.width() - 16) / 2 if self._collapsed else 9
        theme.paint_icon(painter, self._icon, QRectF(left, 6, 16, 16), icon_role)
        if self._collapsed:
            if self._badge:
                paint.dot(painter, QPointF(left + 15, 7), "bad" if self._badge_bad else "line-strong", 7)
        else:
            area = QRectF(34, 0, self.width() - 66, 28)
            paint.draw_text(painter, area, self.text(), theme.font("body", 500), role)
            self._paint_badge(painter)
        painter.end()

    def _paint_badge(self, painter: QPainter) -> None:
        if not self._badge:
            return
        font = theme.font("caption", 600)
        width = max(18.0, paint.text_width(self._badge, font) + 10)
        area = QRectF(self.width() - 7 - width, 5, width, 18)
        if self._badge_bad:
            paint.box(painter, area, 9, theme.role("bad-soft"))
        paint.draw_text(painter, area, self._badge, font, "bad" if self._badge_bad else "text-tertiary", paint.CENTER)


class PinItem(QAbstractButton):
    """One pinned thing, with a ring or a dot; drag moves it."""

    moved = Signal(str, int)

    def __init__(self, pin: Pin) -> None:
        super().__init__()
        self.pin = pin
        self._collapsed = False
        self._pressed_y: float | None = None
        self.setFixedHeight(27)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText(pin.text)
        self.setAccessibleName(pin.text if pin.fraction is None else f"{pin.text}, {pin.fraction:.0%}")
        set_tip(self, self.accessibleName())

    def set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed_y = event.position().y()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        start, self._pressed_y = self._pressed_y, None
        steps = round((event.position().y() - start) / 29) if start is not None else 0
        if steps:
            self.setDown(False)
            self.moved.emit(self.pin.link, steps)
        else:
            super().mouseReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self.underMouse() or self.isDown():
            paint.box(painter, QRectF(self.rect()), theme.radius("row"), theme.role("raised"))
        left = (self.width() - 16) / 2 if self._collapsed else 9
        spot = QRectF(left, (self.height() - 16) / 2, 16, 16)
        if self.pin.fraction is not None:
            paint.ring(painter, spot, self.pin.fraction)
        else:
            paint.dot(painter, spot.center(), self.pin.dot or "idle", 8)
        if not self._collapsed:
            role = "text" if self.underMouse() else "text-secondary"
            area = QRectF(34, 0, self.width() - 40, self.height())
            paint.draw_text(painter, area, self.text(), theme.font("small"), role)
        painter.end()


class Rail(QWidget):
    """Groups of pages, then pinned things, then the last page at the foot.

    Signals:
        chosen(str): a page's key. pin_chosen(str): a pinned link. pins_moved(list): links in their new order.
        dropped(str, str): a dragged link was dropped on a page or pinned link.
    """

    chosen = Signal(str)
    pin_chosen = Signal(str)
    pins_moved = Signal(list)
    dropped = Signal(str, str)

    def __init__(self, pages: Sequence[tuple[str, str, str, str | None]], parent: QWidget | None = None) -> None:
        """`pages`: (key, text, icon, group or None); the last one without a group stands at the foot."""
        super().__init__(parent)
        self._items: dict[str, RailItem] = {}
        self._labels: list[tuple[Text, str]] = []
        self._pins: list[Pin] = []
        self._pin_items: list[PinItem] = []
        self._collapsed = False
        self.setAcceptDrops(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 9, 10, 11)
        layout.setSpacing(0)
        group: str | None = None
        for key, text, icon, its_group in pages[:-1]:
            if its_group != group and its_group is not None:
                self._add_label(layout, its_group)
            elif self._items:
                layout.addSpacing(3)
            group = its_group
            self._add_item(layout, key, text, icon)
        self._pin_area = QWidget()
        self._pin_layout = QVBoxLayout(self._pin_area)
        self._pin_layout.setContentsMargins(0, 0, 0, 0)
        self._pin_layout.setSpacing(2)
        self._pin_label = Text("", "caption", "text-tertiary")
        layout.addWidget(self._pin_area)
        layout.addStretch(1)
        self._add_item(layout, *pages[-1][:3])
        self.set_pins([])
        self.set_collapsed(False)

    def _add_label(self, layout: QVBoxLayout, text: str) -> None:
        label = Text(tr(text), "caption", "text-tertiary")
        label.setContentsMargins(9, 10, 0, 2)
        label.setFixedHeight(30 if self._items else 20)
        self._labels.append((label, text))
        layout.addWidget(label)

    def _add_item(self, layout: QVBoxLayout, key: str, text: str, icon: str) -> None:
        item = RailItem(key, text, icon)
        item.clicked.connect(lambda: self._on_clicked(key))
        self._items[key] = item
        layout.addWidget(item)

    def _on_clicked(self, key: str) -> None:
        self._items[key].setChecked(True)
        self.chosen.emit(key)

    def set_current(self, key: str) -> None:
        """Mark the page in front."""
        for name, item in self._items.items():
            item.setChecked(name == key)

    def set_badge(self, key: str, text: str, bad: bool = False) -> None:
        self._items[key].set_badge(text, bad)

    @property
    def collapsed(self) -> bool:
        return self._collapsed

    def set_collapsed(self, collapsed: bool) -> None:
        """52 px icons, or 204 px with texts."""
        self._collapsed = collapsed
        self.setFixedWidth(theme.size("rail-collapsed" if collapsed else "rail"))
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(8 if collapsed else 10, 9, 9 if collapsed else 10, 11)
        for label, _ in self._labels:
            label.set_role("chrome" if collapsed else "text-tertiary")
        self._pin_label.set_role("chrome" if collapsed else "text-tertiary")
        collapsible: list[RailItem | PinItem] = [*self._items.values(), *self._pin_items]
        for item in collapsible:
            item.set_collapsed(collapsed)

    def set_pins(self, pins: Sequence[Pin]) -> None:
        """Show up to eight pinned things; without any, the group is gone."""
        if list(pins) == self._pins and self._pin_items:
            return
        self._pins = list(pins)[:MOST_PINNED]
        while self._pin_layout.count():
            taken = self._pin_layout.takeAt(0)
            widget = taken.widget() if taken is not None else None
            if widget is not None and widget is not self._pin_label:
                widget.hide()
                widget.deleteLater()
        self._pin_items = []
        self._pin_label.setText(tr("Pinned"))
        self._pin_label.setContentsMargins(9, 11, 0, 0)
        self._pin_label.setFixedHeight(28)
        self._pin_area.setVisible(bool(self._pins))
        self._pin_layout.addSpacing(3)
        self._pin_layout.addWidget(self._pin_label)
        for pin in self._pins:
            item = PinItem(pin)
            item.set_collapsed(self._collapsed)
            item.clicked.connect(lambda _=False, link=pin.link: self.pin_chosen.emit(link))
            item.moved.connect(self._on_pin_moved)
            self._pin_items.append(item)
            self._pin_layout.addWidget(item)

    def _on_pin_moved(self, link: str, steps: int) -> None:
        links = [pin.link for pin in self._pins]
        at = links.index(link)
        links.insert(max(0, min(len(links) - 1, at + steps)), links.pop(at))
        self.pins_moved.emit(links)

    def retranslate(self) -> None:
        for label, text in self._labels:
            label.setText(tr(text))
        self._pin_label.setText(tr("Pinned"))
        for item in self._items.values():
            item.retranslate()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasText() and event.mimeData().text().startswith("modeldeck://"):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        child = self.childAt(event.position().toPoint())
        target = child.key if isinstance(child, RailItem) else child.pin.link if isinstance(child, PinItem) else ""
        if target:
            self.dropped.emit(event.mimeData().text(), target)
            event.acceptProposedAction()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("chrome"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme.role("line"))
        painter.end()
