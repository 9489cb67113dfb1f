"""Every action as data: one table feeds the menus, the palette, the tooltips and the `?` sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.i18n import mark, tr
from console.keys import CHART, PAGE_KEYS, WITH_CHARTS, in_each_other_s_way, key_table

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
    shortcut: the usual key; a page's action has the one declared in console.keys for its id.
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

    def __post_init__(self) -> None:
        if not self.shortcut:
            object.__setattr__(self, "shortcut", key_table.usual(self.id))

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
    Action("jobs.popover", mark("Jobs and queue"), "open_jobs", "list", "", "window"),
    Action("layout.reset", mark("Reset layout"), "reset_layout", "grid-2x2", "", "window"),
    Action("area.next", mark("Next area"), "next_area", "", "F6", "window", separator=True, palette=False),
    Action("area.previous", mark("Previous area"), "previous_area", "", "Shift+F6", "window", palette=False),
    Action("help", mark("Keyboard shortcuts"), "open_help", "keyboard", "?; Shift+?", "help"),
    Action("backend.restart", mark("Restart backend"), "restart_backend", "refresh-cw", "", "help", separator=True),
    Action("diagnostics", mark("Copy diagnostics"), "copy_diagnostics", "copy", "", "help"),
    Action("about", mark("About Modeldeck"), "open_about", "info", "", "help"),
)  # fmt: skip


key_table.declare((action.id, action.shortcut) for action in ACTIONS)


class Actions:
    """The registry: the shell's table, the page's actions of now, and the user's own keys."""

    def __init__(self, keys: dict[str, str] | None = None) -> None:
        self._shell = {action.id: action for action in ACTIONS}
        self._page: list[Action] = []
        key_table.load(dict(keys or {}))

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
        return key_table.of(action.id, action.shortcut)

    def rebind(self, action_id: str, shortcut: str) -> None:
        """Another key for an action; an empty text takes it away."""
        key_table.set(action_id, shortcut)

    def conflicts(self) -> list[tuple[str, str, str]]:
        """(key, id, other id): actions in each other's way, both of the shell or both usable on one page."""
        shell = list(self._shell)
        found = [clash for at, one in enumerate(shell) for other in shell[at + 1 :] if (clash := _clash(one, other))]
        for at, one in enumerate(PAGE_KEYS):
            fellows = [other.id for other in PAGE_KEYS[at + 1 :] if _meet(one.page, other.page)]
            found += [clash for other in (*fellows, *shell) if (clash := _clash(one.id, other))]
        return found


def _meet(one: str, other: str) -> bool:
    """Whether keys of both can be asked for at once: on one page, or in a chart on it."""
    return one == other or {one, other} in ({CHART, page} for page in WITH_CHARTS)


def _clash(one: str, other: str) -> tuple[str, str, str] | None:
    key = in_each_other_s_way(key_table.of(one), key_table.of(other))
    return (key, one, other) if key else None
