"""The bytes of a file as decoded lines: encodings are checked strictly, lines are bounded, and what was read is
hashed.
"""

import codecs
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backend.contract.errors import Conflict, Invalid, NotFound

CHUNK_BYTES = 1 << 16
HASH_BYTES = 4 << 20
LINE_LIMIT = 1_000_000
"""Longest line in characters; memory stays near this however long a line is."""

ENCODINGS = ("utf-8", "utf-16", "gb18030", "big5", "shift_jis", "cp1252", "latin-1")
"""What the user may choose from when a file is not UTF-8."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r(?!\Z)|\n")


class BadLine(Exception):
    """One line cannot be used; reading can go on after it."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def data_error(path: Path, text: str, *, line: int | None = None, fix: str | None = None, **details: Any) -> Invalid:
    """A refusal that names file, line and cause; details carry them for machines."""
    where = f"{path.name}, line {line}" if line is not None else path.name
    known = {"file": str(path), **({"line": line} if line is not None else {}), **details}
    return Invalid(f"{where}: {text}", code="data", fix=fix, **known)


def check_regular(path: Path) -> os.stat_result:
    """The status of a readable regular file; anything else is refused by name."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", code="missing_file", file=str(path)) from None
    except (OSError, ValueError) as error:
        raise data_error(path, f"cannot be opened ({error}).") from error
    if not stat.S_ISREG(status.st_mode):
        raise data_error(path, "is not a regular file.")
    if not os.access(path, os.R_OK):
        raise data_error(path, "may not be read by this user.", fix="Change its permissions.")
    return status


def detect_encoding(path: Path) -> str:
    """The codec that the first bytes ask for: by byte order mark, by the pattern of zero bytes, else UTF-8."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if zeros_odd > len(head) // 4 and zeros_even == 0:
        return "utf-16-le"
    if zeros_even > len(head) // 4 and zeros_odd == 0:
        return "utf-16-be"
    return "utf-8"


def check_encoding(name: str) -> str:
    """The name of a text codec Python knows; others are refused with the usual choices."""
    try:
        if codecs.lookup(name)._is_text_encoding:
            return name
    except (LookupError, ValueError):
        pass
    raise Invalid(f"There is no encoding {name!r}.", field="encoding", fix=f"Usual are {', '.join(ENCODINGS)}.")


class TextSource:
    """Iterates over the lines of a file (line ends kept).

    Raises Invalid with line and byte when bytes do not fit the encoding or a NUL byte stands in the text, BadLine when
    a line is longer than LINE_LIMIT (iterating goes on after it). `line` is the number of the line last given;
    `sha256` is of all bytes once the end was reached; then a file that changed meanwhile is a Conflict.
    """

    def __init__(
        self, path: Path, encoding: str | None = None, on_read: Callable[[int], None] = lambda _count: None
    ) -> None:
        self.path = path
        self._on_read = on_read
        self.before = check_regular(path)
        self.encoding = check_encoding(encoding) if encoding else detect_encoding(path)
        self.line = 0
        self._hash = hashlib.sha256()
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._wide = self.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        self._fed = 0
        self._newlines = 0
        self._text = ""
        self._start = 0
        self._ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __enter__(self) -> "TextSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def __next__(self) -> str:
        too_long = False
        while True:
            end = _LINE_END.search(self._text, self._start)
            if end is None and not self._ended:
                if len(self._text) - self._start > LINE_LIMIT:
                    too_long = True
                    # a possible \r at the very end must stay to meet its \n
                    self._text, self._start = self._text[-1:], 0
                self._read_more()
                continue
            stop = end.end() if end else len(self._text)
            line, self._start = self._text[self._start : stop], stop
            if not line and not too_long:
                raise StopIteration
            self.line += 1
            if too_long or len(line) > LINE_LIMIT:
                raise BadLine(self.line, f"is longer than {LINE_LIMIT:,} characters")
            return line

    def finish(self) -> None:
        """Read to the end so that the hash covers the whole file, and compare the file's status with the start."""
        while not self._ended:
            self._text, self._start = "", 0
            self._read_more()
        check_unchanged(self.path, self.before)

    def _read_more(self) -> None:
        data = self._file.read(CHUNK_BYTES)
        self._on_read(len(data))
        self._hash.update(data)
        if not self._wide and b"\0" in data:
            self._refuse_bytes(data, data.index(b"\0"), "a NUL byte")
        self._fed += len(data)
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            self._refuse_undecodable(error)
        self._newlines += text.count("\n")
        self._text, self._start = self._text[self._start :] + text, 0
        self._ended = not data
        if self._ended:
            check_unchanged(self.path, self.before)

    def _refuse_bytes(self, data: bytes, index: int, what: str) -> None:
        line = self._newlines + data[:index].count(b"\n") + 1
        byte = self._fed + index
        raise data_error(
            self.path,
            f"{what} at byte {byte}: this is not a text file in {self.encoding}.",
            line=line,
            byte=byte,
            fix="Save it as UTF-8, or choose its encoding.",
        )

    def _refuse_undecodable(self, error: UnicodeDecodeError) -> None:
        seen = bytes(error.object)
        byte = self._fed - len(seen) + error.start
        line = self._newlines + seen[: error.start].decode(self.encoding, "replace").count("\n") + 1
        value = " ".join(f"0x{b:02x}" for b in seen[error.start : error.start + 2])
        raise data_error(
            self.path,
            f"byte {byte} ({value}) is not valid {self.encoding}.",
            line=line,
            byte=byte,
            fix=f"Choose the encoding of the file: {', '.join(ENCODINGS[1:])}.",
        ) from error


def check_unchanged(path: Path, before: os.stat_result) -> None:
    """Refuse when size, time or identity of the file differ from what they were before reading (RELIABILITY row 58)."""
    try:
        after = path.stat()
    except OSError:
        raise Conflict(f"{path.name} vanished while it was read.", code="data_changed", file=str(path)) from None
    known = ("st_size", "st_mtime_ns", "st_ino", "st_dev")
    if any(getattr(before, name) != getattr(after, name) for name in known):
        raise Conflict(
            f"{path.name} changed while it was read.",
            code="data_changed",
            file=str(path),
            fix="Import it again when nobody writes to it.",
        )


def hash_file(path: Path, look: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file's bytes; `look` is called every few of them, and may raise to end it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(HASH_BYTES):
            look()
            digest.update(data)
    return digest.hexdigest()
