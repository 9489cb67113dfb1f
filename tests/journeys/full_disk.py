"""`python -m tests.journeys.full_disk FOLDER`: a file system of its own under FOLDER, filled to the last byte while a
run goes on (RELIABILITY row 33). Run inside a user namespace; prints its findings as JSON."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from backend.contract.errors import Unavailable
from backend.jobs.folder import JobFolder
from backend.paths import Home
from tests.helpers.home import RunningHome
from tests.helpers.log import exported_points, logged_points
from tests.helpers.wait import until

SIZE, RESERVE = "96m", 24_000_000
PIECE = b"\0" * 65536


def fill(file: Path) -> None:
    """Take every byte that is left."""
    with file.open("ab", buffering=0) as ballast:
        for piece in (PIECE, b"\0" * 512):
            try:
                while ballast.write(piece) == len(piece):
                    pass
            except OSError:
                continue


def events(home: RunningHome, run_id: str, code: str) -> list[dict[str, Any]]:
    found = home.ask("GET", f"/runs/{run_id}/events")["items"]
    return [event for event in found if event["kind"] == "warning" and event["data"].get("code") == code]


def notices(home: RunningHome, before: list[str]) -> list[str]:
    """What the status says now and did not say on a quiet day."""
    return [text for text in home.ask("GET", "/system")["notices"] if text not in before]


def refusal(home: RunningHome) -> dict[str, Any]:
    """What a new run is told."""
    try:
        home.start_run(steps=5)
    except Unavailable as error:
        return {"code": error.code, "text": error.text, "fix": error.fix}
    return {}


def fill_and_free(home: RunningHome, ballast: Path, run_id: str, before: list[str]) -> dict[str, Any]:
    """Full for at least two seconds of work; what was seen meanwhile."""
    output = JobFolder(home.home.job(run_id)).events
    fill(ballast)
    until(lambda: notices(home, before), 60)
    size = output.stat().st_size
    end = time.monotonic() + 2.0
    while time.monotonic() < end:  # whatever frees a little is taken again
        fill(ballast)
        time.sleep(0.1)
    seen = {
        "notices": notices(home, before),
        "refused": refusal(home),
        "state": home.ask("GET", f"/runs/{run_id}")["state"],
        "log_grew": output.stat().st_size - size,
    }
    ballast.unlink()
    return seen


def quiet(home: RunningHome, before: list[str]) -> None:
    """Until no new notice is left."""
    last: list[str] = []

    def none_left() -> bool:
        last[:] = notices(home, before)
        return not last

    try:
        until(none_left, 60)
    except AssertionError as error:
        raise AssertionError(f"notices that stay: {last}") from error


def story(root: Path) -> dict[str, Any]:
    """The whole of it on an empty file system."""
    with RunningHome() as home:
        home.home = Home(root / "h")
        home.start()
        before = home.ask("GET", "/system")["notices"]
        home.ask("PATCH", "/settings", {"values": {"mirror": False, "reserve_disk_bytes": RESERVE}})
        run_id = home.start_run(steps=10_000_000, rate_hz=200, points_per_step=5, checkpoint_every=100)["id"]
        until(lambda: home.ask("GET", f"/runs/{run_id}")["step"] > 150, 60)
        identity = JobFolder(home.home.job(run_id)).identity()
        found = fill_and_free(home, root / "ballast", run_id, before)
        step = home.ask("GET", f"/runs/{run_id}")["step"]
        until(lambda: home.ask("GET", f"/runs/{run_id}")["step"] > step + 100, 120)
        quiet(home, before)
        found["same_worker"] = JobFolder(home.home.job(run_id)).identity() == identity
        started = home.start_run(steps=5, rate_hz=0)
        home.ask("POST", f"/runs/{run_id}/commands", {"command": "stop"})
        found["ended"] = home.wait_run(run_id)["state"]
        found["next"] = home.wait_run(started["id"])["state"]
        logged = logged_points(home, run_id)
        found["steps"] = [point[1] for point in logged[::5]] == list(range(1, len(logged) // 5 + 1))
        found["exported"] = exported_points(home, run_id) == logged
        found["told"] = [event["text"] for event in events(home, run_id, "disk_full")]
        found["doctor"] = [check for check in home.json("doctor")["checks"] if not check["ok"]]
        return found


def main(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)], check=True)
    print(json.dumps(story(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
