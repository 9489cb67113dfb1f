"""doctor: every invariant of the home folder, with or without a daemon."""

import argparse
from typing import Any

from backend import launch
from backend.cli.context import Context
from backend.cli.output import plain
from backend.client import Client
from backend.clock import SystemClock
from backend.contract.answers import completed
from backend.contract.errors import NotFound
from backend.contract.resources import DoctorReport

UNSOUND = 1
TIMEOUT_S = 600.0


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    """No verbs."""
    parser = nouns.add_parser("doctor", parents=[common], help="check every invariant of the home folder")
    parser.set_defaults(command=run_doctor)


def run_doctor(context: Context, _given: argparse.Namespace) -> int:
    """Ask the daemon when one runs, look ourselves when none does; 0 only when everything holds."""
    report = _examine(context)
    marks = {True: "ok  ", False: "BAD "}
    checks = report["checks"] or ()
    lines = [f"{marks[bool(check['ok'])]} {check['name']}  {plain(check['detail'])}" for check in checks]
    context.show(report, lambda: "\n".join([*lines, "All is well." if report["ok"] else "Something is wrong."]))
    return 0 if report["ok"] else UNSOUND


def _examine(context: Context) -> dict[str, Any]:
    backend = launch.find(context.home)
    if backend is not None:
        with Client(backend) as client:
            return completed(DoctorReport, client.ask("GET", "/system/doctor", timeout_s=TIMEOUT_S))
    from backend.services.doctor import run_doctor as examine
    from backend.store import open_store

    if not context.home.database.exists():
        raise NotFound(f"There is no home folder at {context.home.root}.", fix="Name another one with --home DIR.")
    store = open_store(context.home, SystemClock(), read_only=True)
    try:
        return examine(context.home, store).model_dump(mode="json")
    finally:
        store.close()
