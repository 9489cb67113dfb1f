"""Questions with a context and the part of it that answers: three columns of text, and a place where the data says
one. An answer is a text, or the object of SQuAD: {"text": [...], "answer_start": [...]}.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.data.tagged import BadRow
from backend.data.versions import Columns


@dataclass(frozen=True, slots=True)
class Asked:
    """One question."""

    question: str
    context: str
    answers: tuple[str, ...]  # every right one, the one to learn first; none: the context does not tell
    start: int  # character at which the first answer begins; -1 without one

    @property
    def end(self) -> int:
        """Behind the last character of the first answer."""
        return self.start + len(self.answers[0]) if self.answers else -1

    @property
    def text(self) -> str:
        """What a split looks at."""
        return f"{self.question}\n{self.context}"


def read_asked(columns: Columns) -> list[Asked]:
    """The rows; raises BadRow for the first whose answer is not in its context, or not where the data says."""
    roles = columns.by_role
    starts: Sequence[str] = roles.get("answer_start") or [""] * len(roles["question"])
    rows = zip(roles["question"], roles["context"], roles["answer"], starts, strict=True)
    return [_asked(row, *cells) for row, cells in enumerate(rows)]


def kinds(rows: Sequence[Asked]) -> list[str]:
    """With or without an answer: a split that is drawn has both where it can."""
    return ["answer" if row.answers else "none" for row in rows]


def _asked(row: int, question: str, context: str, answer: str, start: str) -> Asked:
    for name, text in (("question", question), ("context", context)):
        if not text.strip():
            raise BadRow(row, f"has an empty {name}")
    answers, places = _listed(row, answer, start)
    if not answers:
        return Asked(question, context, (), -1)
    first = answers[0].strip()
    at = _found(row, context, answers[0], first) if places[0] is None else _given(row, context, answers[0], places[0])
    return Asked(question, context, tuple(dict.fromkeys(text.strip() for text in answers)), at)


def _listed(row: int, answer: str, start: str) -> tuple[list[str], list[int | None]]:
    """Answers that are not blank, and where each begins, as far as the data says."""
    if not answer.strip():
        return [], []
    squad = _squad(answer)
    if squad is None:
        return [answer], [_number(row, start)]
    texts, places = squad.get("text"), squad.get("answer_start")
    texts = [texts] if isinstance(texts, str) else texts
    places = [places] if isinstance(places, int) else places or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRow(row, "its answer is an object whose text is no list of texts")
    if not isinstance(places, list) or not all(type(place) is int for place in places):
        raise BadRow(row, "its answer is an object whose answer_start is no list of numbers")
    kept = [(text, places[at] if at < len(places) else None) for at, text in enumerate(texts) if text.strip()]
    return [text for text, _ in kept], [place for _, place in kept]


def _squad(answer: str) -> dict[str, Any] | None:
    if not answer.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(answer)
    except ValueError:
        return None  # a text that happens to begin so
    return found if isinstance(found, dict) and "text" in found else None


def _number(row: int, start: str) -> int | None:
    if not start.strip():
        return None
    try:
        found = float(start)
    except ValueError:
        found = -1.0
    if found < 0 or not found.is_integer():  # tables often make 12 a 12.0
        raise BadRow(row, f"has answer_start {start[:40]!r}; it must be a character's place, from 0")
    return int(found)


def _found(row: int, context: str, raw: str, answer: str) -> int:
    """The first occurrence, exactly as the answer is written if it can be had."""
    at = context.find(raw)
    if at >= 0:
        return at + len(raw) - len(raw.lstrip())
    at = context.find(answer)
    if at < 0:
        raise BadRow(row, f"the answer {answer[:80]!r} is not in the context")
    return at


def _given(row: int, context: str, raw: str, start: int) -> int:
    if context.startswith(raw, start):
        return start + len(raw) - len(raw.lstrip())
    if context.startswith(raw.strip(), start):
        return start
    there = context[start : start + len(raw)]
    raise BadRow(row, f"at character {start} of the context stands {there[:80]!r} and not the answer {raw[:80]!r}")
