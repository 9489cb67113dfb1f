"""A source, its rows, and what was left out and why."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

KINDS = ("tensorboard", "wandb", "csv", "trainer_state")

MOST_NOTES = 40
"""Notes kept with their places; later ones are only counted."""

LONGEST_KEY = 10_000
MOST_KEYS = 2_000
MOST_KEY_CHARACTERS = 500_000
"""Of all names together: the newest value of each is part of the run's record, and a row of all of them, each character
written with six (\\u0001), still fits a line of the log."""
MOST_CONFIG = 2_000

LOWEST_STEP, HIGHEST_STEP = -(2**63), 2**63 - 1

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ODD = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}


class Row(NamedTuple):
    """Numbers logged together. `time` is unix seconds, None where the source does not tell."""

    step: int
    time: float | None
    values: dict[str, float | None]
    epoch: float | None = None


@dataclass
class Facts:
    """What a reader learns on its way; whole when its rows are exhausted."""

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""
    state: str = "completed"
    cause: str | None = None
    total_steps: int | None = None
    ended_at: float | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)  # role → column, for tables
    columns: tuple[str, ...] = ()


class Notes:
    """What was left out or looks odd: each with its place, the first of many in words, the rest as numbers; and how
    far reading has come. `on_read` is called after each piece of a file and may raise to end the reading."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.on_read: Callable[[], None] = lambda: None
        self._told: list[str] = []
        self._counts: dict[str, int] = {}
        self._more = 0

    def tell(self, where: str, text: str) -> None:
        """One thing at one place."""
        if len(self._told) < MOST_NOTES:
            self._told.append(f"{where}: {text}" if where else text)
        else:
            self._more += 1

    def count(self, what: str, number: int = 1) -> None:
        """Something that needs no place, such as a histogram."""
        self._counts[what] = self._counts.get(what, 0) + number

    def advance(self, count: int) -> None:
        """So many more bytes were read."""
        self.read_bytes += count
        self.on_read()

    def texts(self) -> tuple[str, ...]:
        """All of it as sentences."""
        counted = [f"{number:,} {what}" for what, number in self._counts.items()]
        more = [f"and {self._more:,} more of this sort"] if self._more else []
        return (*self._told, *more, *counted)


class Source(Protocol):
    """One training found at a path. rows() may be taken once for each open()."""

    kind: str
    path: Path
    files: tuple[Path, ...]
    facts: Facts
    notes: Notes

    def rows(self) -> Iterator[Row]:
        """Every row in the order written; raises Refused when the source as a whole cannot be read."""
        ...


class Keys:
    """Names of metrics as they may be kept: bounded in length and number; what goes beyond is told once a name."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._known: dict[str, bool] = {}
        self._refused = 0
        self._characters = 0
        self._told: set[str] = set()

    def take(self, name: str) -> bool:
        """Whether points of this name are kept."""
        found = self._known.get(name)
        if found is not None:
            return found
        if len(name) > LONGEST_KEY or not name:
            text = f"a name of {len(name):,} characters is over the limit of {LONGEST_KEY:,}; its points were left out"
            self._refuse(name[:60] or "a metric", text if name else "has no name; its points were left out")
            return False
        self._characters += len(name)
        if len(self._known) >= MOST_KEYS or self._characters > MOST_KEY_CHARACTERS:
            if self._refused == 0:
                text = f"more than {MOST_KEYS:,} metrics or {MOST_KEY_CHARACTERS:,} characters of names; this and later"
                self._refuse(name[:60], f"{text} ones were left out")
            return False
        self._known[name] = True
        return True

    def _refuse(self, where: str, text: str) -> None:
        self._refused += 1
        if text in self._told:  # of the same name, again and again
            return
        self._told.add(text)
        self._notes.tell(where, text)


def number_of(text: str) -> float:
    """The float a text writes out; ValueError for anything else (an underscore, a comma, a word)."""
    plain = text.strip()
    if _NUMBER.fullmatch(plain):
        return float(plain)
    sign = -1.0 if plain.startswith("-") else 1.0
    odd = _ODD.get(plain.lstrip("+-").lower()) if len(plain.lstrip("+-")) >= len(plain) - 1 else None
    if odd is None:
        raise ValueError(f"{text[:60]!r} is no number")
    return sign * odd


def is_overflow(text: str, value: float) -> bool:
    """Whether a written number lies beyond what 64 bits hold: it became infinite without saying so."""
    return math.isinf(value) and text.strip().lstrip("+-")[:1].lower() != "i"


def step_of(value: float | int) -> int | None:
    """A whole number within 64 bits, or None."""
    if isinstance(value, float):
        if not math.isfinite(value) or value != math.floor(value):
            return None
        value = int(value)
    return value if LOWEST_STEP <= value <= HIGHEST_STEP else None


def bounded(config: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """At most so many settings, each no longer than a screen shows."""
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if len(kept) >= MOST_CONFIG:
            notes.count("settings were left out", len(config) - len(kept))
            break
        shown = value if isinstance(value, int | float | bool | type(None)) else str(value)
        kept[str(name)[:LONGEST_KEY]] = shown[:LONGEST_KEY] if isinstance(shown, str) else shown
    return kept


def flat(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Leaves of nested dictionaries under names joined by dots; lists are leaves."""
    if isinstance(value, dict) and depth < 8:
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    else:
        yield name, value
