"""Lucide glyphs drawn in any colour, size and stroke, sharp at every device pixel ratio, cached."""

from __future__ import annotations

import re
from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from console.theme.tokens import RESOURCES

ICON_DIR = RESOURCES / "icons"
FILLED = frozenset({"play", "pause", "square"})


@lru_cache(maxsize=512)
def _source(name: str) -> str:
    path = ICON_DIR / f"{name}.svg"
    if not path.is_file():
        raise KeyError(f"icon {name!r} is not bundled; known icons are the files in resources/icons")
    return path.read_text(encoding="utf-8")


def icon_names() -> list[str]:
    """Every bundled icon name."""
    return sorted(path.stem for path in ICON_DIR.glob("*.svg"))


def svg_of(name: str, colour: str, size: float) -> str:
    """The SVG text of `name` in `colour` (#RRGGBB) with the stroke that suits `size` logical pixels."""
    stroke = 2.2 if size <= 12 else 1.75
    text = _source(name).replace("currentColor", colour)
    text = re.sub(r'stroke-width="[^"]*"', f'stroke-width="{stroke}"', text, count=1)
    if name in FILLED:
        text = text.replace('fill="none"', f'fill="{colour}"', 1)
    return text


@lru_cache(maxsize=2048)
def _render(name: str, size: int, rgba: int, dpr: float) -> QPixmap:
    colour = QColor.fromRgba(rgba)
    edge = max(1, round(size * dpr))
    pixmap = QPixmap(edge, edge)
    pixmap.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(svg_of(name, colour.name(), size).encode()))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(colour.alphaF())
    renderer.render(painter, QRectF(0, 0, edge, edge))
    painter.end()
    pixmap.setDevicePixelRatio(dpr)
    return pixmap


def pixmap(name: str, size: int, colour: QColor, dpr: float | None = None) -> QPixmap:
    """A pixmap of `size` logical pixels; `dpr` defaults to the primary screen's."""
    if dpr is None:
        screen = QGuiApplication.primaryScreen()
        dpr = screen.devicePixelRatio() if screen else 1.0
    return _render(name, size, colour.rgba(), dpr)


def paint(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Draw `name` centred in `rect`, sharp on the painter's device."""
    size = round(min(rect.width(), rect.height()))
    dpr = painter.device().devicePixelRatioF() if painter.device() else 1.0
    picture = pixmap(name, size, colour, dpr)
    painter.drawPixmap(
        QRectF(rect.center().x() - size / 2, rect.center().y() - size / 2, size, size),
        picture,
        QRectF(picture.rect()),
    )


class _Engine(QIconEngine):
    """Draws the glyph in the colour the theme has when it is asked, so icons never go stale."""

    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name, self._role = name, role

    def _colour(self, mode: QIcon.Mode) -> QColor:
        from console.theme.model import theme  # the theme imports this module

        return theme.role("text-disabled" if mode == QIcon.Mode.Disabled else self._role)

    def paint(self, painter: QPainter, rect, mode: QIcon.Mode, state: QIcon.State) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        paint(painter, self._name, QRectF(rect), self._colour(mode))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:  # noqa: ARG002
        edge = max(1, round(min(size.width(), size.height()) / scale))
        return _render(self._name, edge, self._colour(mode).rgba(), scale)

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._role)


def themed_icon(name: str, role: str = "text-secondary") -> QIcon:
    """A QIcon that follows the theme; unknown names raise KeyError at once."""
    _source(name)
    return QIcon(_Engine(name, role))
