"""The handle of the sensor child: start it, wait for its next sample with a deadline, end it. Decides nothing."""

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from backend.contract.resources import TelemetrySample
from backend.paths import PROJECT
from backend.telemetry.probe import ASKING


class SensorEnded(Exception):
    """The child is gone; `code` as subprocess says it: negative is a signal."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the sensor ended with {code}")
        self.code = code


class SensorChild:
    """One sensor process. Close it when done; closing also ends one that hangs in a driver."""

    def __init__(
        self, folder: Path, hz: float, *, skip: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "backend.telemetry.sensor", "--hz", str(hz), "--folder", str(folder)]
        for vendor in skip:
            command += ["--skip", vendor]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, env=None if env is None else dict(env), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.asked = ""  # the vendor whose driver was asked last
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        output = self._process.stdout
        self._reader = threading.Thread(target=self._read, args=(output,), name="sensor-reader", daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            if line.startswith(ASKING):
                self.asked = line.removeprefix(ASKING).strip()
            else:
                self._lines.put(line)
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def next(self, timeout: float) -> TelemetrySample | None:
        """The next sample; None when none came within `timeout` seconds or the line was no sample; SensorEnded when
        it is gone."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            return None
        if line is None:
            raise SensorEnded(self._process.wait())
        try:
            return TelemetrySample.model_validate_json(line)
        except ValidationError:
            return None

    def close(self) -> None:
        """End it now and free the pipes."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
