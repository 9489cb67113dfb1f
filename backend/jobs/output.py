"""What a worker prints: a file that cannot grow without end, and its last lines as harmless text. Standard library
only."""

import os
import unicodedata
from pathlib import Path

from backend import platform

LIMIT_BYTES = 8 * 1024 * 1024
"""Beyond this the file is emptied and its end kept beside it as output.log.1, so a job never holds much more than
twice that."""

_TAIL_BYTES = 64 * 1024
_LINE_CHARACTERS = 2000


def rotate(path: Path, old: Path, limit: int = LIMIT_BYTES) -> bool:
    """Copy the end of a file that is over the limit to `old` and empty it; whether that was so.

    The writer appends through its own descriptor (O_APPEND) and never notices; what it prints between copy and cut
    is lost.
    """
    size = path.stat().st_size
    if size <= limit:
        return False
    with path.open("rb") as file:
        file.seek(size - limit)
        end = file.read(limit)
    platform.write_bytes_atomic(old, end)
    os.truncate(path, 0)
    return True


def tail(path: Path, old: Path, lines: int = 50) -> list[str]:
    """The last lines printed, newest last, without control and direction characters; [] when nothing was."""
    data = _end_of(path)
    if data.count(b"\n") < lines:
        data = _end_of(old) + data
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").replace("\r", "\n")
    found = [plain_line(line) for line in text.rstrip("\n").split("\n")]
    return found[-lines:] if text.strip() else []


def _end_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read()
    except FileNotFoundError:
        return b""


def plain_line(line: str) -> str:
    """One line with everything that could move a cursor or forge a line written as an escape; long lines are cut."""
    shown = line if len(line) <= _LINE_CHARACTERS else line[:_LINE_CHARACTERS] + " …"
    return "".join(
        c if c == "\t" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") else _escape(c) for c in shown
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
