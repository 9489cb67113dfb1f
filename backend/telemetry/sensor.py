"""The sensor child: `python -m backend.telemetry.sensor --hz 1 --folder HOME [--skip nvidia]`, one JSON
TelemetrySample a line.

It ends when its standard input is closed, so it never outlives the daemon, also while the driver hangs.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.contract.resources import GpuReading, TelemetrySample
from backend.telemetry.amd import AmdProbe
from backend.telemetry.apple import AppleProbe
from backend.telemetry.host import Host
from backend.telemetry.nvidia import NvidiaProbe
from backend.telemetry.probe import ASKING, Probe

PROBES: tuple[type[Probe], ...] = (NvidiaProbe, AmdProbe, AppleProbe)
"""Vendors, in the order shown. One that is missing or broken never stops the others."""

OPEN_AGAIN_S = 30.0
"""How often a vendor without a usable driver is tried again: loading one does not need a restart of ours."""


class Sensor:
    """Opens what it finds and takes samples. `tell(vendor)` is called before a driver is asked that may hang, unless
    it was the last one asked."""

    def __init__(self, host: Host, probes: Sequence[Probe], tell: Callable[[str], None] = lambda _vendor: None) -> None:
        self._host = host
        self._why: dict[str, str | None] = {}
        self._probes = list(probes)
        self._tried = -OPEN_AGAIN_S
        self._tell, self._asked = tell, ""

    def sample(self) -> TelemetrySample:
        """One sample; blocks for as long as the drivers do."""
        if time.monotonic() - self._tried >= OPEN_AGAIN_S:
            self._tried = time.monotonic()
            for probe in self._probes:
                if self._why.get(probe.vendor, "") is not None:
                    self._ask(probe)
                    self._why[probe.vendor] = _opened(probe)
        gpus: list[GpuReading] = []
        for probe in self._probes:
            if self._why[probe.vendor] is None:
                self._ask(probe)
                gpus += self._read(probe)
        problems = [text for text in self._why.values() if text]
        return TelemetrySample(
            taken_at=time.time(),
            gpus=tuple(gpus),
            host=self._host.read(),
            gpu_problem=None if gpus or not problems else " ".join(problems),
        )

    def _ask(self, probe: Probe) -> None:
        if probe.vendor != self._asked:
            self._asked = probe.vendor
            self._tell(probe.vendor)

    def _read(self, probe: Probe) -> list[GpuReading]:
        """The vendor's cards; one whose reading raises has none, and is opened anew later."""
        try:
            return probe.read()
        except Exception as error:  # noqa: BLE001 a broken vendor must not take the others with it
            self._why[probe.vendor] = f"{probe.vendor}: {type(error).__name__}: {error}"[:300]
            print(self._why[probe.vendor], file=sys.stderr, flush=True)
            return []

    def close(self) -> None:
        for probe in self._probes:
            probe.close()


def _opened(probe: Probe) -> str | None:
    try:
        return probe.open()
    except Exception as error:  # noqa: BLE001 as above
        return f"{probe.vendor}: {type(error).__name__}: {error}"[:300]


def _end_with_input() -> None:
    """Wait for the end of standard input, then go: at once, since the main thread may sit in a driver call that never
    returns."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Sample at a steady rate until standard input or output is closed."""
    parser = argparse.ArgumentParser(prog="sensor")
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    parser.add_argument("--skip", action="append", default=[])
    options = parser.parse_args(argv)
    threading.Thread(target=_end_with_input, daemon=True).start()
    probes = [probe() for probe in PROBES if probe.vendor not in options.skip]
    sensor = Sensor(Host(options.folder), probes, lambda vendor: _write(f"{ASKING}{vendor}"))
    period, due = 1 / options.hz, time.monotonic()
    try:
        while True:
            _write(sensor.sample().model_dump_json())
            due = max(due + period, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes at exit
        return 0
    finally:
        sensor.close()


if __name__ == "__main__":
    sys.exit(main())
