"""Nothing is cut or lies over another: every page in the smallest window, in both languages, at every scale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.settings import LANGUAGE, Settings
from tests.helpers.fitting import cut_texts, outside, overlaps
from tests.helpers.full_house import PLACES, full_window

ROOT = Path(__file__).resolve().parents[2]
SIZES = ((1100, 680), (1180, 720), (1440, 900))
AT_A_SCALE = """
import json, sys
from console.app import make_application
app = make_application()
from console.settings import LANGUAGE, THEME, Settings
from tests.helpers.full_house import full_window
from tests.console.test_fits import look
settings = Settings(None)
settings.set(LANGUAGE, sys.argv[1])
window = full_window(settings)
print(json.dumps([window.devicePixelRatio(), look(window, (1100, 680))]))
window.close()
"""


def look(window, size):  # type: ignore[no-untyped-def]
    """What does not fit on any page at this size of the window."""
    window.resize(*size)
    found = []
    for place in PLACES:
        window.navigate(place)
        for _ in range(6):
            QApplication.processEvents()
        found += [f"{place}: {each}" for find in (cut_texts, overlaps, outside) for each in find(window)]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_fits_at_every_size(qtbot: QtBot, settings: Settings, language: str) -> None:
    settings.set(LANGUAGE, language)
    window = full_window(settings)
    qtbot.addWidget(window)
    assert [each for size in SIZES for each in look(window, size)] == []
    assert window.rail.collapsed is False
    window.resize(1239, 700)
    assert window.rail.collapsed is True


@pytest.mark.parametrize(
    ("scale", "language"),
    [("2", "zh"), pytest.param("1.25", "en", marks=pytest.mark.slow), pytest.param("1.5", "zh", marks=pytest.mark.slow),
     pytest.param("2", "en", marks=pytest.mark.slow)],
)  # fmt: skip
def test_every_page_fits_on_a_scaled_screen(scale: str, language: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", AT_A_SCALE, language], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=True, timeout=300,
    )  # fmt: skip
    ratio, found = json.loads(done.stdout.splitlines()[-1])
    assert ratio == float(scale)
    assert found == []
