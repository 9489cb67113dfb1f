"""Answers of jobs to commands: kept for those who ask later, told to those who wait."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from backend.contract.events import CommandDone

_KEEP = 2_000


class Answers:
    """The newest answers by command. add() on the ingest thread, everything else from any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._known: OrderedDict[str, CommandDone] = OrderedDict()
        self._callbacks: list[Callable[[str, CommandDone], None]] = []

    def add(self, job_id: str, done: CommandDone) -> None:
        """Keep an answer, wake who waits for it, then call the listeners."""
        with self._changed:
            self._known[done.command_id] = done
            while len(self._known) > _KEEP:
                self._known.popitem(last=False)
            self._changed.notify_all()
        for callback in self._callbacks:
            callback(job_id, done)

    def listen(self, callback: Callable[[str, CommandDone], None]) -> Callable[[], None]:
        """Call callback(job_id, answer) for every answer; the returned function ends that."""
        self._callbacks = [*self._callbacks, callback]

        def end() -> None:
            self._callbacks = [other for other in self._callbacks if other is not callback]

        return end

    def wait(self, command_id: str, timeout: float) -> CommandDone:
        """The answer to a command, also one that has come already; TimeoutError when none comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: command_id in self._known, timeout):
                raise TimeoutError(f"no answer to command {command_id} within {timeout:g} s")
            return self._known[command_id]
