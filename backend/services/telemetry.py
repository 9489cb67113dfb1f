"""Keeps the sensor child alive, stores its samples and publishes them.

A driver that hangs or crashes takes the child with it: it is replaced at once by one that leaves the cards alone, so
that the
host is always seen, and the cards are tried again after a growing wait.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from backend.clock import Clock
from backend.contract.resources import GpuReading, TelemetrySample
from backend.paths import Home
from backend.store import Store
from backend.telemetry.child import SensorChild, SensorEnded
from backend.telemetry.retries import Retries

log = logging.getLogger(__name__)

GPU_VENDORS = ("nvidia",)
"""What a sensor leaves alone after a driver took its predecessor down."""

START_S = 10.0
"""The first sample may take this long: a driver without persistence mode needs seconds to wake its cards."""

SETTINGS_S = 2.0
"""How often the sampling rate is looked up."""

AGAIN_S = 1.0
"""Pause before a sensor that reads only the host is started anew."""

Owners = Callable[[], Mapping[int, str]]


class TelemetryService:
    """Runs in one thread of the daemon. `owners` maps the pid (or process group) of our jobs to "run/<id>" or
    "endpoint/<name>"."""

    def __init__(
        self, store: Store, home: Home, clock: Clock, *, owners: Owners = dict, deadline_s: float = 3.0,
        retries: Retries | None = None, env: Mapping[str, str] | None = None,
        on_sample: Callable[[TelemetrySample], None] = lambda _sample: None,
    ) -> None:  # fmt: skip
        self._store, self._home, self._clock = store, home, clock
        self._owners, self._deadline_s, self._env = owners, deadline_s, env
        self._retries = retries or Retries()
        self._on_sample = on_sample
        self._check = threading.Event()
        self._cards: dict[int, GpuReading] = {}
        self._lost_since: dict[int, str] = {}
        self._problem: str | None = None
        self._latest: TelemetrySample | None = None
        self._restarts = 0
        self._looked = 0.0

    def latest(self) -> TelemetrySample | None:
        """The newest sample; None before the first."""
        return self._latest

    def check_again(self) -> None:
        """Try the cards now, whatever the wait says (the "Check again" button)."""
        self._check.set()

    def run(self, stop: threading.Event) -> None:
        """Sample until `stop` is set; returns within a second of it, also when the driver hangs."""
        while not stop.is_set():
            with_cards = self._check.is_set() or self._retries.due(time.monotonic())
            self._check.clear()
            trouble = self._run_child(stop, with_cards)
            if trouble is None:
                continue
            self._restarts += 1
            if with_cards:
                self._retries.failed(time.monotonic())
                self._problem = trouble
            else:
                stop.wait(AGAIN_S)

    def _run_child(self, stop: threading.Event, with_cards: bool) -> str | None:
        """Read one child until it must be replaced; returns what was wrong with it, None when it only has to change."""
        hz = self._store.settings.get().telemetry_hz
        child = SensorChild(self._home.root, hz, skip=() if with_cards else GPU_VENDORS, env=self._env)
        started, patience = time.monotonic(), START_S
        try:
            while not self._must_change(stop, with_cards, hz):
                sample = _wait(child, patience, stop)
                if sample is not None:
                    patience = self._deadline_s + 1 / hz
                    if with_cards:
                        self._problem = None
                        self._retries.worked_for(time.monotonic() - started)
                    self._keep(self._complete(sample))
                elif not stop.is_set():
                    return f"The graphics driver did not answer for {patience:.0f} s (at {self._time()})."
        except SensorEnded as ended:
            how = f"signal {-ended.code}" if ended.code and ended.code < 0 else f"exit code {ended.code}"
            return f"The graphics driver ended its reader with {how} (at {self._time()})."
        finally:
            child.close()
        return None

    def _must_change(self, stop: threading.Event, with_cards: bool, hz: float) -> bool:
        if stop.is_set() or self._check.is_set():
            return True
        if not with_cards and self._retries.due(time.monotonic()):
            return True
        if time.monotonic() - self._looked < SETTINGS_S:
            return False
        self._looked = time.monotonic()
        return self._store.settings.get().telemetry_hz != hz

    def _complete(self, sample: TelemetrySample) -> TelemetrySample:
        """The sample with owners of processes, with the last values of lost cards, and with what the child cannot
        know."""
        owners = self._owners() if any(card.processes for card in sample.gpus) else {}
        cards = [self._remember(_with_owners(card, owners)) for card in sample.gpus]
        if self._problem is not None:
            cards = [self._remember(GpuReading(index=index, lost="no answer")) for index in sorted(self._cards)]
        return sample.model_copy(
            update={
                "taken_at": self._clock.now(),
                "gpus": tuple(cards),
                "gpu_problem": self._problem or sample.gpu_problem,
                "sensor_restarts": self._restarts,
            }
        )

    def _remember(self, card: GpuReading) -> GpuReading:
        if card.lost is None:
            self._lost_since.pop(card.index, None)
            self._cards[card.index] = card
            return card
        since = self._lost_since.setdefault(card.index, self._time())
        last = self._cards.get(card.index, card)
        return last.model_copy(update={"lost": f"{card.lost} since {since}", "processes": ()})

    def _keep(self, sample: TelemetrySample) -> None:
        self._latest = sample
        try:
            self._store.telemetry.add(sample)
            self._on_sample(sample)
        except Exception:  # the edge of a thread: a full disk must not end telemetry
            log.warning("a telemetry sample could not be stored", exc_info=True)

    def _time(self) -> str:
        return time.strftime("%H:%M", time.localtime(self._clock.now()))


def _wait(child: SensorChild, seconds: float, stop: threading.Event) -> TelemetrySample | None:
    """The child's next sample, looking at `stop` twice a second."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        sample = child.next(min(left, 0.5))
        if sample is not None:
            return sample
    return None


def _with_owners(card: GpuReading, owners: Mapping[int, str]) -> GpuReading:
    """The card with the run or endpoint of each process that is ours, itself or through its process group."""
    if not owners or not card.processes:
        return card
    processes = tuple(
        process.model_copy(update={"owner": owners.get(process.pid) or owners.get(_group(process.pid))})
        for process in card.processes
    )
    return card.model_copy(update={"processes": processes})


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
