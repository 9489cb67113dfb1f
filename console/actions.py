"""Every action as data: one table feeds the menus, the palette, the tooltips and the `?` sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from console.i18n import mark, tr

MENUS: tuple[tuple[str, str], ...] = (
    ("file", mark("&File")),
    ("edit", mark("&Edit")),
    ("view", mark("&View")),
    ("run", mark("&Run")),
    ("model", mark("&Model")),
    ("endpoint", mark("E&ndpoint")),
    ("window", mark("&Window")),
    ("help", mark("&Help")),
)


def _allowed() -> str:
    return ""


@dataclass(frozen=True)
class Action:
    """One thing the user can do.

    callback: a function for page actions; for the shell's table below the name of a Window method.
    reason(): why it is not possible now; empty when it is. detail: evidence shown in grey in the palette.
    separator: a line before it in the menu. argument: handed to the callback when not empty.
    """

    id: str
    text: str
    callback: Callable[..., object] | str
    icon: str = ""
    shortcut: str = ""
    menu: str = ""
    argument: str = ""
    detail: str = ""
    section: str = ""
    separator: bool = False
    palette: bool = True
    danger: bool = False
    reason: Callable[[], str] = _allowed

    @property
    def plain_text(self) -> str:
        """The text in the language of now."""
        return tr(self.text)


def _go(page: str, text: str, letter: str, number: int, icon: str) -> Action:
    return Action(f"go.{page}", text, "navigate", icon, f"G, {letter}; Ctrl+{number}", "view", page, section="go")


GO_TO: tuple[Action, ...] = (
    _go("overview", mark("Overview"), "O", 1, "layout-dashboard"),
    _go("data", mark("Data"), "D", 2, "database"),
    _go("runs", mark("Runs"), "R", 3, "activity"),
    _go("models", mark("Models"), "M", 4, "package"),
    _go("endpoints", mark("Endpoints"), "E", 5, "rocket"),
    _go("alerts", mark("Drift & alerts"), "W", 6, "bell"),
    _go("audit", mark("Audit"), "A", 7, "file-clock"),
    _go("settings", mark("Settings"), "S", 8, "settings"),
)

ACTIONS: tuple[Action, ...] = (
    Action("run.new", mark("New run…"), "open_new_run", "plus", "Ctrl+N", "file"),
    Action("data.import", mark("Import data…"), "import_data", "upload", "", "file"),
    Action("run.import", mark("Import run…"), "start", "upload", "", "file", "run.import"),
    Action("quit", mark("Quit"), "quit", "log-out", "Ctrl+Q", "file", separator=True),
    Action("undo", mark("Undo"), "undo", "undo-2", "Ctrl+Z", "edit"),
    Action("redo", mark("Redo"), "redo", "rotate-cw", "Ctrl+Shift+Z", "edit"),
    Action("filter", mark("Filter this page"), "focus_filter", "search", "Ctrl+F; /", "edit", separator=True),
    Action("copy.link", mark("Copy link to this page"), "copy_link", "link", "Ctrl+Shift+C", "edit"),
    Action("palette", mark("Command palette…"), "open_palette", "search", "Ctrl+K", "view", palette=False),
    Action("back", mark("Back"), "go_back", "arrow-left", "Alt+Left", "view", separator=True),
    Action("forward", mark("Forward"), "go_forward", "arrow-right", "Alt+Right", "view"),
    *GO_TO,
    Action("refresh", mark("Refresh"), "refresh_page", "refresh-cw", "F5", "view", separator=True),
    Action("theme", mark("Switch between dark and light"), "toggle_theme", "moon", "Ctrl+Shift+L", "view"),
    Action("rail", mark("Collapse or expand the rail"), "toggle_rail", "panel-left", "Ctrl+\\", "view"),
    Action("language", mark("Switch language"), "toggle_language", "languages", "", "view"),
    Action("run.go", mark("All runs"), "navigate", "activity", "", "run", "runs", palette=False),
    Action("model.go", mark("All models"), "navigate", "package", "", "model", "models", palette=False),
    Action("endpoint.go", mark("All endpoints"), "navigate", "rocket", "", "endpoint", "endpoints", palette=False),
    Action("detach", mark("Open in new window"), "open_in_new_window", "external-link", "Ctrl+Shift+O", "window"),
    Action("alerts.popover", mark("Alerts and finished jobs"), "open_bell", "bell", "Ctrl+Shift+A", "window"),
    Action("layout.reset", mark("Reset layout"), "reset_layout", "grid-2x2", "", "window"),
    Action("area.next", mark("Next area"), "next_area", "", "F6", "window", separator=True, palette=False),
    Action("area.previous", mark("Previous area"), "previous_area", "", "Shift+F6", "window", palette=False),
    Action("help", mark("Keyboard shortcuts"), "open_help", "keyboard", "?", "help"),
    Action("backend.restart", mark("Restart backend"), "restart_backend", "refresh-cw", "", "help", separator=True),
    Action("diagnostics", mark("Copy diagnostics"), "copy_diagnostics", "copy", "", "help"),
    Action("about", mark("About Modeldeck"), "open_about", "info", "", "help"),
)  # fmt: skip


def key_sequences(shortcut: str) -> list[QKeySequence]:
    """`"G, O; Ctrl+1"` → two sequences, the first of two strokes."""
    return [QKeySequence(part.strip()) for part in shortcut.split(";") if part.strip()]


def shown_shortcut(shortcut: str) -> str:
    """The first sequence in the platform's own words: `Ctrl+K`, on macOS `⌘K`."""
    found = key_sequences(shortcut)
    return found[0].toString(QKeySequence.SequenceFormat.NativeText) if found else ""


