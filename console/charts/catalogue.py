"""Every chart of the product as data: to add a chart of a logged number, add one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from console.i18n import mark, tr
from console.words import metric_name

Shape = Literal["line", "stack", "band"]


@dataclass(frozen=True)
class SeriesSpec:
    """One curve: metric key, colour role, name in the legend.

    scale: multiplied before drawing (bytes to GB). smooth: has a smoothed curve over the raw one. points: a dot at
    each value. low, high: keys of the interval around it (shape band). style: see format.number. fill: an area under
    this curve though the chart has others. behind: drawn first and paler, for what is only compared with.
    """

    key: str
    role: str = "single-neutral"
    name: str = ""
    scale: float = 1.0
    style: str = ""
    smooth: bool = False
    points: bool = False
    low: str | None = None
    high: str | None = None
    dash: tuple[int, ...] = ()
    fill: bool = False
    behind: bool = False


@dataclass(frozen=True)
class Limit:
    """A dashed horizontal line at a value in the chart's unit."""

    value: float
    role: str = "warn"
    name: str = ""


@dataclass(frozen=True)
class ChartSpec:
    """One chart.

    zero: y starts at 0. capacity: the natural full value; labels stand at 0, half and full of it. robust: the y range
    ignores outliers. whole: counts, never labelled between two of them. lane: shows the icons of all events. fill:
    area under the first curve. total: with shape `stack`, keys that count for the whole but are not drawn, the shares
    being percent of that whole.
    """

    id: str
    title: str
    series: tuple[SeriesSpec, ...]
    unit: str = ""
    shape: Shape = "line"
    span: int = 1
    fill: bool = False
    zero: bool = False
    capacity: float | None = None
    robust: bool = True
    lane: bool = False
    hidden: bool = False
    whole: bool = False
    limits: tuple[Limit, ...] = field(default=())
    total: tuple[str, ...] = field(default=())

    def with_(self, **changes: Any) -> ChartSpec:
        """A copy with some fields changed, e.g. the capacity that only the machine knows."""
        return replace(self, **changes)


GIB = 1.0 / 2**30
_S = SeriesSpec
_C = ChartSpec

RUN_CHARTS: tuple[ChartSpec, ...] = (
    _C(
        "loss",
        mark("Loss"),
        (
            _S("train/loss", "train", "train", style=".4f", smooth=True),
            _S("eval/loss", "eval", "eval", style=".4f", points=True),
        ),
        span=2,
        lane=True,
    ),
    _C("grad_norm", mark("Gradient norm"), (_S("train/grad_norm", style=".2f"),), zero=True, robust=False),
    _C(
        "step_time",
        mark("Step time"),
        (
            _S("train/data_wait_s", "step-data", mark("data"), style="percent"),
            _S("train/forward_s", "step-forward", mark("forward"), style="percent"),
            _S("train/backward_s", "step-backward", mark("backward"), style="percent"),
        ),
        shape="stack",
        total=("train/copy_s", "train/optimizer_s", "train/other_s"),
        capacity=100,
    ),
    _C("throughput", mark("Throughput"), (_S("train/samples_per_s"),), mark("examples/s"), zero=True),
    _C("learning_rate", mark("Learning rate"), (_S("train/learning_rate", style="sci"),), zero=True, robust=False),
    _C(
        "gpu_util",
        mark("GPU utilization"),
        (_S("gpu/0/utilization_percent", "utilization", style=".0f"),),
        "%",
        fill=True,
        zero=True,
        capacity=100,
    ),
    _C(
        "gpu_memory",
        mark("GPU memory"),
        (_S("gpu/0/memory_used_bytes", "utilization", scale=GIB, style=".1f"),),
        "GB",
        fill=True,
        zero=True,
        robust=False,
    ),
    _C(
        "power_temp",
        mark("Power, temp"),
        (
            _S("gpu/0/power_w", "s2-orange", "W", style=".0f"),
            _S("gpu/0/temperature_c", "s4-magenta", "°C", style=".0f"),
        ),
        zero=True,
    ),
    _C("accuracy", mark("Eval accuracy"), (_S("eval/accuracy", "eval", style=".4f", points=True),), hidden=True),
    _C("f1", mark("Eval F1"), (_S("eval/f1", "eval", style=".4f", points=True),), hidden=True),
    _C("tokens", mark("Tokens"), (_S("train/tokens_per_s"),), mark("tokens/s"), zero=True, hidden=True),
    _C("step_seconds", mark("Time per step"), (_S("train/step_s", style=".3f"),), "s", zero=True, hidden=True),
    _C(
        "data_wait",
        mark("Waiting for data"),
        (_S("train/data_wait_fraction", "step-data", scale=100, style=".0f"),),
        "%",
        fill=True,
        zero=True,
        capacity=100,
        hidden=True,
    ),
    _C(
        "cpu",
        mark("CPU"),
        (_S("cpu/utilization_percent", "utilization", style=".0f"),),
        "%",
        fill=True,
        zero=True,
        capacity=100,
        hidden=True,
    ),
    _C(
        "memory",
        mark("RAM"),
        (_S("memory/used_bytes", "utilization", scale=GIB, style=".1f"),),
        "GB",
        fill=True,
        zero=True,
        hidden=True,
    ),
    _C(
        "disk_read",
        mark("Disk read"),
        (_S("disk/read_bytes_per_s", scale=1e-6, style=".1f"),),
        "MB/s",
        zero=True,
        hidden=True,
    ),
)

