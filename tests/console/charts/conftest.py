"""A page with a chart grid and real data, shown offscreen."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.charts.catalogue import RUN_CHARTS
from console.charts.grid import ChartGrid
from console.charts.group import ChartGroup
from tests.console.charts.sample_run import fill_run


class Page(QWidget):
    """What a page is to the charts: it owns a group and a grid."""

    def __init__(self, specs=RUN_CHARTS, **options) -> None:
        super().__init__()
        self.group = ChartGroup(self, **options)
        self.grid = ChartGrid(self.group, specs)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.grid)
        self.resize(898, 564)


def settle(page: Page) -> None:
    """Let the page draw what is dirty, now."""
    page.group.clock.tick()
    page.grab()


@pytest.fixture
def empty_page(qtbot):
    page = Page()
    qtbot.addWidget(page)
    with qtbot.waitExposed(page):
        page.show()
    return page


@pytest.fixture
def page(empty_page):
    fill_run(empty_page.group, empty_page.grid)
    settle(empty_page)
    return empty_page


def pytest_collection_modifyitems(items) -> None:
    """The offscreen platform says this of windows and menus; it means nothing there."""
    for item in items:
        if "tests/console/charts" in item.path.as_posix():
            item.add_marker(
                pytest.mark.qt_log_ignore(
                    r"does not support (propagateSizeHints|raise|grabbing the keyboard)", extend=True
                )
            )
