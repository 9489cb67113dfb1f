"""A context for pages: fake link, empty state, settings in memory, everything the window would do written down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from console.actions import Actions
from console.context import Context
from console.settings import Settings
from console.state.store import AppState
from console.theme import theme
from tests.helpers.fake_link import FakeLink


@dataclass
class Desk:
    """What a page is given, and what it did with it."""

    link: FakeLink
    state: AppState
    context: Context
    places: list[str] = field(default_factory=list)
    toasts: list[tuple[str, str, str]] = field(default_factory=list)
    sheets: list[Any] = field(default_factory=list)
    started: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)


@pytest.fixture
def desk(qapp: object) -> Desk:
    theme.install()
    link, state = FakeLink(), AppState(now=lambda: 1000.0)
    state.connected()
    desk = Desk(link, state, Context(link=link, state=state, settings=Settings(None), actions=Actions({})))
    desk.context.navigate = desk.places.append
    desk.context.toast = lambda text, detail="", kind="ok", **_more: desk.toasts.append((kind, text, detail))
    desk.context.open_sheet = desk.sheets.append
    desk.context.start = lambda action, **arguments: desk.started.append((action, arguments))
    desk.context.copy = desk.copied.append
    return desk


Loaded = Callable[..., None]
