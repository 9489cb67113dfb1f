"""Token attribution: words as chips, orange for and blue against, strength by alpha, number on hover."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role
from console.widgets.text import set_tip

HEIGHT, GAP, LINE = 24, 4, 31


class TokenAttribution(QWidget):
    """Wraps its chips to the width it has."""

    spoken_role = Role.Chart

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._tokens: list[tuple[str, float]] = []
        self._hover = -1
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_tokens(self, tokens: Sequence[tuple[str, float]]) -> None:
        """(text, weight): positive speaks for the answer, negative against; the scale is the largest of them."""
        self._tokens = list(tokens)
        self.setAccessibleName(f"{self._name}: {self.as_text()}")
        self.updateGeometry()
        self.update()

    def as_text(self) -> str:
        """Every token with its weight, for the clipboard."""
        return " ".join(f"{text} ({weight:+.3f})" for text, weight in self._tokens)

    def _places(self, width: float) -> list[QRectF]:
        font = theme.font("small", 500)
        places, left, top = [], 0.0, 0.0
        for text, _ in self._tokens:
            chip = paint.text_width(text, font) + 12
            if left + chip > width and left > 0:
                left, top = 0.0, top + LINE
            places.append(QRectF(left, top, chip, HEIGHT))
            left += chip + GAP
        return places

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        places = self._places(width)
        return round(places[-1].bottom()) + 1 if places else HEIGHT

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(max(self.width(), 320)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = QPointF(event.position())
        hover = next((i for i, r in enumerate(self._places(self.width())) if r.contains(point)), -1)
        if hover != self._hover:
            self._hover = hover
            text = f"{self._tokens[hover][0]}  {self._tokens[hover][1]:+.3f}" if hover >= 0 else ""
            set_tip(self, text)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        most = max((abs(weight) for _, weight in self._tokens), default=0.0) or 1.0
        font = theme.font("small", 500)
        for (text, weight), rect in zip(self._tokens, self._places(self.width()), strict=True):
            share = abs(weight) / most
            if share > 0.04:
                role = "attribution-for" if weight > 0 else "attribution-against"
                paint.box(painter, rect, 4, theme.role(role, 0.08 + 0.52 * share))
            paint.draw_text(painter, rect, text, font, "text", paint.CENTER)
        painter.end()
