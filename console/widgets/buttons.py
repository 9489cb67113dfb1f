"""Buttons: primary, default, ghost, danger, link, and icon buttons; painted, so that icon and text sit on the pixel."""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QPushButton, QSizePolicy, QWidget

from console.keys import key_table
from console.theme import theme
from console.widgets import paint
from console.widgets.text import set_tip

KINDS = ("primary", "default", "ghost", "danger", "danger-fill", "link")


class Button(QPushButton):
    """A push button of one kind, with an optional icon at the left (or right, for links with an arrow).

    `set_busy(True)` shows a ring and refuses clicks; `set_enabled(False, reason)` disables with the reason as tooltip.
    The tooltip names the key: of the `action` with this id, as it is bound now, or the fixed `shortcut`.
    """

    def __init__(
        self,
        text: str = "",
        kind: str = "default",
        icon: str = "",
        *,
        small: bool = False,
        icon_right: bool = False,
        tip: str = "",
        shortcut: str = "",
        action: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        if kind not in KINDS:
            raise ValueError(f"button kind {kind!r} is not one of {KINDS}")
        self._kind, self._icon, self._small, self._icon_right = kind, icon, small, icon_right
        self._busy = False
        self._left_focus = False
        self._turn = 0
        self._action = action
        self._reason = ""
        self._tip = (tip, key_table.shown(action) if action else shortcut)
        self._timer = QTimer(self)
        self._timer.setInterval(80)
        self._timer.timeout.connect(self._on_turn)
        self.setFont(theme.font("small" if small or kind == "link" else "body", 500))
        self.setCursor(Qt.CursorShape.PointingHandCursor if kind == "link" else Qt.CursorShape.ArrowCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if tip or self._tip[1]:
            set_tip(self, tip or text, self._tip[1])
        if action:
            key_table.changed.connect(self._on_keys_changed)

    def _on_keys_changed(self) -> None:
        self._tip = (self._tip[0], key_table.shown(self._action))
        set_tip(self, self._tip[0] or self.text(), self._tip[1], self._reason)

    @property
    def kind(self) -> str:
        return self._kind

    @property
    def busy(self) -> bool:
        return self._busy

    def set_kind(self, kind: str) -> None:
        self._kind = kind
        self.update()

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.updateGeometry()
        self.update()

    def set_busy(self, busy: bool) -> None:
        """A ring in place of the icon; clicks are swallowed until it is over."""
        self._busy = busy
        (self._timer.start if busy else self._timer.stop)()
        self.updateGeometry()
        self.update()

    def set_enabled(self, enabled: bool, reason: str = "") -> None:
        """Enable, or disable with the reason as tooltip.

        A button that is disabled under the user's finger does not pass the focus on: it has it again once enabled.
        """
        if not enabled and self.hasFocus():
            self.clearFocus()
            self._left_focus = True
        self.setEnabled(enabled)
        if enabled and self.holds_focus():
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._left_focus = self._left_focus and not enabled
        self._reason = "" if enabled else reason
        set_tip(self, self._tip[0] or self.text(), self._tip[1], self._reason)
        self.setAccessibleDescription(self._reason)

    def holds_focus(self) -> bool:
        """It has the focus, or had it when it was disabled and nothing else took it since."""
        return self.hasFocus() or (self._left_focus and QApplication.focusWidget() is None)

    def sizeHint(self) -> QSize:
        height = theme.size("control-small" if self._small else "control")
        text = paint.text_width(self.text(), self.font()) if self.text() else 0
        glyph = self._glyph_size() + (self._gap() if self.text() else 0) if self._icon or self._busy else 0
        if self._kind == "link":
            return QSize(ceil(text + glyph), 18)
        pads = (20 if glyph else 18) if self._small else 25
        return QSize(max(round(text + glyph + pads), height), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def nextCheckState(self) -> None:
        if not self._busy:
            super().nextCheckState()

    def hitButton(self, pos) -> bool:  # type: ignore[no-untyped-def]
        return not self._busy and super().hitButton(pos)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)

    def _glyph_size(self) -> int:
        return 13 if self._small or self._kind == "link" else 16

    def _gap(self) -> int:
        return 4 if self._kind == "link" else 6

    def _colours(self) -> tuple[str | None, str | None, str, str]:
        """Fill, border, text and icon roles of now."""
        hover = self.underMouse() and self.isEnabled()
        down = self.isDown()
        if self._kind == "link":
            role = "accent" if self.isEnabled() else "text-disabled"
            return None, None, role, role
        if not self.isEnabled():
            border = None if self._kind == "ghost" else "line"
            return (None if self._kind == "ghost" else "raised"), border, "text-disabled", "text-disabled"
        if self._kind == "primary":
            fill = "accent-fill-pressed" if down else "accent-fill-hover" if hover else "accent-fill"
            return fill, None, "on-accent", "on-accent"
        if self._kind == "danger-fill":
            return "bad-soft", "bad", "bad", "bad"
        if self._kind == "ghost":
            text = "text" if hover or self.isChecked() else "text-secondary"
            return ("selected" if down or self.isChecked() else "raised" if hover else None), None, text, text
        fill = "selected" if hover or down or self.isChecked() else "raised"
        if self._kind == "danger":
            return fill, "line-control", "bad", "bad"
        return fill, "line-control", "text", "text-secondary"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, border, text_role, icon_role = self._colours()
        if fill is not None:
            line = theme.role(border) if border else None
            paint.box(painter, QRectF(self.rect()), theme.radius("control"), theme.role(fill), line)
        self._paint_content(painter, text_role, icon_role)
        painter.end()

    def _paint_content(self, painter: QPainter, text_role: str, icon_role: str) -> None:
        text = self.text()
        glyph = self._glyph_size() if self._icon or self._busy else 0
        gap = self._gap() if glyph and text else 0
        width = paint.text_width(text, self.font()) if text else 0
        left = 0.0 if self._kind == "link" else (self.width() - glyph - gap - width) / 2
        if glyph and text and self._kind != "link":
            left = round(left - 1.5)  # a glyph has air around it: the pair looks centred a little further left
        middle = self.height() / 2
        icon_left = left + width + gap if self._icon_right else left
        text_left = left if self._icon_right else left + glyph + gap
        if self._busy:
            self._paint_ring(painter, QRectF(icon_left, middle - 7, 14, 14), icon_role)
        elif self._icon:
            theme.paint_icon(painter, self._icon, QRectF(icon_left, middle - glyph / 2, glyph, glyph), icon_role)
        if text:
            area = QRectF(text_left, 0, min(width + 1, self.width() - text_left), self.height())
            paint.draw_text(painter, area, text, self.font(), text_role)
            if self._kind == "link" and self.underMouse() and not self._icon:
                painter.setPen(QPen(theme.role(text_role), 1))
                painter.drawLine(QPointF(text_left, middle + 8), QPointF(text_left + width, middle + 8))

    def _paint_ring(self, painter: QPainter, rect: QRectF, role: str) -> None:
        painter.setPen(QPen(theme.role(role), 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawArc(rect.adjusted(1, 1, -1, -1), -self._turn * 30 * 16, 270 * 16)

    def _on_turn(self) -> None:
        self._turn = (self._turn + 1) % 12
        self.update()


class Crumb(Button):
    """The way back to a list: grey, like the place it names."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "link")
        self.setFont(theme.font("body"))

    def _colours(self) -> tuple[str | None, str | None, str, str]:
        role = "text" if self.underMouse() else "text-tertiary"
        return None, None, role, role


class IconButton(Button):
    """A square button that shows only an icon; `name` is its accessible name and tooltip."""

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        shortcut: str = "",
        action: str = "",
        kind: str = "ghost",
        small: bool = False,
        checkable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("", kind, icon, small=small, tip=name, shortcut=shortcut, action=action, parent=parent)
        self.setAccessibleName(name)
        self.setCheckable(checkable)

    def set_name(self, name: str) -> None:
        """Accessible name and tooltip."""
        self.setAccessibleName(name)
        self._tip = (name, self._tip[1])
        set_tip(self, *self._tip)

    def _glyph_size(self) -> int:
        return 14 if self._small else 15

    def sizeHint(self) -> QSize:
        edge = theme.size("control-small" if self._small else "control")
        return QSize(edge, edge)
