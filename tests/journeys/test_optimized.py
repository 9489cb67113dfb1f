"""RELIABILITY T28: under python -O, which drops every assert, the door is as closed as before."""

from pathlib import Path

from tests.helpers.home import RunningHome
from tests.helpers.raw_http import JSON, exchange


def test_t28_the_door_holds_without_asserts() -> None:
    with RunningHome(listen="tcp:0", PYTHONOPTIMIZE="1") as home:
        home.start()
        environ = Path(f"/proc/{home.backend.pid}/environ").read_bytes()
        assert b"PYTHONOPTIMIZE=1" in environ
        path, backend = "/api/v1/runs", home.backend
        assert exchange(backend, path)[0] == 200
        assert exchange(backend, path, token=False)[0] == 401
        assert exchange(backend, path, host="evil.example")[0] == 403
        assert exchange(backend, path, headers={"Origin": "null"})[0] == 403
        assert exchange(backend, path, method="POST", headers={"Content-Type": "text/plain"}, body=b"{}")[0] == 415
        for body in (b'{"a": NaN}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b"[" * 100_000):
            assert exchange(backend, path, method="POST", headers=JSON, body=body)[0] in (400, 422), body[:20]
        run = home.start_run(steps=5, rate_hz=0, checkpoint_every=2)
        assert home.wait_run(run["id"])["state"] == "completed"