def key_caps(shortcut: str) -> list[str]:
    """The first sequence as one text per key cap: `Ctrl`, `⇧`, `P`."""
    shown = shown_shortcut(shortcut).replace(", ", "+")
    return [cap.replace("Shift", "⇧") for cap in shown.split("+") if cap]


def is_letter(shortcut: str) -> bool:
    """True when the shortcut is made of plain letters or signs only, without Ctrl, Alt or a function key."""
    return any(
        not part.strip().upper().startswith(("CTRL", "ALT", "META", "F1", "F2", "F5", "F6", "SHIFT+F"))
        for part in shortcut.split(";")
        if part.strip()
    )


class Actions:
    """The registry: the shell's table, the page's actions of now, and the user's own keys."""

    def __init__(self, keys: dict[str, str] | None = None) -> None:
        self._shell = {action.id: action for action in ACTIONS}
        self._page: list[Action] = []
        self._keys = dict(keys or {})

    def shell(self) -> list[Action]:
        """The shell's actions, in menu order."""
        return list(self._shell.values())

    def page(self) -> list[Action]:
        """What the page in front offers."""
        return list(self._page)

    def set_page(self, actions: Iterable[Action]) -> None:
        self._page = list(actions)

    def all(self) -> list[Action]:
        return [*self._page, *self._shell.values()]

    def find(self, action_id: str) -> Action:
        """By id; raises KeyError naming it."""
        for action in self.all():
            if action.id == action_id:
                return action
        raise KeyError(f"there is no action {action_id!r}")

    def shortcut(self, action: Action) -> str:
        """The user's key for the action, else the usual one."""
        return self._keys.get(action.id, action.shortcut)

    def rebind(self, action_id: str, shortcut: str) -> None:
        """Another key for an action; an empty text takes it away."""
        self._keys[action_id] = shortcut

    def conflicts(self) -> list[tuple[str, Action, Action]]:
        """Pairs of actions that share a key."""
        seen: dict[str, Action] = {}
        found = []
        for action in self.all():
            for sequence in key_sequences(self.shortcut(action)):
                text = sequence.toString()
                if text in seen:
                    found.append((text, seen[text], action))
                else:
                    seen[text] = action
        return found
