"""The steps of the demo, in order; each drives the real window and prints one line with what it measured."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication

from backend.contract.resources import BackendSettings, EndpointRecord, Operation, RunRecord
from backend.contract.states import FINAL_RUN_STATES, RunState
from backend.paths import PROJECT, Home, default_home
from console import operations, words
from console.app import Console, make_application
from console.demo.hand import Hand, NotFound, Waited, rest, until
from console.demo.traffic import Traffic
from console.settings import LANGUAGE, THEME
from console.widgets.sheet import Sheet

SAMPLES = PROJECT / "resources" / "samples"
NAME = "movie-reviews"
RECIPE = "text_classification"
RATE_HZ = 20.0
WATCH = {"drift_window_seconds": 40.0, "drift_minimum_items": 100, "drift_check_seconds": 2.0}
"""The demo looks at 20 s of traffic instead of two minutes, so that nobody waits; the usual values come back."""

TRAINING: dict[str, Any] = {
    "max_steps": 50, "batch_size": 32, "learning_rate": 1e-4, "max_length": 64, "eval_every": 10,
    "checkpoint_every": 25, "keep_checkpoints": 1, "epochs": 1,
}  # fmt: skip
PAGES = ("overview", "data", "runs", "models", "endpoints", "alerts", "audit", "settings")


@dataclass
class Plan:
    """What differs between the demo and its test: how much is trained, and from which weights."""

    base_model: str = "starter"
    dataset: str = "sentiment_en_movie"
    training: dict[str, Any] = field(default_factory=lambda: dict(TRAINING))
    patience_s: float = 300.0


class Story:
    """One run through the main job. `tell` gets every line."""

    def __init__(self, home: Home, out: Path | None, plan: Plan, tell: Callable[[str], None] = print) -> None:
        self.home, self.out, self.plan, self._tell = home, out, plan, tell
        self.console = Console(home)
        self.window = self.console.window
        self.state, self.link = self.console.state, self.console.link
        self.hand = Hand(self.window)
        self.began = time.monotonic()
        self.traffic: Traffic | None = None
        self.figures: dict[str, float] = {}
        self.model = NAME
        self._number = 0

    # ---- the whole ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """All steps; the first that fails ends the story with its name."""
        self.open_window()
        self.import_data()
        first = self.train("first", self.plan.training)
        self.register(first, 1)
        self.promote(1)
        self.start_traffic()
        self.ask_playground()
        shorter = {"seed": 7, "max_steps": self.plan.training["max_steps"] * 3 // 5}
        second = self.train("second", {**self.plan.training, **shorter}, watch=False)
        self.register(second, 2)
        self.promote(2)
        self.roll_back()
        self.let_it_drift()
        self.tour()
        self._say("done", f"home {self.home.root}", time.monotonic() - self.began)

    def close(self) -> None:
        """End the traffic and the window; backend, endpoint and home stay."""
        if self.traffic is not None:
            self.traffic.stop()
        self.console.close()

    # ---- steps -------------------------------------------------------------------------------------------------------

    def open_window(self) -> None:
        """The window is there before the backend is."""
        self.window.resize(1440, 900)
        self.console.settings.set(LANGUAGE, "en")
        self.console.open()
        until(self.window.isVisible, "the window")
        self._say("window open", f"{self.window.width()}×{self.window.height()}", time.monotonic() - self.began)
        until(lambda: self.state.loaded and self.state.online, "the backend", self.plan.patience_s)
        self._say("backend connected", f"pid {self.state.system.pid}" if self.state.system else "", None)
        self.model = next(name for name in _names() if name not in self.state.models)
        self._change_watch(WATCH)

    def import_data(self) -> None:
        """A built-in dataset becomes an immutable version."""
        began = time.monotonic()
        self.window.context.navigate("data")
        if not any(record.name == self.plan.dataset for record in self.state.datasets.values()):
            self._done(operations.import_sample(self.link, self.plan.dataset), "the import")
        until(lambda: self._dataset() is not None, "the dataset")
        record = self._dataset()
        self._say("data imported", f"{record.name}, {record.rows:,} rows, v{record.version}", time.monotonic() - began)
        self._picture("data")

    def train(self, name: str, settings: dict[str, Any], *, watch: bool = True) -> RunRecord:
        """Launch from the New run sheet, watch the curves, pause, go on, ask for a checkpoint, wait for the end."""
        began = time.monotonic()
        known = set(self.state.runs)
        self._fill_new_run(f"{self.model}-{name}", settings)
        if watch:
            rest(800)
            self._picture("new-run")
        self._sheet().submit()
        until(lambda: set(self.state.runs) - known, "the new run")
        run_id = (set(self.state.runs) - known).pop()
        self.window.context.navigate(f"run/{run_id}")
        until(lambda: self._run(run_id).step > 0 or self._over(run_id), "the first step", self.plan.patience_s)
        self._say(f"{name} run trains", self._run(run_id).name, time.monotonic() - began)
        if watch:
            self._steer(run_id)
        until(lambda: self._over(run_id), f"the end of the {name} run", self.plan.patience_s)
        run = self._run(run_id)
        if run.state != RunState.COMPLETED:
            raise Waited(f"the {name} run ended as {run.state}: {run.cause}")
        rest(500)
        self._picture(f"run-{name}")
        accuracy = run.metrics.get("test/accuracy") or run.metrics.get("eval/accuracy")
        self._say(
            f"{name} run completed", f"accuracy {words.fixed(accuracy, 3)}, {run.step} steps", time.monotonic() - began
        )
        return run

    def _steer(self, run_id: str) -> None:
        until(lambda: self._run(run_id).step >= 5 or self._over(run_id), "the first curve", self.plan.patience_s)
        self._picture("run-live")
        self._timed("pause", "Pause", lambda: self._run(run_id).state == RunState.PAUSED, run_id)
        self._timed("resume", "Resume", lambda: self._run(run_id).state == RunState.RUNNING, run_id)
        if self.hand.has_button("Checkpoint now"):
            self.hand.click("Checkpoint now")

    def _timed(self, name: str, button: str, true: Callable[[], bool], run_id: str) -> None:
        until(lambda: self._over(run_id) or self.hand.has_button(button), f"the {button} button")
        if self._over(run_id):
            return
        self.hand.click(button)
        seconds = until(lambda: true() or self._over(run_id), name, self.plan.patience_s)
        self._say(f"{name} answered", "", seconds)

    def register(self, run: RunRecord, version: int) -> None:
        """The completed run becomes a version."""
        began = time.monotonic()
        self.window.context.navigate(f"run/{run.id}")
        until(lambda: self.hand.has_button("Register"), "the Register button")
        self.hand.click("Register")
        sheet = self._sheet()
        self.hand.write("Model", self.model, within=sheet)
        sheet.submit()
        until(lambda: self._newest_version() >= version, f"version {version}", self.plan.patience_s)
        self._say(f"registered v{version}", self.model, time.monotonic() - began)

    def promote(self, version: int) -> None:
        """Promote… with a reason; under traffic nothing may fail."""
        began = time.monotonic()
        self.window.context.navigate(f"model/{self.model}/{version}")
        until(
            lambda: self.hand.has_button("Promote") or self.hand.has_button(f"Promote v{version}"), "the Promote button"
        )
        name = f"Promote v{version}" if self.hand.has_button(f"Promote v{version}") else "Promote"
        self.hand.click(name)
        self._give_reason("Best result on the test rows so far")
        self._picture(f"promote-v{version}")
        operation = self._switch("promote")
        endpoint = self._endpoint()
        until(lambda: self._endpoint().live_version == version, "the switch", self.plan.patience_s)
        seconds = float(operation.result.get("seconds", time.monotonic() - began))
        failed = f", {self.traffic.failed(began)} of its requests failed" if self.traffic else ""
        self._say(f"promoted v{version}", f"{endpoint.url}{failed}", seconds)
        self._close_sheet()
        self._picture(f"models-v{version}")

    def start_traffic(self) -> None:
        """Real requests, 20 a second, for the rest of the story."""
        endpoint = self._endpoint()
        self.traffic = Traffic(endpoint.url, endpoint.key, self._texts("sentiment_en_movie"), rate_hz=RATE_HZ)
        self.traffic.start()
        until(lambda: len(self._traffic().answers) >= 40, "forty answers")
        p50, p95 = self._traffic().percentile(0.5), self._traffic().percentile(0.95)
        self._say("endpoint answers", f"p50 {words.milliseconds(p50)} ms, p95 {words.milliseconds(p95)} ms", None)

    def ask_playground(self) -> None:
        """One text by hand, with the reason for the answer."""
        self.window.context.navigate(f"endpoint/{self.model}")
        rest(300)
        began = time.monotonic()
        self.hand.write(self.hand.field("Input"), "A warm, funny film with a perfect ending.")
        self.hand.click("Run")
        until(
            lambda: self.hand.button("Run").isEnabled() and not getattr(self.hand.button("Run"), "busy", False),
            "the answer",
        )
        self._say("playground answered", "", time.monotonic() - began)
        rest(1500)
        self._picture("endpoint")

    def roll_back(self) -> None:
        """One click and a reason: the version before answers again."""
        began = time.monotonic()
        self.window.context.navigate(f"model/{self.model}")
        until(
            lambda: any(self.hand.has_button(name) for name in ("Roll back", "Roll back to v1")), "the Roll back button"
        )
        self.hand.click("Roll back to v1" if self.hand.has_button("Roll back to v1") else "Roll back")
        self._give_reason("The first version was calmer in use")
        self._picture("roll-back")
        operation = self._switch("rollback")
        until(lambda: self._endpoint().live_version == 1, "the way back")
        seconds = float(operation.result.get("seconds", time.monotonic() - began))
        self.figures["rollback_s"] = seconds
        self._say("rolled back to v1", f"{self._traffic().failed(began)} requests failed", seconds)
        self._close_sheet()

    def let_it_drift(self) -> None:
        """The traffic turns to something the model never saw; the alert comes by itself."""
        began = time.monotonic()
        self._traffic().set_texts(self._texts("sentiment_zh_hotel"))
        until(self._drift_alerts, "the drift alert", self.plan.patience_s)
        alert = self._drift_alerts()[0]
        self._say("drift alert", alert.text or alert.title, time.monotonic() - began)
        self.window.context.navigate(f"alert/{alert.id}")
        rest(1500)
        self._picture("drift")

    def tour(self) -> None:
        """A picture of every page, dark, and of three in light."""
        for page in PAGES:
            self.window.context.navigate(page)
            rest(900)
            self._picture(f"page-{page}")
        self.console.settings.set(THEME, "light")
        for page in ("overview", "models", "runs"):
            self.window.context.navigate(page)
            rest(900)
            self._picture(f"light-{page}")
        self.console.settings.set(THEME, "dark")
        self._change_watch({name: BackendSettings.model_fields[name].default for name in WATCH})
        self.window.context.navigate("overview")

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _fill_new_run(self, name: str, settings: dict[str, Any]) -> None:
        """The form as a person fills it; other weights than the starter's come from a file dropped on it."""
        if self.plan.base_model == "starter":
            self.window.context.start("run.new", dataset=self._dataset().id, settings=settings)
        else:
            request = {"recipe": RECIPE, "dataset": self._dataset().name, "settings": settings}
            file = self.home.cache / f"{name}.json"
            file.write_text(json.dumps({**request, "base_model": self.plan.base_model}), encoding="utf-8")
            self.window.context.start("run.new", file=str(file))
        sheet: Any = self._sheet()
        self.hand.write(sheet.form.name, name)
        until(lambda: sheet.primary is not None and sheet.primary.isEnabled(), "a form without errors")

    def _sheet(self) -> Sheet:
        until(lambda: [s for s in self.window.findChildren(Sheet) if s.isVisible()], "a sheet", 10)
        return next(s for s in self.window.findChildren(Sheet) if s.isVisible())

    def _close_sheet(self) -> None:
        for sheet in self.window.findChildren(Sheet):
            if sheet.isVisible():
                sheet.close_sheet()
        rest(100)

    def _give_reason(self, reason: str) -> None:
        sheet = self._sheet()
        self.hand.write("Reason", reason, within=sheet)
        until(lambda: sheet.primary is not None and sheet.primary.isEnabled(), "the plan", self.plan.patience_s)

    def _switch(self, kind: str) -> Operation:
        known = set(self.state.operations)
        self._sheet().submit()

        def ended() -> list[Operation]:
            fresh = [o for key, o in self.state.operations.items() if key not in known and o.kind == kind]
            return [o for o in fresh if o.state != "running"]

        until(ended, f"the {kind}", self.plan.patience_s)
        operation = ended()[0]
        if operation.state == "failed":
            raise Waited(f"the {kind} failed: {(operation.error or {}).get('text', operation.text)}")
        return operation

    def _change_watch(self, values: dict[str, Any]) -> None:
        self._done(operations.change_settings(self.link, **values), "the settings")

    def _done(self, call: Any, what: str) -> None:
        errors: list[Any] = []
        call.on_refused(errors.append)
        until(lambda: call.ended, what, self.plan.patience_s)
        if errors:
            raise Waited(f"{what} was refused: {errors[0].text}")

    def _dataset(self) -> Any:
        found = [record for record in self.state.datasets.values() if record.name == self.plan.dataset]
        return max(found, key=lambda record: record.version) if found else None

    def _run(self, run_id: str) -> RunRecord:
        return self.state.runs[run_id]

    def _over(self, run_id: str) -> bool:
        return self._run(run_id).state in FINAL_RUN_STATES

    def _newest_version(self) -> int:
        model = self.state.models.get(self.model)
        return max((v.version for v in model.versions), default=0) if model else 0

    def _endpoint(self) -> EndpointRecord:
        found = self.state.endpoints_of(self.model)
        if not found:
            raise NotFound(f"no endpoint serves {self.model}")
        return found[0]

    def _traffic(self) -> Traffic:
        if self.traffic is None:
            raise NotFound("no traffic was started")
        return self.traffic

    def _drift_alerts(self) -> list[Any]:
        return [a for a in self.state.alerts.values() if a.kind.endswith("drift") and a.state == "open"]

    def _texts(self, sample: str) -> list[str]:
        with (SAMPLES / f"{sample}.csv").open(encoding="utf-8", newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]

    def _say(self, step: str, detail: str, seconds: float | None) -> None:
        took = "" if seconds is None else f"{seconds:8.2f} s"
        if seconds is not None:
            self.figures[step] = seconds
        self._tell(f"{step:<26} {took:>10}  {detail}".rstrip())

    def _picture(self, name: str) -> None:
        if self.out is None:
            return
        self._number += 1
        self.window.grab().save(str(self.out / f"{self._number:02}-{name}.png"))


