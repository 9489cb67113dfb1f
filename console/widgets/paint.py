"""Drawing shared by widgets and the table delegate: rounded boxes, pills, tags, bars, polylines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from console.i18n import mark, tr
from console.theme import theme

CENTER_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
CENTER_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
CENTER = Qt.AlignmentFlag.AlignCenter


@dataclass(frozen=True)
class StateLook:
    """How a state is shown: word, icon, colour role, and whether the pill is filled."""

    word: str
    icon: str
    role: str
    filled: bool = False

    @property
    def soft(self) -> str:
        return "accent-soft" if self.role == "accent" else f"{self.role}-soft"


STATES: dict[str, StateLook] = {
    "running": StateLook(mark("Running"), "circle-dot", "accent", True),
    "starting": StateLook(mark("Starting"), "circle-dashed", "accent", True),
    "preparing": StateLook(mark("Preparing"), "circle-dashed", "accent", True),
    "pausing": StateLook(mark("Pausing"), "circle-dashed", "warn", True),
    "resuming": StateLook(mark("Resuming"), "circle-dashed", "accent", True),
    "stopping": StateLook(mark("Stopping"), "circle-dashed", "accent", True),
    "queued": StateLook(mark("Queued"), "clock", "idle"),
    "paused": StateLook(mark("Paused"), "circle-pause", "warn", True),
    "slow": StateLook(mark("Slow"), "triangle-alert", "warn", True),
    "hung": StateLook(mark("Hung"), "triangle-alert", "bad", True),
    "completed": StateLook(mark("Finished"), "check", "idle"),
    "finished": StateLook(mark("Finished"), "check", "idle"),
    "stopped": StateLook(mark("Stopped"), "circle-stop", "idle"),
    "cancelled": StateLook(mark("Cancelled"), "circle-slash", "idle"),
    "archived": StateLook(mark("Archived"), "archive", "idle"),
    "failed": StateLook(mark("Failed"), "circle-x", "bad", True),
    "crashed": StateLook(mark("Crashed"), "circle-x", "bad", True),
    "lost": StateLook(mark("Lost"), "circle-x", "bad", True),
    "interrupted": StateLook(mark("Interrupted"), "circle-alert", "warn", True),
    "serving": StateLook(mark("Serving"), "circle-check", "ok", True),
    "live": StateLook(mark("Live"), "circle-check", "ok", True),
    "ready": StateLook(mark("Ready"), "circle-check", "ok", True),
    "ok": StateLook(mark("OK"), "circle-check", "ok"),
    "degraded": StateLook(mark("Degraded"), "triangle-alert", "warn", True),
    "loading": StateLook(mark("Loading"), "circle-dashed", "accent", True),
    "open": StateLook(mark("Open"), "circle-dot", "bad", True),
    "acknowledged": StateLook(mark("Acknowledged"), "check-check", "idle"),
    "snoozed": StateLook(mark("Snoozed"), "alarm-clock", "idle"),
    "resolved": StateLook(mark("Resolved"), "check", "idle"),
    "canary": StateLook(mark("Canary"), "split", "challenger", True),
    "shadow": StateLook(mark("Shadow"), "eye", "idle"),
    "read-only": StateLook(mark("Read-only"), "lock", "warn", True),
    "unknown": StateLook(mark("Unknown"), "circle-question-mark", "idle"),
}

ALIASES: dict[str, StateLook] = {
    "champion": StateLook(mark("champion"), "crown", "accent", True),
    "challenger": StateLook(mark("challenger"), "swords", "challenger", True),
    "previous": StateLook(mark("previous"), "undo-2", "idle", True),
    "shadow": StateLook(mark("shadow"), "eye", "idle", True),
}


def state_look(state: str) -> StateLook:
    """The look of a state's wire name; a name nobody declared is shown as it is, in grey."""
    return STATES.get(state) or StateLook(state.replace("_", " ").capitalize(), "circle", "idle")


def alias_look(alias: str) -> StateLook:
    """The look of an alias; a user's own alias is a grey chip with a tag icon."""
    return ALIASES.get(alias) or StateLook(alias, "tag", "idle", True)


