"""Personal data in text, by pattern: counted, and shown only masked."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_SAMPLES = 3

PATTERNS: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[A-Za-z]{2,24}\b"),
    "card": re.compile(r"\b\d(?:[ -]?\d){12,18}\b"),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "china_id": re.compile(r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)"),
    "us_ssn": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "ip_address": re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"),
    "phone": re.compile(
        r"(?<![\d.\w])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,4}\)[ -]?)?\d{3,4}[ -]\d{3,4}(?:[ -]\d{2,4})?(?![\d.])"
        r"|(?<!\d)1[3-9]\d{9}(?!\d)"
    ),
}
"""Kind → pattern, in the order they are tried; text taken by one is not tried by the next."""


@dataclass
class PersonalData:
    """How many matches of each kind stand in how many texts, with masked samples of each."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)


def mask(text: str) -> str:
    """The first character of each run of letters or digits, the rest as dots: j•••@e••••••.o••."""
    return re.sub(r"(\w)(\w*)", lambda match: match[1] + "•" * len(match[2]), text)


def find(text: str) -> list[tuple[str, str]]:
    """Each (kind, match) in a text."""
    found: list[tuple[str, str]] = []
    for kind, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            if kind != "card" or _luhn(match[0]):
                found.append((kind, match[0]))
        if any(k == kind for k, _ in found):
            text = pattern.sub(" ", text)
    return found


def survey(texts: Iterable[str]) -> PersonalData:
    """What stands in all of the texts together."""
    result = PersonalData()
    for text in texts:
        matches = find(text) if any(c.isdigit() or c == "@" for c in text) else []
        result.rows += bool(matches)
        for kind, value in matches:
            result.counts[kind] += 1
            kept = result.samples.setdefault(kind, [])
            if len(kept) < MOST_SAMPLES:
                kept.append(mask(value))
    return result


def _luhn(text: str) -> bool:
    """The check digit rule of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
