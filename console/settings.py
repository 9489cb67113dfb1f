"""What the user chose: declared once as data, kept in the home folder's console.json, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from console.i18n import mark


@dataclass(frozen=True)
class Setting:
    """One setting: key, type, default, and what the settings page needs to build its control."""

    key: str
    type: type
    default: Any
    text: str = ""
    category: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""

    def accepts(self, value: Any) -> bool:
        """True when `value` may be stored here."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.type) or (self.type is not bool and isinstance(value, bool)):
            return False
        if self.choices and value not in [choice for choice, _ in self.choices]:
            return False
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return True


THEME = Setting(
    "theme", str, "dark", mark("Theme"), "General",
    choices=(("system", mark("Follow system")), ("dark", mark("Dark")), ("light", mark("Light"))),
)  # fmt: skip
LANGUAGE = Setting(
    "language", str, "system", mark("Language"), "General",
    choices=(("system", mark("Follow system")), ("en", "English"), ("zh", "中文")),
)  # fmt: skip
DENSITY = Setting(
    "density", str, "comfortable", mark("Density"), "General",
    choices=(("comfortable", mark("Comfortable")), ("compact", mark("Compact"))),
)  # fmt: skip
START_PAGE = Setting("start_page", str, "overview", mark("Start page"), "General")
HIGH_CONTRAST = Setting("high_contrast", bool, False, mark("High contrast borders"), "General")
REDUCE_MOTION = Setting("reduce_motion", bool, False, mark("Reduce motion"), "General")
LETTER_KEYS = Setting(
    "letter_keys", bool, True, mark("Single-letter shortcuts"), "Keyboard",
    hint=mark("They never act while you type in a field."),
)  # fmt: skip
FRAME_RATE = Setting("charts.frame_rate", int, 10, mark("Redraws per second"), "Charts", low=1, high=60)
SMOOTHING = Setting("charts.smoothing", float, 0.6, mark("Smoothing of new charts"), "Charts", low=0.0, high=0.999)
IGNORE_OUTLIERS = Setting("charts.ignore_outliers", bool, True, mark("Ignore outliers in the y range"), "Charts")
NOTIFY = Setting(
    "alerts.notify", bool, True, mark("Desktop notifications"), "Alerts",
    hint=mark("Of serious alerts, while the window is not in front."),
)  # fmt: skip
NOTIFY_SOUND = Setting("alerts.sound", bool, False, mark("Sound"), "Alerts", hint=mark("With a desktop notification."))
RAIL_COLLAPSED = Setting("window.rail_collapsed", bool, False)
WINDOW_PLACE = Setting("window.place", list, [])
WINDOW_MAXIMIZED = Setting("window.maximized", bool, False)
TABLES = Setting("tables", dict, {})
LAYOUTS = Setting("layouts", dict, {})
FILTERS = Setting("filters", dict, {})
PINNED = Setting("pinned", list, [])
DRAFTS = Setting("drafts", dict, {})
KEYS = Setting("keys", dict, {})
RECENT = Setting("recent", list, [])
HIDDEN_PANELS = Setting("hidden_panels", list, [])

SETTINGS: tuple[Setting, ...] = (
    THEME, LANGUAGE, DENSITY, START_PAGE, HIGH_CONTRAST, REDUCE_MOTION, LETTER_KEYS, FRAME_RATE, SMOOTHING,
    IGNORE_OUTLIERS, NOTIFY, NOTIFY_SOUND, RAIL_COLLAPSED, WINDOW_PLACE, WINDOW_MAXIMIZED, TABLES, LAYOUTS, FILTERS,
    PINNED, DRAFTS, KEYS, RECENT, HIDDEN_PANELS,
)  # fmt: skip


class Settings(QObject):
    """The settings of one home folder. Reading never fails; a damaged file is set aside and defaults are used.

    Signals:
        changed(str): the value of this key changed.
    """

    changed = Signal(str)

    def __init__(self, path: Path | None) -> None:
        """`path` of console.json; None keeps everything in memory (tests)."""
        super().__init__()
        self._path = path
        self._known = {setting.key: setting for setting in SETTINGS}
        self._values: dict[str, Any] = {}
        self._foreign: dict[str, Any] = {}
        self._load()

    def get(self, setting: Setting) -> Any:
        """The value, or the default; lists and dicts are copies."""
        value = self._values.get(setting.key, setting.default)
        return json.loads(json.dumps(value)) if isinstance(value, (dict, list)) else value

    def set(self, setting: Setting, value: Any) -> None:
        """Store a value and write the file; a value the setting does not accept raises ValueError."""
        if not setting.accepts(value):
            raise ValueError(f"setting {setting.key!r} does not accept {value!r}")
        if self.get(setting) == value:
            return
        self._values[setting.key] = json.loads(json.dumps(value))
        self._save()
        self.changed.emit(setting.key)

    def entry(self, setting: Setting, name: str, default: Any = None) -> Any:
        """One entry of a dict setting, such as a table's layout."""
        return self.get(setting).get(name, default)

    def set_entry(self, setting: Setting, name: str, value: Any) -> None:
        """Store one entry of a dict setting; None removes it."""
        table = self.get(setting)
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
        self.set(setting, table)

    def on(self, setting: Setting, slot: Callable[[Any], None]) -> None:
        """Call `slot(value)` whenever this setting changes."""
        self.changed.connect(lambda key: slot(self.get(setting)) if key == setting.key else None)

    def _load(self) -> None:
        if self._path is None or not self._path.exists():
            return
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(raw, dict):
                raise ValueError("not an object")
        except (OSError, ValueError):
            self._set_aside()
            return
        for key, value in raw.items():
            setting = self._known.get(key)
            if setting is None:
                self._foreign[key] = value  # a newer version's setting: keep it for that version
            elif setting.accepts(value):
                self._values[key] = value

    def _set_aside(self) -> None:
        if self._path is not None:
            try:
                self._path.replace(self._path.with_suffix(".json.damaged"))
            except OSError:
                return

    def _save(self) -> None:
        if self._path is None:
            return
        text = json.dumps({**self._foreign, **self._values}, indent=1, ensure_ascii=False, sort_keys=True)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # before the backend's first start
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".console-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