def box(painter: QPainter, rect: QRectF, radius: float, fill: QColor | None = None, line: QColor | None = None) -> None:
    """A rounded box whose 1 px border lies inside `rect`, sharp at whole coordinates."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
    if line is None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(rect, radius, radius)
    else:
        painter.setPen(QPen(line, 1))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


def text_width(text: str, font: QFont) -> float:
    return QFontMetricsF(font).horizontalAdvance(text)


def elided(text: str, font: QFont, width: float, *, middle: bool = False) -> str:
    mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
    return QFontMetricsF(font).elidedText(text, mode, width)


def draw_text(
    painter: QPainter,
    rect: QRectF,
    text: str,
    font: QFont,
    role: str | QColor,
    align: Qt.AlignmentFlag = CENTER_LEFT,
    *,
    middle: bool = False,
) -> None:
    """One line, cut with an ellipsis when `rect` is too narrow; in the `middle` where the end tells names apart."""
    painter.setFont(font)
    painter.setPen(theme.role(role) if isinstance(role, str) else role)
    painter.drawText(rect, int(align.value), elided(text, font, rect.width() + 0.5, middle=middle))


def pill_width(look: StateLook, word: str | None = None) -> int:
    """Width of `pill` for this word: 8 + 13 + 5 + text + 8."""
    font = theme.font("caption", 500)
    return round(34 + text_width(word if word is not None else tr(look.word), font))


def pill(painter: QPainter, rect: QRectF, look: StateLook, word: str | None = None) -> None:
    """A state pill at the left of `rect`, 20 px high, filled only when the look says so."""
    text = word if word is not None else tr(look.word)
    width = min(pill_width(look, text), rect.width())
    area = QRectF(rect.left(), round(rect.center().y() - 10), width, 20)
    if look.filled:
        box(painter, area, 10, theme.role(look.soft))
    role = look.role if look.filled else "text-tertiary"
    theme.paint_icon(painter, look.icon, QRectF(area.left() + 8, area.top() + 3.5, 13, 13), role)
    draw_text(painter, area.adjusted(26, 0, -6, 0), text, theme.font("caption", 500), role)


def chip_width(look: StateLook, word: str | None = None) -> int:
    return round(33 + text_width(word if word is not None else tr(look.word), theme.font("caption", 500)))


def chip(painter: QPainter, rect: QRectF, look: StateLook, word: str | None = None) -> None:
    """An alias chip at the left of `rect`: 20 px high, radius 5."""
    text = word if word is not None else tr(look.word)
    area = QRectF(rect.left(), round(rect.center().y() - 10), min(chip_width(look, text), rect.width()), 20)
    box(painter, area, 5, theme.role(look.soft))
    theme.paint_icon(painter, look.icon, QRectF(area.left() + 8, area.top() + 4, 12, 12), look.role)
    draw_text(painter, area.adjusted(25, 0, -6, 0), text, theme.font("caption", 500), look.role)


def tag_width(text: str, dot: bool = False) -> int:
    return round(14 + (12 if dot else 0) + text_width(text, theme.font("caption", 500)))


def tag(painter: QPainter, rect: QRectF, text: str, dot_role: str | None = None, role: str = "text-secondary") -> int:
    """An outlined tag at the left of `rect`, 19 px high; returns its width."""
    width = round(min(tag_width(text, dot_role is not None), rect.width()))
    area = QRectF(rect.left(), round(rect.center().y() - 9.5), width, 19)
    box(painter, area, 5, None, theme.role("line-control"))
    left = 7
    if dot_role is not None:
        dot(painter, QPointF(area.left() + 10, area.center().y()), dot_role, 6)
        left = 19
    draw_text(painter, area.adjusted(left, 0, -5, 0), text, theme.font("caption", 500), role)
    return width


def dot(painter: QPainter, centre: QPointF, role: str, diameter: float = 8, halo: bool = False) -> None:
    """A state dot; with a soft ring around it when `halo`."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    if halo:
        painter.setBrush(theme.role(role, 0.25))
        painter.drawEllipse(centre, diameter / 2 + 3, diameter / 2 + 3)
    painter.setBrush(theme.role(role))
    painter.drawEllipse(centre, diameter / 2, diameter / 2)


