"""Running text as a dataset keeps it: passages of lines, some of which end a document."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.data.versions import Columns

LONGEST = 20
"""Lines of a passage at most: parts are drawn by passages, so that a novel can be judged on what it was not trained
on."""

PASSAGES = 50
"""Passages there should be at least; a short text is cut into shorter ones."""

SEPARATOR = "%"
"""A line of this alone ends a document, as in files of the fortune program; so does a blank one."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive lines of one document."""

    lines: tuple[str, ...]
    row: int  # of the dataset, where it begins
    starts: bool  # a document
    ends: bool
    given: str | None  # train, validation or test, where the data says

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def read_corpus(columns: Columns) -> list[Passage]:
    """Every passage, in source order; none of them is blank.

    Rows of a text file are lines of documents that blank lines or % part; rows of any other file are documents of their
    own, unless they are parted so, too.
    """
    texts, given = columns.by_role["text"], columns.given
    lined = columns.lined or any(_parts(text) for text in texts)
    documents: list[list[tuple[int, str]]] = [[]]
    for row, text in enumerate(texts):
        if not lined or (given and row and given[row] != given[row - 1]):
            documents.append([])
        for line in text.splitlines() or [""]:
            if _parts(line):
                documents.append([])
            else:
                documents[-1].append((row, line.rstrip()))
    documents = [document for document in documents if document]
    longest = min(max(sum(map(len, documents)) // PASSAGES, 2), LONGEST)
    return [passage for document in documents for passage in _cut(document, longest, given)]


def _parts(line: str) -> bool:
    return line.strip() in ("", SEPARATOR)


def _cut(document: Sequence[tuple[int, str]], longest: int, given: Sequence[str] | None) -> list[Passage]:
    passages = []
    for at in range(0, len(document), longest):
        piece = document[at : at + longest]
        row = piece[0][0]
        passages.append(
            Passage(
                lines=tuple(line for _, line in piece),
                row=row,
                starts=at == 0,
                ends=at + longest >= len(document),
                given=given[row] if given else None,
            )
        )
    return passages
