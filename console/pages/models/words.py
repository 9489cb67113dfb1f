"""How metrics, changes, evidence and versions read; no widgets."""

from __future__ import annotations

import math
from typing import Any

from backend.contract.resources import Change, EndpointRecord, ModelRecord, PromotionPlan, VersionRecord
from console import words
from console.i18n import mark, tr, tr_n
from console.pages.models.figures import Figure, key_metric, key_name, split_of

MACRO: dict[str, str] = {
    "f1": mark("Macro F1"),
    "precision": mark("Macro precision"),
    "recall": mark("Macro recall"),
}
METRICS: dict[str, str] = {
    "accuracy": mark("Accuracy"),
    "precision": mark("Precision##metric"),
    "recall": mark("Recall"),
    "loss": mark("Loss"),
    "perplexity": mark("Perplexity"),
    "exact_match": mark("Exact match"),
    "size": mark("Size, MB"),
}
LIVE_STATES = ("serving", "degraded", "starting")


def metric_word(name: str) -> str:
    """Accuracy; a metric of another field by its own name."""
    text = tr(METRICS[name]) if name in METRICS else words.metric_name(name)
    return text[:1].upper() + text[1:]


def change_of(name: str, change: float, value: float | None) -> str:
    """+0.0085, with as many decimals as the metric itself is shown with."""
    digits = len(words.metric(name, value).partition(".")[2])
    return words.signed(change, 4 if value is None or not math.isfinite(value) else max(digits, 1))


def metric_name(key: str) -> str:
    """ "test/f1" → Macro F1 on the test part."""
    split, _, name = key.rpartition("/")
    text = metric_word(name)
    if split == "test":
        return tr("{metric} on the test part", metric=text)
    return tr("{metric} on the validation part", metric=text) if split == "eval" else text


def figure_name(figure: Figure) -> str:
    """The first column of the metrics table."""
    if figure.name == "worst_class_f1":
        return tr("Worst class F1 ({label})", label=figure.label)
    return tr(MACRO[figure.name]) if figure.label == "macro" else metric_word(figure.name)


def figure_value(figure: Figure, value: float | None) -> str:
    """0.9412, or megabytes."""
    if figure.style == "size" and value is not None:
        return words.fixed(value / 1e6, 1)
    return words.metric(figure.name, value)


def figure_change(figure: Figure) -> str:
    """+0.0085, or nothing where there is no champion to compare with."""
    if figure.change is None:
        return ""
    if figure.style == "size":
        size = round(figure.change / 1e6, 1)
        return words.signed(size, 1) if size else tr("same")
    return change_of(figure.name, figure.change, figure.value)


def part_name(version: VersionRecord) -> str:
    """test part · 300 rows."""
    part = tr("test part") if split_of(version) == "test" else tr("validation part")
    rows = version.evaluation.get("rows")
    return f"{part} · {tr('{n} rows', n=words.count(rows))}" if rows else part


def version_metric(version: VersionRecord) -> str:
    """The figure beside a version."""
    value = key_metric(version)
    return "" if value is None else words.metric(key_name(version), value)


# ---- plan --------------------------------------------------------------------------------------------------

ICONS = {"champion": "crown", "previous": "undo-2"}


def change_name(change: Change) -> str:
    """The left side of a "What changes" row."""
    if change.what in ("champion", "previous"):
        return tr("Alias {name}", name=tr(change.what))
    if change.what == "in memory":
        return tr("Loaded in memory")
    for prefix, text in (("traffic on ", mark("Traffic on {name}")), ("endpoint ", mark("Endpoint {name}"))):
        if change.what.startswith(prefix):
            return tr(text, name=change.what.removeprefix(prefix))
    return change.what[:1].upper() + change.what[1:]


def change_value(text: str) -> str:
    """none is a word; versions and shares stay."""
    return tr("none") if text == "none" else text


def evidence_words(item: dict[str, Any]) -> tuple[str, str]:
    """Text at the left and detail at the right of one piece of evidence."""
    if "metric" not in item:
        return tr(str(item.get("text", ""))), str(item.get("detail", ""))
    name, change = metric_name(str(item["metric"])), item.get("change")
    if change is None:
        return name, words.metric(str(item["metric"]), item.get("value"))
    new, old = (words.metric(str(item["metric"]), item.get(part)) for part in ("value", "before"))
    said = change_of(str(item["metric"]), change, item.get("value"))
    return f"{name} {said}", tr("{new} against {old}", new=new, old=old)


