"""The runs page with 5,000 runs: `python -m tests.bench.bench_runs [runs]`. Limit: 300 ms to filter, sort and paint.

Real keys and clicks on a real page; CPU time stands beside wall time: the machine may be busy.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.bench.window import p

LIMIT_MS = 300.0


def a_run(number: int, chance: random.Random) -> Any:
    from backend.contract.resources import RunRecord

    live = number % 500 == 0
    return RunRecord(
        id=f"r{number}",
        name=f"intent-lora-r{2 ** (number % 7)}-s{number}",
        recipe="text_classification",
        state="running" if live else chance.choice(("completed", "completed", "failed", "stopped")),
        step=number,
        total_steps=12_000,
        created_at=1e9 + number,
        started_at=1e9 + number,
        ended_at=None if live else 1e9 + number + 900,
        base_model=chance.choice(("bert", "minilm", "qwen3")),
        dataset_name=chance.choice(("movies", "intents")),
        tags=(f"sweep-{number % 40}",),
        metrics={"eval/f1": chance.random(), "eval/loss": chance.random(), "train/loss": chance.random()},
        spark=tuple(chance.random() for _ in range(60)),
    )


def main(count: int) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from console.actions import Actions
    from console.app import make_application
    from console.context import Context
    from console.pages.runs import RunsPage
    from console.settings import Settings
    from console.state.changes import Changes
    from console.state.store import AppState
    from tests.helpers.fake_link import FakeLink

    app = make_application()
    state = AppState(now=time.time)
    state.connected()
    state.loaded = True
    chance = random.Random(1)
    for number in range(count):
        state.runs[f"r{number}"] = a_run(number, chance)
    page = RunsPage(Context(link=FakeLink(), state=state, settings=Settings(None), actions=Actions({})))
    page.resize(1236, 800)

    def settle() -> None:
        QApplication.processEvents()
        page.grab()

    def measure(name: str, act: Callable[[int], None], times: int = 7) -> None:
        samples = []
        for i in range(times):
            wall, cpu = time.perf_counter(), time.process_time()
            act(i)
            settle()
            samples.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
        walls, cpus = [s[0] for s in samples], [s[1] for s in samples]
        print(
            f"{name:34} wall p50 {statistics.median(walls):6.1f} max {max(walls):6.1f} ms, "
            f"cpu p50 {statistics.median(cpus):6.1f} ms, p95 / {LIMIT_MS:g} ms {p(walls, 0.95) / LIMIT_MS:.2f}"
        )

    def first(_: int) -> None:
        page.refresh(Changes(everything=True))
        page.show()

    measure("first picture", first, 1)
    filters = ("state:running", "f1>0.5", "movies tag:sweep-4", "since:7d", "intent", "loss<0.1 state:completed", "")

    def filter_to(i: int) -> None:
        page.filter.line.setFocus()
        page.filter.line.clear()
        QTest.keyClicks(page.filter.line, filters[i % len(filters)])
        page.filter.apply()

    measure("type a filter, letter by letter", filter_to)
    keys = [c.key for c in page.model.columns if c.sortable][:5]
    head = page.view.header() if hasattr(page.view, "header") else page.view.horizontalHeader()

    def sort(i: int) -> None:
        logical = next(n for n, c in enumerate(page.model.columns) if c.key == keys[i % len(keys)])
        at = QPoint(head.sectionViewportPosition(logical) + 12, head.height() // 2)
        shift = Qt.KeyboardModifier.ShiftModifier if i % 2 else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, shift, at)

    measure("click and Shift-click on headers", sort, 10)
    bar = page.view.verticalScrollBar()
    measure("scroll a page", lambda i: bar.setValue(bar.maximum() * i // 40), 40)
    live = {run_id for run_id, run in state.runs.items() if run.state == "running"}

    def report(i: int) -> None:
        for run_id in live:
            state.runs[run_id] = state.runs[run_id].model_copy(update={"step": 100 + i})
        page.refresh(Changes(runs=set(live)))
        page._show_runs()

    measure("live runs report", report)
    measure("group by state", lambda i: page.group_by(("state", "")[i % 2]))
    app.processEvents()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
