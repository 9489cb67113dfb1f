"""QActions made from the action table: menus of the menu bar, shortcuts, and reasons."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from console.actions import MENUS, Action, Actions
from console.i18n import tr
from console.keys import is_letter, key_sequences, key_table
from console.theme import theme
from console.widgets.text import tip_html


class MenuKeeper:
    """Keeps one QAction per Action on the window, and the menus filled with them.

    `run` is called with the Action when the user asks for it; whether it is possible is the caller's question.
    """

    def __init__(self, window: QWidget, bar: QMenuBar, actions: Actions, run: Callable[[Action], object]) -> None:
        self._window, self._bar, self._actions, self._run = window, bar, actions, run
        self._made: list[tuple[Action, QAction]] = []
        self._menus: dict[str, QMenu] = {}
        self._openers: list[QAction] = []
        self._by_id: dict[str, Action] = {}
        self._shown: tuple[list[tuple[object, ...]], bool] | None = None
        self._blocked = False

    def set_letters(self, on: bool) -> None:
        """Whether single-letter shortcuts act."""
        key_table.letters = on
        self.rebuild()

    def set_blocked(self, blocked: bool) -> None:
        """A sheet or the palette is open: nothing below it may act."""
        if blocked != self._blocked:
            self._blocked = blocked
            for _, made in self._made:
                made.setEnabled(not blocked)

    def rebuild(self) -> None:
        """Bring QActions and menus up to the table; they are made afresh only when something shows differently."""
        entries = list(self._actions.all())
        look: list[tuple[object, ...]] = [
            (a.id, tr(a.text), a.icon, self._actions.shortcut(a), a.menu, a.separator, a.danger) for a in entries
        ]
        self._by_id = {action.id: action for action in entries}
        if (look, key_table.letters) == self._shown:
            self._made = [(self._by_id[action.id], made) for action, made in self._made]
            return
        self._shown = (look, key_table.letters)
        self._make_afresh(entries)

    def _make_afresh(self, entries: list[Action]) -> None:
        for _, made in self._made:
            self._window.removeAction(made)
            made.deleteLater()
        self._made = []
        for opener in self._openers:
            self._window.removeAction(opener)
            opener.deleteLater()
        self._openers = []
        for menu in self._menus.values():
            menu.clear()  # kept, not made anew: Qt may have deleted a cleared bar's menus before Python let go of them
        taken: set[str] = set()
        by_menu: dict[str, list[QAction]] = {}
        for action in entries:
            made = self._make(action, taken)
            if action.menu:
                by_menu.setdefault(action.menu, []).append(made)
        for key, title in MENUS:
            self._fill(key, tr(title), by_menu.get(key, []))

    def _make(self, action: Action, taken: set[str]) -> QAction:
        made = QAction(tr(action.text).replace("&", "&&"), self._window)
        if action.icon:
            made.setIcon(theme.icon(action.icon, "bad" if action.danger else "text-secondary"))
        shortcut = self._actions.shortcut(action)
        keys = [k for k in key_sequences(shortcut) if k.toString() not in taken]
        if not key_table.letters:
            keys = [k for k in keys if not is_letter(k.toString())]
        taken.update(k.toString() for k in keys)
        made.setShortcuts(keys)
        made.setEnabled(not self._blocked)
        made.setSeparator(False)
        made.triggered.connect(lambda _=False, key=action.id: self._run(self._by_id[key]))
        self._window.addAction(made)
        self._made.append((action, made))
        return made

    def _menu(self, key: str) -> QMenu:
        menu = self._menus.get(key)
        if menu is None:
            menu = self._menus[key] = QMenu(self._window)  # the window owns it, whatever the bar does
            self._bar.addMenu(menu)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(self._show_reasons)
            menu.aboutToHide.connect(self._forget_reasons)
        return menu

    def _fill(self, key: str, title: str, entries: list[QAction]) -> None:
        """The title is shown without the mnemonic's line; Alt and the letter open it all the same."""
        menu = self._menu(key)
        menu.setTitle(title.replace("&", ""))
        at = title.find("&")
        if at >= 0 and not self._bar.isNativeMenuBar():
            opener = QAction(self._window)
            opener.setShortcut(QKeySequence(f"Alt+{title[at + 1]}"))
            opener.triggered.connect(lambda: self._bar.setActiveAction(menu.menuAction()))
            self._window.addAction(opener)
            self._openers.append(opener)
        by_made = {made: action for action, made in self._made}
        for made in entries:
            if by_made[made].separator:
                menu.addSeparator()
            menu.addAction(made)

    def _show_reasons(self) -> None:
        for action, made in self._made:
            reason = action.reason()
            made.setEnabled(not reason and not self._blocked)
            made.setToolTip(tip_html(reason))

    def _forget_reasons(self) -> None:
        # Enabled again, so that a shortcut answers with the reason instead of doing nothing.
        for _, made in self._made:
            made.setEnabled(not self._blocked)
