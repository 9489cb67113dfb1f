"""What a person would see wrong in a picture of a page: unreadable text, stale colours, charts without ink."""

import json
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QLabel, QWidget

from console.theme import theme
from console.theme.tokens import TOKENS_FILE
from console.widgets.buttons import Button
from console.widgets.text import Text

Pixels = NDArray[np.uint32]
"""Rows of 0xAARRGGBB."""

LEAST_CONTRAST = 4.5
DISABLED = ("text-disabled",)
"""WCAG asks nothing of text that cannot be used."""

LARGE_AREA = 0.004
"""A colour that fills more of a picture than this is a surface: it has to be one of the theme's."""

FAINT = 0.25
"""What is still to come and what is dimmed has at most so much of another colour over it; the colours of series fill
bars and the ground under curves."""


def picture_of(window: QWidget) -> Pixels:
    """The window as it stands, one number a pixel."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_ARGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()


def contrast(one: QColor, other: QColor) -> float:
    """The WCAG 2.2 ratio, 1 … 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: QColor) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
             for part in (colour.redF(), colour.greenF(), colour.blueF())]  # fmt: skip
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _area(window: QWidget, widget: QWidget, pixels: Pixels) -> Pixels:
    """The part of a picture where a widget shows, without what scrolls out of view."""
    shown: QRect = widget.visibleRegion().boundingRect()
    at: QPoint = widget.mapTo(window, shown.topLeft())
    return pixels[max(0, at.y()) : at.y() + shown.height(), max(0, at.x()) : at.x() + shown.width()]


def unreadable(window: QWidget, pixels: Pixels) -> list[str]:
    """Labels and buttons whose text cannot be read: too little contrast, or no ink of their colour at all."""
    found = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, Text | Button) or not widget.isVisible() or not widget.text().strip():
            continue
        if widget.visibleRegion().boundingRect() != widget.rect():
            continue  # half of it is scrolled out of view
        area = _area(window, widget, pixels)
        if area.size < 60 or not widget.isEnabled() or getattr(widget, "_role", "") in DISABLED:
            continue
        name = f"{type(widget).__name__} {widget.text()[:30]!r}"
        behind, ink = _behind_and_ink(area)
        ratio = contrast(behind, ink)
        declared = theme.role(widget._role) if isinstance(widget, Text) and isinstance(widget, QLabel) else None
        if declared is not None and declared.alpha() == 255 and contrast(behind, declared) < LEAST_CONTRAST:
            found.append(f"{name}: {widget._role} on {behind.name()} is {contrast(behind, declared):.1f}")  # type: ignore[union-attr]
        elif ratio < 0.6 * LEAST_CONTRAST:  # thin strokes do not reach their full colour
            found.append(f"{name}: drawn as {ink.name()} on {behind.name()}, {ratio:.1f}")
    return found


def _behind_and_ink(area: Pixels) -> tuple[QColor, QColor]:
    """The most frequent colour, and the one that differs most from it."""
    counts = Counter(area.ravel().tolist())
    behind = QColor(counts.most_common(1)[0][0] & 0xFFFFFF)
    return behind, max((QColor(one & 0xFFFFFF) for one in counts), key=lambda colour: contrast(behind, colour))


def foreign_surfaces(pixels: Pixels) -> list[str]:
    """Colours of large areas that are neither the theme's nor a faint wash of one of its colours over one of its
    surfaces: stale ones of another theme, or ones nobody declared."""
    raw = json.loads(TOKENS_FILE.read_text(encoding="utf-8"))["themes"][theme.name]
    solid, series = ({theme.role(name).rgb() & 0xFFFFFF for name in raw[group] if theme.role(name).alpha() == 255}
                     for group in ("color", "series"))  # fmt: skip
    values, counts = np.unique(pixels & 0xFFFFFF, return_counts=True)
    large = [(int(value), int(count)) for value, count in zip(values, counts, strict=True)
             if count > LARGE_AREA * pixels.size]  # fmt: skip
    return [
        f"#{value:06x} fills {count / pixels.size:.1%}"
        for value, count in large
        if value not in solid and not _is_wash(value, solid, FAINT) and not _is_wash(value, series, 1.0)
    ]


def _is_wash(value: int, tints: set[int], most: float) -> bool:
    """Whether a colour is a surface with at most so much of one of these colours over it."""
    seen = _parts(value)
    for base in (_parts(theme.role(name).rgb()) for name in ("panel", "canvas", "raised")):
        for tint in map(_parts, tints):
            way = tint - base
            if not way.any():
                continue
            share = float((seen - base) @ way) / float(way @ way)
            if 0.0 < share <= most and np.abs(base + share * way - seen).max() <= 2:
                return True
    return False


def _parts(value: int) -> NDArray[np.float64]:
    return np.array([(value >> shift) & 0xFF for shift in (16, 8, 0)], dtype=np.float64)


def inked(window: QWidget, widget: QWidget, role: str, pixels: Pixels) -> int:
    """How many pixels of a widget have a role's colour, or nearly: lines are drawn with soft edges."""
    area, wanted = _area(window, widget, pixels), theme.role(role)
    parts = [((area >> shift) & 0xFF).astype(int) for shift in (16, 8, 0)]
    far = sum(np.abs(part - full) for part, full in zip(parts, (wanted.red(), wanted.green(), wanted.blue()),
                                                        strict=True))  # fmt: skip
    return int((far < 60).sum())
