"""One HTML page of a run that opens without a network: no script, no address, every text escaped, both themes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.clock import Clock
from backend.contract.events import Evaluation
from backend.contract.imports import SOURCES
from backend.contract.resources import Diagnosis, RunEvent, RunRecord, SeriesData
from backend.contract.texts import Say, say_in
from backend.launch import VERSION
from backend.services.report_chart import ROLES, Curve, draw, last_of
from backend.services.report_parts import (
    EVENT_WORDS,
    STATE_WORDS,
    confusion,
    digits,
    duration,
    leaves,
    moment,
    per_class,
    safe,
    section,
    size,
    table,
)
from backend.services.report_style import style

if TYPE_CHECKING:
    from backend.store import Store

POINTS = 600
"""Of each curve, thinned so that every extreme stays."""

MOST_CHARTS = 60
MOST_ROWS = 500

_PARTS = ("train", "eval", "test", "val", "validation")
_FIRST = ("loss", "accuracy", "f1", "grad_norm", "learning_rate")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_TAGS = {"en": "en", "zh": "zh-Hans"}
_STATES = {"completed": "ok", "failed": "bad", "interrupted": "warn", "stopped": "idle"}


def build_report(store: "Store", clock: Clock, run: RunRecord, diagnosis: Diagnosis, language: str = "en") -> str:
    """The whole page in a language of texts.LANGUAGES; names, settings and what programs wrote stay as they are."""
    say = say_in(language)
    keys = store.series.keys(run.id)
    series = store.series.read(run.id, keys, points=POINTS) if keys else {}
    events = store.runs.events(run.id)
    evaluations = store.runs.evaluations(run.id)
    parts = [
        _head(run, say),
        section(say("Findings"), _findings(diagnosis, say)),
        section(say("Charts"), _charts(series, events, say), _points_note(series, say)),
        section(say("Metrics"), _metrics(series, run, say)),
        section(say("Evaluation"), _evaluation(evaluations, say)),
        section(say("Checkpoints"), _checkpoints(store, run, say)),
        section(say("Events"), _events(events, say), _first_of(len(events), say)),
        section(say("Configuration"), table((say("Name"), say("Value")), leaves(run.settings))),
        section(say("Environment"), table((say("Name"), say("Value")), leaves(run.environment))),
        section(say("Left out by the import"), table((say("What"),), [(t,) for t in run.facts.get("left_out", ())])),
    ]
    made = say("Made by Modeldeck {version}, {time}", version=VERSION, time=moment(clock.now(), say))
    return (
        f'<!DOCTYPE html><html lang="{_TAGS[language]}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{safe(run.name, 200)}</title><style>{style()}</style></head>"
        f"<body><main>{''.join(parts)}<footer>{safe(made)}</footer></main></body></html>"
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


def _head(run: RunRecord, say: Say) -> str:
    role = _STATES.get(run.state, "accent")
    facts = [(name, value) for name, value in _facts(run, say) if value]
    cells = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in facts)
    failure = run.failure
    cause = " ".join(say.said(text) for text in (run.cause or "", failure.advice if failure else "") if text)
    told = f'<p class="cause {role}">{safe(cause)}</p>' if cause else ""
    note = f'<p class="said">{safe(run.note)}</p>' if run.note else ""
    pill = f'<span class="pill {role}">{safe(say(STATE_WORDS.get(run.state, str(run.state))))}</span>'
    return f"<header><h1>{safe(run.name, 300)} {pill}</h1>{told}{note}<dl>{cells}</dl></header>"


def _facts(run: RunRecord, say: Say) -> list[tuple[str, str]]:
    step, best = digits(run.step), run.best
    steps = say("{n} of {total}", n=step, total=digits(run.total_steps)) if run.total_steps else step
    at_best = ""
    if best:
        figure = f"{best.get('metric')} {digits(best.get('value'))}"
        at_best = say("{figure} at step {n}", figure=figure, n=digits(best.get("step")))
    return [
        (say("Run"), run.id),
        (say("Made by"), SOURCES.get(run.source, run.source) if run.source else ""),
        (say("Recipe"), "" if run.source else run.recipe),
        (say("Dataset"), run.dataset_name or ""),
        (say("Base model"), run.base_model or ""),
        (say("Device"), run.device or ""),
        (say("Steps"), steps),
        (say("Best value"), at_best),
        (say("Started"), moment(run.started_at, say)),
        (say("Ended"), moment(run.ended_at, say)),
        (say("Duration"), duration(run.active_seconds, say)),
        (say("Model"), run.model_version or ""),
        (say("Tags"), ", ".join(run.tags)),
        (say("Imported from"), str(run.facts.get("imported_from", ""))),
    ]


def _findings(diagnosis: Diagnosis, say: Say) -> str:
    if not diagnosis.findings:
        return f"<p>{safe(say.said(diagnosis.text))}</p>" if diagnosis.text else ""
    made = []
    for found in diagnosis.findings:
        told = " ".join(safe(say.said(text)) for text in (found.text, found.fix, found.gain) if text)
        title = safe(say.said(found.title))
        made.append(f'<article class="{safe(found.severity)}"><h3>{title}</h3><p>{told}</p></article>')
    return "".join(made)


def grouped(keys: Sequence[str]) -> dict[str, list[str]]:
    """Title of a chart → its series: `train/loss` and `eval/loss` share one; the well-known ones come first."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        part, slash, name = key.partition("/")
        groups.setdefault(name if slash and part in _PARTS and name else key, []).append(key)
    rank = {name: at for at, name in enumerate(_FIRST)}
    return dict(sorted(groups.items(), key=lambda item: rank.get(item[0], len(rank))))


