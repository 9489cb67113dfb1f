"""The shell's parts and what they show: top bar, banner, rail, stack, status bar, layers, areas, the window's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QMenu, QVBoxLayout, QWidget

from console import status
from console.actions import Action, Actions
from console.areas import areas_of, next_stop, show_whole
from console.context import Context
from console.i18n import tr, translator
from console.menukey import asked_for_menu
from console.menus import MenuKeeper
from console.settings import (
    DENSITY,
    HIGH_CONTRAST,
    LANGUAGE,
    LETTER_KEYS,
    PINNED,
    RAIL_COLLAPSED,
    REDUCE_MOTION,
    THEME,
    WINDOW_MAXIMIZED,
    WINDOW_PLACE,
    Settings,
)
from console.stack import PageSpec, PageStack
from console.state.changes import Changes
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.focusring import FocusRing
from console.widgets.palette import CommandPalette
from console.widgets.rail import MOST_PINNED, Rail
from console.widgets.sheet import SheetHost
from console.widgets.statusbar import Part, StatusBar
from console.widgets.toast import Banner, Toast, ToastHost
from console.widgets.topbar import TopBar

NARROW = 1240


@dataclass
class Services:
    """What the window cannot do by itself; the composition root fills it."""

    restart_backend: Callable[[], object] = lambda: None
    diagnostics: Callable[[], str] = lambda: ""
    quit: Callable[[], object] = lambda: None
    version: str = "0.1.0"


class DetachedWindow(QMainWindow):
    """One page in a window of its own, without rail; closes by itself like any window."""

    def __init__(self, page: Any, title: str, forget: Callable[[DetachedWindow], object]) -> None:
        super().__init__()
        self.page, self._forget = page, forget
        self.setCentralWidget(page)
        self.setWindowTitle(title)
        self.resize(1100, 760)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not asked_for_menu(self, event):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.page.on_hidden()
        self._forget(self)
        super().closeEvent(event)


class Shell(QMainWindow):
    """Everything around the pages. What the user can do with it is in console.window.Window."""

    context: Context
    actions_registry: Actions

    def __init__(
        self, link: Any, state: Any, settings: Settings, services: Services, pages: tuple[PageSpec, ...]
    ) -> None:
        super().__init__()
        self.link, self.state, self.settings = link, state, settings
        self._services = services
        self._page_specs = pages

    # -- what the window brings ------------------------------------------------------------------------------

    def run_action(self, action: Action) -> None:
        """Do an action of the table."""
        raise NotImplementedError

    def restart_backend(self) -> None:
        raise NotImplementedError

    def navigate(self, link: str) -> None:
        raise NotImplementedError

    def toast(self, text: str, detail: str = "", kind: str = "ok", **more: Any) -> Toast:
        raise NotImplementedError

    def _on_log_clicked(self) -> None:
        self.navigate("settings/backend")

    # -- pins ------------------------------------------------------------------------------------------------

    def pin(self, link: str, text: str) -> None:
        """Pin a deep link; more than eight are refused."""
        pinned = self.settings.get(PINNED)
        if len(pinned) >= MOST_PINNED:
            self.toast(tr("Eight things are pinned already"), tr("Unpin one first."), "info")
            return
        if not self.is_pinned(link):
            self.settings.set(PINNED, [*pinned, {"link": link, "text": text}])

    def unpin(self, link: str) -> None:
        self.settings.set(PINNED, [p for p in self.settings.get(PINNED) if p.get("link") != link])

    def repin(self, link: str, other: str) -> None:
        """A pinned link is another one now, at its place."""
        pinned = [{**p, "link": other} if p.get("link") == link else p for p in self.settings.get(PINNED)]
        self.settings.set(PINNED, pinned)

    def _on_pin_menu(self, link: str, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(tr("Open"), lambda: self.navigate(link))
        menu.addAction(tr("Move up"), lambda: self.rail.move_pin(link, -1))
        menu.addAction(tr("Move down"), lambda: self.rail.move_pin(link, 1))
        menu.addSeparator()
        menu.addAction(tr("Unpin"), lambda: self.unpin(link))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def is_pinned(self, link: str) -> bool:
        return any(isinstance(p, dict) and p.get("link") == link for p in self.settings.get(PINNED))

    def _on_pins_moved(self, links: list[str]) -> None:
        by_link = {p["link"]: p for p in self.settings.get(PINNED) if isinstance(p, dict) and "link" in p}
        self.settings.set(PINNED, [by_link[link] for link in links if link in by_link])

    # -- parts -----------------------------------------------------------------------------------------------

    def _apply_look(self) -> None:
        theme.set_mode(self.settings.get(THEME))
        theme.set_density(self.settings.get(DENSITY))
        theme.set_high_contrast(self.settings.get(HIGH_CONTRAST))
        theme.set_reduce_motion(self.settings.get(REDUCE_MOTION))
        translator.set_language(self.settings.get(LANGUAGE))
        theme.set_chinese(translator.chinese)

    def _build(self) -> None:
        self.topbar = TopBar()
        self.banner = Banner()
        self.banner.hide()
        self._banner_text: status.BannerText | None = None
        rail_pages = [(p.key, p.title, p.icon, p.group) for p in self._page_specs if p.parent is None]
        self.rail = Rail(rail_pages)
        self.stack = PageStack(self._page_specs, self.context)
        self.status = StatusBar([(k, tr(t)) for k, t in status.LEFT], [(k, tr(t)) for k, t in status.RIGHT])
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addWidget(self.stack, 1)
        column.addWidget(self.topbar)
        column.addWidget(self.banner)
        column.addLayout(middle, 1)
        column.addWidget(self.status)
        self.setCentralWidget(centre)
        self.sheets = SheetHost(self)
        self.sheets.set_insets(theme.size("topbar"), theme.size("statusbar"))
        self.palette_box = CommandPalette(self)
        self.toasts = ToastHost(self)
        self.ring = FocusRing(self)
        self.menus = MenuKeeper(self, self.topbar.menu_bar, self.actions_registry, self.run_action)
        self.menus.set_letters(self.settings.get(LETTER_KEYS))

    def next_area(self) -> None:
        self._step_area(1)

    def previous_area(self) -> None:
        self._step_area(-1)

    def _step_area(self, step: int) -> None:
        stop = next_stop(areas_of(self.stack.page(), (self.topbar, self.rail), (self.status,)), step)
        if stop is not None:
            stop.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.show_focus_ring()

    def show_focus_ring(self) -> None:
        """Put the ring around what has the focus; called after every step by keyboard."""
        self.ring.show_now()

    def focusNextPrevChild(self, forward: bool) -> bool:
        if self.sheets.sheet is not None:
            return self.sheets.focusNextPrevChild(forward)
        moved = self._step_tab(forward) or super().focusNextPrevChild(forward)
        self.show_focus_ring()
        return moved

    def _step_tab(self, forward: bool) -> bool:
        """Tab goes through the areas in their order, whenever their widgets were made."""
        areas = areas_of(self.stack.page(), (self.topbar, self.rail), (self.status,))
        stops = [stop for area in areas for stop in area]
        focus = QApplication.focusWidget()
        if focus not in stops:
            return False
        stop = stops[(stops.index(focus) + (1 if forward else -1)) % len(stops)]
        stop.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        show_whole(stop)
        return True

    def _refresh_shell(self, changes: Changes | None = None) -> None:
        everything = changes is None or changes.everything
        if everything or changes is None or changes.connection or changes.system:
            self._refresh_connection()
        if everything or changes is None or changes.telemetry:
            self.status.set_parts("gpu", status.processor_parts(self.state))
            self.status.set_parts("backend", status.backend_parts(self.state, self._latency()))
        if everything or changes is None or changes.runs or changes.alerts or changes.endpoints:
            self._refresh_badges()

    def _latency(self) -> float | None:
        latency: float | None = getattr(self.link, "latency_ms", None)
        return latency

    def _refresh_connection(self) -> None:
        self.status.set_parts("backend", status.backend_parts(self.state, self._latency()))
        self.status.set_parts("disk", status.disk_parts(self.state))
        self.status.set_parts("mirror", status.mirror_parts(self.state))
        language = tr("EN") if not translator.chinese else "中文"
        self.status.set_parts("language", [Part("text", language)])
        self.status.set_parts("version", [Part("text", self._services.version)])
        wanted = status.banner(self.state, self._services.version)
        if wanted != self._banner_text:
            self._banner_text = wanted
            self._show_banner(wanted)
            self.stack.set_stale(self.state.stale_since if not self.state.online else None)

    def _show_banner(self, wanted: status.BannerText | None) -> None:
        if wanted is None:
            self.banner.hide()
            return
        buttons: list[Button] = []
        if wanted.restart:
            restart = Button(tr("Restart backend"), icon="refresh-cw", small=True)
            restart.clicked.connect(self.restart_backend)
            restart.set_busy(wanted.busy)
            log = Button(tr("Log"), "ghost", small=True)
            log.clicked.connect(self._on_log_clicked)
            buttons = [restart, log]
        self.banner.show_message(wanted.text, wanted.detail, icon=wanted.icon, role=wanted.role, buttons=tuple(buttons))

    def _refresh_badges(self) -> None:
        self.status.set_parts("jobs", status.job_parts(self.state))
        running, alerts = len(self.state.live_runs()), len(self.state.open_alerts())
        keys = {p.key for p in self._page_specs}
        if "runs" in keys:
            self.rail.set_badge("runs", str(running) if running else "")
        if "alerts" in keys:
            self.rail.set_badge("alerts", str(alerts) if alerts else "", bad=True)
        self.topbar.bell.set_count(alerts)
        self.rail.set_pins(status.pins(self.state, self.settings.get(PINNED)))

    def _fit_rail(self) -> None:
        wanted = self.width() < NARROW or self.settings.get(RAIL_COLLAPSED)
        if wanted != self.rail.collapsed:
            self.rail.set_collapsed(wanted)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not asked_for_menu(self, event):
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_rail()

    def _restore_place(self) -> None:
        place = self.settings.get(WINDOW_PLACE)
        self.resize(1440, 900)
        if len(place) == 4 and all(isinstance(n, int) and -20_000 < n < 20_000 for n in place):
            x, y, width, height = place
            self.resize(max(1100, width), max(680, height))
            if QGuiApplication.screenAt(QPoint(x + 100, y + 40)) is not None:
                self.move(x, y)
        if self.settings.get(WINDOW_MAXIMIZED):
            QTimer.singleShot(0, self.showMaximized)
        self._fit_rail()
