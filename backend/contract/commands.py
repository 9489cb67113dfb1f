"""What a job is told: one JSON object a line in commands.ndjson, same framing as events (seq, time, kind, crc) plus
`id`.

A command is answered by one `command_done` event with the same id.
"""

from typing import Any

from backend.contract.base import Record


class Command(Record):
    """Base: every command has an id that its answer repeats."""

    id: str


class Pause(Command):
    """Finish the step, keep memory, wait."""


class Resume(Command):
    """Go on after a pause."""


class Stop(Command):
    """End the run; with save, a checkpoint is written first."""

    save: bool = True


class Checkpoint(Command):
    """Write a checkpoint after the present step."""


class ApplySettings(Command):
    """Change settings while the run is under way: from the next checkpoint on, and kept in it. Only settings marked
    live.

    Answered when the change is in a checkpoint, or with ok = false when there is none any more.
    """

    settings: dict[str, Any]


class Deploy(Command):
    """Gateway: load this version beside what is live, warm it, check it on its golden inputs; it answers nobody yet."""

    model: str
    version: int
    path: str


class Switch(Command):
    """Gateway: from the next request on, `version` answers; what was live becomes the standby and stays warm."""

    version: int


class Unload(Command):
    """Gateway: end the engine of a version that is not live."""

    version: int


class Restart(Command):
    """Gateway: start the engine of a version anew."""

    version: int


class Shutdown(Command):
    """Gateway: finish what is in flight, then end."""


COMMANDS: dict[str, type[Command]] = {
    "pause": Pause,
    "resume": Resume,
    "stop": Stop,
    "checkpoint": Checkpoint,
    "apply_settings": ApplySettings,
    "deploy": Deploy,
    "switch": Switch,
    "unload": Unload,
    "restart": Restart,
    "shutdown": Shutdown,
}
