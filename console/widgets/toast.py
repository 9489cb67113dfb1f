"""Toasts: short messages at the bottom right, at most three, with Undo or other actions; and the full-width banner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Icon, Kbd
from console.widgets.spoken import Role, announce
from console.widgets.text import Text

KINDS = {
    "ok": ("circle-check", "ok"),
    "info": ("info", "accent"),
    "warn": ("triangle-alert", "warn"),
    "bad": ("circle-x", "bad"),
}
MOST = 3
SHOWN_MS = 6_000
SHOWN_WITH_UNDO_MS = 10_000


@dataclass(frozen=True)
class ToastAction:
    """A button of a toast; the toast closes after it."""

    text: str
    callback: Callable[[], object]
    icon: str = ""


class Toast(QWidget):
    """One message. Errors stay until closed; others leave by themselves, never while hovered.

    Signals:
        finished: it may be removed.
    """

    spoken_role = Role.AlertMessage

    finished = Signal()

    def __init__(
        self,
        text: str,
        detail: str = "",
        kind: str = "ok",
        *,
        undo: Callable[[], object] | None = None,
        actions: tuple[ToastAction, ...] = (),
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"toast kind {kind!r} is not one of {sorted(KINDS)}")
        self.kind, self.text = kind, text
        self.undo = undo
        icon, role = KINDS[kind]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(15, 7, 10, 7)
        layout.setSpacing(9)
        layout.addWidget(Icon(icon, role, 15))
        layout.addWidget(Text(text, "body-strong"))
        if detail:
            label = Text(detail, "small", "text-secondary", elide=True)
            label.setMaximumWidth(380)
            layout.addWidget(label)
        layout.addSpacing(4)
        if undo is not None:
            layout.addWidget(self._button(ToastAction(tr("Undo"), undo, "undo-2")))
            layout.addWidget(Kbd(action="undo"))
        for action in actions:
            layout.addWidget(self._button(action))
        close = IconButton("x", tr("Close message"), small=True)
        close.clicked.connect(self.finished)
        layout.addWidget(close)
        self.setAccessibleName(f"{text} {detail}".strip())
        self.setFixedHeight(44)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_WITH_UNDO_MS if undo else SHOWN_MS)
        self._timer.timeout.connect(self.finished)
        if kind != "bad":
            self._timer.start()

    @property
    def stays_ms(self) -> int | None:
        """How long it is shown; None: until closed."""
        return None if self.kind == "bad" else self._timer.interval()

    def _button(self, action: ToastAction) -> Button:
        button = Button(action.text, "default", action.icon)
        button.clicked.connect(lambda: self._run(action.callback))
        return button

    def _run(self, callback: Callable[[], object]) -> None:
        self.finished.emit()
        callback()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        if self.kind != "bad":
            self._timer.start()
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        fill = theme.role("raised" if theme.is_dark else "panel")
        paint.box(painter, QRectF(self.rect()), theme.radius("toast"), fill, theme.role("line-control"))
        painter.end()


class ToastHost(QWidget):
    """Stacks toasts above the status bar of its window. Owned by the window; pages call `context.toast`."""

    def __init__(self, window: QWidget, bottom: int = 44) -> None:
        super().__init__(window)
        self._owner = window
        self._bottom = bottom
        self._toasts: list[Toast] = []
        self.hide()
        window.installEventFilter(self)

    @property
    def toasts(self) -> list[Toast]:
        return list(self._toasts)

    def show_toast(
        self,
        text: str,
        detail: str = "",
        kind: str = "ok",
        *,
        undo: Callable[[], object] | None = None,
        actions: tuple[ToastAction, ...] = (),
    ) -> Toast:
        """Add a message; the oldest that may go makes room, errors last."""
        toast = Toast(text, detail, kind, undo=undo, actions=actions)
        while len(self._toasts) >= MOST:
            self._remove(next((t for t in self._toasts if t.kind != "bad"), self._toasts[0]))
        self._toasts.append(toast)
        toast.setParent(self)
        toast.finished.connect(lambda: self._remove(toast))
        toast.show()
        self._fit()
        announce(toast, toast.accessibleName())
        return toast

    def drop_undone(self, text: str) -> None:
        """Remove the message whose action was undone elsewhere (Ctrl+Z)."""
        for toast in reversed(self._toasts):
            if toast.undo is not None and toast.text == text:
                self._remove(toast)
                return

    def clear(self) -> None:
        for toast in list(self._toasts):
            self._remove(toast)

    def _remove(self, toast: Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._fit()

    def _fit(self) -> None:
        window = self._owner
        if not self._toasts:
            self.hide()
            return
        width = max(t.sizeHint().width() for t in self._toasts)
        width = min(width, window.width() - 40)
        height = len(self._toasts) * 52
        self.setGeometry(window.width() - width - 20, window.height() - self._bottom - height + 8, width, height)
        for index, toast in enumerate(self._toasts):
            own = min(toast.sizeHint().width(), width)
            toast.setGeometry(width - own, index * 52, own, 44)
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parent():
            self._fit()
        return False


class Banner(QWidget):
    """A 38 px bar over the whole width: one message, one or two buttons."""

    spoken_role = Role.AlertMessage

    def __init__(self, parent: QWidget | None = None, *, rounded: bool = False) -> None:
        super().__init__(parent)
        self._rounded = rounded
        self._role = "warn"
        self.setFixedHeight(38)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(14 if rounded else 20, 0, 10, 0)
        self._layout.setSpacing(9)
        self._icon = Icon("wifi-off", "warn", 15)
        self.message = Text("", "body-strong")
        self.detail = Text("", "small", "text-secondary", elide=True)
        self.detail.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layout.addWidget(self._icon)
        self._layout.addWidget(self.message)
        self._layout.addWidget(self.detail, 1)
        self._buttons: list[Button] = []

    def show_message(
        self,
        text: str,
        detail: str = "",
        *,
        icon: str = "wifi-off",
        role: str = "warn",
        buttons: tuple[Button, ...] = (),
    ) -> None:
        """Show one message with these buttons; what stood there before goes."""
        self._role = role
        self._icon.set_icon(icon, role)
        for button in self._buttons:
            button.hide()  # not parentless: a widget without parent keeps its place among the tab stops
            self._layout.removeWidget(button)
            button.deleteLater()
        self._buttons = list(buttons)
        for button in buttons:
            self._layout.addWidget(button)
        if text != self.message.text():
            announce(self, text)  # the detail counts seconds, and is not said again and again
        self.message.setText(text)
        self.detail.setText(detail)
        self.setAccessibleName(f"{text} {detail}".strip())
        if self.parentWidget() is not None:  # without one it would become a window of its own
            self.show()

    def sizeHint(self) -> QSize:
        return QSize(400, 38)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        fill = theme.role("accent-soft" if self._role == "accent" else f"{self._role}-soft")
        if self._rounded:
            paint.box(painter, QRectF(self.rect()), theme.radius("row"), fill)
        else:
            painter.fillRect(self.rect(), fill)
            painter.setPen(QPen(QColor(theme.role("line")), 1))
            painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        painter.end()


__all__ = ["Banner", "Toast", "ToastAction", "ToastHost"]
