"""What a vendor's own program prints about its cards, such as nvidia-smi; never waited for longer than seconds."""

import shutil
import subprocess
import threading

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
    found: list[tuple[int, str]] = []
    # In a thread that may be left behind: a program stuck in a driver cannot be ended, not even waited for.
    thread = threading.Thread(target=_run, args=((program, *command[1:]), found), name="smi-text", daemon=True)
    thread.start()
    thread.join(deadline_s)
    if not found:
        raise Unavailable(f"{command[0]} did not answer within {deadline_s:.0f} s.", code="program_hangs")
    code, text = found[0]
    if code != 0 and not text.strip():
        raise Unavailable(f"{command[0]} ended with exit code {code}.", code="program_failed")
    return CommandText(command=" ".join(command), text=text[:MOST_CHARACTERS])


def _run(command: tuple[str, ...], found: list[tuple[int, str]]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        found.append((1, str(error)))
        return
    found.append((done.returncode, done.stdout))
