"""One HTML page of a run that opens without a network: no script, no address, every text escaped, both themes."""

import functools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.clock import Clock
from backend.contract.events import Evaluation
from backend.contract.imports import SOURCES
from backend.contract.resources import Diagnosis, RunEvent, RunRecord, SeriesData
from backend.launch import VERSION
from backend.paths import PROJECT
from backend.services.report_chart import ROLES, Curve, draw, last_of
from backend.services.report_parts import (
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

if TYPE_CHECKING:
    from backend.store import Store

POINTS = 600
"""Of each curve, thinned so that every extreme stays."""

MOST_CHARTS = 60
MOST_ROWS = 500

_PARTS = ("train", "eval", "test", "val", "validation")
_FIRST = ("loss", "accuracy", "f1", "grad_norm", "learning_rate")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STATES = {"completed": "ok", "failed": "bad", "interrupted": "warn", "stopped": "idle"}


def build_report(store: "Store", clock: Clock, run: RunRecord, diagnosis: Diagnosis) -> str:
    """The whole page."""
    keys = store.series.keys(run.id)
    series = store.series.read(run.id, keys, points=POINTS) if keys else {}
    events = store.runs.events(run.id)
    evaluations = store.runs.evaluations(run.id)
    parts = [
        _head(run),
        section("Findings", _findings(diagnosis)),
        section("Charts", _charts(series, events), _points_note(series)),
        section("Metrics", _metrics(series, run)),
        section("Evaluation", _evaluation(evaluations)),
        section("Checkpoints", _checkpoints(store, run)),
        section("Events", _events(events), _first_of(len(events))),
        section("Configuration", table(("name", "value"), leaves(run.settings))),
        section("Environment", table(("name", "value"), leaves(run.environment))),
        section("Left out by the import", table(("what",), [(text,) for text in run.facts.get("left_out", ())])),
    ]
    made = f"Made by Modeldeck {VERSION} at {moment(clock.now())}"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{safe(run.name, 200)}</title><style>{_style()}</style></head>"
        f"<body><main>{''.join(parts)}<footer>{safe(made)}</footer></main></body></html>"
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


def _head(run: RunRecord) -> str:
    role = _STATES.get(run.state, "accent")
    shown = "finished" if run.state == "completed" else run.state
    steps = digits(run.step) + (f" of {digits(run.total_steps)}" if run.total_steps else "")
    best = run.best
    facts = [
        ("Run", run.id),
        ("Source", SOURCES.get(run.source, run.source) if run.source else ""),
        ("Recipe", "" if run.source else run.recipe),
        ("Dataset", run.dataset_name or ""),
        ("Base model", run.base_model or ""),
        ("Device", run.device or ""),
        ("Steps", steps),
        (
            "Best",
            f"{best.get('metric')} {digits(best.get('value'))} at step {digits(best.get('step'))}" if best else "",
        ),
        ("Started", moment(run.started_at)),
        ("Ended", moment(run.ended_at)),
        ("Duration", duration(run.active_seconds)),
        ("Model", run.model_version or ""),
        ("Tags", ", ".join(run.tags)),
        ("Imported from", str(run.facts.get("imported_from", ""))),
    ]
    cells = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in facts if value)
    failure = run.failure
    cause = " ".join(text for text in (run.cause or "", failure.advice if failure else "") if text)
    told = f'<p class="cause {role}">{safe(cause)}</p>' if cause else ""
    note = f'<p class="said">{safe(run.note)}</p>' if run.note else ""
    pill = f'<span class="pill {role}">{safe(shown)}</span>'
    return f"<header><h1>{safe(run.name, 300)} {pill}</h1>{told}{note}<dl>{cells}</dl></header>"


