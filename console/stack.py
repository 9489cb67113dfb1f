"""The page stack: pages are imported and made on first show; one that fails shows its own error and Retry."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QStackedWidget

from console.context import Context
from console.i18n import tr
from console.state.changes import Changes
from console.widgets.buttons import Button
from console.widgets.empty import EmptyState
from console.widgets.page import Page

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageSpec:
    """One page: key, title, icon, "module:Class", its group in the rail, and the page it is a child of."""

    key: str
    title: str
    icon: str
    source: str
    group: str | None = None
    parent: str | None = None
    detachable: bool = False


def load(source: str) -> Any:
    """The object of "module:Name"; raises ImportError or AttributeError."""
    module, _, name = source.partition(":")
    return getattr(importlib.import_module(module), name)


class BrokenPage(Page):
    """Stands where a page could not be made."""

    def __init__(self, context: Context, spec: PageSpec, error: Exception, retry: Callable[[], object]) -> None:
        super().__init__(context)
        self.title = spec.title
        again = Button(tr("Try again"), "primary", "refresh-cw")
        again.clicked.connect(retry)
        text = tr("{error}. The rest of the window works.", error=f"{type(error).__name__}: {error}".rstrip("."))
        title = tr("{page} could not be opened", page=tr(spec.title))
        self.content.addWidget(EmptyState("circle-x", title, text, (again,), role="bad"))


class PageStack(QStackedWidget):
    """Makes, shows and refreshes pages. Hidden pages are only told on their next show that something changed."""

    def __init__(self, specs: tuple[PageSpec, ...], context: Context) -> None:
        super().__init__()
        self._specs = {spec.key: spec for spec in specs}
        self._context = context
        self._pages: dict[str, Page] = {}
        self._dirty: set[str] = set()
        self.current_key = ""

    def spec(self, key: str) -> PageSpec:
        return self._specs[key]

    def page(self) -> Page | None:
        """The page in front."""
        widget = self.currentWidget()
        return widget if isinstance(widget, Page) else None

    def made(self) -> dict[str, Page]:
        """Every page made so far."""
        return dict(self._pages)

    def make(self, key: str) -> Page:
        """A page of its own, for the stack or another window; never raises."""
        spec = self._specs[key]
        try:
            page: Page = load(spec.source)(self._context)
            page.refresh(Changes(everything=True))
        except Exception as error:
            log.exception("page %s could not be made", key)
            return BrokenPage(self._context, spec, error, lambda: self._retry(key))
        return page

    def show_page(self, key: str, target: str = "") -> Page:
        """Bring a page to the front, made if need be, and open `target` in it."""
        before = self.page()
        if key not in self._pages:
            self._pages[key] = self.make(key)
            self.addWidget(self._pages[key])
        elif key in self._dirty:
            self._guard(key, lambda page: page.refresh(Changes(everything=True)))
        self._dirty.discard(key)
        page = self._pages[key]
        if before is not None and before is not page:
            before.on_hidden()
        if target:
            self._guard(key, lambda page: page.open_target(target))
        self.current_key = key
        self.setCurrentWidget(page)
        if before is not page:
            self._guard(key, lambda page: page.on_shown())
        return page

    def refresh(self, changes: Changes) -> None:
        """Tell the page in front; the others read everything when they are shown again."""
        for key in self._pages:
            if key == self.current_key:
                self._guard(key, lambda page: page.refresh(changes))
            else:
                self._dirty.add(key)

    def set_stale(self, since: float | None) -> None:
        for key in self._pages:
            self._guard(key, lambda page: page.set_stale(since))

    def drop_all(self) -> None:
        """Forget every page; they are made afresh when shown (the language changed)."""
        for page in self._pages.values():
            page.on_hidden()
            self.removeWidget(page)
            page.hide()
            page.deleteLater()
        self._pages = {}
        self._dirty = set()

    def _guard(self, key: str, step: Callable[[Page], object]) -> None:
        page = self._pages[key]
        try:
            step(page)
        except Exception:
            log.exception("page %s failed", key)

    def _retry(self, key: str) -> None:
        old = self._pages.pop(key, None)
        if old is not None:
            self.removeWidget(old)
            old.deleteLater()
        self.show_page(key)
