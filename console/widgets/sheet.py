"""Sheets: a confirm sheet in the centre, a form sheet from the right, over a scrim, with the keyboard kept inside."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPropertyAnimation, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Icon
from console.widgets.panel import line
from console.widgets.text import Text

KINDS = ("confirm", "form")


class _Body(QWidget):
    """Needs the height of its folded text at the width it has; the layout would ask for that of the narrowest one."""

    def minimumSizeHint(self) -> QSize:
        hint, layout = super().minimumSizeHint(), self.layout()
        if layout is not None and layout.hasHeightForWidth():
            hint.setHeight(layout.totalHeightForWidth(max(self.width(), hint.width())))
        return hint


class Sheet(QWidget):
    """One sheet: header (icon, title, close), `body` layout, footer (note left, buttons right).

    `context.open_sheet(sheet)` shows it. Esc and the close button reject, Ctrl+Enter clicks the primary button.

    Signals:
        accepted: the primary button was used. The sheet stays open until `close_sheet()`.
        closed: the sheet has left the screen, in whatever way.
    """

    accepted = Signal()
    closed = Signal()

    def __init__(
        self, title: str, *, kind: str = "confirm", icon: str = "", icon_role: str = "accent", primary: str = ""
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"sheet kind {kind!r} is not one of {KINDS}")
        self.kind = kind
        self.setAccessibleName(title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._head = self._build_header(title, icon, icon_role)
        outer.addWidget(self._head)
        holder = self._holder = _Body()
        self.body = QVBoxLayout(holder)
        self.body.setContentsMargins(22 if kind == "confirm" else 20, 0, 22 if kind == "confirm" else 20, 4)
        self.body.setSpacing(10)
        self._scroll = QScrollArea()
        self._scroll.setAccessibleName(title)
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(holder)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder.setAutoFillBackground(False)
        self._scroll.viewport().setAutoFillBackground(False)
        outer.addWidget(self._scroll, 1)
        outer.addWidget(self._build_footer(primary))
        self.first_focus: QWidget | None = None

    # -- parts -----------------------------------------------------------------------------------------------

    def _build_header(self, title: str, icon: str, icon_role: str) -> QWidget:
        holder = QWidget()
        layout = QHBoxLayout(holder)
        confirm = self.kind == "confirm"
        layout.setContentsMargins(22 if confirm else 20, 16 if confirm else 12, 18, 10)
        layout.setSpacing(10)
        if icon:
            layout.addWidget(Icon(icon, icon_role, 17))
        self.title = Text(title, "panel-title" if confirm else "page-title")
        if confirm:
            font = theme.font("body", 600)
            font.setPixelSize(16)
            self.title.setFont(font)
        layout.addWidget(self.title)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        layout.addLayout(self.header, 1)
        self.close_button = IconButton("x", tr("Close"), shortcut="Esc")
        self.close_button.clicked.connect(self.close_sheet)
        layout.addWidget(self.close_button)
        return holder

    def _build_footer(self, primary: str) -> QWidget:
        self._footer = QWidget(self)
        column = QVBoxLayout(self._footer)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        if self.kind == "form":
            column.addWidget(line())
        self.footer = QHBoxLayout()
        side = 22 if self.kind == "confirm" else 20
        self.footer.setContentsMargins(side, 12, side, 18 if self.kind == "confirm" else 13)
        self.footer.setSpacing(8)
        column.addLayout(self.footer)
        self.note = Text("", "small", "text-tertiary", elide=True)
        self.footer.addWidget(self.note, 1)
        self.primary: Button | None = None
        if primary:
            cancel = Button(tr("Cancel"))
            cancel.clicked.connect(self.close_sheet)
            self.add_button(cancel)
            self.primary = Button(primary, "primary", tip=primary, shortcut="Ctrl+Enter")
            self.primary.clicked.connect(self.accepted)
            self.add_button(self.primary)
        self._footer.setHidden(not primary)
        return self._footer

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Append to the body."""
        self.body.addWidget(widget, stretch)

    def add_button(self, button: Button) -> None:
        """Append to the footer, left of what was added later."""
        self.footer.addWidget(button)
        self._footer.setHidden(False)

    def set_primary(self, button: Button) -> None:
        """Make one's own button the primary one (Ctrl+Enter); it must already be in the footer."""
        self.primary = button
        button.clicked.connect(self.accepted)

    def set_note(self, text: str, role: str = "text-tertiary") -> None:
        """The line at the left of the footer."""
        self.note.setText(text)
        self.note.set_role(role)

    def close_sheet(self) -> None:
        """Leave the screen; tells `closed`."""
        self.closed.emit()

    # -- behaviour -------------------------------------------------------------------------------------------

    def body_height(self) -> int:
        """Height the confirm sheet wants, all parts included."""
        width = theme.size("sheet-confirm")
        folds = self.body.hasHeightForWidth()
        wanted = self.body.totalHeightForWidth(width) if folds else self._holder.sizeHint().height()
        header = self._head.sizeHint().height()
        return header + wanted + (self._footer.sizeHint().height() if not self._footer.isHidden() else 12) + 2

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_sheet()
        elif (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.submit()
        else:
            super().keyPressEvent(event)

    def submit(self) -> None:
        """Use the primary button, when there is one and it is allowed."""
        if self.primary is not None and self.primary.isEnabled() and not self.primary.busy:
            self.primary.click()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self.kind == "confirm":
            rect = QRectF(self.rect())
            paint.box(painter, rect, theme.radius("sheet"), theme.role("panel"), theme.role("line-control"))
        else:
            painter.fillRect(self.rect(), theme.role("panel"))
            painter.setPen(QPen(theme.role("line-control"), 1))
            painter.drawLine(0, 0, 0, self.height())
        painter.end()


class SheetHost(QWidget):
    """The scrim over everything below the top bar, holding one sheet. Owned by the window.

    Signals:
        emptied: the last sheet is gone.
    """

    emptied = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._owner = window
        self._sheet: Sheet | None = None
        self._focus_before: QWidget | None = None
        self._top = 0
        self._bottom = 0
        self._slide = QPropertyAnimation(self)
        self.hide()
        window.installEventFilter(self)

    def set_insets(self, top: int, bottom: int) -> None:
        """What stays above and below a form sheet: top bar and status bar."""
        self._top, self._bottom = top, bottom

    @property
    def sheet(self) -> Sheet | None:
        """The sheet on screen."""
        return self._sheet

    def open(self, sheet: Sheet) -> None:
        """Show `sheet`; a sheet already there is closed first."""
        if self._sheet is not None:
            self._sheet.close_sheet()
        else:
            self._focus_before = QApplication.focusWidget()
        self._sheet = sheet
        sheet.setParent(self)
        sheet.closed.connect(self._on_closed)
        self._fit()
        self.show()
        self.raise_()
        sheet.show()
        self._animate(sheet)
        target = sheet.first_focus or _first_field(sheet) or sheet.close_button
        target.setFocus(Qt.FocusReason.PopupFocusReason)
        if isinstance(target, QLineEdit):
            target.selectAll()  # a suggestion: typing replaces it

    def _animate(self, sheet: Sheet) -> None:
        duration = theme.motion("sheet-ms")
        if not duration or QApplication.platformName() == "offscreen":
            return
        end = sheet.pos()
        shift = QPoint(24, 0) if sheet.kind == "form" else QPoint(0, 24)
        self._slide = QPropertyAnimation(sheet, b"pos", self)
        self._slide.setDuration(duration)
        self._slide.setEasingCurve(theme.easing)
        self._slide.setStartValue(end + shift)
        self._slide.setEndValue(end)
        self._slide.start()

    def _on_closed(self) -> None:
        sheet, self._sheet = self._sheet, None
        if sheet is None:
            return
        self._slide.stop()
        sheet.hide()
        sheet.deleteLater()
        self.hide()
        before, self._focus_before = self._focus_before, None
        try:
            if before is not None and before.isVisible():
                before.setFocus(Qt.FocusReason.OtherFocusReason)
        except RuntimeError:  # the widget was deleted meanwhile
            pass
        self.emptied.emit()

    def _fit(self) -> None:
        window = self._owner
        top = self._top
        self.setGeometry(0, top, window.width(), window.height() - top - self._bottom)
        sheet = self._sheet
        if sheet is None:
            return
        if sheet.kind == "form":
            width = min(theme.size("sheet-new-run"), self.width() - 60)
            sheet.setGeometry(self.width() - width, 0, width, self.height())
        else:
            width = min(theme.size("sheet-confirm"), self.width() - 40)
            sheet.resize(width, 10)
            height = min(sheet.body_height(), self.height() - 40)
            left, upper = (self.width() - width) // 2 + 60, max(20, int((self.height() - height) * 0.235))
            sheet.setGeometry(min(left, self.width() - width - 20), upper, width, height)

    def refit(self) -> None:
        """The sheet's content changed its height."""
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parent():
            self._fit()
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep Tab inside the sheet."""
        if self._sheet is None:
            return super().focusNextPrevChild(forward)
        stops = tab_stops(self._sheet)
        if not stops:
            return True
        current = QApplication.focusWidget()
        at = stops.index(current) if current in stops else (-1 if forward else 0)
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        target = stops[(at + (1 if forward else -1)) % len(stops)]
        target.setFocus(reason)
        self._sheet._scroll.ensureWidgetVisible(target) if self._sheet._scroll.isAncestorOf(target) else None
        show_ring = getattr(self.window(), "show_focus_ring", None)
        if show_ring is not None:
            show_ring()
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # A click on the scrim does nothing: what was typed must not be lost by a slip.
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("scrim"))
        if self._sheet is not None:
            self._paint_shadow(painter, QRectF(self._sheet.geometry()))
        painter.end()

    def _paint_shadow(self, painter: QPainter, rect: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for step in range(24):
            alpha = 0.028 * (1 - step / 24) ** 2 * (1.0 if theme.is_dark else 0.6)
            painter.setPen(QPen(QColor.fromRgbF(0, 0, 0, alpha), 2 * step + 1))
            painter.drawRoundedRect(rect.translated(0, 6), 12, 12)


def tab_stops(root: QWidget) -> list[QWidget]:
    """Every visible, enabled widget under `root` that takes Tab, in tab order."""
    found: list[QWidget] = []
    widget = root.nextInFocusChain()
    while widget is not None and widget is not root:
        if (
            root.isAncestorOf(widget)
            and widget.isVisible()
            and widget.isEnabled()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.focusProxy() is None
        ):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def _first_field(sheet: Sheet) -> QWidget | None:
    return next((w for w in tab_stops(sheet) if sheet._holder.isAncestorOf(w)), None)
