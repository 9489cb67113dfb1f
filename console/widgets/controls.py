"""Segmented control, toggle and underlined tabs; painted, one tab stop each, arrow keys inside."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role

Choice = tuple[str, str]
"""(value, text)"""


class _Choices(QWidget):
    """Keyboard and value logic shared by the segmented control and the tabs.

    Signals:
        changed(str): the user chose another value.
    """

    spoken_role = Role.PageTabList

    changed = Signal(str)

    def __init__(self, choices: Sequence[Choice], value: str | None, name: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._name = name
        self._hover = -1
        self._disabled: dict[str, str] = {}
        self._choices: list[Choice] = []
        self._value = ""
        self.set_choices(choices, value)

    def set_choices(self, choices: Sequence[Choice], value: str | None = None) -> None:
        """Replace the choices; the value is kept when it still exists, else the first is taken."""
        self._choices = list(choices)
        values = [choice for choice, _ in self._choices]
        wanted = value if value is not None else self._value
        self._value = wanted if wanted in values else (values[0] if values else "")
        self._named()

    @property
    def value(self) -> str:
        return self._value

    def set_value(self, value: str) -> None:
        """Show another value without telling; an unknown value raises ValueError."""
        if value not in [choice for choice, _ in self._choices]:
            raise ValueError(f"{value!r} is not one of {[choice for choice, _ in self._choices]}")
        if value != self._value:
            self._value = value
            self._named()

    def set_disabled(self, value: str, reason: str) -> None:
        """Refuse one choice with a reason; an empty reason allows it again."""
        if reason:
            self._disabled[value] = reason
        else:
            self._disabled.pop(value, None)
        self.update()

    def choose(self, value: str) -> None:
        """Take a value as if the user had clicked it."""
        if value != self._value and value not in self._disabled:
            self.set_value(value)
            self.changed.emit(value)

    def _named(self) -> None:
        text = dict(self._choices).get(self._value, "")
        self.setAccessibleName(f"{self._name}: {text}" if self._name else text)
        self.updateGeometry()
        self.update()

    def _rects(self) -> list[QRectF]:
        raise NotImplementedError

    def _at(self, point: QPointF) -> int:
        return next((i for i, rect in enumerate(self._rects()) if rect.contains(point)), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.choose(self._choices[index][0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position())
        if index != self._hover:
            self._hover = index
            self.setToolTip("")
            if index >= 0 and self._choices[index][0] in self._disabled:
                from console.widgets.text import set_tip

                set_tip(self, self._choices[index][1], line=self._disabled[self._choices[index][0]])
            self.update()

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        self._hover = -1
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        self.step(step)

    def step(self, step: int) -> None:
        """Move to the next (or previous) choice that is allowed, around the end."""
        free = [value for value, _ in self._choices if value not in self._disabled]
        if free:
            at = free.index(self._value) if self._value in free else 0
            self.choose(free[(at + step) % len(free)])

    def _text_role(self, index: int) -> str:
        value = self._choices[index][0]
        if value in self._disabled or not self.isEnabled():
            return "text-disabled"
        return "text" if value == self._value or index == self._hover else "text-secondary"

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Segmented(_Choices):
    """A few exclusive choices side by side, 26 px (24 when `small`)."""

    def __init__(
        self,
        choices: Sequence[Choice],
        value: str | None = None,
        *,
        name: str = "",
        small: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        self._height = 24 if small else 26
        super().__init__(choices, value, name, parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _widths(self) -> list[int]:
        font = theme.font("small", 500)
        return [round(paint.text_width(text, font)) + 20 for _, text in self._choices]

    def _rects(self) -> list[QRectF]:
        rects, left = [], 2.0
        for width in self._widths():
            rects.append(QRectF(left, 2, width, self._height - 4))
            left += width
        return rects

    def spoken_value(self) -> str:
        return dict(self._choices).get(self._value, "")

    def sizeHint(self) -> QSize:
        return QSize(sum(self._widths()) + 4, self._height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        shell = QRectF(0, 0, self.width(), self._height)
        track = theme.role("canvas" if theme.is_dark else "raised")
        paint.box(painter, shell, theme.radius("control"), track, theme.role("line-control"))
        font = theme.font("small", 500)
        for index, rect in enumerate(self._rects()):
            if self._choices[index][0] == self._value:
                fill = "selected" if theme.is_dark else "panel"
                line = None if theme.is_dark else theme.role("line-control")
                paint.box(painter, rect, 4.5, theme.role(fill), line)
            paint.draw_text(painter, rect, self._choices[index][1], font, self._text_role(index), paint.CENTER)
        painter.end()


class Tabs(_Choices):
    """Underlined tabs of a page with optional counts, 34 px, on a hairline over the whole width."""

    HEIGHT = 34

    def __init__(
        self,
        choices: Sequence[Choice],
        value: str | None = None,
        *,
        name: str = "Tabs",
        line: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        self._counts: dict[str, str] = {}
        self._line = line
        super().__init__(choices, value, name, parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_count(self, value: str, count: int | None) -> None:
        """The grey number behind a tab's text; None removes it."""
        if count is None:
            self._counts.pop(value, None)
        else:
            self._counts[value] = f"{count:,}"
        self.updateGeometry()
        self.update()

    def _width(self, value: str, text: str) -> float:
        width = paint.text_width(text, theme.font("body", 500))
        if value in self._counts:
            width += 7 + paint.text_width(self._counts[value], theme.font("small"))
        return width

    def _rects(self) -> list[QRectF]:
        rects, left = [], 0.0
        for value, text in self._choices:
            width = self._width(value, text)
            rects.append(QRectF(left, 0, width, self.HEIGHT))
            left += width + 22
        return rects

    def sizeHint(self) -> QSize:
        rects = self._rects()
        return QSize(round(rects[-1].right()) if rects else 0, self.HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self._line:
            painter.fillRect(QRectF(0, self.HEIGHT - 1, self.width(), 1), theme.role("line"))
        font = theme.font("body", 500)
        for index, rect in enumerate(self._rects()):
            value, text = self._choices[index]
            paint.draw_text(painter, rect.adjusted(0, 0, 0, -2), text, font, self._text_role(index))
            if value in self._counts:
                used = paint.text_width(text, font) + 7
                count_rect = rect.adjusted(used, 0, 2, -2)
                paint.draw_text(painter, count_rect, self._counts[value], theme.font("small"), "text-tertiary")
            if value == self._value:
                painter.fillRect(QRectF(rect.left(), self.HEIGHT - 2, rect.width(), 2), theme.role("accent"))
        painter.end()


class Toggle(QAbstractButton):
    """A 28×16 switch with an optional label at its left; `toggled` tells."""

    def __init__(self, text: str = "", on: bool = False, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(on)
        self.setAccessibleName(name or text)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFont(theme.font("small"))

    def sizeHint(self) -> QSize:
        text = round(paint.text_width(self.text(), self.font())) + 8 if self.text() else 0
        return QSize(text + 28, 24)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.text():
            role = "text-secondary" if self.isEnabled() else "text-disabled"
            paint.draw_text(painter, QRectF(0, 0, self.width() - 34, self.height()), self.text(), self.font(), role)
        track = QRectF(self.width() - 28, (self.height() - 16) / 2, 28, 16)
        fill = "accent-fill" if self.isChecked() else "line-strong"
        paint.box(painter, track, 8, theme.role(fill if self.isEnabled() else "line-control"))
        knob = track.right() - 8 if self.isChecked() else track.left() + 8
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.role("on-accent"))
        painter.drawEllipse(QPointF(knob, track.center().y()), 6, 6)
        painter.end()
