"""The watch: looks at traffic, machine, endpoints and runs, and lets the alerts say what it finds.

watch_drift.py compares traffic with the reference, watch_rules.py values with limits, watch_own.py the rules of a
person and those about running runs; causes.py keeps one alert a cause.
"""

import logging
import threading

from backend.clock import Clock
from backend.contract.feed import FeedMessage
from backend.contract.resources import EndpointRecord, RunRecord, TelemetrySample
from backend.contract.states import LIVE_RUN_STATES, EndpointState
from backend.services.causes import Causes
from backend.services.watch_drift import DriftWatch
from backend.services.watch_rules import RuleWatch
from backend.store import Store

log = logging.getLogger(__name__)

TICK_S = 1.0

FRESH_S = 30.0

ANSWERING = (EndpointState.SERVING, EndpointState.DEGRADED)


class Watch:
    """Make it before the scheduler starts, so that no failure of a run escapes it; tick() belongs to one thread.

    What it needs comes with the feed: a tick of a quiet system reads next to nothing from the store.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._causes = Causes(store, clock)
        self._drift = DriftWatch(store, clock, self._causes)
        self._rules = RuleWatch(store, clock, self._causes)
        self._drift_due = 0.0
        self._endpoints: list[EndpointRecord] = []
        self._lock = threading.Lock()
        self._changed = {"alerts", "endpoints"}
        self._run_words: dict[str, FeedMessage] = {}
        self._live = {run.id: run for run in store.runs.with_states(LIVE_RUN_STATES)}
        self._sample = store.telemetry.latest()
        self._unsubscribe = store.feed.subscribe(self._on_messages)

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()

    def run(self, stop: threading.Event) -> None:
        """Tick once a second until `stop` is set."""
        while not stop.wait(TICK_S):
            try:
                self.tick()
            except Exception:  # the edge of a thread: one bad check (a full disk) must not end the watch
                log.exception("a check of the watch failed")
        self.close()

    def tick(self) -> None:
        """Check everything that is due: limits and states always, drift as often as the settings say."""
        with self._lock:
            changed, self._changed = self._changed, set()
            words, self._run_words = self._run_words, {}
        try:
            self._check(changed, words)
        except BaseException:
            with self._lock:  # what could not be worked on comes again with the next tick
                self._changed |= {"alerts", "endpoints"}
                self._run_words = {**words, **self._run_words}
            raise

    def _check(self, changed: set[str], words: dict[str, FeedMessage]) -> None:
        if "endpoints" in changed:
            self._endpoints = self._store.endpoints.all()
        self._causes.begin(reload="alerts" in changed)
        sample = self._fresh_sample()
        self._states(words)
        self._rules.check(self._endpoints, sample, list(self._live.values()))
        self._rules.cards(sample)
        if self._clock.monotonic() >= self._drift_due:
            self._check_drift()

    def _on_messages(self, messages: list[FeedMessage]) -> None:
        with self._lock:
            for message in messages:
                if message.topic in ("alerts", "endpoints"):
                    self._changed.add(message.topic)
                elif message.topic == "runs":
                    self._run_words[str(message.data.get("id"))] = message
                elif message.topic == "telemetry":
                    self._sample = TelemetrySample.model_validate(message.data)

    def _states(self, words: dict[str, FeedMessage]) -> None:
        names = {endpoint.name for endpoint in self._endpoints}
        for endpoint in self._endpoints:
            self._rules.endpoint(endpoint)
        self._rules.endpoints_gone(names)
        for run_id, message in words.items():
            if message.kind == "removed":
                self._live.pop(run_id, None)
                self._rules.run_gone(run_id)
            elif message.kind == "changed":
                run = RunRecord.model_validate(message.data)
                self._live.pop(run_id, None)
                if run.state in LIVE_RUN_STATES:
                    self._live[run_id] = run
                self._rules.run(run)

    def _check_drift(self) -> None:
        settings = self._store.settings.get()
        self._drift_due = self._clock.monotonic() + settings.drift_check_seconds
        for endpoint in self._endpoints:
            if endpoint.state in ANSWERING:
                self._drift.check(endpoint, settings)
        self._drift.forget_missing({endpoint.name for endpoint in self._endpoints})

    def _fresh_sample(self) -> TelemetrySample | None:
        """The newest sample, unless the sensor has been silent for so long that it says nothing about now."""
        sample = self._sample
        return sample if sample is not None and abs(self._clock.now() - sample.taken_at) < FRESH_S else None