def _charts(series: dict[str, SeriesData], events: Sequence[RunEvent], say: Say) -> str:
    made = []
    groups = grouped([key for key, data in series.items() if data.steps])
    steps = [step for data in series.values() for step in data.steps] or [0]
    for title, keys in list(groups.items())[:MOST_CHARTS]:
        curves = [Curve(key, _role(key, at), series[key]) for at, key in enumerate(keys[: len(ROLES)])]
        legend = "".join(
            f'<span><i class="{c.role}"></i>{safe(c.name, 80)} <b>{digits(last_of(c.data))}</b></span>' for c in curves
        )
        caption = f"<figcaption><strong>{safe(title, 120)}</strong>{legend}</figcaption>"
        made.append(f"<figure>{caption}{draw(curves, events, min(steps), max(steps), say)}</figure>")
    more = len(groups) - MOST_CHARTS
    told = f"<p>{safe(say('{n} more metrics are in the table below.', n=f'{more:,}'))}</p>" if more > 0 else ""
    return f'<div class="charts">{"".join(made)}</div>{told}' if made else ""


def _role(key: str, at: int) -> str:
    """Training and evaluation keep their colours in every chart."""
    own = {"train": 0, "eval": 1, "val": 1, "validation": 1, "test": 2}.get(key.partition("/")[0])
    return ROLES[at if own is None else own]


def _points_note(series: dict[str, SeriesData], say: Say) -> str:
    total = sum(data.count for data in series.values())
    drawn = sum(len(data.steps) for data in series.values())
    if drawn >= total:
        return say("all {n} points", n=f"{total:,}")
    return say("{n} points, drawn as {drawn} that keep every extreme", n=f"{total:,}", drawn=f"{drawn:,}")


def _metrics(series: dict[str, SeriesData], run: RunRecord, say: Say) -> str:
    rows = []
    for key, data in series.items():
        finite = [v for v in data.values if v is not None and v - v == 0]
        rows.append((key[:300], data.count, run.metrics.get(key), min(finite, default=None), max(finite, default=None)))
    heads = (say("Metric"), say("Points"), say("Last"), say("Lowest"), say("Highest"))
    return table(heads, rows, numbers=frozenset((1, 2, 3, 4)))


def _evaluation(evaluations: Sequence[Evaluation], say: Say) -> str:
    if not evaluations:
        return ""
    names = list(dict.fromkeys(name for one in evaluations for name in one.values))[:20]
    rows = [(e.step, e.split, e.rows, *(e.values.get(name) for name in names)) for e in evaluations[-MOST_ROWS:]]
    wide = frozenset((0, 2, *range(3, len(names) + 3)))
    found = table((say("Step"), say("Split"), say("Rows"), *names), rows, numbers=wide)
    last = next((e for e in reversed(evaluations) if e.confusion or e.per_class), None)
    if last is not None:
        title = say("Classes at step {n}, {split} part", n=f"{last.step:,}", split=last.split)
        found += f"<h3>{safe(title)}</h3>"
        found += f'<div class="pair">{per_class(last, say)}{confusion(last, say)}</div>'
    return found


def _checkpoints(store: "Store", run: RunRecord, say: Say) -> str:
    best, kept, deleted = say("best"), say("kept"), say("deleted")
    rows = [
        (c.name, c.step, size(c.size_bytes), moment(c.saved_at, say),
         " ".join(word for word, there in ((best, c.best), (kept, c.kept), (deleted, not c.present)) if there))
        for c in store.runs.checkpoints(run.id)[-MOST_ROWS:]
    ]  # fmt: skip
    heads = (say("Name"), say("Step"), say("Size"), say("Saved"), "")
    return table(heads, rows, numbers=frozenset((1,)))


def _events(events: Sequence[RunEvent], say: Say) -> str:
    rows = [
        (moment(e.time, say), say(EVENT_WORDS.get(e.kind, e.kind.replace("_", " "))), e.step, say.said(e.text))
        for e in events[:MOST_ROWS]
    ]
    return table((say("Time"), say("Kind"), say("Step"), say("What")), rows, numbers=frozenset((2,)))


def _first_of(count: int, say: Say) -> str:
    return say("the first {n} of {count}", n=f"{MOST_ROWS:,}", count=f"{count:,}") if count > MOST_ROWS else ""
