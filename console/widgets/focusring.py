"""The keyboard focus ring: 2 px accent, 2 px outside the widget, only after Tab or F6, never after a click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QWindow
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from console.theme import theme

_OUTSIDE = 4
_STEPS = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_F6)


class FocusRing(QWidget):
    """One see-through child of the window that follows the focused widget."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._target: QWidget | None = None
        self._stepped = True
        self.hide()
        window.installEventFilter(self)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)

    def show_now(self) -> None:
        """Put the ring around the focused widget. Fields need none: their border is the accent already.

        Qt also moves the focus by itself when its widget is hidden or disabled, as the Pause button is by a click;
        such a move shows no ring.
        """
        target = QApplication.focusWidget()
        self._leave()
        if target is None or not self._stepped or not self.window().isAncestorOf(target):
            return
        if isinstance(target, (QLineEdit, QPlainTextEdit, QTextEdit)):
            return
        self._target = target
        target.installEventFilter(self)
        self._fit()
        self.show()
        self.raise_()

    @property
    def target(self) -> QWidget | None:
        return self._target

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not self._target:
            self._leave()

    def _leave(self) -> None:
        if self._target is not None:
            self._target.removeEventFilter(self)
        self._target = None
        self.hide()

    def _fit(self) -> None:
        if self._target is None:
            return
        corner = self._target.mapTo(self.window(), QPoint(0, 0))
        area = QRect(corner, self._target.size()).adjusted(-_OUTSIDE, -_OUTSIDE, _OUTSIDE, _OUTSIDE)
        self.setGeometry(area.intersected(self.window().rect()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self.parent() and kind == QEvent.Type.Show:
            self._listen()
        elif isinstance(watched, QWindow):
            self._note(event)
        elif watched is self._target and kind in (QEvent.Type.Move, QEvent.Type.Resize):
            self._fit()
        elif watched is self._target and kind in (QEvent.Type.Hide, QEvent.Type.MouseButtonPress):
            self._leave()
        return False

    def _listen(self) -> None:
        """The native window sees every key and click before any widget does."""
        handle = self.window().windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def _note(self, event: QEvent) -> None:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            self._stepped = event.key() in _STEPS
        elif event.type() == QEvent.Type.MouseButtonPress:
            self._stepped = False
            self._leave()  # also when the click leaves the focus where it was

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.role("focus-ring"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
        painter.end()
