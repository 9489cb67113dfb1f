"""Small painted marks: state pill, alias chip, tag, badge, state dot, progress ring, key cap."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.i18n import tr
from console.keys import key_caps, key_table
from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role
from console.widgets.text import set_tip


class _Mark(QWidget):
    """A fixed-size painted mark with an accessible name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _changed(self, name: str) -> None:
        self.setAccessibleName(name)
        self.updateGeometry()
        self.update()


class StatePill(_Mark):
    """Icon and word of a state; filled only for states that need attention. `word` replaces the usual word."""

    spoken_role = Role.Indicator

    def __init__(self, state: str = "unknown", word: str | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_state(state, word)

    def set_state(self, state: str, word: str | None = None) -> None:
        self._look, self._word = paint.state_look(state), word
        self._changed(word if word is not None else tr(self._look.word))

    def set_look(self, look: paint.StateLook, word: str) -> None:
        """A pill of one's own, such as `StateLook("", "triangle-alert", "warn", True)` with "5 of 6 passed"."""
        self._look, self._word = look, word
        self._changed(word)

    @property
    def word(self) -> str:
        return self._word if self._word is not None else tr(self._look.word)

    def spoken_value(self) -> str:
        return self.word

    def sizeHint(self) -> QSize:
        return QSize(paint.pill_width(self._look, self._word), theme.size("pill-height"))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.pill(painter, QRectF(self.rect()), self._look, self._word)
        painter.end()


class AliasChip(_Mark):
    """champion, challenger, previous, shadow, or a user's alias."""

    spoken_role = Role.StaticText

    def __init__(self, alias: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = paint.alias_look(alias)
        self._changed(tr(self._look.word))

    def sizeHint(self) -> QSize:
        return QSize(paint.chip_width(self._look), 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.chip(painter, QRectF(self.rect()), self._look)
        painter.end()


class Tag(_Mark):
    """An outlined word, maybe with a state dot; `clicked` is emitted when it is clickable.

    Signals:
        clicked: only when `clickable`.
    """

    spoken_role = Role.StaticText

    clicked = Signal()

    def __init__(
        self, text: str, dot_role: str | None = None, *, clickable: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._clickable = clickable
        if clickable:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_text(text, dot_role)

    def set_text(self, text: str, dot_role: str | None = None) -> None:
        self._text, self._dot = text, dot_role
        self._changed(text)

    @property
    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        return QSize(min(paint.tag_width(self._text, self._dot is not None), 220), 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.tag(painter, QRectF(self.rect()), self._text, self._dot, "text" if self._dot else "text-secondary")
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton  # the right one asks for a menu
        if self._clickable and left and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        if self._clickable and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


class StateDot(_Mark):
    """A dot in a role's colour; `halo` draws the soft ring of a live endpoint. `name` is what it means, in words."""

    spoken_role = Role.Indicator

    def __init__(self, role: str, name: str, *, halo: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role, self._halo = role, halo
        self.set_role(role, name)

    def set_role(self, role: str, name: str) -> None:
        self._role = role
        set_tip(self, name)
        self._changed(name)

    def sizeHint(self) -> QSize:
        return QSize(14, 14)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.dot(painter, QPointF(7, 7), self._role, 8, self._halo)
        painter.end()


class Ring(_Mark):
    """A progress ring of 16 px; None is an empty ring."""

    spoken_role = Role.ProgressBar

    def __init__(self, fraction: float | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_fraction(fraction)

    def set_fraction(self, fraction: float | None) -> None:
        self._fraction = fraction
        self._changed("" if fraction is None else f"{fraction:.0%}")

    def spoken_value(self) -> str:
        return "" if self._fraction is None else f"{self._fraction:.0%}"

    def spoken_range(self) -> tuple[float, float, float] | None:
        return None if self._fraction is None else (100 * self._fraction, 0.0, 100.0)

    def sizeHint(self) -> QSize:
        return QSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.ring(painter, QRectF(self.rect()), self._fraction)
        painter.end()


class Kbd(_Mark):
    """Key caps; `keys` is one string per cap. With an `action` in their place its key of now, hidden without one."""

    spoken_role = Role.StaticText

    def __init__(self, *keys: str, action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys, self._action = keys, action
        self.setAccessibleName(" ".join(keys))
        if action:
            key_table.changed.connect(self._on_keys_changed)
            if not self._read():
                self.hide()

    def _read(self) -> bool:
        caps = " ".join(key_caps(key_table.of(self._action)))
        self._keys = (caps,) if caps else ()
        self._changed(caps)
        return bool(caps)

    def _on_keys_changed(self) -> None:
        self.setVisible(self._read())

    def sizeHint(self) -> QSize:
        return QSize(sum(paint.kbd_width(k) for k in self._keys) + 6 * (len(self._keys) - 1), 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        left = 0.0
        for key in self._keys:
            left += paint.kbd(painter, QRectF(left, 0, self.width(), self.height()), key) + 6
        painter.end()


class Icon(_Mark):
    """One glyph in a role's colour, as a widget."""

    spoken_role = Role.Graphic

    def __init__(
        self, icon: str, role: str = "text-secondary", size: int = 16, *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._size = size
        self.set_icon(icon, role, name)

    def set_icon(self, icon: str, role: str, name: str = "") -> None:
        self._icon, self._role = icon, role
        self._changed(name)

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        theme.paint_icon(painter, self._icon, QRectF(self.rect()), self._role)
        painter.end()
