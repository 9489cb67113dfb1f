"""A column of texts that takes little more room than its bytes: a source of millions of rows is held in memory once."""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

MOST_KEPT_ONCE = 2000
"""Different texts up to which a column keeps one object each, such as labels."""


class Texts(Sequence[str]):
    """Append-only. Few different texts are kept once each; many as UTF-8 in one buffer, read again when asked for."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._few: list[str] | None = []
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        """One text more, whatever it holds."""
        if self._few is None:
            self._pack(text)
            return
        self._few.append(self._known.setdefault(text, text))
        if len(self._known) > MOST_KEPT_ONCE:
            texts, self._few, self._known = self._few, None, {}
            for each in texts:
                self._pack(each)

    def _pack(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._few) if self._few is not None else len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if self._few is not None:
            return self._few[index]
        if isinstance(index, slice):
            return [self._at(at) for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        return self._at(at)

    def _at(self, at: int) -> str:
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        if self._few is not None:
            return iter(self._few)
        return (self._at(at) for at in range(len(self)))
