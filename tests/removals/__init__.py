"""Each defence taken away once: what is removed, and the tests that must turn red.

`python -m tests.removals [row …] [--out FILE]` works on a copy of the tree, so nothing here is ever left removed.

- `processes.toml`: clients, daemon, workers, storage
- `data.toml`: checkpoints, data files, serving, the machine
- `threats.toml`: the threat model (T…)
- `told`: the plugin of pytest that writes down what becomes of each test
- `__main__`: does it, and prints the table
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Trial:
    """One defence, the text that is it in `file`, what stands there without it, and the tests that see it."""

    row: str
    defence: str
    file: str
    old: str
    new: str
    red: tuple[str, ...]


def trials() -> list[Trial]:
    """All of them, in the order of the files."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        for one in tomllib.loads(path.read_text(encoding="utf-8"))["trial"]:
            found.append(Trial(**{**one, "row": str(one["row"]), "red": tuple(one["red"])}))
    return found
