"""Qt fixtures of the console's tests: one themed application, English and dark, settings kept nowhere."""

import os
from collections.abc import Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.fonts=false")

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from console.app import make_application
from console.i18n import translator
from console.settings import LANGUAGE, Settings
from console.theme import theme


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the product makes it."""
    return make_application()


@pytest.fixture(autouse=True)
def _english_and_dark() -> Iterator[None]:
    """Every test begins and ends in the same look; its widgets are really gone before the look is changed back."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    if translator.language != "en":
        translator.set_language("en")
    theme.set_chinese(False)
    theme.set_mode("dark")
    theme.set_density("comfortable")
    theme.set_high_contrast(False)


@pytest.fixture
def settings() -> Settings:
    """Settings that are kept nowhere, in English."""
    made = Settings(None)
    made.set(LANGUAGE, "en")
    return made
