"""RELIABILITY row 5: the wire of the feed is cut a hundred times; the window's link has every point once, in order."""

import json
from typing import Any

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from console.link.link import Link
from tests.helpers.home import RunningHome
from tests.helpers.relay import CuttingRelay

CUTS = 100


def test_row_5_cut_a_hundred_times_the_client_series_is_the_export(qtbot: QtBot) -> None:
    with RunningHome() as home:
        home.start()
        link = Link(home.home)
        relay = CuttingRelay(home.home.socket, cuts=CUTS, seed=5)
        got: list[dict[str, Any]] = []
        resets: list[str] = []
        link.received.connect(got.extend)
        link.reset.connect(resets.append)
        link.disconnected.connect(lambda _text: QTimer.singleShot(0, link.retry_now))  # not after its usual pause
        try:
            link.start()
            qtbot.waitUntil(lambda: link.last_id > 0, timeout=20_000)
            run = home.start_run(steps=1500, rate_hz=800, points_per_step=4)
            qtbot.waitUntil(lambda: _ended(got, run["id"]) and relay.cut == CUTS, timeout=60_000)
        finally:
            link.close()
            relay.close()
        told = [
            (key, step, value)
            for message in got
            if message["topic"] == "series" and message["data"]["run_id"] == run["id"]
            for key, step, _, _, value in message["data"]["points"]
        ]
        exported = [json.loads(line) for line in home.cli("run", "export", run["id"]).stdout.splitlines()]
        assert told == [(point["key"], point["step"], point["value"]) for point in exported]
        assert len(told) == 6_000
        assert resets == []


def _ended(got: list[dict[str, Any]], run_id: str) -> bool:
    """The newest word about the run is that it has completed; everything it logged was told before."""
    states = (m["data"]["state"] for m in reversed(got) if m["topic"] == "runs" and m["data"].get("id") == run_id)
    return next(states, "") == "completed"
