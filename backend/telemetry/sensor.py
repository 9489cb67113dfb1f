"""The sensor child: `python -m backend.telemetry.sensor --hz 1 --folder HOME [--skip nvidia]`, one JSON
TelemetrySample a line.

It ends when its standard input is closed, so it never outlives the daemon, also while the driver hangs.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from backend.contract.resources import GpuReading, TelemetrySample
from backend.telemetry.host import Host
from backend.telemetry.nvidia import NvidiaProbe
from backend.telemetry.probe import Probe

PROBES: tuple[type[Probe], ...] = (NvidiaProbe,)
"""Vendors, in the order shown. One that is missing or broken never stops the others."""

OPEN_AGAIN_S = 30.0
"""How often a vendor without a usable driver is tried again: loading one does not need a restart of ours."""


class Sensor:
    """Opens what it finds and takes samples."""

    def __init__(self, host: Host, probes: Sequence[Probe]) -> None:
        self._host = host
        self._why: dict[str, str | None] = {}
        self._probes = list(probes)
        self._tried = -OPEN_AGAIN_S

    def sample(self) -> TelemetrySample:
        """One sample; blocks for as long as the drivers do."""
        if time.monotonic() - self._tried >= OPEN_AGAIN_S:
            self._tried = time.monotonic()
            for probe in self._probes:
                if self._why.get(probe.vendor, "") is not None:
                    self._why[probe.vendor] = probe.open()
        open_probes = [probe for probe in self._probes if self._why[probe.vendor] is None]
        gpus = [card for probe in open_probes for card in probe.read()]
        problems = [text for text in self._why.values() if text]
        return TelemetrySample(
            taken_at=time.time(),
            gpus=tuple(_numbered(gpus)),
            host=self._host.read(),
            gpu_problem=None if gpus or not problems else " ".join(problems),
        )

    def close(self) -> None:
        for probe in self._probes:
            probe.close()


def _numbered(cards: list[GpuReading]) -> list[GpuReading]:
    """Cards of several vendors counted through; with one vendor the driver's numbers stay."""
    return [
        card if card.index == place else card.model_copy(update={"index": place}) for place, card in enumerate(cards)
    ]


def _end_with_input() -> None:
    """Wait for the end of standard input, then go: at once, since the main thread may sit in a driver call that never
    returns."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Sample at a steady rate until standard input or output is closed."""
    parser = argparse.ArgumentParser(prog="sensor")
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    parser.add_argument("--skip", action="append", default=[])
    options = parser.parse_args(argv)
    threading.Thread(target=_end_with_input, daemon=True).start()
    sensor = Sensor(Host(options.folder), [probe() for probe in PROBES if probe.vendor not in options.skip])
    period, due = 1 / options.hz, time.monotonic()
    try:
        while True:
            sys.stdout.write(sensor.sample().model_dump_json() + "\n")
            sys.stdout.flush()
            due = max(due + period, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes at exit
        return 0
    finally:
        sensor.close()


if __name__ == "__main__":
    sys.exit(main())