# A machine without a GPU: what is known of it takes the place of the GPU row.
CPU_RUN_CHARTS: tuple[ChartSpec, ...] = tuple(
    spec.with_(
        hidden=spec.id.startswith(("gpu_", "power_"))
        or (spec.hidden and spec.id not in ("cpu", "memory", "step_seconds"))
    )
    for spec in RUN_CHARTS
)

ENDPOINT_CHARTS: tuple[ChartSpec, ...] = (
    _C(
        "latency",
        mark("Latency"),
        (
            _S("serve/latency_ms_p50", "p50", "p50", style="ms"),
            _S("serve/latency_ms_p95", "p95", "p95", style="ms"),
            _S("serve/latency_ms_p99", "p99", "p99", style="ms"),
        ),
        "ms",
        span=2,
        zero=True,
        lane=True,
        robust=False,
    ),
    _C(
        "requests",
        mark("Requests"),
        (_S("serve/requests_per_s", "utilization", style=".1f"),),
        mark("per second"),
        fill=True,
        zero=True,
    ),
    _C(
        "errors",
        mark("Errors"),
        (_S("serve/errors_per_s", "errors", style=".2f"),),
        mark("per second"),
        zero=True,
        robust=False,
    ),
    _C("batch", mark("Batch size"), (_S("serve/batch_size", style=".1f"),), zero=True),
    _C(
        "queue",
        mark("Queue"),
        (_S("serve/queue_depth", style=".0f"),),
        mark("requests"),
        zero=True,
        robust=False,
        whole=True,
    ),
)

MACHINE_CHARTS: tuple[ChartSpec, ...] = tuple(
    spec for spec in RUN_CHARTS if spec.id in ("gpu_util", "gpu_memory", "power_temp", "cpu", "memory", "disk_read")
)


def spec_for(
    key: str, known: tuple[ChartSpec, ...] = RUN_CHARTS + ENDPOINT_CHARTS, logged: Iterable[str] = ()
) -> ChartSpec:
    """The chart for any logged key: the catalogued chart it belongs to alone, else one made from the key's name. What
    is `logged` of both the training and the validation part under one name shares a chart."""
    for spec in known:
        if spec.series[0].key == key and all(series.key in (key, _partner(key)) for series in spec.series):
            return spec.with_(hidden=False)
    group, _, rest = key.rpartition("/")
    title = (metric_name(rest, part=False) if rest else key)[:80] or "metric"
    title = title[:1].upper() + title[1:] if group in ("train", "eval", "test") else title
    other = _partner(key)
    if other and other in logged:
        train, held_out = sorted((key, other), reverse=True)
        both = (SeriesSpec(train, "train", "train", smooth=True), SeriesSpec(held_out, "eval", "eval", points=True))
        return ChartSpec(f"metric:eval/{rest}", title, both)
    role = {"train": "train", "eval": "eval"}.get(group.split("/")[0], "single-neutral")
    series = SeriesSpec(key, role, points=group == "eval", smooth=group == "train")
    return ChartSpec(f"metric:{key}", title, (series,), unit=group[:40])