def bar(painter: QPainter, rect: QRectF, fraction: float | None, colour: QColor, track: QColor | None = None) -> None:
    """A rounded bar filled from the left; None is an empty track, more than 1 is drawn full."""
    radius = rect.height() / 2
    box(painter, rect, radius, track if track is not None else theme.role("line-control"))
    if fraction is None or not fraction > 0:
        return
    width = max(rect.height(), rect.width() * min(1.0, fraction))
    box(painter, QRectF(rect.left(), rect.top(), width, rect.height()), radius, colour)


def ring(painter: QPainter, rect: QRectF, fraction: float | None, role: str = "accent") -> None:
    """A progress ring, from twelve o'clock clockwise."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = rect.adjusted(1.5, 1.5, -1.5, -1.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.role("line-control"), 1.8))
    painter.drawEllipse(area)
    if fraction:
        painter.setPen(QPen(theme.role(role), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawArc(area, 90 * 16, -round(360 * 16 * min(1.0, fraction)))


def sparkline(
    painter: QPainter,
    rect: QRectF,
    values: Sequence[float | None],
    colour: QColor,
    *,
    zero: bool = False,
    fill: bool = True,
    end_dot: bool = True,
) -> None:
    """A 1.3 px polyline over `rect`; None and NaN break it. `zero` makes the scale start at zero."""
    known = [v for v in values if v is not None and v == v and abs(v) != float("inf")]
    if not known:
        return
    low = min(0.0, *known) if zero else min(known)
    high = max(known)
    if zero:
        high *= 1.45 if high > 0 else 1
    span = (high - low) or 1.0
    inner = rect.adjusted(0, 2, -3, -2)
    step = inner.width() / max(1, len(values) - 1)
    pieces: list[list[QPointF]] = [[]]
    for index, value in enumerate(values):
        if value is None or value != value or abs(value) == float("inf"):
            pieces.append([])
            continue
        share = (value - low) / span if high != low else 0.0 if zero else 0.5
        pieces[-1].append(QPointF(inner.left() + index * step, inner.bottom() - share * inner.height()))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for points in pieces:
        if points:
            _piece(painter, rect, points, colour, fill)
    last = next(points[-1] for points in reversed(pieces) if points)
    if end_dot:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(last, 1.9, 1.9)


def _piece(painter: QPainter, rect: QRectF, points: list[QPointF], colour: QColor, fill: bool) -> None:
    if fill:
        area = QPainterPath(QPointF(points[0].x(), rect.bottom()))
        for point in points:
            area.lineTo(point)
        area.lineTo(points[-1].x(), rect.bottom())
        soft = QColor(colour)
        soft.setAlphaF(0.16)
        painter.fillPath(area, soft)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.3))
    painter.drawPolyline(QPolygonF(points))


def check(painter: QPainter, rect: QRectF, state: Qt.CheckState) -> None:
    """A 15 px tick box centred in `rect`."""
    area = QRectF(round(rect.center().x() - 7.5), round(rect.center().y() - 7.5), 15, 15)
    if state == Qt.CheckState.Unchecked:
        box(painter, area, 4, None, theme.role("line-strong"))
        return
    box(painter, area, 4, theme.role("accent-fill"))
    glyph = "check" if state == Qt.CheckState.Checked else "minus"
    theme.paint_icon(painter, glyph, area.adjusted(2, 2, -2, -2), "on-accent")


def kbd_width(text: str) -> int:
    return round(max(18, 10 + text_width(text, theme.font("caption", 500))))


def kbd(painter: QPainter, rect: QRectF, text: str) -> int:
    """A key cap at the left of `rect`, 18 px high; returns its width."""
    width = kbd_width(text)
    area = QRectF(rect.left(), round(rect.center().y() - 9), width, 18)
    box(painter, area, 4, theme.role("raised"), theme.role("line-control"))
    draw_text(painter, area, text, theme.font("caption", 500), "text-secondary", CENTER)
    return width
