"""How a worker listens: commands from commands.ndjson, and SIGTERM as a request to stop and save."""

import os
import signal
import threading
import time
from typing import Protocol

from pydantic import ValidationError

from backend.contract.base import Record
from backend.contract.commands import COMMANDS, Command, Stop
from backend.contract.events import CommandDone
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader

SIGTERM_ID = "signal-15"
"""The id of the Stop that stands for a SIGTERM; it has no answer."""


class Speaks(Protocol):
    """A LogWriter or a BufferedLog."""

    def append(self, kind: str, record: Record, *, sync: bool = False) -> int: ...


class Control:
    """The listening side of a job. Only commands sent since this attempt was launched count.

    poll() costs one stat() when nothing came, so a training loop may call it at every step. Thread-safe.
    """

    def __init__(self, job: JobFolder, log: Speaks) -> None:
        launch = job.launch()
        self._job = job
        self._log = log
        self._reader = LogReader(job.commands, seq=None)
        self._offset = launch.commands_from if launch else 0
        self._lock = threading.Lock()
        self._terminated = threading.Event()
        self._term_told = False

    def stop_on_sigterm(self) -> None:
        """From now on SIGTERM is one Stop(save=True) from poll(). Call it in the main thread."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._terminated.set())

    def poll(self) -> list[Command]:
        """New commands in the order sent; unreadable ones are answered here with ok = false."""
        with self._lock:
            found = self._read()
            if self._terminated.is_set() and not self._term_told:
                self._term_told = True
                found.append(Stop(id=SIGTERM_ID, save=True))
            return found

    def wait(self, timeout_s: float, *, interval_s: float = 0.01) -> list[Command]:
        """poll() until something comes or the time is over."""
        end = time.monotonic() + timeout_s
        while not (found := self.poll()) and (left := end - time.monotonic()) > 0:
            self._terminated.wait(min(interval_s, left)) if not self._term_told else time.sleep(min(interval_s, left))
        return found

    def done(
        self, command: Command, *, ok: bool = True, text: str = "", result: dict[str, object] | None = None
    ) -> None:
        """Answer a command: one command_done event, on the disk when this returns."""
        if command.id == SIGTERM_ID:
            return
        kind = next((name for name, model in COMMANDS.items() if type(command) is model), type(command).__name__)
        self._answer(command.id, kind, ok, text, result or {})

    def _answer(self, command_id: str, kind: str, ok: bool, text: str, result: dict[str, object]) -> None:
        record = CommandDone(command_id=command_id, command=kind, ok=ok, text=text, result=result)
        self._log.append("command_done", record, sync=True)

    def _read(self) -> list[Command]:
        try:
            if os.stat(self._job.commands).st_size <= self._offset:
                return []
        except FileNotFoundError:
            return []
        result = self._reader.read(self._offset)
        self._offset = result.offset
        found = []
        for line in result.lines:
            command = self._parse(line.kind, line.fields)
            if command is not None:
                found.append(command)
        return found

    def _parse(self, kind: str, fields: dict[str, object]) -> Command | None:
        model = COMMANDS.get(kind)
        command_id = str(fields.get("id", ""))
        if model is None:
            self._answer(command_id, kind, False, f"this worker does not know the command {kind}", {})
            return None
        try:
            return model.model_validate(fields)
        except ValidationError as error:
            self._answer(command_id, kind, False, f"bad command {kind}: {error.error_count()} wrong fields", {})
            return None
