"""The popover's corners: see-through where the platform composites, cut off where nobody may."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from pytestqt.qtbot import QtBot

from console.theme import theme
from console.widgets import popover
from console.widgets.popover import Popover

# The offscreen platform cannot shape or raise a window, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def shown(qtbot: QtBot) -> Popover:
    made = Popover(200)
    made.setFixedHeight(120)
    qtbot.addWidget(made)
    made.show()
    return made


def test_corners_are_cut_off_where_nobody_composites(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.install()
    monkeypatch.setattr(popover, "always_composited", lambda: False)
    made = shown(qtbot)
    assert not made.testAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    for corner in (QPoint(0, 0), QPoint(199, 0), QPoint(0, 119), QPoint(199, 119)):
        assert not made.mask().contains(corner)
    for inside in (QPoint(8, 0), QPoint(0, 8), QPoint(199, 111), QPoint(191, 119), QPoint(100, 60)):
        assert made.mask().contains(inside)
    image = made.grab().toImage()
    assert all(image.pixelColor(x, y).alpha() == 255 for x in range(200) for y in (0, 1, 2, 118, 119))


def test_corners_are_see_through_where_the_platform_composites(qtbot: QtBot) -> None:
    theme.install()
    made = shown(qtbot)
    assert made.testAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    assert made.mask().isEmpty()


def test_the_shape_is_the_same_at_every_corner() -> None:
    region = popover.rounded(QSize(50, 40), 8)
    assert region.boundingRect().size() == QSize(50, 40)
    for y in range(40):
        row = [region.contains(QPoint(x, y)) for x in range(50)]
        assert row == row[::-1] == [region.contains(QPoint(x, 39 - y)) for x in range(50)]
    assert not region.contains(QPoint(1, 1)) or region.contains(QPoint(2, 1))