def _findings(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return f"<p>{safe(diagnosis.text)}</p>" if diagnosis.text else ""
    return "".join(
        f'<article class="{safe(f.severity)}"><h3>{safe(f.title)}</h3><p>{safe(f.text)}'
        f"{f' {safe(f.fix)}' if f.fix else ''}{f' {safe(f.gain)}' if f.gain else ''}</p></article>"
        for f in diagnosis.findings
    )


def grouped(keys: Sequence[str]) -> dict[str, list[str]]:
    """Title of a chart → its series: `train/loss` and `eval/loss` share one; the well-known ones come first."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        part, slash, name = key.partition("/")
        groups.setdefault(name if slash and part in _PARTS and name else key, []).append(key)
    rank = {name: at for at, name in enumerate(_FIRST)}
    return dict(sorted(groups.items(), key=lambda item: rank.get(item[0], len(rank))))


def _charts(series: dict[str, SeriesData], events: Sequence[RunEvent]) -> str:
    made = []
    groups = grouped([key for key, data in series.items() if data.steps])
    steps = [step for data in series.values() for step in data.steps] or [0]
    for title, keys in list(groups.items())[:MOST_CHARTS]:
        curves = [Curve(key, _role(key, at), series[key]) for at, key in enumerate(keys[: len(ROLES)])]
        legend = "".join(
            f'<span><i class="{c.role}"></i>{safe(c.name, 80)} <b>{digits(last_of(c.data))}</b></span>' for c in curves
        )
        caption = f"<figcaption><strong>{safe(title, 120)}</strong>{legend}</figcaption>"
        made.append(f"<figure>{caption}{draw(curves, events, min(steps), max(steps))}</figure>")
    more = len(groups) - MOST_CHARTS
    told = f"<p>{more:,} more metrics are in the table below.</p>" if more > 0 else ""
    return f'<div class="charts">{"".join(made)}</div>{told}' if made else ""


def _role(key: str, at: int) -> str:
    """Training and evaluation keep their colours in every chart."""
    own = {"train": 0, "eval": 1, "val": 1, "validation": 1, "test": 2}.get(key.partition("/")[0])
    return ROLES[at if own is None else own]


def _points_note(series: dict[str, SeriesData]) -> str:
    total = sum(data.count for data in series.values())
    drawn = sum(len(data.steps) for data in series.values())
    if drawn >= total:
        return f"all {total:,} points"
    return f"{total:,} points, drawn as {drawn:,} that keep every lowest and highest value"


def _metrics(series: dict[str, SeriesData], run: RunRecord) -> str:
    rows = []
    for key, data in series.items():
        finite = [v for v in data.values if v is not None and v - v == 0]
        rows.append((key[:300], data.count, run.metrics.get(key), min(finite, default=None), max(finite, default=None)))
    return table(("metric", "points", "last", "lowest", "highest"), rows, numbers=frozenset((1, 2, 3, 4)))


def _evaluation(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return ""
    names = list(dict.fromkeys(name for one in evaluations for name in one.values))[:20]
    rows = [(e.step, e.split, e.rows, *(e.values.get(name) for name in names)) for e in evaluations[-MOST_ROWS:]]
    wide = frozenset((0, 2, *range(3, len(names) + 3)))
    found = table(("step", "split", "rows", *names), rows, numbers=wide)
    last = next((e for e in reversed(evaluations) if e.confusion or e.per_class), None)
    if last is not None:
        found += f"<h3>{safe(f'Classes at step {last.step:,}, {last.split} part')}</h3>"
        found += f'<div class="pair">{per_class(last)}{confusion(last)}</div>'
    return found


def _checkpoints(store: "Store", run: RunRecord) -> str:
    rows = [
        (c.name, c.step, size(c.size_bytes), moment(c.saved_at),
         " ".join(word for word, there in (("best", c.best), ("kept", c.kept), ("deleted", not c.present)) if there))
        for c in store.runs.checkpoints(run.id)[-MOST_ROWS:]
    ]  # fmt: skip
    return table(("name", "step", "size", "saved", ""), rows, numbers=frozenset((1,)))


def _events(events: Sequence[RunEvent]) -> str:
    rows = [(moment(e.time), e.kind.replace("_", " "), e.step, e.text) for e in events[:MOST_ROWS]]
    return table(("time", "kind", "step", "what"), rows, numbers=frozenset((2,)))


def _first_of(count: int) -> str:
    return f"the first {MOST_ROWS:,} of {count:,}" if count > MOST_ROWS else ""


# ---- looks -----------------------------------------------------------------------------------------------------------


@functools.cache
def _style() -> str:
    """The console's own colours for both themes, and a plain layout."""
    tokens = json.loads((PROJECT / "resources" / "themes" / "tokens.json").read_text(encoding="utf-8"))
    light, dark = (_colours(tokens["themes"][name]) for name in ("light", "dark"))
    roles = "".join(
        f".line.{r}{{stroke:var(--{r})}}.dot.{r}{{fill:var(--{r})}}i.{r}{{background:var(--{r})}}" for r in ROLES
    )
    fonts = ", ".join(f'"{name}"' if " " in name else name for name in tokens["font"]["ui"])
    return f":root{{{light};--font:{fonts}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{roles}{_LAYOUT}"


def _colours(theme: dict[str, dict[str, str]]) -> str:
    return ";".join(f"--{name}:{value}" for group in ("color", "series") for name, value in theme[group].items())


_LAYOUT = """
*{box-sizing:border-box}
body{margin:0;background:var(--canvas);color:var(--text);font:13px/18px var(--font);font-variant-numeric:tabular-nums}
main{max-width:1220px;margin:0 auto;padding:24px 20px 40px}
h1{font-size:22px;line-height:28px;margin:0 0 10px;overflow-wrap:anywhere}
h2{font-size:15px;line-height:20px;margin:28px 0 10px}h3{font-size:13px;margin:14px 0 6px}
.note{font-size:12px;font-weight:400;color:var(--text-tertiary);margin-left:8px}
header,section>.scroll,figure,article,.pair>.scroll{background:var(--panel);border:1px solid var(--line);
border-radius:8px}
header{padding:18px 20px}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:12px 20px;margin:0}
dt{font-size:12px;color:var(--text-tertiary)}dd{margin:0;font-weight:500;overflow-wrap:anywhere}
.pill{display:inline-block;font-size:12px;line-height:20px;font-weight:500;padding:0 10px;border-radius:10px;
vertical-align:3px;color:var(--accent);background:var(--accent-soft)}
.pill.ok{color:var(--ok);background:var(--ok-soft)}.pill.bad{color:var(--bad);background:var(--bad-soft)}
.pill.warn{color:var(--warn);background:var(--warn-soft)}.pill.idle{color:var(--idle);background:var(--idle-soft)}
.cause{color:var(--text-secondary)}.cause.bad{color:var(--bad)}.cause.warn{color:var(--warn)}
.said{white-space:pre-wrap;color:var(--text-secondary);overflow-wrap:anywhere}
article{padding:10px 14px;margin-bottom:8px;border-left:3px solid var(--idle)}
article h3{margin:0 0 2px}article p{margin:0;color:var(--text-secondary)}
article.warn{border-left-color:var(--warn)}article.bad{border-left-color:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:10px}
figure{margin:0;padding:10px 12px;break-inside:avoid}
figcaption{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12px;overflow-wrap:anywhere}
figcaption span{color:var(--text-secondary)}figcaption b{color:var(--text);font-weight:600}
figcaption i{display:inline-block;width:10px;height:3px;border-radius:2px;margin-right:5px;vertical-align:3px}
svg{display:block;width:100%;height:auto;margin-top:4px}
svg text{font-size:11px;fill:var(--text-tertiary);font-family:var(--font)}
.grid{stroke:var(--chart-grid);stroke-width:1}.line{fill:none;stroke-width:1.5;stroke-linejoin:round}
.mark{stroke:var(--line-strong);stroke-width:1;stroke-dasharray:2 3;opacity:.6}
.mark.warning,.mark.alert{stroke:var(--warn);opacity:1}.odd{fill:none;stroke:var(--bad);stroke-width:1.5}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}table.fit{width:auto}
th,td{text-align:left;padding:6px 12px;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:first-child>th,thead th{border-top:0}th{font-size:12px;font-weight:500;color:var(--text-secondary)}
th[scope=col]{white-space:nowrap}.n{text-align:right;white-space:nowrap}.n:first-child{width:1%}td:first-child{min-width:90px}
.heat{background:color-mix(in srgb,var(--accent) calc(var(--share)*.45),transparent)}
.pair{display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start}
footer{margin-top:28px;font-size:12px;color:var(--text-tertiary)}
@media print{body{background:none}header,section{break-inside:auto}}
""".replace("\n", "")
