"""The design tokens as plain Python: parsing and look-up, without Qt."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
TOKENS_FILE = RESOURCES / "themes" / "tokens.json"

Rgba = tuple[int, int, int, int]

_RGBA = re.compile(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*(\d+)\)")


def parse_colour(text: str) -> Rgba:
    """`#RRGGBB` or `rgba(r,g,b,a)` with a in 0…255; anything else raises ValueError naming the text."""
    found = _RGBA.fullmatch(text.strip())
    if found:
        r, g, b, a = (int(part) for part in found.groups())
        return r, g, b, a
    if re.fullmatch(r"#[0-9A-Fa-f]{6}", text.strip()):
        value = int(text.strip()[1:], 16)
        return value >> 16, (value >> 8) & 255, value & 255, 255
    raise ValueError(f"colour {text!r} is neither #RRGGBB nor rgba(r,g,b,a)")


@dataclass(frozen=True)
class Tokens:
    """One parsed token file; every look-up that fails names the token and the known ones."""

    raw: dict[str, Any]

    @classmethod
    def load(cls, path: Path = TOKENS_FILE) -> Tokens:
        """Read the JSON token file; raises OSError or ValueError."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def colours(self, theme: str) -> dict[str, Rgba]:
        """Every colour name a painter may ask for in `theme`: roles, series names, chart roles and `series.<role>`."""
        themes = self.raw["themes"]
        if theme not in themes:
            raise KeyError(f"theme {theme!r} is not one of {sorted(themes)}")
        table = {name: parse_colour(text) for name, text in themes[theme]["color"].items()}
        series = {name: parse_colour(text) for name, text in themes[theme]["series"].items()}
        table.update(series)
        for role, name in self.raw["roles"].items():
            table[f"series.{role}"] = series[name]
            table.setdefault(role, series[name])
        return table

    def series_order(self) -> list[str]:
        """Names of the series colours in the order they are handed out."""
        return list(self.raw["series"]["order"])

    def dash_of(self, index: int) -> list[int] | None:
        """Dash pattern of the `index`-th series (from 0): None for the first seven, then 4-3, then dots."""
        for span, dash in self.raw["series"]["dashes"].items():
            low, high = (int(part) for part in span.split("-"))
            if low <= index % 21 + 1 <= high:
                return list(dash)
        return None

    def number(self, group: str, name: str) -> int:
        """A length of `size`, `radius`, `space` or `motion` in logical pixels or milliseconds."""
        table = self.raw[group]
        if name not in table:
            raise KeyError(f"{group} token {name!r} is not one of {sorted(table)}")
        return int(table[name])

    def type(self, name: str) -> dict[str, Any]:
        """The record of one text style: px, weight, line and, for the log, family."""
        table: dict[str, Any] = self.raw["type"]
        if name not in table:
            raise KeyError(f"type token {name!r} is not one of {sorted(table)}")
        return dict(table[name])

    def chart(self) -> dict[str, Any]:
        """The chart section as written."""
        return dict(self.raw["chart"])
