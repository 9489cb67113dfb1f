"""Columns and filter fields of the runs table; group heads share the table with the runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.contract.imports import SOURCES
from backend.contract.resources import RunRecord
from backend.contract.states import LIVE_RUN_STATES, RunState
from console import words
from console.i18n import tr
from console.pages.runs.groups import GroupHead
from console.sheets.imported import maker_of, why_not_here
from console.tables import Column, Field, Progress
from console.widgets.paint import STATES

SHOWN_METRICS = ("eval/loss", "eval/f1")
KNOWN_METRICS = ("eval/loss", "eval/f1", "eval/accuracy", "test/f1", "test/accuracy", "test/loss", "train/loss")
HERE = "here"
"""source:here finds what was made here."""

STATE_NAMES = tuple(state.value for state in RunState)
QUIET_PROGRESS = frozenset({RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED})


def metric_title(key: str) -> str:
    """`eval/loss` → "Eval loss", `eval/f1` → "F1", `test/f1` → "Test F1"."""
    known = {"eval/loss": tr("Eval loss"), "train/loss": tr("Train loss"), "test/f1": tr("Test F1")}
    if key in known:
        return known[key]
    part, _, name = key.rpartition("/")
    word = {"loss": tr("loss"), "accuracy": tr("accuracy")}.get(name) or words.metric_name(name)
    if part == "eval" and name != "loss":
        return word[:1].upper() + word[1:]
    if part in ("eval", "test", "train", ""):
        return f"{part.capitalize()} {word}".strip()
    return key


def metric_keys(runs: list[RunRecord]) -> tuple[str, ...]:
    """The metrics a column is offered for: the usual ones, and every other held-out metric some run has."""
    seen = {key for run in runs for key in run.metrics if key.startswith(("eval/", "test/"))}
    return (*KNOWN_METRICS, *sorted(seen - set(KNOWN_METRICS)))


def duration_of(run: RunRecord) -> float | None:
    """Seconds it worked, without pauses; of a run under way up to its last step."""
    if run.active_seconds is not None:
        return run.active_seconds
    if run.started_at is None:
        return None
    end = run.ended_at or run.last_step_at
    return end - run.started_at if end is not None else None


def progress_of(run: RunRecord, wait: Callable[[RunRecord], str]) -> Progress | None:
    """A bar while it works, a grey one where it ended early, words while it waits, nothing when it is done."""
    if run.state == RunState.QUEUED:
        return Progress(None, wait(run))
    if run.state == RunState.COMPLETED or not run.total_steps:
        return None
    share = min(1.0, run.step / run.total_steps)
    if run.state in QUIET_PROGRESS:
        return Progress(share, f"{share:.0%}", active=False)
    return Progress(share, f"{share:.0%}")


def _of_run(read: Callable[[RunRecord], Any], head: Any = None) -> Callable[[Any], Any]:
    """`read` for runs, `head` for group heads."""
    return lambda row: head if isinstance(row, GroupHead) else read(row)


def _metric_column(key: str) -> Column:
    def value(row: Any) -> float | None:
        return (
            row.best if isinstance(row, GroupHead) and row.metric == key else _of_run(lambda r: r.metrics.get(key))(row)
        )

    def text(row: Any) -> str:
        if isinstance(row, GroupHead):
            return words.metric(key, row.best) if row.metric == key and row.best is not None else ""
        return words.metric(key, row.metrics.get(key))

    def role(row: Any) -> str | None:
        return "text-tertiary" if value(row) is None else None

    title = metric_title(key)
    return Column(
        key, title, value, text=text, align="right", width=max(68, 40 + 6 * len(title)), weight=500, role=role,
        visible=key in SHOWN_METRICS, descending_first=words.higher_is_better(key),
    )  # fmt: skip


def _grey_text(key: str, title: str, read: Callable[[RunRecord], Any], text: Callable[[RunRecord], str], width: int,
               **more: Any) -> Column:  # fmt: skip
    return Column(
        key, title, _of_run(read), text=_of_run(text, ""), align="right", width=width,
        role=_of_run(lambda r: "text-tertiary" if read(r) is None else "text-secondary"),
        **more,
    )  # fmt: skip


def _name(row: Any) -> str:
    return row.title if isinstance(row, GroupHead) else row.name


def _name_tip(row: Any) -> str:
    if isinstance(row, GroupHead):
        return ""
    return why_not_here(row) or row.cause or row.note or row.name


def build_columns(metrics: tuple[str, ...], wait: Callable[[RunRecord], str], now: Callable[[], float]) -> list[Column]:
    """Every column there is; `wait(run)` says when a queued run starts."""
    plain = [
        ("dataset", tr("Dataset"), lambda r: r.dataset_name),
        ("base_model", tr("Base model"), lambda r: r.base_model),
        ("recipe", tr("Recipe"), lambda r: r.recipe),
        ("device", tr("Device"), lambda r: r.device),
        ("source", tr("Imported from"), maker_of),
    ]
    return [
        Column("tick", "", lambda _row: None, kind="check", width=34, sortable=False, hideable=False,
               cell=lambda row: row.icon if isinstance(row, GroupHead) else None),
        Column("state", tr("State"), _of_run(lambda r: r.state), kind="pill", width=100,
               cell=_of_run(lambda r: r.hang if r.state == RunState.RUNNING and r.hang != "none" else r.state)),
        Column("name", tr("Name"), _name, stretch=True, weight=500, width=150, hideable=False,
               tip=_name_tip),
        Column("progress", tr("Progress"), _of_run(lambda r: r.step / r.total_steps if r.total_steps else None),
               text=_of_run(lambda r: p.text if (p := progress_of(r, wait)) else "", ""),
               cell=_of_run(lambda r: progress_of(r, wait)), kind="progress", width=123),
        Column("spark", tr("Train loss"), _of_run(lambda r: r.metrics.get("train/loss")), kind="sparkline", width=104,
               cell=_of_run(lambda r: r.spark), text=_of_run(_loss_text, ""),
               role=_of_run(lambda r: "train" if r.state in LIVE_RUN_STATES - {RunState.PAUSED} else None),
               tip=_spark_tip),
        *(_metric_column(key) for key in metrics),
        _grey_text("duration", tr("Duration"), duration_of, lambda r: words.duration(duration_of(r)), 86,
                   descending_first=True),
        _grey_text("started", tr("Started"), lambda r: r.started_at or r.created_at,
                   lambda r: words.moment(r.started_at, now()), 92, descending_first=True,
                   tip=_of_run(lambda r: words.full_time(r.started_at or r.created_at), "")),
        *(Column(key, title, _of_run(read), text=_of_run(_or_dash(read), ""), width=130,
                 role=lambda _row: "text-secondary", visible=False) for key, title, read in plain),
        Column("tags", tr("Tags"), _of_run(lambda r: list(r.tags)), kind="tags", width=126,
               tip=_of_run(lambda r: ", ".join(r.tags), "")),
    ]  # fmt: skip


def _loss_text(run: RunRecord) -> str:
    return words.metric("loss", run.metrics.get("train/loss"))


def _spark_tip(row: Any) -> str:
    known = [] if isinstance(row, GroupHead) else [v for v in row.spark if v is not None and v == v]
    if not known:
        return ""
    low, last, high = (words.metric("loss", v) for v in (min(known), known[-1], max(known)))
    return tr("min {low} · last {last} · max {high}", low=low, last=last, high=high)


def build_fields(metrics: tuple[str, ...], tags: tuple[str, ...]) -> list[Field]:
    """What the filter box knows. `finished` is said for completed, as on the screen."""
    short = [key.rpartition("/")[2] for key in metrics if key.startswith("eval/")]
    return [
        Field("state", "text", lambda r: r.state, STATE_NAMES),
        Field("name", "text", lambda r: r.name),
        Field("tag", "tags", lambda r: r.tags, tags, aliases=("tags",)),
        Field("since", "time", lambda r: r.started_at or r.created_at),
        Field("before", "time", lambda r: r.started_at or r.created_at),
        *(Field(name, "number", _metric_of(f"eval/{name}")) for name in dict.fromkeys(short)),
        *(Field(key, "number", _metric_of(key)) for key in metrics),
        Field("minutes", "number", lambda r: None if (d := duration_of(r)) is None else d / 60),
        Field("dataset", "text", lambda r: r.dataset_name),
        Field("model", "text", lambda r: r.base_model),
        Field("recipe", "text", lambda r: r.recipe),
        Field("source", "text", lambda r: r.source or HERE, (HERE, *SOURCES)),
        Field("pinned", "flag", lambda r: r.pinned),
        *(Field(name, "number", _setting_of(name))
          for name in ("batch_size", "learning_rate", "epochs", "max_length", "seed")),
        Field("method", "text", lambda r: r.settings.get("method")),
    ]  # fmt: skip


def _or_dash(read: Callable[[RunRecord], Any]) -> Callable[[RunRecord], str]:
    def text(run: RunRecord) -> str:
        return read(run) or words.DASH

    return text


def _metric_of(key: str) -> Callable[[RunRecord], float | None]:
    def read(run: RunRecord) -> float | None:
        return run.metrics.get(key)

    return read


def _setting_of(name: str) -> Callable[[RunRecord], float | None]:
    def read(run: RunRecord) -> float | None:
        return _number(run.settings.get(name))

    return read


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def words_of(run: RunRecord) -> str:
    """What free words of a filter search in; state words as the screen says them."""
    look = STATES.get(run.state)
    return " ".join(
        (run.name, run.recipe, run.dataset_name or "", run.base_model or "", run.note, maker_of(run),
         tr(look.word) if look else "",
         *run.tags)
    )  # fmt: skip
