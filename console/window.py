"""The window: pages and sheets by name, navigation with history, what the shell's actions do, services for pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication, QMouseEvent

from console import operations, status
from console.actions import Action, Actions
from console.areas import let_go
from console.bell import BellPopover
from console.catalogue import KINDS, PAGES, SHEETS
from console.context import Context
from console.drops import SCHEME, RailDrops, meaning
from console.finder import palette_items
from console.helpsheet import HelpSheet
from console.history import Places, UndoStack
from console.i18n import tr, translator
from console.jobs import JobsPopover
from console.keys import under_ids_of_now
from console.settings import (
    DENSITY,
    HIGH_CONTRAST,
    KEYS,
    LANGUAGE,
    LAYOUTS,
    LETTER_KEYS,
    PINNED,
    RAIL_COLLAPSED,
    REDUCE_MOTION,
    START_PAGE,
    TABLES,
    THEME,
    WINDOW_MAXIMIZED,
    WINDOW_PLACE,
    Settings,
)
from console.shell import DetachedWindow, Services, Shell
from console.stack import PageSpec, load
from console.state.changes import Changes
from console.theme import theme
from console.widgets.palette import CommandPalette
from console.widgets.sheet import Sheet
from console.widgets.toast import Toast


class Window(Shell):
    """The main window. `changed(changes)` is connected to the loader; everything else is done by its own parts."""

    def __init__(
        self,
        link: Any,
        state: Any,
        settings: Settings,
        services: Services | None = None,
        pages: tuple[PageSpec, ...] = PAGES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(link, state, settings, services or Services(), pages)
        self._clock = clock
        self._places = Places()
        self._undo = UndoStack(clock)
        self._detached: list[DetachedWindow] = []
        self._moving = False
        self._jobs: JobsPopover | None = None
        self._rename_keys()
        self.actions_registry = Actions(settings.get(KEYS))
        self.context = self._build_context()
        self.setWindowTitle("Modeldeck")
        self.setMinimumSize(*(1100, 680))
        self._apply_look()
        self._build()
        self._connect()
        self._restore_place()
        self._refresh_shell()

    def _rename_keys(self) -> None:
        """Keys that an earlier version kept stand under the ids of now."""
        kept = self.settings.get(KEYS)
        if (renamed := under_ids_of_now(kept)) != kept:
            self.settings.set(KEYS, renamed)

    # -- building --------------------------------------------------------------------------------------------

    def _build_context(self) -> Context:
        return Context(
            link=self.link, state=self.state, settings=self.settings, actions=self.actions_registry,
            navigate=self.navigate, toast=self.toast, open_sheet=self.open_sheet, close_sheet=self.close_sheet,
            start=self.start, clock=self._clock, offline=lambda: not self.state.online,
            actions_changed=self._on_actions_changed, pin=self.pin, unpin=self.unpin, is_pinned=self.is_pinned,
            copy=self.copy_text, is_in_front=lambda page: self.stack.page() is page,
        )  # fmt: skip

    def _connect(self) -> None:
        self.topbar.search_clicked.connect(self.open_palette)
        self.topbar.bell_clicked.connect(self.open_bell)
        self.topbar.new_run_clicked.connect(self.open_new_run)
        self.rail.chosen.connect(self.navigate)
        self.rail.pin_chosen.connect(self.navigate)
        self.rail.pins_moved.connect(self._on_pins_moved)
        self._drops = RailDrops(self.state, pin=self.pin, repin=self.repin, navigate=self.navigate, start=self.start)
        self.rail.takes = lambda dragged, target: meaning(dragged, target) is not None
        self.rail.dropped.connect(self._drops.take)
        self.rail.pin_menu_asked.connect(self._on_pin_menu)
        self.status.clicked.connect(self._on_status_clicked)
        self.sheets.emptied.connect(self._on_layer_closed)
        self.palette_box.closed.connect(self._on_layer_closed)
        translator.changed.connect(self._on_language_changed)
        self.settings.changed.connect(self._on_setting_changed)

    # -- navigation ------------------------------------------------------------------------------------------

    def open_start_page(self) -> None:
        """The page the user chose to begin with."""
        start = self.settings.get(START_PAGE)
        self.navigate(start if start in {p.key for p in self._page_specs} else self._page_specs[0].key)

    def navigate(self, link: str) -> None:
        """Go to a page (`runs`) or a thing (`run/<id>`, with or without the scheme); unknown places say so."""
        link = link.removeprefix(SCHEME).strip("/")
        kind, _, target = link.partition("/")
        key = KINDS.get(kind, kind)
        if key not in {p.key for p in self._page_specs}:
            self.toast(tr("There is no page {name}", name=kind), kind="warn")
            return
        page = self.stack.show_page(key, target)
        spec = self.stack.spec(key)
        self.rail.set_current(spec.parent or key)
        if not self._moving:
            self._places.visit(link)
        self.setWindowTitle(f"{tr(spec.title)} · Modeldeck")
        page.set_stale(self.state.stale_since)
        self._on_actions_changed()

    def go_back(self) -> None:
        self._move_to(self._places.back())

    def go_forward(self) -> None:
        self._move_to(self._places.forward())

    def _move_to(self, link: str | None) -> None:
        if link is not None:
            self._moving = True
            self.navigate(link)
            self._moving = False

    def current_link(self) -> str:
        """The deep link of what is in front, with the scheme."""
        page = self.stack.page()
        target = page.target() if page is not None else ""
        kind = next((k for k, key in KINDS.items() if key == self.stack.current_key), self.stack.current_key)
        return SCHEME + (f"{kind}/{target}" if target else self.stack.current_key)

    # -- services for pages ----------------------------------------------------------------------------------

    def toast(self, text: str, detail: str = "", kind: str = "ok", **more: Any) -> Toast:
        """Show a message; its `undo` also answers to Ctrl+Z for ten minutes, its `redo` to Ctrl+Shift+Z after that."""
        undo, redo = more.pop("undo", None), more.pop("redo", None)
        if undo is not None:
            more["undo"] = self._undo.push(text, undo, redo)
        return self.toasts.show_toast(text, detail, kind, **more)

    def open_sheet(self, sheet: Sheet) -> None:
        """Show a sheet over the page."""
        self.menus.set_blocked(True)
        self.sheets.open(sheet)

    def close_sheet(self) -> None:
        if self.sheets.sheet is not None:
            self.sheets.sheet.close_sheet()

    def start(self, action_id: str, **arguments: Any) -> None:
        """Open a sheet by its id, or run an action."""
        if action_id in SHEETS:
            self.open_sheet(load(SHEETS[action_id])(self.context, **arguments))
        else:
            self.run_action(self.actions_registry.find(action_id))

    def run_action(self, action: Action) -> None:
        """Do it, or say why it is not possible."""
        reason = action.reason()
        if reason:
            self.toast(action.plain_text.rstrip("…"), reason, "info")
        elif isinstance(action.callback, str):
            callback = getattr(self, action.callback)
            callback(action.argument) if action.argument else callback()
        else:
            action.callback(action.argument) if action.argument else action.callback()

    def copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.toast(tr("Copied"), text if len(text) < 60 else "", "info")

    # -- what the shell's actions do -------------------------------------------------------------------------

    def open_new_run(self) -> None:
        self.start("run.new")

    def import_data(self) -> None:
        self.start("data.import")

    def quit(self) -> None:
        self.close()
        self._services.quit()

    def undo(self) -> None:
        text = self._undo.undo()
        if text is None:
            self.toast(tr("Nothing to undo"), tr("Undo stays available for 10 min."), "info")
        else:
            self.toasts.drop_undone(text)
            self.toast(tr("Undo"), text, "info")

    def redo(self) -> None:
        text = self._undo.redo()
        if text is None:
            self.toast(tr("Nothing to redo"), tr("Undo something first."), "info")
        else:
            self.toast(tr("Redo"), text, "info")

    def focus_filter(self) -> None:
        page = self.stack.page()
        if page is None or not page.focus_filter():
            self.open_palette()

    def copy_link(self) -> None:
        self.copy_text(self.current_link())

    def open_palette(self) -> None:
        self._on_actions_changed()
        self.menus.set_blocked(True)
        spec = self.stack.spec(self.stack.current_key) if self.stack.current_key else None
        items = palette_items(self.actions_registry, self.state, self.run_action, self.navigate)
        self.palette_box.open(items, page=tr(spec.title) if spec else "")

    def refresh_page(self) -> None:
        self.stack.refresh(Changes(everything=True))
        self._refresh_shell()

    def toggle_theme(self) -> None:
        self.settings.set(THEME, "light" if theme.is_dark else "dark")

    def toggle_language(self) -> None:
        self.settings.set(LANGUAGE, "en" if translator.chinese else "zh")

    def toggle_rail(self) -> None:
        self.settings.set(RAIL_COLLAPSED, not self.settings.get(RAIL_COLLAPSED))

    def open_in_new_window(self) -> None:
        spec = self.stack.spec(self.stack.current_key)
        if not spec.detachable:
            self.toast(tr("{page} stays in this window", page=tr(spec.title)), "", "info")
            return
        page = self.stack.make(spec.key)
        front = self.stack.page()
        if front is not None and front.target():
            page.open_target(front.target())
        window = DetachedWindow(page, f"{tr(spec.title)} · Modeldeck", self._detached.remove)
        self._detached.append(window)
        window.show()
        page.on_shown()

    def open_bell(self) -> None:
        popover = BellPopover(
            self.state, self._clock(), self.navigate, lambda alert_id: operations.acknowledge(self.link, alert_id)
        )
        popover.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        popover.setParent(self, popover.windowFlags())
        popover.show_under(self.topbar.bell)

    def open_jobs(self) -> None:
        popover = self._jobs = JobsPopover(self.context)
        popover.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        popover.setParent(self, popover.windowFlags())
        popover.destroyed.connect(self._on_jobs_gone)
        popover.show_at(self.status.segment("jobs"))

    def _on_jobs_gone(self) -> None:
        self._jobs = None

    def reset_layout(self) -> None:
        """Forget every layout of tables and charts; Undo brings them back."""
        tables, layouts = self.settings.get(TABLES), self.settings.get(LAYOUTS)
        self._set_layout({}, {})
        self.toast(
            tr("Layout reset"), undo=lambda: self._set_layout(tables, layouts), redo=lambda: self._set_layout({}, {})
        )

    def _set_layout(self, tables: dict[str, Any], layouts: dict[str, Any]) -> None:
        self.settings.set(TABLES, tables)
        self.settings.set(LAYOUTS, layouts)
        self._rebuild_pages()

    def open_help(self) -> None:
        self.open_sheet(
            HelpSheet(self.actions_registry, tr(self.stack.spec(self.stack.current_key).title), self.stack.current_key)
        )

    def restart_backend(self) -> None:
        self._services.restart_backend()

    def copy_diagnostics(self) -> None:
        QGuiApplication.clipboard().setText(self._services.diagnostics())
        self.toast(tr("Diagnostics copied"), "", "info")

    def open_about(self) -> None:
        self.navigate("settings/about")

    # -- changes ---------------------------------------------------------------------------------------------

    def on_changes(self, changes: Changes) -> None:
        """Something is known that was not: shell first, then the page in front and pages in other windows."""
        self._refresh_shell(changes)
        if self._jobs is not None and (changes.everything or changes.runs or changes.connection):
            self._jobs.refresh()
        self.stack.refresh(changes)
        for window in self._detached:
            window.page.refresh(changes)

    def _on_actions_changed(self) -> None:
        page = self.stack.page()
        wanted = list(page.actions()) if page is not None else []
        if wanted != self.actions_registry.page():
            self.actions_registry.set_page(wanted)
            self.menus.rebuild()

    def _on_layer_closed(self) -> None:
        self.menus.set_blocked(self.sheets.sheet is not None or self.palette_box.isVisible())

    def _on_language_changed(self) -> None:
        theme.set_chinese(translator.chinese)
        self.topbar.retranslate()
        self.rail.retranslate()
        for key, text in (*status.LEFT, *status.RIGHT):
            self.status.segment(key).set_tip(tr(text))
        self._banner_text = None
        self.palette_box.deleteLater()
        self.palette_box = CommandPalette(self)
        self.palette_box.closed.connect(self._on_layer_closed)
        self.actions_registry.set_page(())
        self._rebuild_pages()
        self.menus.rebuild()
        self._refresh_shell()

    def _rebuild_pages(self) -> None:
        link = self.current_link() if self.stack.current_key else ""
        self.close_sheet()
        self.stack.drop_all()
        if link:
            self._moving = True
            self.navigate(link)
            self._moving = False

    def _on_setting_changed(self, key: str) -> None:
        if key in (THEME.key, DENSITY.key, HIGH_CONTRAST.key, REDUCE_MOTION.key, LANGUAGE.key):
            self._apply_look()
        if key == DENSITY.key:
            self._rebuild_pages()
        elif key == LETTER_KEYS.key:
            self.menus.set_letters(self.settings.get(LETTER_KEYS))
        elif key == KEYS.key:
            self.menus.rebuild()
        elif key == RAIL_COLLAPSED.key:
            self._fit_rail()
        elif key == PINNED.key:
            self.rail.set_pins(status.pins(self.state, self.settings.get(PINNED)))

    def _on_status_clicked(self, key: str) -> None:
        if key == "language":
            self.toggle_language()
        elif key == "jobs":
            self.open_jobs()
        else:
            places = {
                "backend": "settings/backend", "gpu": "overview", "disk": "settings/storage",
                "mirror": "settings/backend", "version": "settings/about",
            }  # fmt: skip
            self.navigate(places[key])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.BackButton:
            self.go_back()
        elif event.button() == Qt.MouseButton.ForwardButton:
            self.go_forward()
        else:
            let_go(self)
            super().mousePressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        normal = self.normalGeometry() if self.isMaximized() else self.geometry()
        self.settings.set(WINDOW_PLACE, [normal.x(), normal.y(), normal.width(), normal.height()])
        self.settings.set(WINDOW_MAXIMIZED, self.isMaximized())
        for window in list(self._detached):
            window.close()
        super().closeEvent(event)
