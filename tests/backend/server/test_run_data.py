"""What a run has said, over the real interface: thousands of series, windows, limits that say what would be right."""

from pathlib import Path

import pytest

from backend.contract.errors import Refused
from tests.helpers.foreign import event_file, scalar
from tests.helpers.home import RunningHome


def test_a_run_with_more_series_than_may_be_named_opens_thinner(home: RunningHome) -> None:
    run = home.start_run(steps=300, rate_hz=5000, points_per_step=300)
    home.wait_run(run["id"])
    whole = home.ask("GET", f"/runs/{run['id']}/series", query={"points": 4000})
    keys = home.ask("GET", f"/runs/{run['id']}/keys")["items"]
    assert len(keys) >= 300
    assert set(whole["series"]) == set(keys)
    assert max(len(found["steps"]) for found in whole["series"].values()) <= 667
    assert {found["count"] for found in whole["series"].values()} >= {300}
    some = ",".join(keys[:200])
    assert len(home.ask("GET", f"/runs/{run['id']}/series", query={"keys": some})["series"]) == 200
    with pytest.raises(Refused, match="too many at once"):
        home.ask("GET", f"/runs/{run['id']}/series", query={"keys": ",".join(keys[:201])})


NAMES = ("a,b", " spaces ", "<img src=x onerror=alert(1)>", "n" * 9_000)


def test_what_is_wrong_with_a_foreign_run_is_said_and_the_rest_is_there(home: RunningHome, tmp_path: Path) -> None:
    """A spoilt event file with hostile names, and a table of mixed columns: through the interface, to the last point."""
    path = event_file(tmp_path / "tb" / "events.out.tfevents.1",
                      [scalar(step, 1e9 + step, **dict.fromkeys(NAMES, 0.5)) for step in range(30)])  # fmt: skip
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    (tmp_path / "tb" / "mixed").mkdir()
    (tmp_path / "tb" / "mixed" / "log.csv").write_text("step,loss,note\n1,0.5,good\n2,oops,9\n3,0.25,\n")
    operation = home.ask("POST", "/runs/import", {"path": str(tmp_path / "tb")})
    while operation["state"] == "running":
        operation = home.ask("GET", f"/operations/{operation['id']}", query={"wait": 10})
    assert operation["state"] == "done", operation["error"]
    runs = {run["source"]: run for run in operation["result"]["runs"]}
    assert any("checksum" in text or "damaged" in text for text in runs["tensorboard"]["left_out"])
    assert any("oops" in text or "line 3" in text for text in runs["csv"]["left_out"])
    place = f"/runs/{runs['tensorboard']['id']}/series"
    for name in NAMES:
        found = home.ask("GET", place, query={"key": name, "points": 100})["series"]
        assert list(found) == [name]
        assert found[name]["count"] == 29
    refused = home.ask("GET", f"/runs/{runs['csv']['id']}/series")["series"]
    assert refused["loss"]["values"] == [0.5, 0.25]
    with pytest.raises(Refused, match="nothing to cancel"):
        home.ask("POST", f"/operations/{operation['id']}/cancel")
    with pytest.raises(Refused, match="language"):
        home.ask("GET", f"/runs/{runs['csv']['id']}/report", query={"language": "tlh"})
    assert home.ask("GET", f"/runs/{runs['csv']['id']}/telemetry", query={"from": 5, "to": 4})["times"] == []