def _names() -> Iterator[str]:
    """movie-reviews, movie-reviews-2 …: a second demo in the same home leaves the first one's model alone."""
    return itertools.chain([NAME], (f"{NAME}-{number}" for number in itertools.count(2)))


def main(argv: Sequence[str] = ()) -> int:
    """`python3 main.py demo [--out DIR] [--home DIR]`; 0 when every step was seen to work."""
    parser = argparse.ArgumentParser(prog="python3 main.py demo", description="The main job on built-in data.")
    parser.add_argument("--out", type=Path, help="save a picture of each page here (without a display: demo-out)")
    parser.add_argument("--home", type=Path, help="the home folder (default: MODELDECK_HOME)")
    given = parser.parse_args(list(argv))
    app = make_application()
    shown = QGuiApplication.platformName() not in ("offscreen", "minimal")
    out = given.out or (None if shown else Path("demo-out"))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    home = Home((given.home or default_home()).expanduser().absolute())
    story = Story(home, out, Plan(), lambda line: print(line, flush=True))
    try:
        story.run()
    except (NotFound, Waited) as error:
        print(f"The demo stopped: {error}.", file=sys.stderr)
        story.close()
        return 1
    if story.traffic is not None:
        story.traffic.stop()
    if out is not None:
        print(f"pictures in {out}")
    if shown:
        print("The window stays open; close it when you have seen enough.", flush=True)
        return int(app.exec())
    story.close()
    return 0
