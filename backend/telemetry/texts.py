"""What a vendor's own program prints about its cards, such as nvidia-smi; never waited for longer than seconds."""

import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.contract.errors import Invalid, Unavailable
from backend.contract.resources import CommandText

COMMANDS = {"nvidia": ("nvidia-smi",), "amd": ("amd-smi", "monitor")}
DEADLINE_S = 8.0
MOST_CHARACTERS = 200_000


def smi_text(vendor: str, deadline_s: float = DEADLINE_S) -> CommandText:
    """The program's output; Invalid for a vendor without one, Unavailable when it is missing, silent or fails."""
    command = COMMANDS.get(vendor)
    if command is None:
        raise Invalid(
            f"There is no such text for {vendor!r:.20}.", field="vendor", fix=f"One of {', '.join(COMMANDS)}."
        )
    program = shutil.which(command[0])
    if program is None:
        raise Unavailable(f"{command[0]} is not installed.", code="no_program")
    done = output_of((program, *command[1:]), deadline_s)
    if done is None:
        raise Unavailable(f"{command[0]} did not answer within {deadline_s:.0f} s.", code="program_hangs")
    code, text = done
    if code != 0 and not text.strip():
        raise Unavailable(f"{command[0]} ended with exit code {code}.", code="program_failed")
    return CommandText(command=" ".join(command), text=text[:MOST_CHARACTERS])


def output_of(
    command: Sequence[str],
    deadline_s: float,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    errors: bool = True,
    killed_after_s: float = 60.0,
) -> tuple[int, str] | None:
    """Exit code and output (with `errors` also what went to standard error); None when it did not end in time.

    It is waited for in a thread that may be left behind: a program stuck in a driver cannot be ended, not even waited
    for. One that can is killed after `killed_after_s`.
    """  # fmt: skip
    found: list[tuple[int, str]] = []

    def run() -> None:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", check=False,
                stderr=subprocess.STDOUT if errors else subprocess.DEVNULL, timeout=killed_after_s, cwd=cwd,
                env=None if env is None else dict(env),
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            found.append((1, str(error)))
            return
        found.append((done.returncode, done.stdout))

    thread = threading.Thread(target=run, name="driver-program", daemon=True)
    thread.start()
    thread.join(deadline_s)
    return found[0] if found else None
