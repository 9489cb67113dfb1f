"""Numbers with their bars: meter, metric tile, thin progress bar, stacked estimate bar, sparkline."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role
from console.widgets.text import set_tip


class Meter(QWidget):
    """Label and value above a 4 px bar. Above 80 % of a limit the value turns warn, above 95 % bad."""

    spoken_role = Role.ProgressBar

    def __init__(self, label: str, role: str = "s7-slate", parent: QWidget | None = None, *, subject: str = "") -> None:
        """`subject`: whose meter it is, for who cannot see what it stands on."""
        super().__init__(parent)
        self._label, self._role, self._subject = label, role, subject
        self._value, self._unit = "—", ""
        self._fraction: float | None = None
        self._limited = False
        self._stale = False
        self.setAccessibleName(f"{subject} {label}".strip())
        self.setFixedHeight(34)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_value(self, value: str, unit: str = "", fraction: float | None = None, *, limited: bool = False) -> None:
        """`fraction` of the bar (None: unknown); `limited` when the top of the bar is a limit not to be reached."""
        self._value, self._unit, self._fraction, self._limited = value, unit, fraction, limited
        name = f"{self._subject} {self._label}".strip()
        self.setAccessibleName(f"{name}, {self._spoken()}")
        set_tip(self, f"{self._label}: {self._spoken()}")
        self.update()

    def _spoken(self) -> str:
        if self._unit.startswith("/"):
            return tr("{value} of {limit}", value=self._value, limit=self._unit.removeprefix("/").strip())
        return f"{self._value} {self._unit}".strip()

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.update()

    def spoken_value(self) -> str:
        return self._spoken()

    def spoken_range(self) -> tuple[float, float, float] | None:
        return None if self._fraction is None else (100 * self._fraction, 0.0, 100.0)

    def sizeHint(self) -> QSize:
        return QSize(122, 34)

    def _value_role(self) -> str:
        if self._stale:
            return "text-tertiary"
        if self._limited and self._fraction is not None and self._fraction > 0.8:
            return "bad" if self._fraction > 0.95 else "warn"
        return "text"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        small = theme.font("small")
        top = QRectF(0, 2, self.width(), 20)
        strong = theme.font("body", 600)
        unit, unit_width = self._unit, paint.text_width(self._unit, small) if self._unit else 0
        texts = paint.text_width(self._label, small) + paint.text_width(self._value, strong) + 6
        for shorter in (self._unit.rpartition(" ")[2], ""):  # rather than a label cut short: the tooltip has it all
            if unit and texts + unit_width + 4 > self.width():
                unit = shorter
                unit_width = paint.text_width(unit, small) if unit else 0
        gap = 4 if unit else 0
        paint.draw_text(painter, top, unit, small, "text-tertiary", paint.CENTER_RIGHT)
        value_rect = top.adjusted(0, 0, -unit_width - gap, 0)
        paint.draw_text(painter, value_rect, self._value, strong, self._value_role(), paint.CENTER_RIGHT)
        used = unit_width + gap + paint.text_width(self._value, strong) + 6
        paint.draw_text(painter, top.adjusted(0, 0, -used, 0), self._label, small, "text-secondary")
        paint.bar(painter, QRectF(0, 25, self.width(), 4), self._fraction, theme.role(self._role))
        painter.end()


class MetricTile(QWidget):
    """A panel with label, big value, grey unit and a note at the right; click opens its chart.

    Signals:
        clicked: by mouse, Return or Space.
    """

    spoken_role = Role.Button

    clicked = Signal()

    def __init__(self, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = label
        self._value, self._unit, self._note, self._note_icon = "—", "", "", ""
        self._note_role, self._value_role = "text-tertiary", "text"
        self.setAccessibleName(label)
        self._stale = False
        self.setFixedHeight(66)
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def set_value(self, value: str, unit: str = "", *, role: str = "text") -> None:
        self._value, self._unit, self._value_role = value, unit, role
        self.setAccessibleName(f"{self._label}, {value} {unit}".strip())
        self.update()

    def set_note(self, text: str, role: str = "text-tertiary", icon: str = "") -> None:
        """Delta or mark at the right, such as `set_note("SLO 25", "ok", "circle-check")`."""
        self._note, self._note_role, self._note_icon = text, role, icon
        self.update()

    def set_stale(self, stale: bool) -> None:
        self._stale = stale
        self.update()

    def spoken_value(self) -> str:
        return f"{self._value} {self._unit}".strip()

    def sizeHint(self) -> QSize:
        return QSize(190, 66)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), theme.role("panel"), theme.role("line"))
        small, big = theme.font("small"), theme.font("tile-value")
        paint.draw_text(painter, QRectF(14, 10, self.width() - 28, 18), self._label, small, "text-secondary")
        base = QRectF(14, 30, self.width() - 28, 28)
        role = "text-tertiary" if self._stale else self._value_role
        paint.draw_text(painter, base, self._value, big, role)
        used = paint.text_width(self._value, big) + 6
        paint.draw_text(painter, base.adjusted(used, 2, 0, 2), self._unit, small, "text-tertiary")
        used += paint.text_width(self._unit, small) + 8
        note_width = paint.text_width(self._note, small) + (18 if self._note_icon else 0)
        if self._note and used + note_width <= base.width():
            paint.draw_text(painter, base.adjusted(0, 2, 0, 2), self._note, small, self._note_role, paint.CENTER_RIGHT)
            if self._note_icon:
                left = base.right() - note_width
                theme.paint_icon(painter, self._note_icon, QRectF(left, 39.5, 13, 13), self._note_role)
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


class ProgressBar(QWidget):
    """A 4 px bar in a role's colour; None is an empty track."""

    spoken_role = Role.ProgressBar

    def __init__(self, name: str = "", role: str = "accent", height: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._role = name, role
        self.setAccessibleName(name)
        self._fraction: float | None = None
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_fraction(self, fraction: float | None, role: str | None = None) -> None:
        self._fraction = fraction
        self._role = role or self._role
        self.setAccessibleName(f"{self._name} {fraction:.0%}" if fraction is not None else self._name)
        self.update()

    def spoken_value(self) -> str:
        return "" if self._fraction is None else f"{self._fraction:.0%}"

    def spoken_range(self) -> tuple[float, float, float] | None:
        return None if self._fraction is None else (100 * self._fraction, 0.0, 100.0)

    def sizeHint(self) -> QSize:
        return QSize(120, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.bar(painter, QRectF(self.rect()), self._fraction, theme.role(self._role))
        painter.end()


class EstimateBar(QWidget):
    """Stacked segments in one bar with a legend: (text, amount, role, amount text)."""

    spoken_role = Role.Chart

    def __init__(self, name: str = "", *, legend: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._legend = name, legend
        self.setAccessibleName(name)
        self._parts: list[tuple[str, float, str, str]] = []
        self._limit: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_parts(self, parts: Sequence[tuple[str, float, str, str]], limit: float | None = None) -> None:
        """Amounts and limit in one unit; without a limit the parts fill the bar."""
        self._parts = [part for part in parts if part[1] >= 0]
        self._limit = limit
        self.setAccessibleName(self._name + " " + ", ".join(f"{text} {shown}" for text, _, _, shown in self._parts))
        self.updateGeometry()
        self.update()

    def spoken_value(self) -> str:
        return ", ".join(f"{text} {shown}" for text, _, _, shown in self._parts)

    def sizeHint(self) -> QSize:
        return QSize(240, 10 + (len(self._parts) * 19 + 6 if self._legend and self._parts else 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        total = sum(part[1] for part in self._parts)
        scale = max(total, self._limit or 0.0) or 1.0
        self._paint_bar(painter, scale)
        if self._legend:
            for index, (text, _, role, shown) in enumerate(self._parts):
                area = QRectF(0, 16 + index * 19, self.width(), 19)
                paint.dot(painter, QPointF(3.5, area.center().y()), role, 7)
                paint.draw_text(painter, area, shown, theme.font("small", 600), "text", paint.CENTER_RIGHT)
                paint.draw_text(painter, area.adjusted(14, 0, -70, 0), text, theme.font("small"), "text-secondary")
        painter.end()

    def _paint_bar(self, painter: QPainter, scale: float) -> None:
        track = QRectF(0, 0, self.width(), 9)
        paint.box(painter, track, 3, theme.role("line-control"))
        from PySide6.QtGui import QPainterPath

        clip = QPainterPath()
        clip.addRoundedRect(track, 3, 3)
        painter.save()
        painter.setClipPath(clip)
        left = 0.0
        for _, amount, role, _ in self._parts:
            width = self.width() * amount / scale
            painter.fillRect(QRectF(left, 0, max(0.0, width - 1), 9), theme.role(role))
            left += width
        painter.restore()


class Sparkline(QWidget):
    """A painted line of the last values; zero-based for rates and latencies. The tooltip says min, last and max."""

    spoken_role = Role.Chart

    def __init__(
        self,
        name: str = "",
        role: str = "s1-blue",
        *,
        zero: bool = False,
        fill: bool = True,
        number: str = ".4g",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name, self._role, self._zero, self._fill, self._number = name, role, zero, fill, number
        self.setAccessibleName(name)
        self._values: list[float | None] = []
        self.setMinimumSize(40, 24)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_values(self, values: Sequence[float | None], role: str | None = None) -> None:
        """Show these; None breaks the line."""
        self._values = list(values)
        self._role = role or self._role
        known = [v for v in self._values if v is not None and v == v]
        if known:
            low, last, high = (format(v, self._number) for v in (min(known), known[-1], max(known)))
            self.setAccessibleName(_trend(self._name, known, self._number))
            set_tip(self, self._name, line=tr("min {low} · last {last} · max {high}", low=low, last=last, high=high))
        self.update()

    def spoken_value(self) -> str:
        known = [v for v in self._values if v is not None and v == v]
        return format(known[-1], self._number) if known else ""

    def sizeHint(self) -> QSize:
        return QSize(90, 30)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.sparkline(
            painter, QRectF(self.rect()), self._values, theme.role(self._role), zero=self._zero, fill=self._fill
        )
        painter.end()


def _trend(name: str, known: Sequence[float], number: str) -> str:
    """`train loss, falling from 1.20 to 0.22`; less than a fifth of its size is no trend."""
    first, last = known[0], known[-1]
    texts = {"name": name, "first": format(first, number), "last": format(last, number)}
    if abs(last - first) <= 0.2 * max(abs(first), abs(last)):
        return tr("{name}, steady at {last}", name=name, last=texts["last"])
    if last > first:
        return tr("{name}, rising from {first} to {last}", **texts)
    return tr("{name}, falling from {first} to {last}", **texts)
