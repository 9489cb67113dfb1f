"""/runs/{id}/…: what a run has said: series, events, log, evaluations, samples, diagnosis, export."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import Response, StreamingResponse

from backend.contract import packed
from backend.contract.differences import LastGood
from backend.contract.errors import Invalid
from backend.contract.events import Evaluation, Sampled
from backend.contract.packed import PackedReply, PackedSeries
from backend.contract.resources import Diagnosis, LogPage, RunEvent, SeriesReply
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items
from backend.services.exports import export_csv, export_jsonl, export_parquet, export_wide_csv
from backend.services.last_good import last_good
from backend.services.run_report import build_report
from backend.store.series_reading import Window
from backend.store.series_rows import series_data

router = APIRouter(tags=["runs"], route_class=Route)

MAX_KEYS = 200
MOST_POINTS = 200_000
"""Of all series of a run together, when none is named: one that logs a thousand metrics opens, too."""

FEWEST_POINTS = 200


@router.get("/runs/{run_id}/series", response_model=SeriesReply, responses={200: {"content": {packed.MEDIA_TYPE: {}}}})
def read_series(
    run_id: str,
    parts: PartsIn,
    keys: Annotated[str, Query(max_length=20_000)] = "",
    key: Annotated[list[str] | None, Query(max_length=200, description="one name each, as it is")] = None,
    start: Annotated[float | None, Query(alias="from")] = None,
    stop: Annotated[float | None, Query(alias="to")] = None,
    points: Annotated[int, Query(ge=2, le=100_000)] = 2000,
    x: Annotated[Literal["step", "time"], Query()] = "step",
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> Any:
    """Thinned series that keep every extreme, with the true point count; `next_event` is where the feed goes on.

    Packed columns for who accepts them (see contract/packed.py).
    """
    run = parts.runs.get(run_id)
    wanted = [*(key or ()), *(name.strip() for name in keys.split(",") if name.strip())]
    if len(wanted) > MAX_KEYS:
        raise Invalid(f"{len(wanted)} keys are too many at once.", field="keys", fix=f"At most {MAX_KEYS}.")
    if not wanted:
        wanted = parts.store.series.keys(run.id)
        points = min(points, max(FEWEST_POINTS, MOST_POINTS // max(len(wanted), 1)))
    # Before reading: a point that comes in between is told twice rather than never; clients drop what they have.
    newest = parts.store.feed.newest()
    found = parts.store.series.windows(run.id, wanted, start, stop, points, x)
    if packed.wanted(accept):
        return _packed(run.id, found, newest)
    series = {name: series_data(*window) for name, window in found.items()}
    return SeriesReply.model_construct(run_id=run.id, series=series, next_event=newest)


def _packed(run_id: str, found: dict[str, Window], newest: int) -> Response:
    """What the JSON says, as columns."""
    series = {}
    for name, (own, count) in found.items():
        series[name] = PackedSeries(own.steps, own.times, own.epochs, own.values, own.flags, count)
    body = packed.pack(PackedReply(run_id, series, newest))
    return Response(body, media_type=packed.MEDIA_TYPE, headers={"Vary": "Accept"})


@router.get("/runs/{run_id}/keys")
def list_keys(run_id: str, parts: PartsIn) -> dict[str, tuple[str, ...]]:
    """The names of the run's series."""
    return {"items": tuple(parts.store.series.keys(parts.runs.get(run_id).id))}


@router.get("/runs/{run_id}/events")
def list_events(run_id: str, parts: PartsIn) -> Items[RunEvent]:
    """Markers of the chart, oldest first."""
    return items(parts.store.runs.events(parts.runs.get(run_id).id))


@router.get("/runs/{run_id}/evaluations")
def list_evaluations(run_id: str, parts: PartsIn) -> Items[Evaluation]:
    """Each pass over a held-out part, oldest first."""
    return items(parts.store.runs.evaluations(parts.runs.get(run_id).id))


@router.get("/runs/{run_id}/samples")
def list_samples(run_id: str, parts: PartsIn) -> Items[Sampled]:
    """What the model said of fixed inputs, oldest first."""
    return items(parts.store.runs.samples(parts.runs.get(run_id).id))


@router.get("/runs/{run_id}/log")
def read_log(
    run_id: str,
    parts: PartsIn,
    start: Annotated[int, Query(ge=-20_000)] = 0,
    count: Annotated[int, Query(ge=1, le=20_000)] = 500,
    level: Annotated[str | None, Query(max_length=20)] = None,
    find: Annotated[str | None, Query(max_length=200)] = None,
) -> LogPage:
    """A page of the log; a negative start counts from the end."""
    return parts.store.runs.log(parts.runs.get(run_id).id, start, count, level, find)


@router.get("/runs/{run_id}/diagnosis")
def read_diagnosis(run_id: str, parts: PartsIn) -> Diagnosis:
    """What limits this run: cause, evidence, fix."""
    return parts.runs.diagnose(run_id)


@router.get("/runs/{run_id}/last_good")
def read_last_good(run_id: str, parts: PartsIn) -> LastGood:
    """The newest completed run of the same recipe and data (else base model), and what differs from it."""
    run = parts.runs.get(run_id)
    return last_good(run, parts.store.runs.all(include_archived=True))


@router.get("/runs/{run_id}/export", response_class=Response)
def export_points(
    run_id: str,
    parts: PartsIn,
    form: Annotated[Literal["jsonl", "parquet", "csv", "csv-wide"], Query(alias="format")] = "jsonl",
) -> Response:
    """Every metric point ever logged, in the order logged, lossless."""
    run = parts.runs.get(run_id)
    points = parts.store.series.export(run.id)
    if form == "parquet":
        return StreamingResponse(_chunks(export_parquet(points)), media_type="application/vnd.apache.parquet")
    if form == "csv":
        return StreamingResponse(_chunks(export_csv(points)), media_type="text/csv; charset=utf-8")
    if form == "csv-wide":
        wide = export_wide_csv(points, parts.store.series.keys(run.id))
        return StreamingResponse(_chunks(wide), media_type="text/csv; charset=utf-8")
    return StreamingResponse(_chunks(export_jsonl(points)), media_type="application/x-ndjson")


@router.get("/runs/{run_id}/report", response_class=Response)
def report_run(run_id: str, parts: PartsIn, language: Annotated[Literal["en", "zh"], Query()] = "en") -> Response:
    """One HTML page of the run that opens anywhere without a network."""
    page = build_report(parts.store, parts.clock, parts.runs.get(run_id), parts.runs.diagnose(run_id), language)
    return Response(page, media_type="text/html; charset=utf-8")


def _chunks(parts: Iterator[bytes], size: int = 256 * 1024) -> Iterator[bytes]:
    """Few large pieces: each one is a step of the event loop."""
    waiting: list[bytes] = []
    length = 0
    for part in parts:
        waiting.append(part)
        length += len(part)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)
