"""Pairs of texts that belong together: anchor and positive, or a source and its translation."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.data.tagged import BadRow
from backend.data.versions import Columns

ROLES = {"sentence-pairs": ("anchor", "positive"), "translation": ("source", "target")}
"""Task → roles of the two."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Row i of both belongs together."""

    anchors: list[str]
    positives: list[str]

    def __len__(self) -> int:
        return len(self.anchors)

    @property
    def texts(self) -> list[str]:
        """Each pair as one text; what a split looks at."""
        return [f"{anchor}\n{positive}" for anchor, positive in zip(self.anchors, self.positives, strict=True)]

    def of(self, rows: Sequence[int]) -> "Pairs":
        """These rows only."""
        return Pairs([self.anchors[row] for row in rows], [self.positives[row] for row in rows])

    def groups(self) -> list[int]:
        """A number for each row: pairs that share a text, directly or over others, have the same, since they cannot be
        told apart."""
        leader: dict[str, str] = {}

        def find(text: str) -> str:
            while leader.setdefault(text, text) != text:
                leader[text] = text = leader[leader[text]]
            return text

        for anchor, positive in zip(self.anchors, self.positives, strict=True):
            leader[find(anchor)] = find(positive)
        numbers: dict[str, int] = {}
        return [numbers.setdefault(find(anchor), len(numbers)) for anchor in self.anchors]


def read_pairs(columns: Columns) -> Pairs:
    """The rows; raises BadRow for the first that lacks one of the two."""
    roles = ROLES[columns.task]
    for name in roles:
        blank = next((row for row, text in enumerate(columns.by_role[name]) if not text.strip()), None)
        if blank is not None:
            raise BadRow(blank, f"has an empty {name}")
    anchors, positives = (columns.by_role[name] for name in roles)
    return Pairs(anchors, positives)
