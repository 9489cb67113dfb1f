"""Open alerts and what changed today: short lists whose rows lead to the whole story."""

from __future__ import annotations

import datetime
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from backend.contract.resources import AlertRecord
from console import alert_words, words
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.overview.changed import link_of, sentence
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.panel import Panel
from console.widgets.rows import EventRow
from console.widgets.text import Text, set_tip

MOST_ALERTS = 3
MOST_CHANGES = 5


class AlertRow(QWidget):
    """Icon, what, how long ago; below where and how much. Signals: clicked."""

    clicked = Signal()

    def __init__(self, alert: AlertRecord, age: str) -> None:
        super().__init__()
        self.alert, self._age = alert, age
        self.setFixedHeight(65)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._title, self._below = alert_words.headline(alert), alert_words.brief(alert)
        self.setAccessibleName(f"{self._title}, {self._below}, {age}")
        set_tip(self, self._title, line=alert_words.moved(alert))

    def sizeHint(self) -> QSize:
        return QSize(300, 65)

    def set_age(self, age: str) -> None:
        if age != self._age:
            self._age = age
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self.underMouse():
            painter.fillRect(QRectF(1, 1, self.width() - 2, 64), theme.role("raised", 0.6))
        painter.fillRect(QRectF(0, 0, self.width(), 1), theme.role("line"))
        small, (icon, role) = theme.font("small"), alert_words.icon_of(self.alert)
        theme.paint_icon(painter, icon, QRectF(13, 14, 16, 16), role)
        used = paint.text_width(self._age, small) + 10
        paint.draw_text(
            painter, QRectF(0, 12, self.width() - 14, 18), self._age, small, "text-tertiary", paint.CENTER_RIGHT
        )
        title = QRectF(40, 12, self.width() - 54 - used, 20)
        paint.draw_text(painter, title, self._title, theme.font("body", 500), "text")
        paint.draw_text(painter, QRectF(40, 35, self.width() - 54, 18), self._below, small, "text-tertiary")
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


class _List(Panel):
    """A panel whose rows are made anew when what they show has changed."""

    def __init__(self, context: Context, title: str, link_text: str, link: str, empty: str) -> None:
        super().__init__(title, flush=True)
        self._context = context
        self._shown: Any = None
        self.rows: list[QWidget] = []
        button = Button(link_text, "link", "arrow-right", icon_right=True)
        button.clicked.connect(lambda: context.navigate(link))
        self.add_action(button)
        self._empty = Text(empty, "body", "text-tertiary")
        self._empty.setContentsMargins(13, 8, 13, 16)
        self.add(self._empty)
        self.body.setSpacing(0)
        self.body.addStretch(1)

    def show_rows(self, key: Any, rows: list[QWidget]) -> None:
        """Replace the rows; `key` is what they were made of."""
        self._shown = key
        for row in self.rows:
            self.body.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = rows
        for index, row in enumerate(rows):
            self.body.insertWidget(index, row)
        self._empty.setVisible(not rows)


class OpenAlerts(_List):
    """The newest three; the rest is a click away."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, tr("Open alerts"), tr("Inbox"), "alerts", tr("No alert is open."))

    def refresh(self) -> None:
        """Bring rows and ages up to the state."""
        alerts, now = self._context.state.open_alerts(), self._context.clock()
        self.subtitle.setText(words.count(len(alerts)) if alerts else "")
        key = tuple(alerts[:MOST_ALERTS]), len(alerts)
        if key != self._shown:
            rows: list[QWidget] = [self._row(alert, now) for alert in alerts[:MOST_ALERTS]]
            if len(alerts) > MOST_ALERTS:
                rows.append(self._rest(len(alerts) - MOST_ALERTS))
            self.show_rows(key, rows)
        for row in self.rows:
            if isinstance(row, AlertRow):
                row.set_age(words.age(row.alert.opened_at, now))

    def _row(self, alert: AlertRecord, now: float) -> AlertRow:
        row = AlertRow(alert, words.age(alert.opened_at, now))
        row.clicked.connect(lambda: self._context.navigate(f"alert/{alert.id}"))
        return row

    def _rest(self, count: int) -> Text:
        text = Text(tr_n(count, "{n} more in the inbox", "{n} more in the inbox"), "small", "text-tertiary")
        text.setContentsMargins(40, 2, 13, 10)
        return text


class ChangedToday(_List):
    """The newest five changes since midnight."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, tr("Changed today"), tr("Audit"), "audit", tr("Nothing has changed today."))
        self.body.setContentsMargins(13, 3, 13, 10)
        self._empty.setContentsMargins(0, 5, 0, 6)

    def refresh(self) -> None:
        """Bring the rows up to the audit log."""
        now = datetime.datetime.fromtimestamp(self._context.clock()).astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        lines: list[tuple[str, str, str, str, str]] = []
        for record in self._context.state.audit:
            if record.time < midnight or len(lines) == MOST_CHANGES:
                break
            line = sentence(record, self._context.state)
            if line is not None:
                lines.append((words.clock(record.time)[:5], *line, link_of(record)))
        key = tuple(lines)
        if key != self._shown:
            self.show_rows(key, [self._row(*line) for line in lines])

    def _row(self, time: str, icon: str, role: str, text: str, link: str) -> EventRow:
        row = EventRow(icon, role, text, lead=time, clickable=True)
        set_tip(row, text)
        row.clicked.connect(lambda: self._context.navigate(link))
        return row
