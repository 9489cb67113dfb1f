"""How datasets, problems, languages and parts read; no widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from backend.contract.resources import DatasetProblem, DatasetRecord, RunRecord
from console import words
from console.i18n import mark, tr, tr_n

PARTS: dict[str, str] = {"train": mark("Train"), "validation": mark("Validation"), "test": mark("Test")}
LANGUAGES: dict[str, str] = {
    "en": mark("English"), "de": mark("German"), "fr": mark("French"), "es": mark("Spanish"), "it": mark("Italian"),
    "pt": mark("Portuguese"), "nl": mark("Dutch"), "zh": mark("Chinese"), "ja": mark("Japanese"), "ko": mark("Korean"),
    "ru": mark("Russian"), "el": mark("Greek"), "he": mark("Hebrew"), "th": mark("Thai"), "ar": mark("Arabic"),
    "latin": mark("Other, Latin script"), "und": mark("Not known"),
}  # fmt: skip
ICONS: dict[str, str] = {
    "personal_data": "shield",
    "exact_duplicates": "copy",
    "conflicting_labels": "tag",
    "rare_label": "scale",
    "imbalance": "scale",
    "long_texts": "scissors",
    "rejected_rows": "minus",
    "split_overlap": "split",
}
ROLES = {"bad": "bad", "warn": "warn", "info": "text-secondary"}


def language_name(code: str) -> str:
    """English."""
    return tr(LANGUAGES[code]) if code in LANGUAGES else code


def part_name(part: str) -> str:
    """Train."""
    return tr(PARTS[part]) if part in PARTS else part


def group(datasets: Iterable[DatasetRecord]) -> dict[str, list[DatasetRecord]]:
    """Name → versions, newest first; names by their newest version."""
    found: dict[str, list[DatasetRecord]] = {}
    for record in sorted(datasets, key=lambda d: -d.version):
        found.setdefault(record.name, []).append(record)
    return dict(sorted(found.items(), key=lambda item: -item[1][0].created_at))


def subtitle(record: DatasetRecord) -> str:
    """3,000 rows · text, label."""
    columns = list(record.columns)
    shown = ", ".join(columns[:3]) + (", …" if len(columns) > 3 else "")
    return f"{rows(record.rows)} · {shown}"


def rows(count: int) -> str:
    """3,000 rows."""
    return tr_n(count, "{n} row", "{n} rows")


def to_fix(record: DatasetRecord) -> list[DatasetProblem]:
    """Problems that want a person; mere hints do not count."""
    return [problem for problem in record.problems if problem.severity != "info"]


def list_icon(record: DatasetRecord) -> tuple[str, str]:
    """Quality icon of the list pane."""
    severities = {problem.severity for problem in record.problems}
    if "bad" in severities:
        return "circle-x", "bad"
    return ("triangle-alert", "warn") if "warn" in severities else ("circle-check", "ok")


def used_by(record: DatasetRecord, runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Runs that were trained on this version, newest first."""
    return sorted((run for run in runs if run.dataset_id == record.id), key=lambda run: -run.created_at)


def head_line(record: DatasetRecord, before: DatasetRecord | None, runs: int, now: float) -> str:
    """Imported today 11:30 · 402 rows more than v11 · used by 3 runs."""
    parts = [tr("Imported {time}", time=words.day_and_time(record.created_at, now))]
    if before is not None:
        parts.append(difference(record, before))
    parts.append(tr_n(runs, "used by {n} run", "used by {n} runs") if runs else tr("not used by a run yet"))
    return " · ".join(parts)


def difference(record: DatasetRecord, before: DatasetRecord) -> str:
    """402 rows more than v11."""
    change = record.rows - before.rows
    if not change:
        return tr("as many rows as v{n}", n=before.version)
    if change > 0:
        return tr("{rows} more than v{n}", rows=rows(change), n=before.version)
    return tr("{rows} fewer than v{n}", rows=rows(-change), n=before.version)


def source_name(record: DatasetRecord) -> str:
    """The file's name; built-in ones say so."""
    name = PurePath(record.source).name or record.source
    return tr("{name}, built in", name=name) if record.builtin else name


# ---- problems ----------------------------------------------------------------------------------------------


def problem_title(problem: DatasetProblem) -> str:
    """Personal data in 47 rows."""
    count, n = problem.count, words.count(problem.count)
    titles = {
        "personal_data": tr_n(count, "Personal data in {n} row", "Personal data in {n} rows"),
        "exact_duplicates": tr_n(count, "{n} duplicate row", "{n} duplicate rows"),
        "conflicting_labels": tr_n(count, "{n} text with several labels", "{n} texts with several labels"),
        "rare_label": tr_n(count, "{n} label on one row only", "{n} labels on one row only"),
        "long_texts": tr_n(count, "{n} very long text", "{n} very long texts"),
        "rejected_rows": tr_n(count, "{n} row left out at import", "{n} rows left out at import"),
        "split_overlap": tr_n(count, "{n} row on both sides of the split", "{n} rows on both sides of the split"),
    }
    if problem.code == "imbalance" and problem.sample:
        return tr("Label {label} has {n} rows", label=problem.sample[0], n=n)
    return titles.get(problem.code, problem.text)


def problem_detail(problem: DatasetProblem, record: DatasetRecord) -> str:
    """What it means, with what is known; the backend's own sentence for a code nobody knows here."""
    known = {
        "personal_data": tr("what looks like it is shown masked: {kinds}", kinds=_kinds(problem.text)),
        "exact_duplicates": tr("{share} repeat another text; training drops those that cross the split",
                               share=words.percent(problem.count / max(1, record.rows), 1)),
        "conflicting_labels": tr("the same text, different labels"),
        "rare_label": tr("it cannot be trained and judged"),
        "long_texts": tr("they will be cut"),
        "rejected_rows": tr("they could not be read"),
    }  # fmt: skip
    if problem.code == "imbalance" and record.labels:
        label, most = max(record.labels.items(), key=lambda item: item[1])
        return tr("{label} has {n}", label=label, n=words.count(most))
    if problem.code in known:
        return known[problem.code]
    return "" if problem_title(problem) == problem.text else problem.text


def _kinds(text: str) -> str:
    return text.rpartition(": ")[2].rstrip(".") or text


def balance_note(labels: dict[str, int]) -> str:
    """legal is 0.7%: said when the rarest label is a tenth of an even share."""
    total = sum(labels.values())
    if len(labels) < 2 or not total:
        return ""
    name, least = min(labels.items(), key=lambda item: item[1])
    share = least / total
    return tr("{label} is {share}", label=name, share=words.percent(share, 1)) if share * len(labels) < 0.2 else ""


def label_changes(record: DatasetRecord, before: DatasetRecord) -> Sequence[tuple[str, int, int]]:
    """(label, before, now) for every label whose count differs, the largest change first."""
    names = {*record.labels, *before.labels}
    found = [(name, before.labels.get(name, 0), record.labels.get(name, 0)) for name in names]
    return sorted((one for one in found if one[1] != one[2]), key=lambda one: (-abs(one[2] - one[1]), one[0]))
