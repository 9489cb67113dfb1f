"""Named places where a test can make the program die or fail, by environment.

`MODELDECK_FAILPOINT=ingest.after_write:kill@7,checkpoint.write_file:enospc@2` kills at the 7th passing of the first
place and raises ENOSPC at the 2nd of the other. Actions: kill, exit, raise, eio, enospc, hang. Without the variable a
passing costs one dictionary look-up.
"""

import errno
import os
import signal
import threading
from dataclasses import dataclass


@dataclass
class _Point:
    action: str
    at: int
    passed: int = 0


class FailpointReached(RuntimeError):
    """Raised by the action `raise`."""


def _parse(text: str) -> dict[str, _Point]:
    points = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, rest = part.partition(":")
        action, _, at = rest.partition("@")
        points[name] = _Point(action or "kill", int(at or "1"))
    return points


_POINTS = _parse(os.environ.get("MODELDECK_FAILPOINT", ""))


def reset(text: str) -> None:
    """Replace the armed points; for tests inside one process."""
    _POINTS.clear()
    _POINTS.update(_parse(text))


def failpoint(name: str) -> None:
    """Do what the environment asks for at this place; usually nothing."""
    point = _POINTS.get(name)
    if point is None:
        return
    point.passed += 1
    if point.passed == point.at:
        _act(name, point.action)


def _act(name: str, action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "exit":
        os._exit(70)
    elif action == "hang":
        threading.Event().wait()
    elif action in ("eio", "enospc"):
        number = errno.EIO if action == "eio" else errno.ENOSPC
        raise OSError(number, os.strerror(number), name)
    else:
        raise FailpointReached(name)