def _partner(key: str) -> str:
    """The same metric of the other part; empty where there is none."""
    group, _, rest = key.partition("/")
    return {"train": f"eval/{rest}", "eval": f"train/{rest}"}.get(group, "")


def recipe_charts(
    specs: tuple[ChartSpec, ...], wanted: Iterable[str], logged: Iterable[str], *, trains: bool
) -> tuple[ChartSpec, ...]:
    """`specs` with a chart for each metric a recipe is judged by (`wanted`, shown) and for whatever else was measured
    on held-out rows (waiting to be added). Without `trains` there are no gradients: charts of them wait as well."""
    known, shown = set(logged), list(dict.fromkeys(wanted))
    if not trains:
        specs = tuple(s.with_(hidden=s.hidden or _of_gradients(s, known)) for s in specs)
    drawn = {series.key for spec in specs for series in spec.series}
    keys = [*shown, *(key for key in logged if key.startswith("eval/") and key not in shown)]
    partners = {*known, *(_partner(key) for key in shown if _partner(key) in known)}
    made = [spec_for(key, (), partners | {key}).with_(hidden=key not in shown) for key in keys if key not in drawn]
    return (*specs, *made)


def _of_gradients(spec: ChartSpec, logged: set[str]) -> bool:
    keys = {series.key for series in spec.series}
    return any(key.startswith("train/") for key in keys) and not keys & logged


SHOWN_IMPORTED = 12
_COUNTERS = frozenset(("epoch", "global_step", "step", "_step"))


def imported_charts(keys: Iterable[str]) -> tuple[ChartSpec, ...]:
    """The charts of a run that another program made: what its metrics fill, nothing else. Catalogued ones come first,
    then one for each other key; beyond the first dozen, and for mere counters, they wait to be added."""
    left = list(keys)
    found = []
    for spec in RUN_CHARTS:
        if any(series.key in left for series in spec.series):
            found.append(spec.with_(hidden=False))
            left = [key for key in left if all(series.key != key for series in spec.series)]
    plain = [key for key in left if key.rpartition("/")[2] not in _COUNTERS]
    found += list({spec.id: spec for spec in (spec_for(key, logged=plain) for key in plain)}.values())
    shown = tuple(spec.with_(hidden=at >= SHOWN_IMPORTED) for at, spec in enumerate(found))
    return shown + tuple(spec_for(key).with_(hidden=True) for key in left if key not in plain)


def gpu_charts(index: int) -> tuple[ChartSpec, ...]:
    """The three GPU charts of card `index`."""
    return tuple(
        spec.with_(
            id=f"{spec.id}_{index}",
            title=tr(spec.title).replace("GPU", f"GPU {index}"),
            series=tuple(replace(s, key=s.key.replace("gpu/0/", f"gpu/{index}/")) for s in spec.series),
        )
        for spec in RUN_CHARTS
        if any(s.key.startswith("gpu/0/") for s in spec.series)
    )


def overlay(spec: ChartSpec, runs: list[tuple[str, str]], order: list[str]) -> ChartSpec:
    """The chart of one metric for several runs (compare): `runs` is (run id, name), keys become `run id:key`.

    Run i keeps colour i of `order` (the theme's series names) in every chart; from the eighth on, dashed, then dotted.
    """
    first = spec.series[0]
    dashes: tuple[tuple[int, ...], ...] = ((), (4, 3), (1, 3))
    series = tuple(
        replace(
            first,
            key=f"{run}:{first.key}",
            role=order[i % len(order)],
            name=name,
            smooth=first.smooth,
            dash=dashes[i // len(order) % 3],
        )
        for i, (run, name) in enumerate(runs)
    )
    return spec.with_(series=series, fill=False, shape="line", lane=False)
