"""Every page of the rail says where one is: also while it reads, and when it has nothing to show."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from console.catalogue import PAGES
from console.i18n import tr, translator
from console.stack import load
from console.state.changes import Changes
from console.widgets.text import Text
from tests.console.pages.conftest import Desk

RAIL = [spec for spec in PAGES if spec.parent is None]


@pytest.mark.parametrize("spec", RAIL, ids=[spec.key for spec in RAIL])
@pytest.mark.parametrize("loaded", [False, True], ids=["reading", "empty"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_title_stands_once_at_the_top_left(desk: Desk, qtbot: QtBot, spec, loaded: bool, language: str) -> None:
    translator.set_language(language)
    desk.state.loaded = loaded
    page = load(spec.source)(desk.context)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    page.on_shown()
    page.refresh(Changes(everything=True))
    title = tr(page.title)
    found = [text for text in page.findChildren(Text) if text.isVisible() and text.text() == title]
    heads = [text for text in found if text.font().pixelSize() == 18]
    assert len(heads) == 1
    qtbot.waitUntil(lambda: heads[0].mapTo(page, heads[0].rect().topLeft()).x() == 20)  # everything is laid out
    assert heads[0].mapTo(page, heads[0].rect().center()).y() == pytest.approx(27, abs=6)
    page.on_hidden()
