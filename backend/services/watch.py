"""The watch: looks at traffic, machine, endpoints and runs, and lets the alerts say what it finds.

watch_drift.py compares traffic with the reference, watch_rules.py compares values with limits, causes.py keeps one
alert a cause.
"""

import logging
import threading

from backend.clock import Clock
from backend.contract.resources import RunRecord, TelemetrySample
from backend.contract.states import EndpointState
from backend.services.causes import Causes
from backend.services.watch_drift import DriftWatch
from backend.services.watch_rules import RuleWatch
from backend.store import Store

log = logging.getLogger(__name__)

TICK_S = 1.0

FRESH_S = 30.0

ANSWERING = (EndpointState.SERVING, EndpointState.DEGRADED)


class Watch:
    """Make it before the scheduler starts, so that no failure of a run escapes it; tick() belongs to one thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._causes = Causes(store, clock)
        self._drift = DriftWatch(store, clock, self._causes)
        self._rules = RuleWatch(store, clock, self._causes)
        self._seen = store.feed.newest()
        self._drift_due = 0.0

    def run(self, stop: threading.Event) -> None:
        """Tick once a second until `stop` is set."""
        while not stop.wait(TICK_S):
            try:
                self.tick()
            except Exception:  # the edge of a thread: one bad check (a full disk) must not end the watch
                log.exception("a check of the watch failed")

    def tick(self) -> None:
        """Check everything that is due: limits and states always, drift as often as the settings say."""
        self._causes.begin()
        endpoints = self._store.endpoints.all()
        names = {endpoint.name for endpoint in endpoints}
        sample = self._fresh_sample()
        self._rules.check(endpoints, sample)
        self._rules.cards(sample)
        for endpoint in endpoints:
            self._rules.endpoint(endpoint)
        self._rules.endpoints_gone(names)
        self._runs()
        settings = self._store.settings.get()
        if self._clock.monotonic() >= self._drift_due:
            self._drift_due = self._clock.monotonic() + settings.drift_check_seconds
            for endpoint in endpoints:
                if endpoint.state in ANSWERING:
                    self._drift.check(endpoint, settings)
            self._drift.forget_missing(names)

    def _fresh_sample(self) -> TelemetrySample | None:
        """The newest sample, unless the sensor has been silent for so long that it says nothing about now."""
        sample = self._store.telemetry.latest()
        return sample if sample is not None and abs(self._clock.now() - sample.taken_at) < FRESH_S else None

    def _runs(self) -> None:
        """Follow the runs through the feed: thousands of finished ones need not be read again."""
        newest, last_words = self._store.feed.newest(), {}
        while messages := self._store.feed.since(self._seen, ["runs"], 500):
            self._seen = messages[-1].id
            last_words.update({str(message.data.get("id")): message for message in messages})
        self._seen = max(self._seen, newest)
        for run_id, message in last_words.items():
            if message.kind == "removed":
                self._rules.run_gone(run_id)
            elif message.kind == "changed":
                self._rules.run(RunRecord.model_validate(message.data))