def gate_words(item: dict[str, Any]) -> tuple[str, str]:
    """The same for a narrow gate: only the change at the right."""
    if "metric" not in item or item.get("change") is None:
        return evidence_words(item)
    split, _, name = str(item["metric"]).rpartition("/")
    text = metric_word(name)
    part = tr("{metric}, test part", metric=text) if split == "test" else tr("{metric}, validation", metric=text)
    return part, change_of(str(item["metric"]), item["change"], item.get("value"))


def evidence_state(item: dict[str, Any]) -> str:
    """State of a gate row."""
    return {True: "passed", False: "warned", None: "skipped"}[item.get("ok")]


def warning_words(item: dict[str, Any]) -> tuple[str, str]:
    """Title and detail of a warning; a metric's raw name becomes words."""
    text = str(item.get("text", ""))
    head, middle, amount = text.partition(" gets worse by ")
    said = tr("{metric} gets worse by {amount}", metric=metric_name(head), amount=amount) if middle else tr(text)
    return said, str(item.get("detail", ""))


def warnings_words(plan: PromotionPlan) -> tuple[str, list[str]]:
    """One title for all of them; figures that get worse stand in the evidence already, with their values."""
    said = [warning_words(item) for item in plan.warnings]
    if len(said) == 1:
        return said[0][0], [said[0][1]]
    worse = [w for w, item in zip(said, plan.warnings, strict=True) if " gets worse by " in str(item.get("text", ""))]
    rest = [" · ".join(part for part in pair if part) for pair in said if pair not in worse]
    if not worse:
        return said[0][0], [said[0][1], *rest[1:]]
    return tr_n(len(worse), "{n} figure gets worse", "{n} figures get worse"), rest


# ---- where it serves ---------------------------------------------------------------------------------------


def live_endpoint(endpoints: list[EndpointRecord], version: int) -> EndpointRecord | None:
    """Where a version answers now."""
    return next((e for e in endpoints if e.live_version == version and e.state in LIVE_STATES), None)


def standby_endpoint(endpoints: list[EndpointRecord], version: int) -> EndpointRecord | None:
    """Where a version is kept warm."""
    return next((e for e in endpoints if e.standby_version == version and e.state in LIVE_STATES), None)


def serving_line(model: ModelRecord, endpoints: list[EndpointRecord], now: float) -> str:
    """Serving v13 on endpoint support-intent since yesterday 16:02."""
    went_live = {version.version: version.last_served_at for version in model.versions}
    for endpoint in endpoints:
        if endpoint.live_version is not None and endpoint.state in ("serving", "degraded"):
            since = max(went_live.get(endpoint.live_version) or 0.0, endpoint.serving_since or 0.0) or None
            return tr("Serving v{n} on endpoint {name} since {time}", n=endpoint.live_version, name=endpoint.name,
                      time=words.day_and_time(since, now))  # fmt: skip
    if endpoints:
        names = ", ".join(f"{e.name} ({tr(e.state)})" for e in endpoints)
        return tr("Not serving: {names}", names=names)
    return tr("On no endpoint yet")


def version_subtitle(version: VersionRecord, endpoints: list[EndpointRecord], now: float) -> str:
    """21 Nov 16:02 · serving 100%."""
    when = words.day_and_time(version.created_at, now)
    if version.deleted:
        return f"{when} · {tr('files deleted')}"
    if live_endpoint(endpoints, version.version):
        return f"{when} · {tr('serving 100%')}"
    if standby_endpoint(endpoints, version.version):
        return f"{when} · {tr('kept warm')}"
    if version.first_served_at is not None and version.served_seconds >= 1:
        return f"{when} · {tr('served {time}', time=words.duration(version.served_seconds))}"
    return f"{when} · {version.run_name}" if version.run_name else when


def dot_of(endpoints: list[EndpointRecord]) -> tuple[str, str]:
    """Role of the list's dot, and its right word."""
    live = next((e for e in endpoints if e.live_version is not None), None)
    if live is None or live.state not in LIVE_STATES:
        return ("bad", tr("failed")) if live is not None and live.state == "failed" else ("idle", tr("not serving"))
    return "ok" if live.state == "serving" else "warn", f"v{live.live_version}"
