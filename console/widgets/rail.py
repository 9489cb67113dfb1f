"""The rail: pages in groups with badges, pinned things below, Settings at the foot; collapses to icons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.pins import Pin, PinItem
from console.widgets.text import Text, set_tip

MOST_PINNED = 8
PINNED_AREA = "pinned"


class RailItem(QAbstractButton):
    """One page of the rail, 28 px."""

    def __init__(self, key: str, text: str, icon: str) -> None:
        super().__init__()
        self.key, self._icon = key, icon
        self._text = text
        self._badge, self._badge_bad = "", False
        self._collapsed = False
        self.over = False
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

    def set_over(self, over: bool) -> None:
        """Something that can be dropped here hovers over it."""
        if over != self.over:
            self.over = over
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(52, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        on = self.isChecked()
        if on or self.underMouse() or self.over:
            fill = theme.role("selected") if on else theme.role("raised")
            line = theme.role("accent") if self.over else None
            paint.box(painter, QRectF(self.rect()), theme.radius("row"), fill, line)
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


class Rail(QWidget):
    """Groups of pages, then pinned things, then the last page at the foot.

    Signals:
        chosen(str): a page's key. pin_chosen(str): a pinned link. pins_moved(list): links in their new order.
        pin_menu_asked(str, QPoint): context menu of a pinned link.
        dropped(list, str): dragged deep links, or paths of files, and the page, pinned link or "pinned" they fell on.

    Attributes:
        takes: asked with the same two before a drop is offered.
    """

    chosen = Signal(str)
    pin_chosen = Signal(str)
    pins_moved = Signal(list)
    pin_menu_asked = Signal(str, QPoint)
    dropped = Signal(list, str)

    def __init__(self, pages: Sequence[tuple[str, str, str, str | None]], parent: QWidget | None = None) -> None:
        """`pages`: (key, text, icon, group or None); the last one without a group stands at the foot."""
        super().__init__(parent)
        self._items: dict[str, RailItem] = {}
        self._labels: list[tuple[Text, str]] = []
        self._pins: list[Pin] = []
        self._pin_items: list[PinItem] = []
        self._collapsed = False
        self.takes: Callable[[list[str], str], bool] = lambda _dragged, _target: False
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
        self._show_labels()
        collapsible: list[RailItem | PinItem] = [*self._items.values(), *self._pin_items]
        for item in collapsible:
            item.set_collapsed(collapsed)

    def _show_labels(self) -> None:
        for label, text in self._labels:
            label.setText("" if self._collapsed else tr(text))
        self._pin_label.setText("" if self._collapsed else tr("Pinned"))

    def set_pins(self, pins: Sequence[Pin]) -> None:
        """Show up to eight pinned things; without any, the group is gone."""
        wanted = list(pins)[:MOST_PINNED]
        if [p.link for p in wanted] == [p.link for p in self._pins] and self._pin_items:
            for item, pin in zip(self._pin_items, wanted, strict=True):
                if item.pin != pin:  # shown in place: a drag or the focus on it goes on
                    item.set_pin(pin)
            self._pins = wanted
            return
        self._pins = wanted
        self._arrange_pins()

    def _arrange_pins(self) -> None:
        """Items of links that stay are kept, and with them the focus."""
        kept = {item.pin.link: item for item in self._pin_items}
        while self._pin_layout.takeAt(0) is not None:
            pass
        self._pin_items = [self._pin_item(kept.pop(pin.link, None), pin) for pin in self._pins]
        for item in kept.values():
            item.hide()
            item.deleteLater()
        self._show_labels()
        self._pin_label.setContentsMargins(9, 11, 0, 0)
        self._pin_label.setFixedHeight(28)
        self._pin_area.setVisible(bool(self._pins))
        self._pin_layout.addSpacing(3)
        self._pin_layout.addWidget(self._pin_label)
        pages = list(self._items.values())
        before: QWidget = pages[-2]
        for item in self._pin_items:
            self._pin_layout.addWidget(item)
            QWidget.setTabOrder(before, item)
            before = item
        QWidget.setTabOrder(before, pages[-1])

    def _pin_item(self, item: PinItem | None, pin: Pin) -> PinItem:
        if item is None:
            item = PinItem(pin)
            item.setParent(self._pin_area)
            item.clicked.connect(partial(self._on_pin_clicked, pin.link))
            item.moved.connect(self._on_pin_moved)
            item.menu_asked.connect(self.pin_menu_asked)
        item.set_pin(pin)
        item.set_collapsed(self._collapsed)
        return item

    def _on_pin_clicked(self, link: str, _checked: bool = False) -> None:
        self.pin_chosen.emit(link)

    def move_pin(self, link: str, steps: int) -> None:
        """Another place for a pinned link."""
        self._on_pin_moved(link, steps)

    def _on_pin_moved(self, link: str, steps: int) -> None:
        links = [pin.link for pin in self._pins]
        at = links.index(link)
        links.insert(max(0, min(len(links) - 1, at + steps)), links.pop(at))
        self.pins_moved.emit(links)

    def retranslate(self) -> None:
        self._show_labels()
        for item in self._items.values():
            item.retranslate()

    # -- dropping --------------------------------------------------------------------------------------------

    def _targets(self) -> list[RailItem | PinItem]:
        return [*self._items.values(), *self._pin_items]

    def _target_at(self, point: QPoint) -> str:
        """The page or pinned link under a point; "pinned" for all of the rail's room between them."""
        child = self.childAt(point)
        if isinstance(child, RailItem):
            return child.key
        return child.pin.link if isinstance(child, PinItem) else PINNED_AREA

    def _wanted(self, event: QDropEvent) -> tuple[list[str], str]:
        """What is dragged and where it would fall: on the thing under the pointer, else into the pinned."""
        dragged = dragged_things(event)
        target = self._target_at(event.position().toPoint())
        return dragged, target if self.takes(dragged, target) else PINNED_AREA

    def _mark(self, target: str) -> None:
        for item in self._targets():
            item.set_over(target == (item.key if isinstance(item, RailItem) else item.pin.link))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(bool(dragged_things(event)))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        dragged, target = self._wanted(event)
        taken = self.takes(dragged, target)
        self._mark(target if taken else "")
        event.setAccepted(taken)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self._mark("")

    def dropEvent(self, event: QDropEvent) -> None:
        dragged, target = self._wanted(event)
        self._mark("")
        if self.takes(dragged, target):
            event.acceptProposedAction()
            self.dropped.emit(dragged, target)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("chrome"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme.role("line"))
        painter.end()


def dragged_things(event: QDropEvent) -> list[str]:
    """The deep links of a drag, one a line, or the paths of its files."""
    data = event.mimeData()
    files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return files or [line for line in data.text().splitlines() if line.startswith("modeldeck://")]
