"""Colours, pens and sizes of the charts, asked from the theme by role at the moment of painting."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPen, QPixmap

from console.theme import theme

LEFT, TOP, RIGHT, BOTTOM = 34, 7, 15, 20  # margins of a plot inside its canvas


def colour(role: str, alpha: float = 1.0) -> QColor:
    """The colour of a role now. Do not keep it: it is stale after a theme switch."""
    return theme.role(role, None if alpha >= 1.0 else alpha)


def token(name: str) -> Any:
    """A value of the chart section of the tokens."""
    return theme.chart(name)


def pen(role: str, alpha: float = 1.0, width: float = 1.0, dash: tuple[int, ...] | list[int] = ()) -> QPen:
    """A cosmetic pen; a dash pattern is in pixels."""
    made = QPen(colour(role, alpha), width)
    made.setCosmetic(True)
    made.setCapStyle(Qt.PenCapStyle.FlatCap)
    made.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    if dash:
        made.setDashPattern([part / max(width, 1.0) for part in dash])
    return made


def font(style: str, weight: int | None = None) -> QFont:
    return theme.font(style, weight)


def pixmap(icon: str, size: int, role: str, dpr: float) -> QPixmap:
    return theme.pixmap(icon, size, role, dpr)
