"""Keeps the sensor child alive, stores its samples and publishes them.

A driver that hangs or crashes takes the child with it: it is replaced at once by one that leaves the cards of that
vendor alone, so that the host and the other cards are always seen, and they are tried again after a growing wait.
"""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from backend.clock import Clock
from backend.contract.resources import GpuProcess, GpuReading, TelemetrySample
from backend.paths import Home
from backend.store import Store
from backend.telemetry.child import SensorChild, SensorEnded
from backend.telemetry.retries import Retries

log = logging.getLogger(__name__)

GPU_VENDORS = ("nvidia", "amd", "apple")
"""What a sensor leaves alone after a driver took its predecessor down and it is not known whose."""

DRIVERS = {"nvidia": "graphics driver", "amd": "AMD graphics driver", "apple": "system's GPU registry"}

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
        self._first_s = (retries or Retries()).first_s
        self._on_sample = on_sample
        self._check = threading.Event()
        self._troubles: dict[str, Retries] = {}  # vendor → when its driver is tried again
        self._problems: dict[str, str] = {}
        self._cards: dict[int, GpuReading] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._lost_since: dict[int, str] = {}
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
        """Sample until `stop` is set; returns within a second of it, also when a driver hangs."""
        while not stop.is_set():
            skipped = set() if self._check.is_set() else self._left_alone()
            self._check.clear()
            blamed = self._run_child(stop, skipped)
            if blamed is None:
                continue
            self._restarts += 1
            if not blamed - skipped:  # it reads only the host, and that failed
                stop.wait(AGAIN_S)

    def _left_alone(self) -> set[str]:
        now = time.monotonic()
        return {vendor for vendor, retries in self._troubles.items() if not retries.due(now)}

    def _run_child(self, stop: threading.Event, skipped: set[str]) -> set[str] | None:
        """Read one child until it must be replaced; returns the vendors to blame, None when it only has to change."""
        hz = self._store.settings.get().telemetry_hz
        child = SensorChild(self._home.root, hz, skip=sorted(skipped), env=self._env)
        started, patience = time.monotonic(), START_S
        try:
            while not self._must_change(stop, skipped, hz):
                sample = _wait(child, patience, stop)
                if sample is not None:
                    patience = self._deadline_s + 1 / hz
                    self._worked(skipped, time.monotonic() - started)
                    self._keep(self._complete(sample))
                elif not stop.is_set():
                    return self._blame(child.asked, skipped, f"did not answer for {patience:.0f} s")
        except SensorEnded as ended:
            how = f"signal {-ended.code}" if ended.code and ended.code < 0 else f"exit code {ended.code}"
            return self._blame(child.asked, skipped, f"ended its reader with {how}")
        finally:
            child.close()
        return None

    def _worked(self, skipped: set[str], seconds: float) -> None:
        for vendor in [vendor for vendor in self._problems if vendor not in skipped]:
            del self._problems[vendor]
        for vendor, retries in self._troubles.items():
            if vendor not in skipped:
                retries.worked_for(seconds)

    def _blame(self, asked: str, skipped: set[str], what: str) -> set[str]:
        """Note a failure of the driver that was asked last; of all that are read when that is not known."""
        blamed = {asked} if asked else set(GPU_VENDORS) - skipped
        for vendor in blamed - skipped:
            self._troubles.setdefault(vendor, Retries(self._first_s)).failed(time.monotonic())
        if asked not in skipped:
            name = DRIVERS.get(asked, "graphics driver")
            self._problems[asked or GPU_VENDORS[0]] = f"The {name} {what} (at {self._time()})."
        return blamed

    def _must_change(self, stop: threading.Event, skipped: set[str], hz: float) -> bool:
        if stop.is_set() or self._check.is_set() or skipped - self._left_alone():
            return True
        if time.monotonic() - self._looked < SETTINGS_S:
            return False
        self._looked = time.monotonic()
        return self._store.settings.get().telemetry_hz != hz

    def _complete(self, sample: TelemetrySample) -> TelemetrySample:
        """The sample with owners of processes, with the last values of lost cards, and with what the child cannot
        know."""
        owners = self._owners() if any(card.processes for card in sample.gpus) else {}
        cards = [self._remember(with_owners(self._numbered(card), owners)) for card in sample.gpus]
        silent = [index for index, card in sorted(self._cards.items()) if card.vendor in self._problems]
        cards += [self._remember(GpuReading(index=index, lost="no answer")) for index in silent]
        problems = " ".join(self._problems[vendor] for vendor in sorted(self._problems))
        return sample.model_copy(
            update={
                "taken_at": self._clock.now(),
                "gpus": tuple(sorted(cards, key=lambda card: card.index)),
                "gpu_problem": problems or sample.gpu_problem,
                "sensor_restarts": self._restarts,
            }
        )

    def _numbered(self, card: GpuReading) -> GpuReading:
        """Cards of several vendors counted through, once and for all; with one vendor the driver's numbers stay."""
        key = (card.vendor, card.index)
        if key not in self._numbers:
            taken = set(self._numbers.values())
            free = next(number for number in itertools.count(card.index) if number not in taken)
            self._numbers[key] = free
        return card if self._numbers[key] == card.index else card.model_copy(update={"index": self._numbers[key]})

    def _remember(self, card: GpuReading) -> GpuReading:
        if card.lost is None:
            self._lost_since.pop(card.index, None)
            self._cards[card.index] = card
            return card
        since = self._lost_since.setdefault(card.index, self._time())
        last = self._cards.get(card.index, card)
        return last.model_copy(update={"lost": f"{card.lost} since {since}", "processes": (), "slices": ()})

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


def with_owners(card: GpuReading, owners: Mapping[int, str]) -> GpuReading:
    """The card with the run or endpoint of each process that is ours, itself or through its process group."""
    if not owners:
        return card
    slices = tuple(
        part.model_copy(update={"processes": _owned(part.processes, owners)}) if part.processes else part
        for part in card.slices
    )
    return card.model_copy(update={"processes": _owned(card.processes, owners), "slices": slices})


def _owned(processes: tuple[GpuProcess, ...], owners: Mapping[int, str]) -> tuple[GpuProcess, ...]:
    return tuple(
        process.model_copy(update={"owner": owners.get(process.pid) or owners.get(_group(process.pid))})
        for process in processes
    )


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
