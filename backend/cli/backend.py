"""backend start | stop | status."""

import argparse
from typing import Any

from backend import launch
from backend.cli.context import Context
from backend.cli.output import facts, when
from backend.contract.answers import completed
from backend.contract.errors import Conflict, Invalid, Unavailable
from backend.contract.resources import SystemStatus


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = nouns.add_parser("backend", help="start, stop, look at the backend").add_subparsers(
        dest="verb", required=True
    )
    start = verbs.add_parser("start", parents=[common], help="start it, or say that it runs")
    start.add_argument("--listen", default=None, metavar="unix|tcp:PORT", help="a Unix socket, or TCP on loopback")
    start.set_defaults(command=run_start)
    verbs.add_parser("stop", parents=[common], help="end it; runs and endpoints go on").set_defaults(command=run_stop)
    verbs.add_parser("status", parents=[common], help="whether it runs").set_defaults(command=run_status)


def status(context: Context) -> dict[str, Any]:
    """{"state","pid","home","socket","started_at","version",…}; state stopped when none runs."""
    found = launch.find(context.home)
    if found is None:
        return {
            "state": "stopped",
            "pid": None,
            "home": str(context.home.root),
            "socket": None,
            "started_at": None,
            "version": launch.VERSION,
        }
    code, body = launch.request(found, "GET", "/api/v1/system")
    if code != 200:
        raise Unavailable(f"The backend answered {code}: {body.get('text', '')}")
    return {**completed(SystemStatus, body), "listen": found.listen}


def _words(answer: dict[str, Any]) -> str:
    names = ("state", "pid", "home", "socket", "version")
    return facts([*((name, answer[name]) for name in names), ("started", when(answer["started_at"]))])


def run_start(context: Context, given: argparse.Namespace) -> int:
    """Start it when none runs."""
    listen = given.listen or "unix"
    kind, _, port = listen.partition(":")
    if listen != "unix" and not (kind == "tcp" and port.isdigit() and int(port) < 65536):
        raise Invalid(f"--listen {listen!r:.60} is neither unix nor tcp:PORT.", fix="Example: --listen tcp:0")
    running = launch.find(context.home)
    if running is not None and given.listen and not _listens_so(running, kind, port):
        raise Conflict(f"The backend runs already and listens on {running.listen}.", fix="Stop it first: backend stop.")
    try:
        launch.start(context.home, listen=listen, say=context.tell)
    except launch.LaunchFailed as error:
        raise Unavailable(str(error)) from error
    answer = status(context)
    return context.show(answer, lambda: _words(answer))


def _listens_so(running: launch.Backend, kind: str, port: str) -> bool:
    address = running.address
    if kind == "unix":
        return address is None
    return address is not None and int(port) in (0, address[1])


def run_stop(context: Context, _given: argparse.Namespace) -> int:
    """End it; fine when none runs."""
    try:
        stopped = launch.stop(context.home)
    except launch.LaunchFailed as error:
        raise Unavailable(str(error)) from error
    answer = status(context)
    return context.show(answer, "Stopped; runs and endpoints go on." if stopped else "No backend runs.")


def run_status(context: Context, _given: argparse.Namespace) -> int:
    """Look; never starts one."""
    answer = status(context)
    return context.show(answer, lambda: _words(answer))
