"""What stands in a dataset: lengths, label balance, duplicates, languages, personal data. Counts only, no raw text
but masked.
"""

import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from backend.contract.resources import DatasetProblem
from backend.data import personal

LENGTH_EDGES = (0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1200, 2000, 4000, 10_000)
"""Left edges of the histogram of text lengths in characters; the last bin is open."""

LONG_TEXT = 4000
SCANNED_ROWS = 20_000
"""Rows searched for personal data and languages; more are estimated by the first ones."""

_STOPWORDS = {
    "en": "the and of to is in that it for with this was are you not",
    "de": "der die das und ist nicht ein eine mit für auf den von zu werden",
    "fr": "le la les des est une dans que pour pas avec sur vous qui",
    "es": "el los las que una por con para del como está pero más",
    "it": "il che di per non una con sono della gli questo più",
    "pt": "o os que não uma para com por mais dos como você",
    "nl": "de het een van en niet dat zijn voor met worden",
}
_WORD_OWNERS: dict[str, list[str]] = defaultdict(list)
for _language, _words in _STOPWORDS.items():
    for _word in _words.split():
        _WORD_OWNERS[_word].append(_language)


def language(text: str) -> str:
    """A guess: the script for non-Latin text (zh, ja, ko, ru …), the language by its commonest words for Latin,
    else `und`.
    """
    scripts = Counter(_script(char) for char in text[:400] if char.isalpha())
    if not scripts:
        return "und"
    script = scripts.most_common(1)[0][0]
    if scripts["kana"] > 0.1 * scripts.total():
        return "ja"
    if script != "latin":
        return _SCRIPT_LANGUAGES.get(script, script)
    votes = Counter(owner for word in text[:400].lower().split() for owner in _WORD_OWNERS.get(word.strip(".,!?"), ()))
    return votes.most_common(1)[0][0] if votes else "latin"


_SCRIPT_LANGUAGES = {
    "cjk": "zh",
    "hangul": "ko",
    "cyrillic": "ru",
    "greek": "el",
    "hebrew": "he",
    "thai": "th",
    "arabic": "ar",
}


def _script(char: str) -> str:
    if char < "\u0250":
        return "latin"
    name = unicodedata.name(char, "").split(" ", 1)[0].lower()
    return "kana" if name in ("hiragana", "katakana") else name


def length_histogram(texts: Sequence[str]) -> list[int]:
    """Counts of text lengths in the bins of LENGTH_EDGES."""
    from bisect import bisect_right

    counts = [0] * len(LENGTH_EDGES)
    for text in texts:
        counts[bisect_right(LENGTH_EDGES, len(text)) - 1] += 1
    return counts


def describe_texts(texts: Sequence[str]) -> dict[str, Any]:
    """The profile of one text column."""
    lengths = sorted(len(text) for text in texts)
    return {
        "length_edges": list(LENGTH_EDGES),
        "length_histogram": length_histogram(texts),
        "length_characters": {
            "mean": sum(lengths) / len(lengths),
            "p50": lengths[len(lengths) // 2],
            "p95": lengths[int(len(lengths) * 0.95)],
            "max": lengths[-1],
        },
        "languages": dict(Counter(language(text) for text in texts[:SCANNED_ROWS]).most_common(12)),
    }


def find_problems(texts: Sequence[str], labels: Sequence[str] | None) -> tuple[DatasetProblem, ...]:
    """What a person should know before training, the gravest first."""
    found = [
        *(_label_problems(labels) if labels is not None else ()),
        *_duplicate_problems(texts, labels),
        *_text_problems(texts),
    ]
    order = {"bad": 0, "warn": 1, "info": 2}
    return tuple(sorted(found, key=lambda problem: order[problem.severity]))


def _label_problems(labels: Sequence[str]) -> list[DatasetProblem]:
    counts = Counter(labels)
    found = []
    single = [name for name, count in counts.items() if count == 1]
    if single:
        text = f"{len(single)} of {len(counts)} labels stand on one row only: it cannot be trained and judged."
        found.append(
            DatasetProblem(code="rare_label", text=text, count=len(single), sample=tuple(single[:3]), severity="bad")
        )
    most, least = counts.most_common(1)[0], counts.most_common()[-1]
    if most[1] > 10 * least[1] and least[1] > 1:
        text = f"{most[0]!r} has {most[1]:,} rows, {least[0]!r} only {least[1]:,}."
        found.append(DatasetProblem(code="imbalance", text=text, count=least[1], sample=(least[0],)))
    return found


def _duplicate_problems(texts: Sequence[str], labels: Sequence[str] | None) -> list[DatasetProblem]:
    hashes = array("q", (hash(text.strip()) for text in texts))
    extra, repeated = _repeated(hashes)
    seen: dict[str, str] = {}  # only of texts that stand there twice: of millions a table of all would not fit
    torn: dict[str, None] = {}
    for row, key in enumerate(hashes if labels is not None and extra else ()):
        if key in repeated:
            text, label = texts[row].strip(), labels[row] if labels is not None else ""
            if seen.setdefault(text, label) != label:
                torn[text] = None
    found = []
    if extra:
        share = f"{100 * extra / len(texts):.1f} %"
        text = f"{extra:,} rows ({share}) repeat the text of another row. Training drops those that cross the split."
        found.append(DatasetProblem(code="exact_duplicates", text=text, count=extra))
    if torn:
        text = f"{len(torn):,} texts carry more than one label."
        sample = tuple(personal_free(item) for item in list(torn)[:3])
        found.append(DatasetProblem(code="conflicting_labels", text=text, count=len(torn), sample=sample))
    return found


def _repeated(hashes: "array[int]") -> tuple[int, set[int]]:
    """(how many are not the first of theirs, those that stand there more than once). 64 bits: of three million texts
    two are taken for one with a chance of one in four million."""
    import numpy as np

    ordered = np.sort(np.frombuffer(hashes, np.int64)) if len(hashes) else np.empty(0, np.int64)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return len(again), set(np.unique(again).tolist())


def personal_free(text: str, limit: int = 80) -> str:
    """The beginning of a text with personal data masked."""
    shown = text[:limit]
    for _, value in personal.find(shown):
        shown = shown.replace(value, personal.mask(value))
    return shown


def _text_problems(texts: Sequence[str]) -> list[DatasetProblem]:
    found = []
    survey = personal.survey(texts[:SCANNED_ROWS])
    if survey.rows:
        kinds = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in survey.counts.most_common())
        sample = tuple(value for values in survey.samples.values() for value in values)[:6]
        text = f"{survey.rows:,} rows hold what looks like personal data: {kinds}."
        found.append(DatasetProblem(code="personal_data", text=text, count=survey.rows, sample=sample))
    long = sum(len(text) > LONG_TEXT for text in texts)
    if long:
        text = f"{long:,} texts are longer than {LONG_TEXT:,} characters and will be cut."
        found.append(DatasetProblem(code="long_texts", text=text, count=long, severity="info"))
    return found
