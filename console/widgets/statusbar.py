"""The 28 px status bar: painted segments that are buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.text import set_tip


@dataclass(frozen=True)
class Part:
    """One piece of a segment: kind dot, icon, text, grey, bar or space; `value` is its text, icon name or role."""

    kind: str
    value: str = ""
    fraction: float | None = None
    role: str = ""


GAPS = {"dot": 6.0, "icon": 6.0, "text": 7.0, "grey": 6.0, "bar": 6.0, "space": 0.0}


class StatusSegment(QAbstractButton):
    """A segment made of parts."""

    def __init__(self, key: str, tip: str) -> None:
        super().__init__()
        self.key = key
        self._parts: tuple[Part, ...] = ()
        self._short = False
        self.setFixedHeight(27)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_tip(tip)

    def set_tip(self, tip: str) -> None:
        set_tip(self, tip)
        self.setAccessibleDescription(tip)

    def set_parts(self, parts: Sequence[Part]) -> None:
        """Show these; hidden when there are none."""
        if tuple(parts) == self._parts:
            return
        self._parts = tuple(parts)
        self.setAccessibleName(" ".join(p.value for p in parts if p.kind in ("text", "grey")))
        self.setVisible(bool(parts))
        self.updateGeometry()
        self.update()

    def set_short(self, short: bool) -> None:
        """Leave out the grey details, where there is too little room; name and tooltip keep them."""
        if short != self._short:
            self._short = short
            self.updateGeometry()
            self.update()

    def width_of(self, short: bool) -> int:
        """The width it wants."""
        parts = self._shown(short)
        width = sum(self._width(p) + GAPS[p.kind] for p in parts)
        return round(width - (GAPS[parts[-1].kind] if parts else 0)) + 8

    def _shown(self, short: bool) -> tuple[Part, ...]:
        plain = tuple(part for at, part in enumerate(self._parts) if part.kind != "grey" or self._names_a_bar(at))
        return plain if short and any(part.kind in ("text", "bar") for part in plain) else self._parts

    def _names_a_bar(self, at: int) -> bool:
        """A grey name before a bar, such as GPU 0, stays."""
        return at + 1 < len(self._parts) and self._parts[at + 1].kind in ("bar", "text")

    def _width(self, part: Part) -> float:
        fixed = {"dot": 7.0, "icon": 13.0, "bar": 34.0, "space": 6.0}
        if part.kind in fixed:
            return fixed[part.kind]
        return float(round(paint.text_width(part.value, theme.font("small"))))

    def sizeHint(self) -> QSize:
        return QSize(self.width_of(self._short), 27)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self.underMouse():
            paint.box(painter, QRectF(0, 3, self.width(), 21), 4, theme.role("raised"))
        left = 4.0
        for part in self._shown(self._short):
            width = self._width(part)
            self._paint_part(painter, part, left, width)
            left += width + GAPS[part.kind]
        painter.end()

    def _paint_part(self, painter: QPainter, part: Part, left: float, width: float) -> None:
        if part.kind == "dot":
            paint.dot(painter, QPointF(left + 3.5, 13.5), part.value, 7)
        elif part.kind == "icon":
            theme.paint_icon(painter, part.value, QRectF(left, 7, 13, 13), part.role or "text-secondary")
        elif part.kind == "bar":
            bar = QRectF(left, 11, width, 4)
            paint.bar(painter, bar, part.fraction, theme.role(part.role or "utilization"))
        elif part.kind != "space":
            role = part.role or ("text-tertiary" if part.kind == "grey" else "text-secondary")
            area = QRectF(left, 0, width + 1, 27)
            paint.draw_text(painter, area, part.value, theme.font("small"), role)


class _Separator(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(17, 27)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(QRectF(8, 8, 1, 12), theme.role("line"))
        painter.end()


class StatusBar(QWidget):
    """Segments at the left and right, hairlines between groups.

    Signals:
        clicked(str): a segment's key.
    """

    clicked = Signal(str)

    def __init__(self, left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]) -> None:
        """(key, tooltip) of every segment, in order."""
        super().__init__()
        self.setFixedHeight(theme.size("statusbar"))
        self._segments: dict[str, StatusSegment] = {}
        self._separators: dict[str, _Separator] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 1, 11, 0)
        layout.setSpacing(0)
        for group, entries in enumerate((left, right)):
            if group:
                layout.addStretch(1)
            for index, (key, tip) in enumerate(entries):
                if index:
                    self._separators[key] = _Separator()
                    layout.addWidget(self._separators[key])
                segment = StatusSegment(key, tip)
                segment.clicked.connect(lambda _=False, key=key: self.clicked.emit(key))
                segment.hide()
                self._segments[key] = segment
                layout.addWidget(segment)
        self._hide_separators()

    def segment(self, key: str) -> StatusSegment:
        return self._segments[key]

    def set_parts(self, key: str, parts: Sequence[Part]) -> None:
        """Fill a segment; no parts hide it and its separator."""
        self._segments[key].set_parts(parts)
        self._hide_separators()
        self._fit()

    def _fit(self) -> None:
        """Details go segment by segment, those said elsewhere first, until all fit."""
        shown = {key: segment for key, segment in self._segments.items() if not segment.isHidden()}
        room = self.width() - 21 - 17 * max(0, len(shown) - 2) - 8
        short: set[str] = set()
        for key in ("", "backend", "jobs", "gpu"):
            short |= {key}
            if sum(segment.width_of(name in short) for name, segment in shown.items()) <= room:
                break
        for name, segment in self._segments.items():
            segment.set_short(name in short)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _hide_separators(self) -> None:
        for key, separator in self._separators.items():
            separator.setVisible(not self._segments[key].isHidden())

    def sizeHint(self) -> QSize:
        return QSize(900, theme.size("statusbar"))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.role("chrome"))
        painter.fillRect(0, 0, self.width(), 1, theme.role("line"))
        painter.end()
