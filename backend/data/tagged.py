"""Words with a tag each, as a dataset keeps them: two columns of JSON lists, or of words between spaces."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from backend.data.versions import Columns


@dataclass(frozen=True, slots=True)
class Tagged:
    """Rows of words and tags of the same length."""

    words: list[list[str]]
    tags: list[list[str]]
    given: list[str] | None

    @property
    def texts(self) -> list[str]:
        """Each row as one text; what a split looks at."""
        return [" ".join(words) for words in self.words]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every tag, sorted."""
        return tuple(sorted({tag for tags in self.tags for tag in tags}))


class BadRow(ValueError):
    """A row whose words and tags do not go together."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row


def read_tagged(columns: Columns) -> Tagged:
    """The rows; raises BadRow for the first that is no two lists of the same length."""
    words = [_listed(text, row, "tokens") for row, text in enumerate(columns.by_role["tokens"])]
    tags = [_listed(text, row, "tags") for row, text in enumerate(columns.by_role["tags"])]
    for row, (some, named) in enumerate(zip(words, tags, strict=True)):
        if len(some) != len(named):
            raise BadRow(row, f"has {len(some)} tokens and {len(named)} tags")
        if not some:
            raise BadRow(row, "has no tokens")
    return Tagged(words, tags, columns.given)


def _listed(text: str, row: int, what: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return text.split()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadRow(row, f"its {what} are no JSON list: {error}") from error
    if not isinstance(found, list) or not all(type(one) in (str, int) for one in found):
        raise BadRow(row, f"its {what} are no list of texts")
    return [str(one) for one in found]


def is_chunked(labels: Sequence[str]) -> bool:
    """Whether tags name entities by their beginning and inside (B-, I-, also E-, S-, L-, U-), with O for none."""
    named = [label for label in labels if label != "O"]
    return bool(named) and all(label[:2] in ("B-", "I-", "E-", "S-", "L-", "U-") for label in named)
